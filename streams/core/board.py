"""One live session as an operator sees it: sums over buyers, for the show and for the last minutes (spec §6).

The board only adds. What it keeps of the past is bounded: totals, one step per minute for who is online, and
for the two windows the facts of their twenty minutes. A window ends at the session's latest event, which only
moves forward; so a fact passes from the last ten minutes to those before, and then out, once each.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable
from heapq import heappop, heappush
from itertools import accumulate
from typing import Any, NamedTuple

import msgspec

from streams.core.messages import Evidence, RoomDelta
from streams.core.policy import MINUTE_MS
from streams.core.presence import change

WINDOW = 10 * MINUTE_MS

PEOPLE = ("viewers", "clickers", "scanners", "pool_joins", "buyers", "new_buyers")
VIEWER, CLICKER, SCANNER, JOINER, BUYER, NEW_BUYER = range(6)


class Kind(NamedTuple):
    """What a fact adds to: a count (None: to none), and the sorts of people that its buyer becomes."""

    metric: str | None
    people: tuple[int, ...] = ()


KINDS = (
    # Viewer and product events, in the order of `buyer.ACTIVITY_TYPES`.
    Kind("views", (VIEWER,)),
    Kind(None, (VIEWER,)),
    Kind("comments", (VIEWER,)),
    Kind("likes", (VIEWER,)),
    Kind("shares", (VIEWER,)),
    Kind("follows", (VIEWER,)),
    Kind("fan_club_joins", (VIEWER,)),
    Kind("product_clicks", (VIEWER, CLICKER)),
    Kind("product_clicks", (VIEWER, CLICKER)),
    Kind("scans", (SCANNER,)),
    Kind(None, (JOINER,)),
    Kind("orders_placed"),
    Kind("gmv_created_fen"),
    Kind("orders_paid", (BUYER,)),
    Kind("units"),
    Kind("gmv_paid_fen"),
    Kind(None, (NEW_BUYER,)),
    Kind("refunded_fen"),
)
SCAN, JOIN, ORDER_PLACED, MADE_FEN, ORDER_PAID, UNITS, PAID_FEN, NEW, REFUNDED_FEN = range(9, 18)
METRICS = tuple(dict.fromkeys(kind.metric for kind in KINDS if kind.metric))
_METRIC_OF = [METRICS.index(kind.metric) if kind.metric else None for kind in KINDS]

RecentFact = tuple[int, int, str, int]  # (time, kind, buyer_id, amount)


class Mark(msgspec.Struct, array_like=True):
    """The area (ms) under a step function up to a boundary, and its height there."""

    boundary: int | None = None
    area: int = 0
    height: int = 0


class Room(msgspec.Struct, array_like=True):
    """What is kept of a session; `marks`: what was watched before each of the two windows."""

    sums: list[int]
    people: list[int]
    online: dict[int, int]
    marks: tuple[Mark, Mark]
    watched: int = 0  # ms, over all stays
    changes: int = 0
    latest: int | None = None
    started: Evidence | None = None
    ended: Evidence | None = None

    @staticmethod
    def new() -> "Room":
        """A session of which nothing is known."""
        return Room([0] * len(METRICS), [0] * len(PEOPLE), {}, (Mark(), Mark()))


class Window:
    """The facts of a span of time, added up as they come in and taken out as they leave."""

    def __init__(self) -> None:
        self.sums = [0] * len(METRICS)
        self.people: list[Counter[str]] = [Counter() for _ in PEOPLE]
        self.facts: list[RecentFact] = []  # a heap by time

    def add(self, fact: RecentFact) -> None:
        """Let a fact come in."""
        heappush(self.facts, fact)
        self._count(fact, 1)

    def leave(self, until: int) -> Iterable[RecentFact]:
        """Take out the facts up to `until` and give them back."""
        while self.facts and self.facts[0][0] <= until:
            fact = heappop(self.facts)
            self._count(fact, -1)
            yield fact

    def _count(self, fact: RecentFact, sign: int) -> None:
        _, kind, buyer_id, amount = fact
        metric = _METRIC_OF[kind]
        if metric is not None:
            self.sums[metric] += sign * amount
        step = sign if amount > 0 else -sign
        for sort in KINDS[kind].people:
            people = self.people[sort]
            count = people[buyer_id] + step
            if count:
                people[buyer_id] = count
            else:
                del people[buyer_id]


class Watch:
    """How long was watched before a boundary that moves forward: the area under a step function."""

    def __init__(self, mark: Mark) -> None:
        self.mark = mark
        self.steps: list[tuple[int, int]] = []  # a heap of those after the boundary

    def add(self, at: int, by: int) -> None:
        """Take a step, wherever it is."""
        mark = self.mark
        if mark.boundary is None or at > mark.boundary:
            heappush(self.steps, (at, by))
        else:
            mark.area += by * (mark.boundary - at)
            mark.height += by

    def recall(self, at: int, by: int) -> None:
        """Take a step again that the mark knows if it is before the boundary."""
        if self.mark.boundary is None or at > self.mark.boundary:
            heappush(self.steps, (at, by))

    def move(self, boundary: int) -> int:
        """Move the boundary and return the ms watched before it."""
        while self.steps and self.steps[0][0] <= boundary:
            at, by = heappop(self.steps)
            self._reach(at)
            self.mark.height += by
        self._reach(boundary)
        return self.mark.area

    def _reach(self, boundary: int) -> None:
        mark = self.mark
        if mark.boundary is not None:
            mark.area += mark.height * (boundary - mark.boundary)
        mark.boundary = boundary


class Session:
    """A room at work: what is kept, and its windows, rebuilt after a restart by `recall` of the last changes."""

    def __init__(self, room: Room) -> None:
        self.room = room
        self.last, self.previous = Window(), Window()
        self.ahead: list[RecentFact] = []  # a heap of facts after the latest event: orders and refunds
        self.watches = tuple(map(Watch, room.marks))

    def add(self, delta: RoomDelta) -> None:
        """Take what changed."""
        room = self.room
        for kind, _, _, amount in delta.facts:
            metric = _METRIC_OF[kind]
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
        self._keep_recent(delta)
        for at, by in delta.watch.items():
            for watch in self.watches:
                watch.add(at, by)

    def recall(self, delta: RoomDelta) -> None:
        """Take what the windows need of a change that is in the room already."""
        self._keep_recent(delta)
        for at, by in delta.watch.items():
            for watch in self.watches:
                watch.recall(at, by)

    def _keep_recent(self, delta: RoomDelta) -> None:
        for kind, time, buyer_id, amount in delta.facts:
            heappush(self.ahead, (time, kind, buyer_id, amount))

    def snapshot(self, session_id: str) -> dict[str, Any]:
        """The data of `room.snapshot`; the windows move to the latest event."""
        room = self.room
        to = room.latest or 0
        self._move_windows(to)
        until_last, until_previous = (
            watch.move(to - windows * WINDOW) for windows, watch in enumerate(self.watches, 1)
        )
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


class Online:
    """How many were online, at whole minutes before the session's end."""

    def __init__(self, steps: dict[int, int], ended: int | None) -> None:
        self.ended = ended
        self.minutes = sorted(steps)
        self.levels = list(accumulate(steps[minute] for minute in self.minutes))

    def between(self, after: int | None, to: int) -> tuple[int, int]:
        """Online at the last whole minute up to `to` (0 once the session has ended), and the peak in (after, to]."""
        now = end = to // MINUTE_MS * MINUTE_MS
        if self.ended is not None:
            end = min(now, (self.ended - 1) // MINUTE_MS * MINUTE_MS)
        online = 0 if self.ended is not None and self.ended <= to else self.level(now)
        first = None if after is None else (after // MINUTE_MS + 1) * MINUTE_MS
        start = 0 if first is None else bisect_right(self.minutes, first)
        levels = self.levels[start : bisect_right(self.minutes, end)]
        if first is not None and first <= end:
            levels.append(self.level(first))
        return online, max(levels, default=0)

    def level(self, minute: int) -> int:
        """How many at a minute."""
        place = bisect_right(self.minutes, minute)
        return self.levels[place - 1] if place else 0


def figures(sums: list[int], people: list[int], watched: int, online: tuple[int, int]) -> dict[str, Any]:
    """Every count and ratio of one window."""
    count = dict(zip(METRICS, sums, strict=True)) | dict(zip(PEOPLE, people, strict=True))
    paid, refunded, viewers = count["gmv_paid_fen"], count["refunded_fen"], count["viewers"]
    return {
        "views": count["views"],
        "viewers": viewers,
        "online": online[0],
        "peak_online": online[1],
        "avg_watch_seconds": whole(watched, 1000 * viewers),
        "comments": count["comments"],
        "likes": count["likes"],
        "shares": count["shares"],
        "follows": count["follows"],
        "fan_club_joins": count["fan_club_joins"],
        "product_clicks": count["product_clicks"],
        "clickers": count["clickers"],
        "scans": count["scans"],
        "scanners": count["scanners"],
        "pool_joins": count["pool_joins"],
        "orders_placed": count["orders_placed"],
        "orders_paid": count["orders_paid"],
        "buyers": count["buyers"],
        "new_buyers": count["new_buyers"],
        "units": count["units"],
        "gmv_created_fen": count["gmv_created_fen"],
        "gmv_paid_fen": paid,
        "refunded_fen": refunded,
        "gmv_net_fen": paid - refunded,
        "conversion": ratio(count["buyers"], viewers),
        "click_conversion": ratio(count["buyers"], count["clickers"]),
        "average_order_fen": whole(paid, count["orders_paid"]),
        "uv_value_fen": whole(paid, viewers),
        "gpm_fen": whole(1000 * paid, count["views"]),
        "pool_rate": ratio(count["pool_joins"], viewers),
        "refund_rate": ratio(refunded, paid),
    }


def whole(dividend: int, divisor: int) -> int | None:
    """A quotient rounded half up to a whole number; None when the divisor is 0."""
    return (2 * dividend + divisor) // (2 * divisor) if divisor else None


def ratio(dividend: int, divisor: int) -> float | None:
    """A quotient rounded half up to 4 decimals; None when the divisor is 0."""
    parts = whole(10_000 * dividend, divisor)
    return None if parts is None else parts / 10_000


def _first(one: Evidence | None, other: Evidence | None) -> Evidence | None:
    """Of several starts or ends of a session the first stands."""
    return min((tuple(evidence) for evidence in (one, other) if evidence), default=None)  # type: ignore[return-value]
