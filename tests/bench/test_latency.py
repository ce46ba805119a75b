"""How long an order waits for its sale, at shares of the highest rate; in batch intervals (LIVEPOOL_BATCH_MS).

LIVEPOOL_BENCH_MINUTES is how long the load at 50 % lasts: 1, or 10 for the target of no stall in ten minutes.
"""

import os
from itertools import chain
from pathlib import Path

import pytest

from bench.latency import Load, Outcome, Population, measure
from bench.places import PLACES, Place, feed
from bench.populations import acting, entering, opening
from bench.report import note
from bench.targets import check
from bench.worker import Worker
from streams.settings import Settings

MINUTES = float(os.environ.get("LIVEPOOL_BENCH_MINUTES", "1"))
# Of each load; the long one last: after ten minutes 80 % of what was the highest rate would be more than there is.
SECONDS = {20: min(20.0, 60 * MINUTES), 80: min(20.0, 60 * MINUTES), 50: 60 * MINUTES}
POPULATION = Population(buyers=20_000, sessions=10)
INTERVAL = Settings().batch_ms / 1000
BACKLOG = 40_000  # events, for the highest rate
pytestmark = [pytest.mark.bench, pytest.mark.timeout(600 + 180 * MINUTES)]


@pytest.mark.parametrize("where", PLACES)
def test_latency(where: str, tmp_path: Path) -> None:
    with PLACES[where](tmp_path) as place:
        highest = highest_rate(place)
        with Worker(place) as worker:
            worker.drain()
            for number, (percent, seconds) in enumerate(SECONDS.items(), 1):
                worker.ask()
                load = Load(number, highest * percent / 100, seconds, POPULATION)
                outcome = measure(place, load)
                told = worker.ask()
                cpu = 1e6 * told["total"] / load.events
                tell(where, percent, highest, outcome, outcome.between_commits(told["commits"]), cpu)
                if percent == 50:
                    figures = {
                        "p99 latency at 50 % load / batch interval": outcome.quantile(99) / INTERVAL,
                        "longest stall at 50 % load, s": outcome.stall,
                    }
        check(figures, where)


def highest_rate(place: Place) -> float:
    """Events per second of a worker that has a backlog."""
    buyers, sessions = POPULATION
    feed(place, chain(opening(sessions), entering(buyers, sessions)))
    with Worker(place) as worker:
        worker.drain()
    feed(place, acting(BACKLOG, buyers, sessions))
    with Worker(place) as worker:
        return worker.catch_up(BACKLOG).rate


def tell(where: str, percent: int, highest: float, outcome: Outcome, between_commits: float, cpu: float) -> None:
    quantiles = {f"p{q} / batch interval": outcome.quantile(q) / INTERVAL for q in (50, 95, 99)}
    milliseconds = {f"p{q}, ms": 1000 * outcome.quantile(q) for q in (50, 95, 99)}
    note(
        "latency of a sale",
        where=where,
        **{"load, %": percent, "events/s": percent / 100 * highest, "orders": len(outcome.latencies)},
        **quantiles,
        **{"between commits, ms": 1000 * between_commits, **milliseconds, "longest stall, s": outcome.stall},
        **{"slowest, s": max(outcome.latencies), "sender late p99, ms": 1000 * outcome.late},
        **{"CPU µs per event": cpu, "stolen by the host, %": 100 * outcome.stolen},
    )
