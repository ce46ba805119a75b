"""The limit: the core in one loop of one process, without a framework and without any guarantee.

`python limit.py embedded HOME` or `python limit.py kafka BOOTSTRAP`. It bounds what Python reaches with this core:
nothing is written between the steps, state is plain dicts of live objects that end with the process, no offset is
committed, and SQLite does not wait for the disk. What comes out is written to the same topics as Livepool's.
"""

import asyncio
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from faust.types import TP

from in_memory import Dependents
from schemas.codec import Rejected
from streams.agents.dead_letters import origin_of
from streams.core.admission import Admission
from streams.core.board import Room, Session
from streams.core.intake import arrive
from streams.core.journey import Journeys
from streams.core.outcome import Effects
from streams.core.policy import Policy
from streams.core.register import State
from streams.home import open_log
from streams.settings import Settings
from streams.topology import INPUTS
from streams.transport.batches import Output
from streams.transport.kafka_transactions import wire_batches

MAX_RECORDS = 2000  # of one turn, as Livepool's default
FETCH_BYTES = 4 << 20
BATCH_BYTES = 900_000


class Chain:
    """Intake, identity, journey and board, one after the other on the same records."""

    def __init__(self) -> None:
        self.admission = Admission(State({}, {}, {}, {}, {}, {}, {}))
        self.journeys = Journeys(Policy(), {}, {}, Dependents())
        self.sessions: dict[str, Session] = {}
        self.taken = 0

    def take(self, records: Iterable[Any]) -> Iterator[Output]:
        """What comes of the next records (ours or aiokafka's)."""
        admission, journeys = self.admission, self.journeys
        admission.begin()
        for record in records:
            self._admit(record)
        journeys.begin()
        for number, (_, message) in enumerate(admission.routes):
            journeys.apply(message, f"{self.taken}.{number}")
        journeys.profiles()
        self._add_up()
        for rejected, payload, origin in admission.letters:
            headers = (("reason", rejected.reason.encode()), ("detail", rejected.detail.encode()), *origin.headers())
            yield Output("dead-letters", None, payload, headers)
        for topic, key, value in journeys.effects.outputs:
            yield Output(topic, key, value)

    def _admit(self, record: Any) -> None:
        self.taken += 1
        payload, origin = record.value or b"", origin_of(record)
        try:
            arrival, event = arrive(payload, origin)
        except Rejected as rejected:
            self.admission.letters.append((rejected, payload, origin))
            return
        self.admission.admit(event, arrival, self.taken)

    def _add_up(self) -> None:
        effects: Effects = self.journeys.effects
        for session_id, delta in self.journeys.deltas.by_session.items():
            session = self.sessions.get(session_id)
            if session is None:
                session = self.sessions[session_id] = Session(Room.new())
            session.add(delta)
            room, data = session.room, session.snapshot(session_id)
            if room.started:
                effects.snapshot(session_id, room.changes, room.latest or 0, data)


def embedded(home: str) -> None:
    chain = Chain()
    with open_log(Settings(home=Path(home), synchronous="off")) as log:
        offsets = {(topic, 0): 0 for topic in INPUTS}
        while True:
            records = log.records_from(offsets, MAX_RECORDS, FETCH_BYTES)
            if not records:
                time.sleep(0.005)
                continue
            offsets |= {(record.topic, record.partition): record.offset + 1 for record in records}
            log.append(chain.take(records))


async def kafka(bootstrap: str) -> None:
    chain = Chain()
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, max_batch_size=BATCH_BYTES)
    consumer = AIOKafkaConsumer(
        *INPUTS,
        bootstrap_servers=bootstrap,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        max_partition_fetch_bytes=FETCH_BYTES,
    )
    sent: list[asyncio.Future[Any]] = []
    async with consumer, producer:
        while True:
            fetched = await consumer.getmany(timeout_ms=1000, max_records=MAX_RECORDS)
            outputs = list(chain.take(record for records in fetched.values() for record in records))
            await asyncio.gather(*sent)  # what went out while these were fetched and processed
            sent = [await producer.send_batch(batch, topic, partition=0) for topic, batch in batches(producer, outputs)]


def batches(producer: AIOKafkaProducer, outputs: Iterable[Output]) -> Iterator[tuple[str, Any]]:
    """The outputs as wire batches: (topic, batch)."""
    by_topic: defaultdict[str, list[Output]] = defaultdict(list)
    for output in outputs:
        by_topic[output.topic].append(output)
    for topic, records in by_topic.items():
        for _, batch in wire_batches(producer, TP(topic, 0), records):
            yield topic, batch


if __name__ == "__main__":
    transport, where = sys.argv[1:]
    if transport == "embedded":
        embedded(where)
    else:
        asyncio.run(kafka(where))
