"""What moves with a session's latest event: the facts of a window, the time watched before it, who was online.

A boundary only moves forward, so a fact comes into a window and leaves it once each.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable
from heapq import heappop, heappush
from itertools import accumulate

import msgspec

from streams.core.figures import KINDS, METRIC_OF, METRICS, PEOPLE
from streams.core.policy import MINUTE_MS

RecentFact = tuple[int, int, str, int]  # (time, kind, buyer_id, amount)


class Mark(msgspec.Struct, array_like=True):
    """The area (ms) under a step function up to a boundary, and its height there."""

    boundary: int | None = None
    area: int = 0
    height: int = 0


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
        if not self.facts:
            for people in self.people:
                people.clear()  # an empty dict, too, keeps the room that it had

    def _count(self, fact: RecentFact, sign: int) -> None:
        _, kind, buyer_id, amount = fact
        metric = METRIC_OF[kind]
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
