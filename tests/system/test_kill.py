"""A worker that is killed at any moment leaves everything as if nothing had happened (spec §8)."""

import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from shows import random_show
from streams.show import generate
from system.runs import Home
from thoroughness import some

START = 1_793_534_400_000  # 2026-11-01 12:00 UTC
KILLS = some(52)
FEW = 12  # records of a batch: many transactions, so many moments between two


def stream(events: int, shows: int) -> list[bytes]:
    """A plausible show, with dense odd ones strewn in: merges, late evidence, refunds, broken events."""
    lines = list(generate(events, seed=7, start=START))
    random = Random(7)
    for seed in range(shows):
        at = random.randrange(len(lines))
        lines[at:at] = random_show(seed, size=60, late=seed % 2 == 0, too_large=seed % 4 == 0)
    return lines


@pytest.mark.timeout(600)
def test_kills_change_nothing(tmp_path: Path) -> None:
    lines = stream(30 * KILLS, 20 * KILLS // 50)
    undisturbed, disturbed = Home(tmp_path / "undisturbed"), Home(tmp_path / "disturbed")
    undisturbed.send(lines)
    undisturbed.drain()
    random = Random(1)
    at_work = 0
    for portion in portions(lines, KILLS):
        disturbed.send(portion[: len(portion) // 2])
        at_work += one_life(disturbed, portion[len(portion) // 2 :], random)
    disturbed.drain(FEW)
    print(f"{KILLS} kills, {at_work} of them while batches were being committed, {len(lines)} events")
    assert at_work >= KILLS // 2
    assert_same(disturbed.outputs(), undisturbed.outputs())


def one_life(home: Home, more: list[bytes], random: Random) -> bool:
    """Start a worker, send it more, kill it: one in five while it starts, the others soon after a commit.

    Returns whether it was killed at work: it had committed something, and something was left to do.
    """
    before = home.processed()
    worker = home.worker(max_records=FEW)
    assert worker.stderr is not None
    if random.randrange(5) == 0:
        time.sleep(random.uniform(0.3, 1.0))
    else:
        while home.processed() == before:
            assert worker.poll() is None, worker.stderr.read()
            time.sleep(0.005)
        time.sleep(random.uniform(0, 0.06))
    home.send(more)
    time.sleep(random.uniform(0, 0.06))
    worker.kill()
    worker.wait()
    worker.stderr.close()
    return home.processed() > before and home.lag() > 0


def portions(lines: list[bytes], count: int) -> Iterator[list[bytes]]:
    for n in range(count):
        yield lines[n * len(lines) // count : (n + 1) * len(lines) // count]


@pytest.mark.parametrize("max_records", [1, 7, 300])
def test_the_size_of_batches_changes_nothing(max_records: int, tmp_path: Path, at_full_size: Home) -> None:
    home = Home(tmp_path / "home")
    home.send(stream(240, 6))
    home.drain(max_records)
    assert_same(home.outputs(), at_full_size.outputs())


@pytest.fixture(scope="module")
def at_full_size(tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = Home(tmp_path_factory.mktemp("full"))
    home.send(stream(240, 6))
    home.drain(2000)
    return home


def assert_same(found: dict[str, dict[Any, Any]], expected: dict[str, dict[Any, Any]]) -> None:
    """Topic by topic, and the first key that differs: a whole topic would be a long message."""
    for topic, records in expected.items():
        assert records, f"the stream has nothing for {topic}"
        unlike = [key for key in records.keys() | found[topic].keys() if found[topic].get(key) != records.get(key)]
        for key in unlike[:1]:
            pytest.fail(
                f"{topic}: {len(unlike)} of {len(records)} keys differ, one of them {key!r}:\n"
                f"{found[topic].get(key)}\nexpected:\n{records.get(key)}"
            )
