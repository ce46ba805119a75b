"""One live session as an operator sees it: sums over buyers, for the show and for the last minutes (spec §6).

The board only adds. What it keeps of the past is bounded: totals, one step per minute for who is online, and
for the two windows the facts of their twenty minutes.
"""

from heapq import heappop, heappush
from typing import Any

import msgspec

from streams.core.figures import METRIC_OF, METRICS, PEOPLE, figures
from streams.core.messages import Evidence, RoomCard, RoomDelta
from streams.core.policy import MINUTE_MS
from streams.core.presence import change
from streams.core.reference import Entry, Lookup
from streams.core.windows import Mark, Online, RecentFact, Watch, Window

WINDOW = 10 * MINUTE_MS


class Room(msgspec.Struct, array_like=True):
    """What is kept of a session; `marks`: what was watched before each of the two windows; `known`: who was on air."""

    sums: list[int]
    people: list[int]
    online: dict[int, int]
    marks: tuple[Mark, Mark]
    watched: int = 0  # ms, over all stays
    changes: int = 0
    latest: int | None = None
    started: Evidence | None = None
    ended: Evidence | None = None
    known: Entry = msgspec.field(default_factory=Entry)

    @staticmethod
    def new() -> "Room":
        """A session of which nothing is known."""
        return Room([0] * len(METRICS), [0] * len(PEOPLE), {}, (Mark(), Mark()))


class Session:
    """A room at work: what is kept, and its windows, rebuilt after a restart by `recall` of the last changes."""

    def __init__(self, room: Room) -> None:
        self.room = room
        self.last, self.previous = Window(), Window()
        self.ahead: list[RecentFact] = []  # a heap of facts after the latest event: orders and refunds
        self.watch = Watch(room.marks)

    def add(self, delta: RoomDelta) -> None:
        """Take what changed."""
        room = self.room
        for kind, _, _, amount in delta.facts:
            metric = METRIC_OF[kind]
            if metric is not None:
                room.sums[metric] += amount
        for sort, more in enumerate(delta.people):
            room.people[sort] += more
        for minute, by in delta.online.items():
            change(room.online, minute, by)
        room.watched -= sum(at * by for at, by in delta.watch.items())
        room.changes += delta.changes
        room.started = _first(room.started, delta.started)
        room.ended = _first(room.ended, delta.ended)
        if delta.latest is not None:
            room.latest = delta.latest if room.latest is None else max(room.latest, delta.latest)
        for message in delta.reference:
            room.known.take(message)
        self._keep_recent(delta)
        for at, by in delta.watch.items():
            self.watch.add(at, by)

    def recall(self, delta: RoomDelta) -> None:
        """Take what the windows need of a change that is in the room already."""
        self._keep_recent(delta)
        for at, by in delta.watch.items():
            self.watch.recall(at, by)

    def _keep_recent(self, delta: RoomDelta) -> None:
        for kind, time, buyer_id, amount in delta.facts:
            heappush(self.ahead, (time, kind, buyer_id, amount))

    def snapshot(self, session_id: str) -> dict[str, Any]:
        """The data of `room.snapshot`; the windows move to the latest event."""
        room = self.room
        to = room.latest or 0
        self._move_windows(to)
        until_last, until_previous = self.watch.move([to - WINDOW, to - 2 * WINDOW])
        online = Online(room.online, room.ended[0] if room.ended else None)
        return {
            "session_id": session_id,
            "show": figures(room.sums, room.people, room.watched, online.between(None, to)),
            "last_10m": self._figures(self.last, room.watched - until_last, online.between(to - WINDOW, to)),
            "previous_10m": self._figures(
                self.previous, until_last - until_previous, online.between(to - 2 * WINDOW, to - WINDOW)
            ),
        }

    def _move_windows(self, to: int) -> None:
        while self.ahead and self.ahead[0][0] <= to:
            fact = heappop(self.ahead)
            if fact[0] > to - WINDOW:
                self.last.add(fact)
            elif fact[0] > to - 2 * WINDOW:
                self.previous.add(fact)
        for fact in self.last.leave(to - WINDOW):
            if fact[0] > to - 2 * WINDOW:
                self.previous.add(fact)
        for _ in self.previous.leave(to - 2 * WINDOW):
            pass

    @staticmethod
    def _figures(window: Window, watched: int, online: tuple[int, int]) -> dict[str, Any]:
        return figures(window.sums, [len(people) for people in window.people], watched, online)


def card(session_id: str, room: Room) -> RoomCard | None:
    """What a session is as of its latest event; None as long as no start is known."""
    lookup = Lookup({f"session:{session_id}": room.known})
    start = lookup.session(session_id)
    if start is None:
        return None
    latest = start.time if room.latest is None else room.latest
    anchors, stores = sorted(set(lookup.anchors(start, latest))), sorted(set(start.stores))
    ended = room.ended[0] if room.ended else None
    return RoomCard(session_id, start.room_id, start.carrier, anchors, stores, start.time, ended, latest)


def _first(one: Evidence | None, other: Evidence | None) -> Evidence | None:
    """Of several starts or ends of a session the first stands."""
    return min((tuple(evidence) for evidence in (one, other) if evidence), default=None)  # type: ignore[return-value]
