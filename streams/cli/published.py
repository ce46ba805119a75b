"""What the agents have published and keep, read from a log: session figures, credits, what is known of a session."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import orjson
from msgspec.structs import asdict

from streams.core.messages import RoomCard, RoomDetail
from streams.core.packing import Unpacker
from streams.kept.source import Source
from streams.transport.batches import Record
from streams.words.language import mode_of

Snapshot = dict[str, Any]  # the data of `room.snapshot` (spec §6)
_DETAIL: Unpacker[RoomDetail] = Unpacker(RoomDetail)


class Session(NamedTuple):
    """One live session: where it runs, when (UTC ms), who is on air at its latest event, and its figures."""

    session_id: str
    room_id: str
    carrier: str
    anchors: list[str]
    stores: list[str]
    started: int
    ended: int | None
    latest: int
    snapshot: Snapshot

    @property
    def live(self) -> bool:
        """Nothing has said that it is over."""
        return self.ended is None

    @property
    def mode(self) -> str:
        """That of its carrier."""
        return mode_of(self.carrier)

    def as_json(self) -> dict[str, Any]:
        """For machines; times are UTC ms."""
        return self._asdict() | {"live": self.live, "mode": self.mode} | {"snapshot": self.snapshot}


class Published:
    """The last snapshot of each session, the credits of each party and the dead letters, up to the last `update`."""

    def __init__(self, log: Source) -> None:
        self.log = log
        self._next: dict[str, dict[int, int]] = {}
        self.snapshots: dict[str, Snapshot] = {}
        self.cards: dict[str, RoomCard] = {}
        self.credits: dict[str, Counter[str]] = {
            "store": Counter(),
            "anchor": Counter(),
            "mode": Counter(),
        }  # fen
        self.dead_letters: Counter[str] = Counter()  # reason -> how many

    def update(self) -> None:
        """Read what was published since the last time, as of one moment."""
        with self.log.snapshot():
            self.update_snapshots()
            for record in self._new("credit-ledger"):
                data = orjson.loads(record.value or b"")["data"]
                self.credits[data["dimension"]][data["party_id"]] += data["amount_fen"]
            for record in self._new("dead-letters"):
                self.dead_letters[dict(reversed(record.headers))["reason"].decode()] += 1

    def update_snapshots(self) -> None:
        """Read the new snapshots and cards only."""
        for value in self._last("room-metrics"):
            data = orjson.loads(value)["data"]
            self.snapshots[data["session_id"]] = data
        for value in self._last("room-details"):
            detail = _DETAIL(value)
            if isinstance(detail, RoomCard):
                self.cards[detail.session_id] = detail

    def _last(self, topic: str) -> Iterable[bytes]:
        last = {record.key: record.value for record in self._new(topic)}
        return filter(None, last.values())

    def _new(self, topic: str) -> Iterator[Record]:
        start = self._next.setdefault(topic, {})
        for record in self.log.read(topic, dict(start)):
            start[record.partition] = record.offset + 1
            yield record

    def sessions(self) -> list[Session]:
        """Every started session, live ones first, then the newest first."""
        found = [
            Session(**asdict(self.cards[session_id]), snapshot=snapshot)
            for session_id, snapshot in self.snapshots.items()
            if session_id in self.cards
        ]
        return sorted(found, key=lambda session: (not session.live, -session.started, session.session_id))


class SaleKey(NamedTuple):
    """What a credit is grouped by beside its party."""

    session_id: str | None
    placed_at: str


def credit_entries(log: Source, dimension: str) -> Iterator[tuple[str, str, int]]:
    """(sale_id, party_id, amount in fen) of every ledger entry of one dimension."""
    for record in log.read("credit-ledger"):
        data = orjson.loads(record.value or b"")["data"]
        if data["dimension"] == dimension:
            yield data["sale_id"], data["party_id"], data["amount_fen"]


def sale_keys(log: Source) -> Mapping[str, SaleKey]:
    """sale_id -> session and placed_at of its last revision."""
    found = {}
    for record in log.read("attributed-sales"):
        if record.value is not None:
            data = orjson.loads(record.value)["data"]
            found[data["sale_id"]] = SaleKey(data["session_id"], data["placed_at"])
    return found
