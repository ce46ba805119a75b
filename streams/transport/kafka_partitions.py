"""The partitions that a worker has on Kafka: which are ready, from where, and with whose state.

A partition is delivered from only after these steps, in this order: its transactional ids are taken over, so that
nobody else can commit any more; then its committed offset is read; then its state is restored to the end of its
changelogs. A partition that stays with this worker from one generation of the group to the next needs none of them.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from heapq import merge
from operator import attrgetter
from typing import Any

from aiokafka import AIOKafkaConsumer
from faust.types import TP

from streams.transport.batches import Record
from streams.transport.kafka_batch import Joint, KafkaBatch, Taken, as_kafka, names, record_of
from streams.transport.kafka_offsets import committed_offsets
from streams.transport.kafka_restore import Restorer
from streams.transport.kafka_transactions import Transactions

log = logging.getLogger("livepool.partitions")

_NO_GENERATION = -2
_time = attrgetter("timestamp")


class RecordsLostError(RuntimeError):
    """Retention has deleted records that nobody processed."""


class Partitions:
    """Offsets, batches in flight and epochs of the partitions; `changed` is called when one becomes ready."""

    def __init__(
        self,
        group: str,
        kafka: AIOKafkaConsumer,
        transactions: Transactions,
        restorer: Restorer,
        changed: Callable[[], None],
    ) -> None:
        self._group = group
        self._kafka = kafka
        self._transactions = transactions
        self._restorer = restorer
        self._changed = changed
        self._generation = _NO_GENERATION
        self._epochs: dict[TP, int] = {}
        self._fetched: dict[TP, int] = {}  # where the last batch that was taken of a fetch has ended
        self.next: dict[TP, int] = {}  # of those that are ready: the offset after the last commit
        self.in_flight: dict[TP, KafkaBatch] = {}
        self.current: set[TP] = set()  # changelogs whose local copy is what is committed
        self.prepared = asyncio.Event()
        self.fenced = asyncio.Event()  # no partition is just being taken over
        self.fenced.set()

    def assign(self, sources: set[TP], changelogs: set[TP], own: set[TP], generation: int) -> None:
        """Take what the group has assigned: keep what stayed, and let nothing else be read yet.

        `own` are those of the changelogs that the restorer reads. `prepare` has to follow.
        """
        stayed = generation == self._generation + 1  # else another worker may have had any of them meanwhile
        self._generation = generation
        self.current = self.current & own if stayed else set()
        self.next = {tp: offset for tp, offset in self.next.items() if stayed and tp in sources}
        self._kafka.pause(*map(as_kafka, sources | changelogs))
        for tp in changelogs:
            self._kafka.seek(as_kafka(tp), 0)  # nothing reads them here; aiokafka wants a position

    async def prepare(self, sources: set[TP], own: set[TP], standbys: set[TP]) -> None:
        """Make all sources ready, those that stayed at once."""
        self._resume(self.next)
        new = sources - self.next.keys()
        self.fenced.clear()
        try:
            await self._transactions.fence(new)
            starts = await self._starts(new)  # at once: what was left open can be settled by who has fenced it
        finally:
            self.fenced.set()
        await self._transactions.release(keep=sources)
        await self._restorer.restore(own - self.current)
        self.current = own
        self._restorer.follow(standbys)
        for tp in new:
            self._epochs[tp] = self._epochs.get(tp, 0) + 1
        self.next.update(starts)
        self._resume(starts)
        self.prepared.set()
        log.info("ready: %s", names(sorted(self.next)) or "no partitions")

    async def _starts(self, tps: set[TP]) -> dict[TP, int]:
        if not tps:
            return {}
        firsts = await self._kafka.beginning_offsets(list(map(as_kafka, tps)))
        committed = await committed_offsets(self._kafka, self._group, tps, self._transactions.settle)
        starts = {}
        for tp in tps:
            offset = committed[tp]
            if offset is not None and offset < firsts[tp]:
                raise RecordsLostError(
                    f"{tp.topic}/{tp.partition}: retention has deleted offsets {offset} to {firsts[tp] - 1}, which no"
                    f" worker has processed. Raise the topic's retention. To go on without them, set the offset of"
                    f" group {self._group} to {firsts[tp]} (kafka-consumer-groups --reset-offsets)"
                )
            starts[tp] = firsts[tp] if offset is None else offset
        return starts

    def _resume(self, starts: Mapping[TP, int]) -> None:
        for tp, offset in starts.items():
            self._kafka.seek(as_kafka(tp), offset)
            self._fetched[tp] = offset
            self._kafka.resume(as_kafka(tp))
        self._changed()

    def fetched(self, joint: Joint, found: Mapping[TP, Taken], consumer: Any) -> KafkaBatch | None:
        """Take what was fetched of some of `joint` as the batch that comes next; RuntimeError when it is not that.

        Records are in the order of their times. None when partitions are being taken away: then their positions are
        set anew before they are read again.
        """
        ends = {}
        for tp, (records, rest) in found.items():
            if (position := self.position(tp)) is None:
                return None
            start, ends[tp] = self._fetched[tp], rest[0].offset if rest else position
            if start != self.next[tp] or records[0].offset < start:
                raise RuntimeError(
                    f"{tp}: fetched from {start}, but {self.next[tp]} comes next: its position was moved"
                )
        self._fetched.update(ends)
        wanted: list[Record] = list(map(record_of, merge(*(records for records, _ in found.values()), key=_time)))
        batch = KafkaBatch(consumer, joint, wanted, ends, sum(self._epochs[tp] for tp in joint))
        self.in_flight.update(dict.fromkeys(joint, batch))
        return batch

    def fetch_again(self) -> None:
        """Go back to the end of what was taken last: what was fetched behind it was dropped."""
        for tp in self.next:
            self._kafka.seek(as_kafka(tp), self._fetched[tp])

    def passed_over(self, tp: TP) -> None:
        """Note that something was fetched: if it is dropped, `fetched` will not take what comes after it."""
        if (position := self.position(tp)) is not None:
            self._fetched[tp] = position

    def position(self, tp: TP) -> int | None:
        """Return the next offset to fetch, behind markers of transactions; None while it is not assigned."""
        assignment = self._kafka._subscription.subscription.assignment
        if assignment is None or as_kafka(tp) not in assignment.tps:
            return None
        state = assignment.state_value(as_kafka(tp))
        return state.position if state.has_valid_position else None

    def committed(self, joint: Joint, ends: Mapping[TP, int]) -> None:
        """Note a commit, and free the partitions."""
        self.next.update(ends)
        for tp in joint:
            self.in_flight.pop(tp, None)
        self._changed()

    def free(self) -> Iterable[TP]:
        """Those that are ready and have no batch in flight."""
        return self.next.keys() - self.in_flight.keys()

    async def lags(self, waiting: Collection[TP] = ()) -> dict[TP, int]:
        """How many offsets of each partition are not processed; KafkaError when the brokers do not answer.

        Markers of transactions count until they are passed, never at the end. `waiting`: of which something that was
        fetched is still to be delivered.
        """
        if not self.next:
            await self._kafka._client.fetch_all_metadata()
            return {}
        ends = await self._kafka.end_offsets(list(map(as_kafka, self.next)))
        found = {TP(*tp): end for tp, end in ends.items()}
        busy = {tp for batch in self.in_flight.values() for tp in batch.ends} | set(waiting)
        return {tp: self._lag(tp, end, tp in busy) for tp, end in found.items() if tp in self.next}

    def _lag(self, tp: TP, end: int, busy: bool) -> int:
        fetched_all = (self.position(tp) or 0) >= end and not busy
        return 0 if fetched_all else max(0, end - self.next[tp])

    def is_busy(self) -> bool:
        """Whether there is something at work that is not done."""
        return bool(self.in_flight) or not self.prepared.is_set()
