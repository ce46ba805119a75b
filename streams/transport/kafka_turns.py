"""The input topics of one agent advance together, as far as the times of their records tell.

Of a topic with few records one fetch reaches further ahead than of one with many. Delivered as it comes, a day's
orders would be processed before the day's viewers, and each of them would be decided again and again. So what was
fetched waits here until the other topic-partitions have come as far. Nothing waits for a partition of which nothing
was fetched: it may have no records, or its broker be down. Only of a joint (`kafka_batch`) all have to be ready.

Who has caught up gathers: what comes within an interval is one batch of each joint, instead of many small
transactions.
"""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from heapq import merge
from itertools import islice, repeat
from operator import attrgetter, itemgetter
from typing import Any

from faust.types import TP

from streams.transport.kafka_batch import Joint, Taken

AHEAD_MS = 200  # a topic may be so far ahead of the others
_time = attrgetter("timestamp")
_first_of = itemgetter(0)


class Turns:
    """What was fetched of the topic-partitions `tps`, and not delivered yet: aiokafka's records, in their order."""

    def __init__(self, max_records: int) -> None:
        self._max_records = max_records  # of a batch
        self._interval = 0.0
        self._due_at = 0.0
        self._joints: Mapping[TP, Joint] = {}
        self.tps: set[TP] = set()
        self.held: dict[TP, list[Any]] = {}

    def between(self, tps: Iterable[TP], interval: float = 0.0, joints: Mapping[TP, Joint] | None = None) -> None:
        """Let these take turns from now on, and gather for `interval` s; what was held has to be fetched again.

        `joints`: those of them that are delivered together.
        """
        self.tps, self.held = set(tps), {}
        self._joints = joints or {}
        self._interval, self._due_at = interval, 0.0

    def hold(self, tp: TP, records: list[Any]) -> None:
        """Keep what was fetched behind what is held already."""
        self.held.setdefault(tp, []).extend(records)

    def full(self) -> set[TP]:
        """Those of which a whole batch is held."""
        return {tp for tp, records in self.held.items() if len(records) >= self._max_records}

    def any_due(self, now: float) -> bool:
        """Whether anything may be delivered at `now` (s): it was gathered long enough, or is full."""
        return bool(self.held) and (now >= self._due_at or bool(self.full()))

    def gather(self, now: float, backlog: Callable[[TP], bool]) -> float:
        """Let the next batches gather from `now` on; return for how long: not at all when there is a backlog."""
        wait = 0.0 if self.held or any(map(backlog, self.tps)) else self._interval
        self._due_at = now + wait
        return wait

    def due(self, free: set[TP], busy: Mapping[TP, int], more: Callable[[TP], bool]) -> dict[Joint, dict[TP, Taken]]:
        """Take what may be delivered now of the partitions that are free, and all of their joints: these, those stay.

        `busy`: the time (ms) of the last record of each batch in flight. `more` says whether records follow those held.
        """
        reached = {tp: _time(records[-1]) for tp, records in self.held.items() if more(tp)}
        reached.update(busy)
        ready = {tp for tp in self.held if free.issuperset(self._joint(tp))}
        counts = {}
        for tp in sorted(ready, key=self._head):
            others = [time for other, time in reached.items() if other != tp]
            records = self.held[tp]
            count = bisect_right(records, min(others) + AHEAD_MS, key=_time) if others else len(records)
            if count := min(count, self._max_records):
                counts[tp] = count
        if not counts and not busy and ready:
            # Times that go backwards, as producers may write them, let everyone wait for everyone.
            tp = min(ready, key=self._head)
            counts[tp] = min(len(self.held[tp]), self._max_records)
        together: defaultdict[Joint, dict[TP, int]] = defaultdict(dict)
        for tp, count in counts.items():
            together[self._joint(tp)][tp] = count
        return {joint: self._take(self._first(counts)) for joint, counts in together.items()}

    def _joint(self, tp: TP) -> Joint:
        return self._joints.get(tp, (tp,))

    def _first(self, counts: dict[TP, int]) -> Mapping[TP, int]:
        """So many of each as one batch may have: the first of all, by time."""
        if sum(counts.values()) <= self._max_records:
            return counts
        times = (zip(map(_time, self.held[tp][:count]), repeat(tp)) for tp, count in counts.items())
        return Counter(tp for _, tp in islice(merge(*times, key=_first_of), self._max_records))

    def _take(self, counts: Mapping[TP, int]) -> dict[TP, Taken]:
        found = {}
        for tp, count in counts.items():
            records = self.held.pop(tp)
            found[tp] = _, rest = records[:count], records[count:]
            if rest:
                self.held[tp] = rest
        return found

    def _head(self, tp: TP) -> int:
        return int(_time(self.held[tp][0]))
