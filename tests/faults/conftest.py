"""Options and fixtures: how many events, where the table goes, a fresh cluster for each case."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from faults.report import Row, add
from streams.cluster.broker_jars import VERSIONS, BrokersError, jars, java
from streams.cluster.brokers import Cluster

EVENTS = 200_000


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("faults")
    group.addoption("--fault-events", type=int, default=EVENTS, help="Records of each case.")
    group.addoption("--fault-report", type=Path, default=Path(".faults"), help="Folder for the table of the runs.")


@pytest.fixture
def events(request: pytest.FixtureRequest) -> int:
    return int(request.config.getoption("--fault-events", EVENTS))


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    """A version of Kafka whose jars are there, and a Java."""
    try:
        java()
        jars(request.param)
    except BrokersError as error:
        pytest.skip(f"no broker: {error}")
    return str(request.param)


@pytest.fixture
def cluster(version: str, tmp_path: Path) -> Iterator[Cluster]:
    """A fresh one-broker cluster."""
    yield from _running(Cluster(tmp_path / "kafka", version=version))


@pytest.fixture
def three_brokers(version: str, tmp_path: Path) -> Iterator[Cluster]:
    """A fresh cluster of three."""
    yield from _running(Cluster(tmp_path / "kafka", version=version, brokers=3))


def _running(cluster: Cluster) -> Iterator[Cluster]:
    cluster.up()
    try:
        yield cluster
    finally:
        cluster.down()


@pytest.fixture
def conclude(request: pytest.FixtureRequest) -> Callable[[Row], None]:
    """Write the row into the table, and fail if anything is wrong."""

    def write(row: Row) -> None:
        add(request.config.getoption("--fault-report", Path(".faults")), row)
        assert (row.lost, row.doubled, row.problems) == (0, 0, [])

    return write
