"""Workers that die, stand still, come and go."""

from collections.abc import Callable
from pathlib import Path

import pytest

from faults.lines import show
from faults.report import Row
from faults.run import Run
from streams.cluster.brokers import Cluster

pytestmark = [pytest.mark.faults, pytest.mark.timeout(1800)]
KILLS, APART = 26, 4
STOPS = 6
CHANGES = 12


@pytest.mark.parametrize(
    ("workers", "named"), [(2, False), (3, False), (2, True)], ids=["2 workers", "3 workers", "2 named workers"]
)
def test_kill_9(
    workers: int, named: bool, cluster: Cluster, tmp_path: Path, events: int, conclude: Callable[[Row], None]
) -> None:
    """A random worker at a random moment; some before it has come back to work, the first ones one by one."""
    name = f"kill -9 of a worker, {workers} {'named ' * named}workers"
    with Run(name, cluster, tmp_path, show(events), rate=events / 60, workers=workers, named=named) as run:
        for kill in range(KILLS):
            run.load((kill + 1) / KILLS)
            if kill < APART or run.random.random() < 0.7:
                run.wait_for_work()
            run.pause(0, 2)
            worker = run.worker()
            run.fault()
            run.workers.kill(worker)
            if kill < APART:
                run.wait_for_recovery()
        conclude(run.finish())


def test_stopped_and_continued(cluster: Cluster, tmp_path: Path, events: int, conclude: Callable[[Row], None]) -> None:
    """A worker that stands still so long that others take its partitions, and then goes on."""
    with Run("SIGSTOP 10-15 s, SIGCONT", cluster, tmp_path, show(events), rate=events / 60, workers=3) as run:
        for stop in range(STOPS):
            run.load((stop + 1) / STOPS)
            run.wait_for_work()
            run.pause(0, 1)
            worker = run.worker()
            run.fault()
            run.workers.pause(worker)
            run.pause(10, 15)
            run.workers.resume(worker)
            run.wait_for_recovery()
        conclude(run.finish())


def test_rebalances(cluster: Cluster, tmp_path: Path, events: int, conclude: Callable[[Row], None]) -> None:
    """Workers are added and ended in good order, one to four of them."""
    with Run("workers added and ended (SIGTERM)", cluster, tmp_path, show(events), rate=events / 60, workers=2) as run:
        for change in range(CHANGES):
            run.load((change + 1) / CHANGES)
            run.wait_for_work()
            run.pause(0, 2)
            alive = run.workers.running()
            run.fault()
            if len(alive) == 1 or (len(alive) < 4 and run.random.random() < 0.5):
                run.workers.add()
            else:
                run.workers.remove(run.random.choice(alive))
            if change % 2:
                run.wait_for_recovery()
        conclude(run.finish())


def test_restart_from_nothing_but_kafka(
    cluster: Cluster, tmp_path: Path, events: int, conclude: Callable[[Row], None]
) -> None:
    """All workers are killed and all their homes deleted, twice."""
    with Run("all workers and homes lost", cluster, tmp_path, show(events), rate=events / 60, workers=3) as run:
        for share in (0.4, 0.8):
            run.load(share)
            run.wait_for_work()
            run.pause(2, 8)
            run.fault()
            run.workers.kill_all_and_forget()
            run.wait_for_recovery()
        conclude(run.finish())
