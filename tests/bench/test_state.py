"""What the state costs as it grows: memory per idle buyer, the rate among many buyers, with long histories, and of
recovery.

LIVEPOOL_BENCH_BUYERS is the largest number of buyers, 200,000 unless set (1000000: ten minutes more).
LIVEPOOL_BENCH_HISTORIES is how many buyers have long histories, 200 unless set. All state is made by the agents, from
events.
"""

import os
import shutil
from collections.abc import Iterable
from itertools import chain
from pathlib import Path

import pytest

from bench.places import OneMachine, feed, on_kafka
from bench.populations import EVENING, LONGEST, acting, entering, histories, in_turn, opening
from bench.report import note
from bench.targets import check
from bench.worker import Part, Worker

pytestmark = [pytest.mark.bench, pytest.mark.timeout(3600)]
MOST = int(os.environ.get("LIVEPOOL_BENCH_BUYERS", "200000"))
FEW = 10_000
MEASURED = 20_000  # events
CACHE = 2_000  # LIVEPOOL_CACHE where memory is measured: a fifth of the smallest number of buyers
SHORT = 20
EVENINGS = LONGEST // EVENING + 1
WITH_HISTORY = int(os.environ.get("LIVEPOOL_BENCH_HISTORIES", "200"))
TURNS = 20  # events of each buyer with a history that are measured
RECOVERED = 50_000  # buyers
MEGABYTE = 1_000_000
RUNS = 2
HISTORY_RUNS = 3


def test_memory_does_not_grow_with_idle_buyers(tmp_path: Path) -> None:
    """Resident memory after each buyer has come once, with one cache; the state of all but CACHE is on disk only.

    SQLite fills a page cache of a fixed size (64 MiB per connection) first: between the two largest numbers of buyers
    it is full, and what still grows would grow for ever. Pages of files that are mapped (256 MiB at most) do not count:
    the system takes them back when it needs the memory.
    """
    held = {}
    for buyers in (FEW, MOST // 2, MOST):
        place = OneMachine(tmp_path / f"{buyers}")
        with Worker(place, LIVEPOOL_CACHE=str(CACHE)) as worker:
            worker.process(chain(opening(1), entering(buyers)))
            told = worker.ask()
        held[buyers] = told["anonymous"]
        sizes = {"resident, MB": told["resident"] / MEGABYTE, "without files, MB": held[buyers] / MEGABYTE}
        each = {"bytes per buyer": held[buyers] / buyers}
        note("memory of idle buyers", buyers=buyers, cache=CACHE, **sizes, **each)
        shutil.rmtree(place.home)
    check({"memory, twice as many idle buyers": held[MOST] / held[MOST // 2]})


def test_rate_among_many_buyers(tmp_path: Path) -> None:
    """The same events of any of the buyers, with the cache as it is by default."""
    best = {
        buyers: best_of("buyers in the state", tmp_path / f"{buyers}", buyers, chain(opening(1), entering(buyers)))
        for buyers in (FEW, MOST)
    }
    check({
        "rate, most buyers in the state / 10,000": best[MOST].rate / best[FEW].rate,
        "CPU per event, most buyers in the state / 10,000": best[MOST].cpu_per_event / best[FEW].cpu_per_event,
    })  # fmt: skip


def best_of(section: str, home: Path, buyers: int, seeds: Iterable[bytes]) -> Part:
    """The best of some runs on a home that the seeds have made."""
    with Worker(OneMachine(home)) as worker:
        made = worker.process(seeds)
        parts = [worker.process(acting(MEASURED, buyers, name=f"run{n}")) for n in range(RUNS)]
    best = max(parts, key=lambda part: part.rate)
    tell(section, buyers, best, **{"events that made it": made.events})
    shutil.rmtree(home)
    return best


def tell(section: str, what: object, part: Part, **more: object) -> None:
    note(section, buyers=what, **more, **{"events/s": part.rate, "CPU µs per event": part.cpu_per_event})


def test_rate_with_long_histories(tmp_path: Path) -> None:
    """The same events of as many buyers, who have done twenty or two thousand things on the evenings before.

    Each does one thing in a batch (LIVEPOOL_MAX_RECORDS), as in a large crowd: what is read and written once per buyer
    and batch is not shared by several events. The best of some runs, each from the same state: one takes a second, in
    which a shared machine may be a third as fast.
    """
    parts: dict[int, list[Part]] = {SHORT: [], LONGEST: []}
    made = {}
    for length in parts:
        with Worker(OneMachine(tmp_path / f"{length}")) as worker:
            made[length] = worker.process(chain(opening(EVENINGS, daily=True), histories(WITH_HISTORY, length)))
    for length in (*parts,) * HISTORY_RUNS:
        home = tmp_path / "copy"
        shutil.copytree(tmp_path / f"{length}", home)
        with Worker(OneMachine(home), LIVEPOOL_MAX_RECORDS=str(WITH_HISTORY)) as worker:
            worker.process(in_turn(WITH_HISTORY, 0, 1))
            parts[length].append(worker.process(in_turn(WITH_HISTORY, 1, 1 + TURNS)))
        shutil.rmtree(home)
    best = {length: max(runs, key=lambda part: part.rate) for length, runs in parts.items()}
    for length, part in best.items():
        state = part.told["bytes"]["buyers (state)"] / part.events
        more = {"events of each before": length, "state written, bytes per event": state}
        more |= {"events/s while they were made": made[length].rate}
        more |= {"slowest run, events/s": min(one.rate for one in parts[length])}
        tell("long histories", WITH_HISTORY, part, **more)
    rates = {length: part.rate for length, part in best.items()}
    check({"rate, histories of 2,000 events / of 20": rates[LONGEST] / rates[SHORT]})


def test_rate_of_recovery(tmp_path: Path) -> None:
    """A worker whose folder is gone reads its state from Kafka: the events that made it, per second of reading."""
    with on_kafka(tmp_path) as place:
        events = feed(place, chain(opening(1), entering(RECOVERED), acting(RECOVERED, RECOVERED)))
        with Worker(place) as worker:
            live = worker.catch_up(events)
        shutil.rmtree(place.home)
        with Worker(place) as worker:
            worker.process(acting(100, RECOVERED, name="after"))
            ((seconds, offsets),) = worker.restored
    note(
        "recovery on Kafka",
        buyers=RECOVERED,
        **{"events before": events, "offsets read": offsets, "s": seconds, "buyers/s": RECOVERED / seconds},
        **{"events/s, recovery": events / seconds, "events/s, live": live.rate},
    )
    check({"rate of recovery / live rate": events / seconds / live.rate})
