"""The same core behind plain Faust agents, as Faust's user guide writes them: what Livepool is measured against.

`python plain_faust.py embedded HOME` or `python plain_faust.py kafka BOOTSTRAP`. One event at a time: `async for`,
`table[key] = value`, `await topic.send(...)`. Tables are Faust's own, in its default store (memory, with a changelog
topic): the fastest that Faust has. Where a plain table would be slow for want of a prefix scan, an ordinary dict helps
out (`Dependents`), and what the board's windows hold is not stored at all. Nothing here is exactly once: that, too, is
for free.
"""

import sys
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import faust
import msgspec
from faust.serializers import codecs
from faust.types import EventT

from schemas.codec import Rejected, decode
from schemas.topics import TOPICS
from streams.agents.dead_letters import origin_of
from streams.core.admission import Admission
from streams.core.board import Room, Session
from streams.core.buyer import Buyer
from streams.core.identity import Person
from streams.core.intake import arrive
from streams.core.journey import JourneyMessage, Journeys
from streams.core.messages import RoomDelta
from streams.core.orders import Order
from streams.core.origin import Origin
from streams.core.outcome import Effects
from streams.core.policy import Policy
from streams.core.reference import Entry
from streams.core.register import Arrival, RefundClaim, State
from streams.settings import Settings
from streams.topology import INPUTS
from streams.transport.batches import Record
from streams.transport.consumer import Consumer
from streams.transport.embedded import app_settings
from streams.transport.log import Log

TABLES: dict[str, Any] = {
    "seen": bytes,
    "people": Person,
    "members": str,
    "cuts": dict[str, int],
    "orders": Order,
    "refunds": RefundClaim,
    "erasures": list[tuple[int, str]],
    "buyers": Buyer,
    "references": Entry,
    "dependents": bytes,
    "rooms": Room,
}
pack = msgspec.msgpack.Encoder().encode
unpack_arrival = msgspec.msgpack.Decoder(Arrival).decode
unpack_message = msgspec.msgpack.Decoder(JourneyMessage).decode
unpack_delta = msgspec.msgpack.Decoder(RoomDelta).decode


class Packed(codecs.Codec):
    """MessagePack of one type."""

    def __init__(self, type_: Any, **options: Any) -> None:
        super().__init__(type_=type_, **options)
        self.decoder = msgspec.msgpack.Decoder(type_)

    def _dumps(self, obj: Any) -> bytes:
        return pack(obj)

    def _loads(self, s: bytes) -> Any:
        return self.decoder.decode(s)


class Dependents:
    """Which buyers asked for which reference data: a row per pair, and a dict to find them by."""

    def __init__(self, table: faust.Table) -> None:
        self.table = table
        self.buyers: dict[str, dict[str, None]] = defaultdict(dict)

    def add(self, key: str, buyer_id: str) -> None:
        if buyer_id not in self.buyers[key]:
            self.buyers[key][buyer_id] = None
            self.table[f"{key}\x00{buyer_id}"] = b""

    def of(self, key: str) -> Iterable[str]:
        return list(self.buyers[key])


