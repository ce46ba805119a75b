"""Where a run takes place: in a folder of this machine, or on a Kafka broker of its own."""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import Protocol

import pytest
from kafka import KafkaAdminClient

from bench.environments import without_settings
from schemas.topics import TOPICS
from streams.cli.common import CHUNK, InputLine, to_output
from streams.cluster.broker_jars import DEFAULT_VERSION, jars, java
from streams.cluster.brokers import BrokersError, Cluster
from streams.cluster.connection import Connection
from streams.cluster.lag import Lag
from streams.cluster.sender import Sender
from streams.cluster.topic_admin import apply_topics
from streams.home import lag, open_log
from streams.settings import Settings
from streams.transport.batches import Output


class Place(Protocol):
    """`home` is the worker's folder, `environment` what it has to know."""

    name: str
    home: Path
    environment: dict[str, str]

    def append(self, outputs: list[Output]) -> None: ...

    def drained(self) -> bool: ...


class OneMachine:
    """Topics, offsets and state in one file. What is fed is not synced to disk: it is no part of the measurement."""

    name = "one machine"

    def __init__(self, home: Path) -> None:
        self.home, self.environment = home, dict[str, str]()
        self.log = open_log(Settings(home=home, synchronous="off"))

    def append(self, outputs: list[Output]) -> None:
        self.log.append(outputs)

    def drained(self) -> bool:
        return lag(self.log) == 0

    def ends(self) -> dict[tuple[str, int], int]:
        """Where each topic-partition stands."""
        return self.log.end_offsets([tp for topic in TOPICS for tp in self.log.partitions(topic)])


class OnKafka:
    """One broker, one partition per topic."""

    name = "Kafka"

    def __init__(self, home: Path, connection: Connection) -> None:
        apply_topics(connection, partitions=1, replication=1)
        self.home, self.connection = home, connection
        self.environment = {"LIVEPOOL_BROKERS": connection.brokers}
        self._sender, self._lag = Sender(connection), Lag(connection)

    def append(self, outputs: list[Output]) -> None:
        self._sender.send(outputs)
        self._sender.flush()

    def drained(self) -> bool:
        return self._lag.drained()

    def stored(self) -> dict[str, int]:
        """How many bytes the broker has written of each topic."""
        with KafkaAdminClient(**self.connection.kafka_python()) as admin:
            folders = [folder for broker in admin.describe_log_dirs() for folder in broker["log_dirs"]]
        found: Counter[str] = Counter()
        for topic in chain.from_iterable(folder["topics"] for folder in folders):
            found[topic["name"]] += sum(partition["partition_size"] for partition in topic["partitions"])
        return dict(found)

    def close(self) -> None:
        self._sender.close()
        self._lag.close()


@contextmanager
def on_one_machine(folder: Path) -> Iterator[OneMachine]:
    """An empty home."""
    yield OneMachine(folder / "home")


@contextmanager
def on_kafka(folder: Path) -> Iterator[OnKafka]:
    """A fresh broker of the newest Kafka; without Java or its jars the test is skipped."""
    try:
        java()
        jars(DEFAULT_VERSION)
    except BrokersError as error:
        pytest.skip(f"no broker: {error}")
    cluster = Cluster(folder / "kafka", version=DEFAULT_VERSION)
    cluster.up()
    try:
        place = OnKafka(folder / "worker", cluster.connection())
        yield place
        place.close()
    finally:
        cluster.down()


PLACES = {"one machine": on_one_machine, "Kafka": on_kafka}


def feed(place: Place, lines: Iterable[bytes]) -> int:
    """Append lines to the input topics; return how many there were."""
    numbered = (to_output(InputLine(number, line)) for number, line in enumerate(lines))
    count = 0
    while outputs := list(islice(numbered, CHUNK)):
        place.append(outputs)
        count += len(outputs)
    return count


def environment_of(place: Place, **more: str) -> dict[str, str]:
    """That of this process, without settings of another run."""
    return {**without_settings(), **place.environment, **more}
