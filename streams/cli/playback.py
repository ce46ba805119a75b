"""A show played into a log at a watchable speed: each event is due when its time has come on a faster clock.

Real shows have quiet hours: a gap between events counts for at most a few times the usual one, so that the
day after the evening passes quickly. Events that arrive late do not hold up the clock.
"""

import asyncio
import time
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import islice, pairwise
from pathlib import Path
from statistics import median
from typing import NamedTuple

import orjson

from schemas.values import parse_time
from streams.cli.common import CHUNK, InputLine, to_output
from streams.home import lag
from streams.transport.log import Log

MOST_AHEAD = 20_000  # records that the feeding may be ahead of the agents
_LONGEST_GAP = 4  # in usual gaps
_FUTURE_MS = 48 * 3_600_000  # a time further ahead than this is one of the broken events
_STEP_SECONDS = 0.04


class Score(NamedTuple):
    """When each line is due (seconds from the start), and which time it is in the show then (UTC ms)."""

    due: "array[float]"
    clock: "array[int]"

    @property
    def lines(self) -> int:
        """How many."""
        return len(self.due)


def score(lines: Iterable[bytes], seconds: float, start: int) -> Score:
    """Spread the lines of a show over `seconds`; 0: all are due at once. The show begins at `start` (UTC ms)."""
    clock = array("q", _clock(lines, start))
    gaps = [later - earlier for earlier, later in pairwise(clock)]
    most = _LONGEST_GAP * median([gap for gap in gaps if gap] or [1])
    due = array("d", [0.0])
    for gap in gaps:
        due.append(due[-1] + min(gap, most))
    speed = seconds / (due[-1] or 1)
    return Score(array("d", (at * speed for at in due[: len(clock)])), clock)


def _clock(lines: Iterable[bytes], start: int) -> Iterator[int]:
    """The latest event time up to each line."""
    now = start
    for line in lines:
        with suppress(ValueError, KeyError, TypeError):
            at = parse_time(orjson.loads(line)["time"])
            if now < at < now + _FUTURE_MS:
                now = at
        yield now


class Playback:
    """The feeding of a show, and how far it is."""

    def __init__(self, path: Path, score: Score, log: Log) -> None:
        self.path = path
        self.score = score
        self.log = log  # of its own: it waits in a thread for its turn to write
        self.sent = 0
        self._stopped = False

    @property
    def done(self) -> bool:
        """Everything is sent."""
        return self.sent == self.score.lines

    def stop(self) -> None:
        """Send no more."""
        self._stopped = True

    @property
    def clock(self) -> int:
        """The time in the show, UTC ms."""
        return self.score.clock[max(0, self.sent - 1)]

    async def run(self) -> None:
        """Append every line when it is due, but no faster than the agents follow."""
        begun = time.monotonic()
        with self.path.open("rb") as file:
            while not (self.done or self._stopped):
                due = bisect_right(self.score.due, time.monotonic() - begun, lo=self.sent)
                if chunk := list(islice(file, min(due - self.sent, CHUNK))):
                    numbered = (InputLine(n, line.rstrip(b"\n")) for n, line in enumerate(chunk, self.sent))
                    # The agents' transaction may be open at this moment, and this loop has to end it.
                    await asyncio.to_thread(self.log.append, [to_output(line) for line in numbered])
                    self.sent += len(chunk)
                while lag(self.log) > MOST_AHEAD and not self._stopped:
                    await asyncio.sleep(_STEP_SECONDS)
                await asyncio.sleep(0 if due > self.sent else _STEP_SECONDS)
