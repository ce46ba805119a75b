"""Reads: room-deltas. Keeps: the sums of each session, and its last changes. Writes: room-metrics, room-details."""

from collections import deque
from collections.abc import AsyncIterable

from streams import telemetry
from streams.agents.partitions import Partitions
from streams.agents.shelf import Shelf, row_prefix
from streams.core.board import WINDOW, Room, Session, card
from streams.core.messages import RoomCard, RoomDelta, RoomOnline
from streams.core.outcome import Effects
from streams.core.packing import Unpacker, pack
from streams.settings import Settings
from streams.transport.batches import RecordBatch

_unpack: Unpacker[RoomDelta] = Unpacker(RoomDelta)
_unpack_all: Unpacker[list[RoomDelta]] = Unpacker(list[RoomDelta])
MOST_SESSIONS = 1000  # of a partition, held in memory at a time


class LiveSession:
    """A session at work. The changes that its windows still need are rows of `recent`: its name, then their place."""

    def __init__(self, session_id: str, room: Room, batch: RecordBatch) -> None:
        self.session_id = session_id
        self.session = Session(room)
        self.rows: deque[tuple[int, bytes]] = deque()  # (its latest moment, key)
        self.card: RoomCard | None = None  # as it was written last
        self.minutes: set[int] = set()  # at which the number online has changed since
        for key, value in batch.scan("recent", row_prefix(session_id)):
            delta = _unpack(value)
            self.session.recall(delta)
            self.rows.append((_latest_moment(delta), key))

    def add(self, place: bytes, delta: RoomDelta, batch: RecordBatch) -> None:
        """Take a change; the places of later ones are greater."""
        self.session.add(delta)
        self.minutes |= delta.online.keys()
        key = row_prefix(self.session_id) + place
        self.rows.append((_latest_moment(delta), key))
        batch.put("recent", key, pack(delta))

    def tell(self, batch: RecordBatch) -> None:
        """Write what has changed of the details, each under a key of its own."""
        room, prefix = self.session.room, row_prefix(self.session_id)
        now = card(self.session_id, room)
        if now is not None and now != self.card:
            batch.send("room-details", prefix, pack(now))
            self.card = now
        for minute in sorted(self.minutes):
            online = RoomOnline(self.session_id, minute, room.online.get(minute, 0))
            batch.send("room-details", prefix + minute.to_bytes(8, "big", signed=True), pack(online))
        self.minutes.clear()

    def forget(self, batch: RecordBatch) -> None:
        """Drop the oldest changes that no window needs any more."""
        until = (self.session.room.latest or 0) - 2 * WINDOW
        while self.rows and self.rows[0][0] <= until:
            batch.put("recent", self.rows.popleft()[1], None)


class BoardPartition:
    """The sessions of one partition of `room-deltas`."""

    def __init__(self, settings: Settings) -> None:
        self.rooms: Shelf[Room] = Shelf("rooms", Room, settings.cache)
        self.live: dict[str, LiveSession] = {}

    async def process(self, batch: RecordBatch, deltas: list[RoomDelta]) -> None:
        """Fold one batch."""
        self.rooms.open(batch, (delta.session_id for delta in deltas))
        touched: dict[str, LiveSession] = {}
        first = batch.records[0].offset.to_bytes(8, "big")
        for number, delta in enumerate(deltas):
            live = self._session(delta.session_id, batch)
            live.add(first + number.to_bytes(4, "big"), delta, batch)
            touched[delta.session_id] = live
        effects = Effects()
        online: dict[str, int | None] = {}
        for session_id, live in touched.items():
            room = live.session.room
            data = live.session.snapshot(session_id)  # moves the windows, whether it is published or not
            if room.started:
                effects.snapshot(session_id, room.changes, room.latest or 0, data)
            online[session_id] = data["show"]["online"] if room.started and not room.ended else None
            live.tell(batch)
            live.forget(batch)
            self.rooms[session_id] = room
        for output in effects.outputs:
            batch.send(output.topic, output.key, output.value)
        self.rooms.flush()
        batch.after_commit(lambda: telemetry.add(effects.tally))
        batch.after_commit(lambda: telemetry.live_sessions(batch.partition, online))
        await batch.commit()

    def _session(self, session_id: str, batch: RecordBatch) -> LiveSession:
        live = self.live.pop(session_id, None)
        if live is None:
            live = LiveSession(session_id, self.rooms.get(session_id) or Room.new(), batch)
            for oldest in list(self.live)[: max(0, len(self.live) - MOST_SESSIONS)]:
                del self.live[oldest]
        self.live[session_id] = live  # the one used last stands last
        return live


class Board:
    """The sums of all sessions."""

    def __init__(self, settings: Settings) -> None:
        self.partitions = Partitions(lambda _: BoardPartition(settings))

    async def run(self, batches: AsyncIterable[RecordBatch]) -> None:
        """The agent's loop."""
        async for batch in batches:
            deltas = batch.messages(_unpack_all)
            telemetry.measure("board", batch, len(deltas))
            await self.partitions.of(batch).process(batch, deltas)


def _latest_moment(delta: RoomDelta) -> int:
    times = [time for _, time, _, _ in delta.facts]
    return max([*times, *delta.watch, delta.latest or 0])
