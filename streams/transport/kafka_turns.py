"""The input topics of one agent advance together, as far as the times of their records tell.

Of a topic with few records one fetch reaches further ahead than of one with many. Delivered as it comes, a day's
orders would be processed before the day's viewers, and each of them would be decided again and again. So what was
fetched waits here until the other topic-partitions have come as far. Nothing waits for a partition of which nothing
was fetched: it may have no records, or its broker be down.

Who has caught up gathers: what comes within an interval is one batch of each topic-partition, instead of many small
transactions.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from operator import attrgetter
from typing import Any

from faust.types import TP

AHEAD_MS = 200  # a topic may be so far ahead of the others
_time = attrgetter("timestamp")


class Turns:
    """What was fetched of the topic-partitions `tps`, and not delivered yet: aiokafka's records, in their order."""

    def __init__(self, max_records: int) -> None:
        self._max_records = max_records  # of a batch
        self._interval = 0.0
        self._due_at = 0.0
        self.tps: set[TP] = set()
        self.held: dict[TP, list[Any]] = {}

    def between(self, tps: Iterable[TP], interval: float = 0.0) -> None:
        """Let these take turns from now on, and gather for `interval` s; what was held has to be fetched again."""
        self.tps, self.held = set(tps), {}
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

    def gather(self, now: float, more: Callable[[TP], bool]) -> float:
        """Let the next batches gather from `now` on; return for how long: not at all when there is a backlog."""
        wait = 0.0 if self.held or any(map(more, self.tps)) else self._interval
        self._due_at = now + wait
        return wait

    def due(
        self, free: Iterable[TP], busy: Mapping[TP, int], more: Callable[[TP], bool]
    ) -> dict[TP, tuple[list[Any], list[Any]]]:
        """Take what may be delivered now of the partitions that are free: these records, and those that stay.

        `busy`: the time (ms) of the last record of each batch in flight. `more` says whether records follow those held.
        """
        reached = {tp: _time(records[-1]) for tp, records in self.held.items() if more(tp)}
        reached.update(busy)
        found = {}
        for tp in sorted(self.held.keys() & free, key=self._head):
            others = [time for other, time in reached.items() if other != tp]
            records = self.held[tp]
            count = bisect_right(records, min(others) + AHEAD_MS, key=_time) if others else len(records)
            if count := min(count, self._max_records):
                found[tp] = records[:count], records[count:]
        if not found and not busy and (waiting := self.held.keys() & free):
            # Times that go backwards, as producers may write them, let everyone wait for everyone.
            tp = min(waiting, key=self._head)
            found[tp] = self.held[tp][: self._max_records], self.held[tp][self._max_records :]
        for tp, (_, rest) in found.items():
            if rest:
                self.held[tp] = rest
            else:
                del self.held[tp]
        return found

    def _head(self, tp: TP) -> int:
        return int(_time(self.held[tp][0]))
