"""Real brokers: every test that asks for one runs with each Kafka version.

A folder `kafka` with an `__init__.py` would hide the package of that name: tests/kafka has none.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from kafka import KafkaAdminClient

from cluster.emptying import delete_groups, delete_topics
from cluster.rights import clear
from streams.cluster.broker_jars import jars, java
from streams.cluster.brokers import VERSIONS, BrokersError, Cluster
from streams.cluster.connection import Connection
from streams.cluster.session import admin_session
from streams.cluster.topic_admin import apply_topics

YOURS = os.environ.get("KAFKA_BOOTSTRAP")
os.environ["LIVEPOOL_WEB"] = "off"  # workers of several tests run side by side; tests of the board turn it on
USERS = ("livepool", "producer", "scrm")
LONGEST = ("system", "faults", "kafka", "contract")  # folders


class Yours(NamedTuple):
    """A broker that was there before, without encryption or passwords; it is neither stopped nor emptied."""

    bootstrap: str

    def connection(self) -> Connection:
        """How a client connects."""
        return Connection(self.bootstrap)


KAFKAS = ("yours",) if YOURS else VERSIONS
# `make test` takes the newest Kafka for most tests, `make faults` runs them with the others.
VERSION_BY_VERSION = [
    pytest.param(version, marks=[pytest.mark.kafka, *([pytest.mark.faults] if version != KAFKAS[-1] else [])])
    for version in KAFKAS
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long ones first: no core is left without work at the end."""
    items.sort(key=lambda item: item.path.parent.name not in LONGEST)


@pytest.fixture(scope="session", params=VERSION_BY_VERSION)
def kafka_version(request: pytest.FixtureRequest) -> str:
    """The version of Kafka, `yours` with KAFKA_BOOTSTRAP. Its jars and a Java are there, or the test is skipped."""
    version = str(request.param)
    need(version)
    return version


def need(version: str) -> None:
    """Skip the test unless this version of Kafka can be started here."""
    if version != "yours":
        try:
            java()
            jars(version)
        except BrokersError as error:
            pytest.skip(f"no broker: {error}")


@pytest.fixture(scope="session")
def own_version(kafka_version: str) -> str:
    """The version, for tests that start and kill brokers of their own."""
    if kafka_version == "yours":
        pytest.skip("starts brokers of its own: unset KAFKA_BOOTSTRAP")
    return kafka_version


@pytest.fixture(scope="session")
def broker_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Cluster | Yours]]:
    """Give the running one-broker cluster of a version, shared by all tests: leave it running."""
    started: dict[str, Cluster] = {}

    def give(version: str) -> Cluster | Yours:
        need(version)
        if version == "yours":
            return Yours(str(YOURS))
        if version not in started:
            started[version] = Cluster(_home(tmp_path_factory, version, "one"), version=version)
            started[version].up()
        return started[version]

    yield give
    for cluster in started.values():
        cluster.down()


@pytest.fixture(scope="session")
def brokers(kafka_version: str, broker_of: Callable[[str], Cluster | Yours]) -> Cluster | Yours:
    """A running one-broker cluster, shared by all tests: name topics and groups of your own, leave it running."""
    return broker_of(kafka_version)


@pytest.fixture(scope="session")
def three_brokers(own_version: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A running cluster of three; a test that ends one of them starts it again."""
    yield from _running(Cluster(_home(tmp_path_factory, own_version, "three"), version=own_version, brokers=3))


@pytest.fixture(scope="session")
def secure_brokers(own_version: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A running secure cluster with USERS and admin; ACLs that a test makes it removes."""
    yield from _running(Cluster(_home(tmp_path_factory, own_version, "secure"), version=own_version, users=USERS))


def _home(folders: pytest.TempPathFactory, version: str, name: str) -> Path:
    return folders.mktemp(f"kafka-{version}-{name}")


def _running(cluster: Cluster) -> Iterator[Cluster]:
    cluster.up()
    yield cluster
    cluster.down()


@pytest.fixture
def empty_brokers(own_version: str, brokers: Cluster) -> Connection:
    """A connection to brokers without any topic or group: what tests before have left is removed."""
    connection = brokers.connection()
    with KafkaAdminClient(**connection.kafka_python()) as admin:
        delete_topics(admin)
        delete_groups(admin)
    return connection


@pytest.fixture
def without_rights(secure_brokers: Cluster) -> Iterator[Cluster]:
    """A secure cluster with Livepool's topics and no rights for anybody; afterwards without topics again."""
    apply_topics(secure_brokers.connection(), partitions=1)
    with admin_session(secure_brokers.connection()) as admin:
        yield secure_brokers
        clear(admin)
