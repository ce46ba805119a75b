"""Workers that die, stand still, come and go."""

from collections.abc import Callable
from pathlib import Path

import pytest

from faults.lines import show
from faults.report import Row
from faults.run import Run
from streams.cluster.brokers import Cluster

pytestmark = [pytest.mark.faults, pytest.mark.timeout(1800)]
KILLS = 24


@pytest.mark.parametrize("workers", [2, 3])
def test_kill_9(workers: int, cluster: Cluster, tmp_path: Path, events: int, conclude: Callable[[Row], None]) -> None:
    """A random worker at a random moment, again and again; some before it has come back to work."""
    records = show(events)
    name = f"kill -9 of a worker, {workers} workers"
    with Run(name, cluster, tmp_path, records, rate=events / (KILLS * 2), workers=workers) as run:
        for kill in range(KILLS):
            run.load((kill + 1) / KILLS)
            if run.random.random() < 0.7:
                run.wait_for_work()
            run.pause(0, 3)
            if alive := run.workers.running():
                run.fault()
                run.workers.kill(run.random.choice(alive))
        row = run.finish()
    conclude(row)
