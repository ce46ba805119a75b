"""The same topology as a Quix Streams application, as its user guide writes them; run in an environment of its own.

`python quix_app.py kafka BOOTSTRAP`. One event at a time, each step a dataframe on its topic, tables in its state
(RocksDB with changelog topics), its default guarantee (at least once, a checkpoint every five seconds). State belongs
to a message key and is found by that key alone: identity is one key, and journeys are keyed by the home partition of
the buyer, as Livepool's topic is; there each buyer is a row of its own. The board is keyed by session.

In its favour: who depends on which reference data, and what the windows of the board hold, is in dicts that are not
stored at all, and no message is copied between processes.
"""

import sys
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

from quixstreams import Application, message_context
from quixstreams.models import Serializer
from quixstreams.state import State as Stored

from in_memory import Dependents
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
from streams.core.packing import Unpacker, pack
from streams.core.policy import Policy
from streams.core.reference import Entry
from streams.core.register import Arrival, RefundClaim, State
from streams.core.routing import routed
from streams.topology import INPUTS
from streams.transport.batches import Output, Record

PARTITIONS = 1
unpack_arrival: Unpacker[Arrival] = Unpacker(Arrival)
unpack_message: Unpacker[JourneyMessage] = Unpacker(JourneyMessage)
unpack_delta: Unpacker[RoomDelta] = Unpacker(RoomDelta)
unpack_room: Unpacker[Room] = Unpacker(Room)


class Table(MutableMapping[Any, Any]):
    """A table of the core in the state of the message at work: one row per entry, packed as Livepool packs.

    The core changes objects in place, so within a message there is one object per key, read and written once.
    """

    def __init__(self, name: str, type_: Any) -> None:
        self.name, self.unpack = name, Unpacker(type_)

    def open(self, stored: Stored) -> None:
        self.stored = stored
        self.kept: dict[Any, Any] = {}
        self.changed: dict[Any, None] = {}

    def flush(self) -> None:
        for key in self.changed:
            if (value := self.kept[key]) is None:
                self.stored.delete(self._row(key))
            else:
                self.stored.set_bytes(self._row(key), pack(value))

    def get(self, key: Any, default: Any = None) -> Any:
        if key not in self.kept:
            packed = self.stored.get_bytes(self._row(key))
            self.kept[key] = None if packed is None else self.unpack(packed)
        value = self.kept[key]
        return default if value is None else value

    def __getitem__(self, key: Any) -> Any:
        value = self.get(key)
        if value is None:
            raise KeyError(key)
        return value

    def __setitem__(self, key: Any, value: Any) -> None:
        self.kept[key] = value
        self.changed[key] = None

    def __delitem__(self, key: Any) -> None:
        self[key] = None

    def _row(self, key: Any) -> str:
        return f"{self.name}/{key.hex() if isinstance(key, bytes) else key}"

    def __iter__(self) -> Iterator[Any]:
        raise TypeError("the core does not iterate over its tables")

    def __len__(self) -> int:
        raise TypeError("the core does not count its tables")


@contextmanager
def open_tables(tables: list[Table], stored: Stored) -> Iterator[None]:
    """Let the core work on the state of a message."""
    for table in tables:
        table.open(stored)
    yield
    for table in tables:
        table.flush()


class Identity:
    """Arrivals in, messages for buyers out."""

    def __init__(self) -> None:
        types = (bytes, Person, str, dict[str, int], Order, RefundClaim, list[tuple[int, str]])
        self.tables = [Table(name, type_) for name, type_ in zip(State.__struct_fields__, types, strict=True)]
        self.admission = Admission(State(*self.tables))

    def __call__(self, value: bytes, state: Stored) -> list[Output]:
        valid = unpack_arrival(value)
        self.admission.begin()
        with open_tables(self.tables, state):
            self.admission.admit(decode(valid.payload), valid, message_context().offset)
        letters = [letter(*refused) for refused in self.admission.letters]
        routes = routed(self.admission.routes, PARTITIONS)
        return [*letters, *(Output("journeys", str(home).encode(), pack(message)) for home, message in routes)]


class Journey:
    """Messages of buyers in, outputs and what they add to sessions out."""

    def __init__(self) -> None:
        self.tables = [Table("buyers", Buyer), Table("references", Entry)]
        self.journeys = Journeys(Policy(), *self.tables, Dependents())

    def __call__(self, value: bytes, state: Stored) -> list[Output]:
        journeys, context = self.journeys, message_context()
        journeys.begin()
        with open_tables(self.tables, state):
            journeys.apply(unpack_message(value), f"{context.partition}.{context.offset}")
            journeys.profiles()
        deltas = journeys.deltas.by_session.items()
        return [
            *outputs(journeys.effects),
            *(Output("room-deltas", session_id.encode(), pack(delta)) for session_id, delta in deltas),
        ]


class Board:
    """What is added to sessions in, snapshots out."""

    def __init__(self) -> None:
        self.sessions: dict[str, Session] = {}

    def __call__(self, value: bytes, state: Stored) -> list[Output]:
        delta, effects = unpack_delta(value), Effects()
        session_id = delta.session_id
        if session_id not in self.sessions:
            packed = state.get_bytes("room")
            self.sessions[session_id] = Session(Room.new() if packed is None else unpack_room(packed))
        session = self.sessions[session_id]
        session.add(delta)
        room = session.room
        state.set_bytes("room", pack(room))
        if room.started:
            effects.snapshot(session_id, room.changes, room.latest or 0, session.snapshot(session_id))
        return outputs(effects)


def intake(value: bytes | None, _key: Any, timestamp: int, headers: Any) -> list[Output]:
    context, payload = message_context(), value or b""
    record = Record(context.topic, context.partition, context.offset, timestamp, None, value, tuple(headers or ()))
    origin = origin_of(record)
    try:
        return [Output("arrivals", b"0", pack(arrive(payload, origin).arrival))]
    except Rejected as rejected:
        return [letter(rejected, payload, origin)]


def letter(rejected: Rejected, payload: bytes, origin: Origin) -> Output:
    headers = (("reason", rejected.reason.encode()), ("detail", rejected.detail.encode()), *origin.headers())
    return Output("dead-letters", None, payload, headers)


def outputs(effects: Effects) -> list[Output]:
    return [Output(*output) for output in effects.outputs]


class Value(Serializer):
    """The value of an Output."""

    def __call__(self, value: Output, ctx: Any) -> bytes | None:
        return value.value


def build(bootstrap: str) -> Application:
    """The application."""
    app = Application(bootstrap, consumer_group="quix", auto_offset_reset="earliest", loglevel="WARNING")
    topics = {
        name: app.topic(
            name, key_deserializer="bytes", value_deserializer="bytes", key_serializer="bytes", value_serializer=Value()
        )
        for name in TOPICS
    }
    frames = [app.dataframe(topics[name]).apply(intake, metadata=True, expand=True) for name in INPUTS]
    for name, step in (("arrivals", Identity()), ("journeys", Journey()), ("room-deltas", Board())):
        frames.append(app.dataframe(topics[name]).apply(step, stateful=True, expand=True))
    for frame in frames:
        frame.set_headers(lambda value, _key, _timestamp, _headers: list(value.headers)).to_topic(
            lambda value, _key, _timestamp, _headers: topics[value.topic], key=lambda value: value.key
        )
    return app


if __name__ == "__main__":
    _, address = sys.argv[1:]
    build(address).run()
