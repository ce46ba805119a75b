"""Input that no producer should send; workers die meanwhile, too."""

from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from faults.lines import poison, show
from faults.report import Row
from faults.run import Run
from streams.cluster.brokers import Cluster

pytestmark = [pytest.mark.faults, pytest.mark.timeout(1800)]
KILLS = 4
FLOOD = "dead letters (bad_share"


def test_everything_twice_and_shuffled(
    cluster: Cluster, tmp_path: Path, events: int, conclude: Callable[[Row], None]
) -> None:
    records = 2 * show(events // 2)
    Random(1).shuffle(records)
    with Run("input twice, shuffled; kill -9", cluster, tmp_path, records, rate=events / 60) as run:
        kill_now_and_then(run)
        conclude(run.finish())


def test_poison(cluster: Cluster, tmp_path: Path, events: int, conclude: Callable[[Row], None]) -> None:
    """A third of the input is poison: too little for the fuse, which must not stop a worker."""
    records = show(events * 2 // 3)
    random = Random(2)
    for bad in poison(events - len(records), random, records):
        records.insert(random.randrange(len(records)), bad)
    with Run("a third is poison; kill -9", cluster, tmp_path, records, rate=events / 60) as run:
        kill_now_and_then(run)
        row = run.finish()
        conclude(row)
        assert not any(FLOOD in crash for crash in row.crashes)


def test_flood(cluster: Cluster, tmp_path: Path, events: int, conclude: Callable[[Row], None]) -> None:
    """Nothing but poison for a while: workers stop for it and say so. Each start takes a batch of it, until it ends."""
    records = show(events)
    flood = list(poison(events // 5, Random(3), records[:1], bad_only=True))
    records[events // 2 : events // 2] = flood
    with Run("flood of poison stops workers", cluster, tmp_path, records, rate=events / 60) as run:
        run.load(1)
        row = run.finish()
        conclude(row)
        assert any(FLOOD in crash for crash in row.crashes)


def kill_now_and_then(run: Run) -> None:
    for kill in range(KILLS):
        run.load((kill + 1) / KILLS)
        run.wait_for_work()
        run.pause(0, 3)
        worker = run.worker()
        run.fault()
        run.workers.kill(worker)
        run.wait_for_recovery()
