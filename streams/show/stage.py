"""What every part of a show shares: the wire, the truth, the people, and the agenda of what comes later."""

from collections.abc import Callable, Iterator, Sequence
from heapq import heappop, heappush
from random import Random
from typing import TypeVar

from streams.show.people import People
from streams.show.truth import Truth
from streams.show.wire import Wire

T = TypeVar("T")


class Stage:
    """The state of a show under way. All chance comes from `random`, all time from the events."""

    def __init__(self, events: int, seed: int, truth: Truth) -> None:
        source = Random(seed)  # noqa: S311 - a show needs repeatable chance, not secrets
        self.random = source.random
        self.bits = source.getrandbits
        self.truth = truth
        self.wire = Wire(events, self.random, truth)
        self.people = People(self.random, self.bits)
        self._agenda: list[tuple[int, int, Callable[[int], object]]] = []
        self._appointments = 0

    def pick(self, options: Sequence[T]) -> T:
        """One of the options, all equally likely."""
        return options[int(self.random() * len(options))]

    def between(self, least: int, most: int) -> int:
        """A whole number from `least` up to, not including, `most`; small ones are likelier."""
        luck = self.random()
        return least + int(luck * luck * (most - least))

    def later(self, due: int, action: Callable[[int], object]) -> None:
        """Have `action` called with `due` (UTC ms) once the show gets there."""
        self._appointments += 1
        heappush(self._agenda, (due, self._appointments, action))

    def play_until(self, now: int) -> None:
        """Do what is due by `now`."""
        while self._agenda and self._agenda[0][0] <= now:
            due, _, action = heappop(self._agenda)
            action(due)

    def appointments(self, until: int) -> Iterator[int]:
        """The times of the agenda before `until`, as they come up."""
        while self._agenda and self._agenda[0][0] < until:
            yield self._agenda[0][0]
