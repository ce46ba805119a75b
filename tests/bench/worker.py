"""A watched worker as a process, and what it spends on a part of the input."""

import json
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple, Self

from bench.places import Place, environment_of, feed

WATCHED = Path(__file__).with_name("watched.py")
LOOK_SECONDS = 0.02
END_SECONDS = 60


class Part(NamedTuple):
    """What a worker told (`watched.py`) about one part of the input."""

    events: int
    seconds: float  # from the first append to the last commit
    told: dict[str, Any]

    @property
    def rate(self) -> float:
        """Events per second."""
        return self.events / self.seconds

    @property
    def cpu_per_event(self) -> float:
        """Microseconds of CPU time per event, over all threads."""
        return 1e6 * self.told["total"] / self.events


class Worker:
    """Started when the block is entered, ended in good order when it is left."""

    def __init__(self, place: Place, **environment: str) -> None:
        self.place = place
        self._environment = environment_of(place, **environment)
        self.restored: list[tuple[float, int]] = []  # (seconds, offsets) of each restoration

    def __enter__(self) -> Self:
        # Its words go to a file: nobody reads a pipe while it works.
        self.log = self.place.home.with_suffix(".log")
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, str(WATCHED), str(self.place.home)],
                env=self._environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
            )  # fmt: skip
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.communicate(timeout=END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()

    def ask(self) -> dict[str, Any]:
        """What it has spent since it was asked last."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, f"the worker ended: {self.log.read_text()[-2000:]}"
        told: dict[str, Any] = json.loads(answer)
        self.restored += [(seconds, offsets) for seconds, offsets in told["restored"] if offsets]
        return told

    def drain(self) -> None:
        """Wait until all that was appended is processed."""
        while not self.place.drained():
            assert self._process.poll() is None, f"the worker ended: {self.log.read_text()[-2000:]}"
            time.sleep(LOOK_SECONDS)

    def process(self, lines: Iterable[bytes]) -> Part:
        """Append lines, wait until they are processed."""
        self.ask()
        begun = time.monotonic()
        events = feed(self.place, lines)
        self.drain()
        told = self.ask()
        return Part(events, told["commits"][-1][0] - begun, told)

    def catch_up(self, events: int) -> Part:
        """Process a backlog of so many events, which was there before the worker: from its first commit on."""
        self.drain()
        told = self.ask()
        (first, _, taken), *_, (last, _, _) = told["commits"]
        return Part(events - taken, last - first, told)
