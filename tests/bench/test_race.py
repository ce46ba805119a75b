"""Livepool side by side with others that run the same core: without a framework, plain Faust, Bytewax, Quix Streams.

The same show in two mixes, on SQLite and on a Kafka broker; all in one run on one machine, in turn, so that all meet
the same machine; of several runs the best, since other work makes one slower, never faster. LIVEPOOL_BENCH_EVENTS and
LIVEPOOL_BENCH_RUNS change how much.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import pytest

from bench import environments, race, streams_of_events, tracks
from bench.report import RACE, note
from bench.targets import TARGETS, check
from streams.cluster.broker_jars import DEFAULT_VERSION, BrokersError, jars, java
from streams.cluster.brokers import Cluster

pytestmark = [pytest.mark.bench, pytest.mark.timeout(3600)]
EVENTS = int(os.environ.get("LIVEPOOL_BENCH_EVENTS", "20000"))
RUNS = int(os.environ.get("LIVEPOOL_BENCH_RUNS", "3"))
MIXES = {"view-heavy": False, "order-heavy": True}  # about 20 live events per order, and 2
OTHERS = {
    "embedded": ("limit", "plain Faust"),
    "kafka": ("limit", "plain Faust", "Bytewax", "Bytewax, batches", "Quix"),  # the peers know no other transport
}

Results = dict[str, list[race.Result]]
NewTrack = Callable[[Path], AbstractContextManager[tracks.Track]]


@pytest.fixture(scope="module", params=OTHERS)
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def new_track(transport: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NewTrack]:
    """Make an empty track in a folder. On Kafka, all are on one broker, one after the other."""
    if transport == "embedded":
        yield tracks.one_machine
        return
    try:
        java()
        jars(DEFAULT_VERSION, say)
    except BrokersError as error:
        pytest.skip(f"no broker: {error}")
    for peer in environments.PEERS:
        environments.python_of(peer, say)
    cluster = Cluster(tmp_path_factory.mktemp("kafka"), version=DEFAULT_VERSION)
    cluster.up()
    yield partial(tracks.broker, cluster)
    cluster.down()


@pytest.mark.parametrize("mix", MIXES)
def test_race(transport: str, mix: str, new_track: NewTrack, tmp_path: Path) -> None:
    results = run_all(f"{transport}, {mix}", ("livepool", *OTHERS[transport]), new_track, tmp_path, mix)
    for contestant, runs in results.items():
        for run in runs:
            assert run.came_to == results["livepool"][0].came_to, f"{contestant} did not do the same work"
        note(RACE, transport=transport, mix=mix, contestant=contestant, version=version(contestant), **figures(runs))
    ratios = {other: compare(transport, mix, results, other) for other in OTHERS[transport]}
    named = {f"rate, Livepool / {other}": ratio for other, ratio in ratios.items()}
    check({name: ratio for name, ratio in named.items() if name in TARGETS}, f"{transport}, {mix}")


def run_all(where: str, contestants: tuple[str, ...], new_track: NewTrack, folder: Path, mix: str) -> Results:
    """All contestants in turn, several times."""
    parts = list(streams_of_events.show(EVENTS, orders_heavy=MIXES[mix]))
    results: Results = {contestant: [] for contestant in contestants}
    for n in range(RUNS):
        for number, contestant in enumerate(contestants):
            with new_track(folder / f"{n}-{number}") as track:
                found = race.run(contestant, track, parts)
            say(f"{where}, run {n + 1} of {RUNS}: {contestant} {found.rate:,.0f} events/s, {found.cpu:,.0f} µs CPU")
            results[contestant].append(found)
    return results


def figures(runs: list[race.Result]) -> dict[str, float]:
    """The best of several runs."""
    return {
        "events/s": max(run.rate for run in runs),
        "CPU µs/event": min(run.cpu for run in runs),
        "broker CPU µs/event": min(run.broker_cpu for run in runs),
        "records written": min(run.records for run in runs),
    }


def compare(transport: str, mix: str, results: Results, other: str) -> float:
    """Note Livepool's figures against those of another; how many times its events per second they are."""
    ours, theirs = figures(results["livepool"]), figures(results[other])
    ratio = ours["events/s"] / theirs["events/s"]
    pairs = zip(results["livepool"], results[other], strict=True)
    note(
        "Livepool against others",
        transport=transport,
        mix=mix,
        against=other,
        **{"times the events/s": ratio, "times less CPU": theirs["CPU µs/event"] / ours["CPU µs/event"]},
        **{"each run": ", ".join(f"{one.rate / another.rate:.2f}" for one, another in pairs)},
    )
    return ratio


def version(contestant: str) -> str | None:
    peer = contestant.split(", ", maxsplit=1)[0]
    return environments.version_of(peer) if peer in environments.PEERS else None


def say(text: str) -> None:
    print(text, flush=True)