class Plain:
    """The agents, their tables and topics."""

    def __init__(self, app: faust.App) -> None:
        self.tables = {name: table(app, name, type_) for name, type_ in TABLES.items()}
        self.topics = {name: raw_topic(app, name) for name in TOPICS}
        app.agent(raw_topic(app, *INPUTS), name="plain.intake")(self.intake)
        app.agent(self.topics["arrivals"], name="plain.identity")(self.identity)
        app.agent(self.topics["journeys"], name="plain.journey")(self.journey)
        app.agent(self.topics["room-deltas"], name="plain.board")(self.board)

    async def intake(self, events: faust.Stream[bytes]) -> None:
        async for event in events.events():
            origin = origin_of(record_of(event))
            try:
                valid = arrive(event.value, origin).arrival
            except Rejected as rejected:
                await self.bury(rejected, event.value, origin)
            else:
                await self.topics["arrivals"].send(value=pack(valid))

    async def identity(self, events: faust.Stream[bytes]) -> None:
        keeps = ("seen", "people", "members", "cuts", "orders", "refunds", "erasures")
        admission = Admission(State(*(self.tables[name] for name in keeps)))
        async for event in events.events():
            valid = unpack_arrival(event.value)
            admission.begin()
            admission.admit(decode(valid.payload), valid, event.message.offset)
            for rejected, payload, origin in admission.letters:
                await self.bury(rejected, payload, origin)
            for key, message in admission.routes:
                await self.topics["journeys"].send(key=key, value=pack(message))

    async def journey(self, events: faust.Stream[bytes]) -> None:
        dependents = Dependents(self.tables["dependents"])
        journeys = Journeys(Policy(), self.tables["buyers"], self.tables["references"], dependents)
        async for event in events.events():
            journeys.begin()
            journeys.apply(unpack_message(event.value), f"{event.message.partition}.{event.message.offset}")
            journeys.profiles()
            await self.carry_out(journeys.effects)
            for session_id, delta in journeys.deltas.by_session.items():
                await self.topics["room-deltas"].send(key=session_id, value=pack(delta))

    async def board(self, events: faust.Stream[bytes]) -> None:
        sessions: dict[str, Session] = {}
        rooms = self.tables["rooms"]
        async for event in events.events():
            delta = unpack_delta(event.value)
            session_id = delta.session_id
            if session_id not in sessions:
                sessions[session_id] = Session(rooms.get(session_id) or Room.new())
            session = sessions[session_id]
            session.add(delta)
            room = rooms[session_id] = session.room
            if room.started:
                effects = Effects()
                effects.snapshot(session_id, room.changes, room.latest or 0, session.snapshot(session_id))
                await self.carry_out(effects)

    async def bury(self, rejected: Rejected, payload: bytes, origin: Origin) -> None:
        headers = {"reason": rejected.reason.encode(), "detail": rejected.detail.encode(), **dict(origin.headers())}
        await self.topics["dead-letters"].send(value=payload, headers=headers)

    async def carry_out(self, effects: Effects) -> None:
        for topic, key, value in effects.outputs:
            await self.topics[topic].send(key=key, value=value)


def build(settings: Settings, bootstrap: str | None = None) -> faust.App:
    """The app, on one machine or with Faust's own driver on Kafka."""
    if bootstrap is None:
        options = app_settings(settings.home, synchronous=settings.synchronous)
    else:
        options = {"broker": f"kafka://{bootstrap}"}
    app = faust.App("plain", **{**options, "store": "memory://"}, web_enabled=False, topic_partitions=1)
    Plain(app)
    return app


def spare_our_costs() -> None:
    """Take away what our embedded transport would add to the cost of Faust.

    Faust asks for the end offset at every message: in Kafka's client a dict look-up, in ours a query. And compaction,
    a broker's work, would run in this process.
    """
    Consumer.highwater = lambda _self, _tp: 0  # type: ignore[method-assign]
    Log.compact = lambda _self: False  # type: ignore[method-assign]


def table(app: faust.App, name: str, type_: Any) -> faust.Table:
    codec = f"packed-{name}"
    codecs.register(codec, Packed(type_))
    made = app.Table(f"plain-{name}", partitions=1)
    made.key_serializer, made.value_serializer = "raw", codec
    return made


def raw_topic(app: faust.App, *names: str) -> faust.Topic:
    return app.topic(*names, key_serializer="raw", value_serializer="raw")


def record_of(event: EventT) -> Record:
    message = event.message
    headers = tuple(message.headers or ())
    return Record(
        message.topic, message.partition, message.offset, int(message.timestamp * 1000), None, event.value, headers
    )


if __name__ == "__main__":
    transport, address = sys.argv[1:]
    if transport == "embedded":
        spare_our_costs()
        built = build(Settings(home=Path(address)))
    else:
        built = build(Settings(), address)
    faust.Worker(built, loglevel="WARN").execute_from_commandline()
