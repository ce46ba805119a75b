"""From the scheduled moment of a paid order to its sale in the hands of a reader of committed records.

An open loop: event `n` is due `n / rate` seconds after the begin, whatever happened to those before, and the latency
of an order counts from then. A sender that is late, or a log that makes it wait, is part of it.
"""

import asyncio
import time
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from random import Random
from statistics import fmean, quantiles
from typing import NamedTuple

from bench.ends import Ends, ends_of
from bench.places import Place
from bench.populations import ACTS, HOUR, LATER, ORDER, act, sale_of
from streams.cli.common import InputLine, to_output
from streams.transport.batches import Output

TICK_SECONDS = 0.01  # of the sender: what is due is appended together
WARM_UP_SECONDS = 3.0
STEAL = 7  # its place among the times of the machine
END_SECONDS = 60.0


class Population(NamedTuple):
    """Who acts: buyer `b` in session `b % sessions`."""

    buyers: int
    sessions: int


class Load(NamedTuple):
    """So many events per second for so long; `number` keeps its events apart from those of other loads."""

    number: int
    rate: float
    seconds: float
    population: Population

    @property
    def events(self) -> int:
        return int(self.rate * self.seconds)


class Outcome(NamedTuple):
    """What came of a load, in seconds: of all orders after the warm-up."""

    latencies: list[float]
    stall: float  # the longest time in which no sale came
    late: float  # how late the sender's ticks were, p99
    stolen: float  # the share of the machine's CPU time that its host gave to others
    began: float
    ended: float

    def quantile(self, percent: int) -> float:
        return quantiles(self.latencies, n=100, method="inclusive")[percent - 1]

    def between_commits(self, commits: Iterable[tuple[float, str, int]]) -> float:
        """The mean time from one commit of an agent to its next under this load, in seconds.

        Of the three agents that an order passes (intake, identity, journey), each counting the same. `commits` as
        `watched.py` tells them.
        """
        intervals = []
        for stage in ("intake", "identity", "journey"):
            moments = [at for at, of, _ in commits if of == stage and self.began <= at <= self.ended]
            intervals.append((moments[-1] - moments[0]) / (len(moments) - 1))
        return fmean(intervals)


class Run:
    """One load on its way."""

    def __init__(self, ends: Ends, load: Load) -> None:
        self._ends, self._load = ends, load
        self._random = Random(load.number)
        self._due: dict[bytes, float] = {}  # sale -> when its order was due
        self._seen: list[tuple[float, float]] = []  # (when a sale was seen, when its order was due)
        self._lates: list[float] = []
        self._sent = False

    async def run(self) -> Outcome:
        began, before = time.monotonic(), machine_times()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._send(began))
            tasks.create_task(self._read())
        spent = [after - at_first for after, at_first in zip(machine_times(), before, strict=True)]
        warm = began + WARM_UP_SECONDS
        seen = [(at, due) for at, due in self._seen if due >= warm]
        moments = [warm, *(at for at, _ in seen)]
        return Outcome(
            latencies=[at - due for at, due in seen],
            stall=max(after - before for before, after in pairwise(moments)),
            late=quantiles(self._lates, n=100)[98],
            stolen=spent[STEAL] / sum(spent),
            began=warm,
            ended=began + self._load.seconds,
        )

    async def _send(self, began: float) -> None:
        number, rate, events = 0, self._load.rate, self._load.events
        while number < events:
            now = time.monotonic() - began
            until = min(events, int(now * rate) + 1)
            if until > number:
                await self._ends.append([self._event(n, began) for n in range(number, until)])
                self._lates.append(time.monotonic() - began - number / rate)
                number = until
            await asyncio.sleep(max(0.0, TICK_SECONDS - (time.monotonic() - began - now)))
        self._sent = True

    def _event(self, n: int, began: float) -> Output:
        load = self._load
        name, due = f"load{load.number}-{n}", n / load.rate
        if n % len(ACTS) == ORDER:
            self._due[sale_of(name)] = began + due
        buyer = self._random.randrange(load.population.buyers)
        at = LATER + load.number * HOUR + int(1000 * due)
        return to_output(InputLine(n, act(name, n, buyer, buyer % load.population.sessions, at)))

    async def _read(self) -> None:
        end = None
        while self._due or not self._sent:
            keys = await self._ends.sold()
            now = time.monotonic()
            self._seen += [(now, due) for key in keys if (due := self._due.pop(key, None)) is not None]
            if self._sent:
                end = end or now + END_SECONDS
                assert now < end, f"{len(self._due)} sales have not come"


def machine_times() -> list[int]:
    """What all CPUs have spent since the start, in ticks: user, nice, system, idle, iowait, irq, softirq, steal."""
    return [int(ticks) for ticks in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]


def measure(place: Place, load: Load) -> Outcome:
    """Send a load, and wait for the last sale."""

    async def run() -> Outcome:
        async with ends_of(place) as ends:
            return await Run(ends, load).run()

    return asyncio.run(run())
