"""Brokers that are restarted, die, and come back."""

from collections.abc import Callable
from pathlib import Path

import pytest

from faults.lines import show
from faults.report import Row
from faults.run import Run
from streams.cluster.brokers import Cluster

pytestmark = [pytest.mark.faults, pytest.mark.timeout(1800)]
TIMES = 4


def test_restart_in_good_order(cluster: Cluster, tmp_path: Path, events: int, conclude: Callable[[Row], None]) -> None:
    with Run("broker restart", cluster, tmp_path, show(events), rate=events / 60) as run:
        for time in range(TIMES):
            run.load((time + 1) / TIMES)
            run.wait_for_work()
            run.pause(0, 3)
            run.fault()
            cluster.stop(1)
            cluster.start(1)
            run.wait_for_recovery()
        conclude(run.finish())


def test_kill_9(cluster: Cluster, tmp_path: Path, events: int, conclude: Callable[[Row], None]) -> None:
    """The only broker is killed, and comes back at once or after some seconds."""
    with Run("kill -9 of the only broker", cluster, tmp_path, show(events), rate=events / 60) as run:
        for time in range(TIMES):
            run.load((time + 1) / TIMES)
            run.wait_for_work()
            run.pause(0, 3)
            run.fault()
            cluster.kill(1)
            run.pause(0, 8)
            cluster.start(1)
            run.wait_for_recovery()
        conclude(run.finish())


def test_one_of_three_is_lost(
    three_brokers: Cluster, tmp_path: Path, events: int, conclude: Callable[[Row], None]
) -> None:
    """Each broker in turn is killed, the two others go on, and it comes back."""
    with Run("kill -9 of one of three brokers", three_brokers, tmp_path, show(events), rate=events / 60) as run:
        for broker in three_brokers.brokers:
            run.load(broker / 3)
            run.wait_for_work()
            run.pause(0, 3)
            run.fault()
            three_brokers.kill(broker)
            run.wait_for_recovery()
            run.pause(0, 5)
            three_brokers.start(broker)
            run.until(run.all_in_sync, 120, "replicas in sync")
        conclude(run.finish())
