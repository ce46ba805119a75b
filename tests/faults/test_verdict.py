"""The check of the cases finds what it is there to find."""

from pathlib import Path

import pytest

from faults.lines import show
from faults.run import Run
from faults.verdict import Verdict, judge
from streams.cluster.brokers import VERSIONS, Cluster
from streams.cluster.connection import Connection
from streams.cluster.log_reader import LogReader
from streams.cluster.sender import Sender
from streams.core.intake import pack_arrivals, unpack_arrivals
from streams.transport.batches import Output

EVENTS = 1200


@pytest.mark.faults
@pytest.mark.timeout(180)
@pytest.mark.parametrize("version", VERSIONS[-1:], indirect=True)
def test_it_finds_what_is_lost_doubled_or_changed(cluster: Cluster, tmp_path: Path) -> None:
    with Run("verdict", cluster, tmp_path, show(EVENTS), rate=EVENTS) as run:
        row = run.finish()
    assert (row.events, row.lost, row.doubled, row.problems) == (EVENTS, 0, 0, [])
    assert row.sales > 50
    connection = cluster.connection()

    forge(connection, Output("live-room", b"S", b"never read"))
    assert again(connection, EVENTS + 1).lost == 1

    parcel = copy_of(connection, "arrivals")
    forge(connection, parcel._replace(value=pack_arrivals(unpack_arrivals(parcel.value or b"")[-1:])))
    found = again(connection, EVENTS + 1)
    assert (found.lost, found.doubled) == (1, 1)

    forge(connection, copy_of(connection, "credit-ledger"))
    found = again(connection, EVENTS + 1)
    assert any(problem.startswith("credit-ledger: 1 are there more than once") for problem in found.problems)
    assert any(problem.startswith(".ledger.") for problem in found.problems)
    assert any("is there twice" in problem for problem in found.problems), "livepool audit"

    assert any("records were sent" in problem for problem in again(connection, EVENTS).problems)


def again(connection: Connection, sent: int) -> Verdict:
    return judge(connection, sent, {"amend_horizon_hours": 240})


def copy_of(connection: Connection, topic: str) -> Output:
    """The last record of a topic that has one."""
    with LogReader(connection) as reader:
        *_, last = reader.read(topic)
    return Output(topic, last.key, last.value, last.headers, last.partition)


def forge(connection: Connection, record: Output) -> None:
    with Sender(connection) as sender:
        sender.send([record])
        sender.flush()
