"""What moves with a session's latest event: the facts of a window, the time watched before it, who was online.

A boundary only moves forward, so a fact comes into a window and leaves it once each.
"""

from array import array
from bisect import bisect_left, bisect_right, insort
from collections import Counter
from collections.abc import Sequence
from itertools import accumulate, compress
from operator import mul

import msgspec

from streams.core.figures import KINDS, METRIC_OF, METRICS, PEOPLE
from streams.core.policy import MINUTE_MS
from streams.core.timeline import MOMENT_MS, Timeline

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
        self._facts: Timeline[RecentFact] = Timeline(RecentFact)

    def add(self, fact: RecentFact) -> None:
        """Let a fact come in."""
        self._facts.put(fact)
        self._count(fact, 1)

    def leave(self, until: int) -> list[RecentFact]:
        """Take out the facts up to `until` and give them back."""
        gone = self._facts.take(until)
        for fact in gone:
            self._count(fact, -1)
        if gone and not self._facts:
            for people in self.people:
                people.clear()  # an empty dict, too, keeps the room that it had
        return gone

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
    """How long was watched before some boundaries that move forward: the area under a step function.

    `marks` say what is known up to each boundary; none is later than the one before it.
    """

    def __init__(self, marks: Sequence[Mark]) -> None:
        self._marks = marks
        self._steps: dict[int, array[int]] = {}  # moment -> time, change, time, change, ...; after the last boundary
        self._moments: list[int] = []  # in order

    def add(self, at: int, by: int) -> None:
        """Take a step, wherever it is."""
        for mark in self._marks:
            if mark.boundary is not None and at <= mark.boundary:
                mark.area += by * (mark.boundary - at)
                mark.height += by
        self.recall(at, by)

    def recall(self, at: int, by: int) -> None:
        """Take a step again, which those marks know that it is not after."""
        last = self._marks[-1].boundary
        if last is None or at > last:
            moment = at // MOMENT_MS
            steps = self._steps.get(moment)
            if steps is None:
                steps = self._steps[moment] = array("q")
                insort(self._moments, moment)
            steps.append(at)
            steps.append(by)

    def move(self, boundaries: Sequence[int]) -> list[int]:
        """Move the boundaries and return the ms watched before each."""
        for mark, boundary in zip(self._marks, boundaries, strict=True):
            self._pass(mark, boundary)
        passed = bisect_left(self._moments, boundaries[-1] // MOMENT_MS)
        for moment in self._moments[:passed]:
            del self._steps[moment]
        del self._moments[:passed]
        return [mark.area for mark in self._marks]

    def _pass(self, mark: Mark, boundary: int) -> None:
        begin, before = 0, mark.boundary
        if before is not None:
            mark.area += mark.height * (boundary - before)
            begin = bisect_left(self._moments, before // MOMENT_MS)
        for moment in self._moments[begin : bisect_right(self._moments, boundary // MOMENT_MS)]:
            times, changes = self._steps[moment][::2], self._steps[moment][1::2]
            if moment in (boundary // MOMENT_MS, None if before is None else before // MOMENT_MS):
                passed = [(before is None or before < at) and at <= boundary for at in times]
                times, changes = array("q", compress(times, passed)), array("q", compress(changes, passed))
            height = sum(changes)
            mark.height += height
            mark.area += height * boundary - sum(map(mul, times, changes))
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
