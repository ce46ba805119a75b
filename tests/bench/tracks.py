"""Where a race is run: a log on this machine, or a Kafka broker. Each run begins with empty topics.

One partition of each topic: a contestant is one process, more partitions would only make its batches smaller. And all
events go to one input topic. Of several a backlog is read in an order of chance: who reads the orders before the
sessions and codes that they rest on decides them again and again, and has several times the work.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Protocol

from kafka import KafkaAdminClient

from cluster.emptying import delete_groups, delete_topics
from schemas.topics import TOPICS
from streams.cli.common import InputLine, to_output
from streams.cluster.brokers import Cluster
from streams.cluster.connection import VARIABLES
from streams.cluster.log_reader import LogReader
from streams.cluster.sender import Sender
from streams.cluster.topic_admin import apply_topics
from streams.home import open_log
from streams.settings import Settings
from streams.transport.batches import Output
from streams.transport.log import Log

WRITTEN = [(name, 0) for name, topic in TOPICS.items() if topic.kind != "input"]
ONE_INPUT = "live-room"


class Track(Protocol):
    """Where one run takes place; `address` is what the contestant is given, `home` a folder of its own."""

    transport: str
    address: str
    home: Path
    environment: dict[str, str]  # for Livepool
    log: Log | LogReader
    brokers: list[int]  # process ids
    pauses: bool  # whether a contestant is stopped while it is fed
    interval: float  # seconds between two looks: on Kafka they cost some CPU, of the broker as well

    def feed(self, lines: list[bytes]) -> None:
        """Append to the input topics."""


def written(track: Track) -> int:
    """How far all topics that a contestant may write to have grown."""
    return sum(track.log.end_offsets(WRITTEN).values())


class OneMachine:
    """The SQLite log of one folder. Its records come with one commit: it must not be stopped while it has a lock."""

    transport, pauses, interval = "embedded", False, 0.005

    def __init__(self, home: Path) -> None:
        home.mkdir(parents=True)
        self.home, self.address = home, str(home)
        self.environment: dict[str, str] = {}
        self.brokers: list[int] = []
        self.log = open_log(Settings(home=home))
        self._numbers = count()

    def feed(self, lines: list[bytes]) -> None:
        self.log.append(outputs(lines, self._numbers))


class Broker:
    """A Kafka of one broker, all to itself."""

    transport, pauses, interval = "kafka", True, 0.04

    def __init__(self, cluster: Cluster, home: Path) -> None:
        home.mkdir(parents=True)
        self.home, self.address = home, cluster.bootstrap
        self.environment = {VARIABLES["brokers"]: cluster.bootstrap}
        self.brokers = list(cluster.running().values())
        self.log = LogReader(cluster.connection())
        self._sender = Sender(cluster.connection())
        self._numbers = count()

    def feed(self, lines: list[bytes]) -> None:
        self._sender.send_with_keys(outputs(lines, self._numbers))
        self._sender.flush()

    def close(self) -> None:
        self._sender.close()
        self.log.close()


def outputs(lines: list[bytes], numbers: Iterator[int]) -> list[Output]:
    """The records of lines."""
    return [to_output(InputLine(next(numbers), line))._replace(topic=ONE_INPUT) for line in lines]


@contextmanager
def one_machine(home: Path) -> Iterator[OneMachine]:
    """An empty log."""
    track = OneMachine(home)
    with track.log:
        yield track


@contextmanager
def broker(cluster: Cluster, home: Path) -> Iterator[Broker]:
    """Empty topics on a broker: what the run before has left is removed."""
    with KafkaAdminClient(**cluster.connection().kafka_python()) as admin:
        delete_topics(admin)
        delete_groups(admin)
    apply_topics(cluster.connection(), partitions=1)
    track = Broker(cluster, home)
    try:
        yield track
    finally:
        track.close()
