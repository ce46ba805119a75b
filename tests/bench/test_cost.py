"""What an event costs: against the same core behind plain Faust agents, and as events and buyers grow in number.

Ratios of figures of one run on one machine, no times; of several runs the best, since other work makes one slower,
never faster. `make bench` prints a table; LIVEPOOL_BENCH_JSON names a file for the figures.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from math import inf
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from rich.console import Console
from rich.table import Table

from system.runs import Home

pytestmark = [pytest.mark.bench, pytest.mark.timeout(1800)]
MEASURED = Path(__file__).with_name("measured.py")
SHOW = 5_000  # events of the race
RUNS = 3
FASTER = 8  # at least so many times the events per second of plain Faust agents
GROWTH = 1.3  # at most so many times the CPU time per event


class Part(NamedTuple):
    """What one part of a run took."""

    events: int
    seconds: float
    cpu_seconds: float

    @property
    def rate(self) -> float:
        """Events per second."""
        return self.events / self.seconds

    @property
    def cpu_per_event(self) -> float:
        """Microseconds of CPU time per event, over all threads."""
        return 1e6 * self.cpu_seconds / self.events


def run(kind: str, home: Path, *arguments: object) -> list[Part]:
    command = [sys.executable, str(MEASURED), kind, str(home), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [Part(*part) for part in json.loads(done.stdout)]


@pytest.fixture(scope="module")
def figures() -> Iterator[dict[str, Any]]:
    """Collects the figures of all benchmarks, shows them, and writes them where the environment says."""
    found: dict[str, Any] = {}
    yield found
    table = Table("figure", "value", title="Cost")
    for name, value in found.items():
        table.add_row(name, f"{value:,.2f}" if isinstance(value, float) else str(value))
    Console().print(table)
    if path := os.environ.get("LIVEPOOL_BENCH_JSON"):
        Path(path).write_text(json.dumps(found, indent=2) + "\n")


def test_faster_than_plain_faust_agents(figures: dict[str, Any], tmp_path: Path) -> None:
    """In turn, so that both meet the same machine; the best of each."""
    races = [
        {kind: run(kind, tmp_path / f"{kind}-{n}", "show", SHOW)[-1] for kind in ("livepool", "plain")}
        for n in range(RUNS)
    ]
    assert money(tmp_path / "livepool-0") == money(tmp_path / "plain-0")  # both did the work
    best = {kind: max(race[kind].rate for race in races) for kind in ("livepool", "plain")}
    ratio = best["livepool"] / best["plain"]
    figures |= {
        "events": SHOW,
        "Livepool, events/s": best["livepool"],
        "plain Faust agents, events/s": best["plain"],
        "ratio": ratio,
        "ratio of each race": ", ".join(f"{race['livepool'].rate / race['plain'].rate:.1f}" for race in races),
        "ratio of CPU time": min(race["plain"].cpu_per_event for race in races)
        / min(race["livepool"].cpu_per_event for race in races),
    }
    assert ratio >= FASTER


def money(path: Path) -> dict[bytes, int]:
    """What each sale came to. Plain agents read topics in another order, so revisions and merges may differ."""
    sales = Home(path).outputs()["attributed-sales"]
    return {key: json.loads(value)["data"]["net_fen"] for key, value in sales.items()}


def test_an_event_costs_the_same_after_ten_times_as_many(figures: dict[str, Any], tmp_path: Path) -> None:
    evenings = run("livepool", tmp_path, "evenings", 10)
    costs = [evening.cpu_per_event for evening in evenings]
    growth = min(costs[-3:]) / min(costs[:3])
    figures["CPU µs per event, by evening of 50,000"] = ", ".join(f"{cost:.0f}" for cost in costs)
    figures["growth over 10x events"] = growth
    assert growth <= GROWTH


def test_an_event_costs_the_same_among_ten_times_as_many_buyers(figures: dict[str, Any], tmp_path: Path) -> None:
    costs = {10_000: inf, 100_000: inf}
    for n in range(RUNS):
        for buyers, best in costs.items():
            cost = run("livepool", tmp_path / f"{buyers}-{n}", "crowd", buyers, 20_000)[-1].cpu_per_event
            costs[buyers] = min(best, cost)
    growth = costs[100_000] / costs[10_000]
    figures |= {f"CPU µs per event, {buyers:,} buyers": cost for buyers, cost in costs.items()}
    figures["growth over 10x buyers"] = growth
    assert growth <= GROWTH
