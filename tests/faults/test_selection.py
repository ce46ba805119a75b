"""Every kind of fault once, quickly: part of `make test`."""

from pathlib import Path

import pytest

from faults.lines import show
from faults.run import Run
from streams.cluster.brokers import VERSIONS, Cluster

EVENTS = 10_000
KILLS = 3
STOPPED_SECONDS = 8


@pytest.mark.parametrize("version", VERSIONS[-1:], indirect=True)
def test_faults_of_every_kind_change_nothing(cluster: Cluster, tmp_path: Path) -> None:
    with Run("selection", cluster, tmp_path, show(EVENTS), rate=EVENTS / 10) as run:
        for kill in range(KILLS):
            run.load((kill + 1) / (KILLS + 2))
            run.wait_for_work()
            run.workers.kill(run.worker())
        run.load((KILLS + 1) / (KILLS + 2))
        run.wait_for_work()
        worker = run.worker()
        run.workers.pause(worker)
        run.pause(STOPPED_SECONDS, STOPPED_SECONDS)
        run.workers.resume(worker)
        run.load(1)
        cluster.stop(1)
        cluster.start(1)
        row = run.finish()
    assert (row.lost, row.doubled, row.problems) == (0, 0, [])
