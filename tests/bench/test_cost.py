"""What an event costs as events grow in number, and when all of them are about one room.

Ratios of figures of one run on one machine, no times; of several runs the best, since other work makes one slower,
never faster.
"""

from collections import defaultdict
from itertools import chain
from pathlib import Path

import pytest

from bench.places import OneMachine
from bench.populations import acting, entering, opening
from bench.report import note
from bench.streams_of_events import evenings
from bench.targets import check
from bench.worker import Part, Worker

pytestmark = [pytest.mark.bench, pytest.mark.timeout(1800)]
EVENINGS = 10
RUNS = 3
BUYERS = 5_000
EVENTS = 20_000
ROOMS = (1, 200)


def test_an_event_costs_the_same_after_ten_times_as_many(tmp_path: Path) -> None:
    """A show of many evenings: ever more buyers, orders, sessions and tokens are known."""
    with Worker(OneMachine(tmp_path / "home")) as worker:
        parts = [worker.process(evening) for evening in evenings(EVENINGS)]
    for number, part in enumerate(parts, 1):
        figures = {"events": part.events, "CPU µs per event": part.cpu_per_event, "events/s": part.rate}
        note("evening after evening", evening=number, **figures)
    costs = [part.cpu_per_event for part in parts]
    check({"CPU per event, after ten times as many events": min(costs[-3:]) / min(costs[:3])})


def test_one_hot_room(tmp_path: Path) -> None:
    """The same events of the same buyers, all in one session or in many; in turn: both meet the same machine."""
    parts: defaultdict[int, list[Part]] = defaultdict(list)
    for number in range(RUNS):
        for rooms in ROOMS:
            with Worker(OneMachine(tmp_path / f"{rooms}-{number}")) as worker:
                worker.process(chain(opening(rooms), entering(BUYERS, rooms)))
                parts[rooms].append(worker.process(acting(EVENTS, BUYERS, rooms)))
    best = {rooms: max(found, key=lambda part: part.rate) for rooms, found in parts.items()}
    for rooms, part in best.items():
        figures = {"events": part.events, "CPU µs per event": part.cpu_per_event, "events/s": part.rate}
        note("one hot room", rooms=rooms, **figures)
    one, many = (best[rooms].rate for rooms in ROOMS)
    check({"rate, all events in one room / in many": one / many})
