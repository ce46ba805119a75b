"""The Kafka transport under contract, on a real broker."""

import os
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import faust
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import CoordinatorLoadInProgressError, CoordinatorNotAvailableError, NotCoordinatorError

from streams.cluster.topic_admin import create
from streams.cluster.topics import ClusterTopic
from streams.transport.batches import Output, Record, partition_of
from streams.transport.kafka import app_settings
from streams.transport.log import TopicConfig

WORKERS = Path(__file__).with_name("workers.py")
TABLES = ("table", "other", "counts")  # those that agents of the suite use without declaring them
GROUPS = ("group", "chain", "pair", "failing", "hanging", "frozen")


class Kafka:
    """Kafka, with the topics of one test."""

    name = "kafka"
    opening = (
        "import sys; from contract.kafka_transport import Appender; from streams.transport.batches import Output\n"
    )
    opening += "log = Appender(sys.argv[1])\n"

    def __init__(self, home: Path, bootstrap: str) -> None:
        self.home = home
        self.address = bootstrap
        self.bootstrap = bootstrap
        self.admin = KafkaAdminClient(bootstrap_servers=bootstrap)
        self.partitions: dict[str, int] = {}
        self.apps = 0
        self._reader = KafkaConsumer(
            bootstrap_servers=bootstrap,
            isolation_level="read_committed",
            enable_auto_commit=False,
            fetch_max_wait_ms=10,
        )
        self._appender = Appender(bootstrap)

    def declare(self, *topics: TopicConfig) -> None:
        count = max(topic.partitions for topic in topics)
        wanted = {topic.name: topic.partitions for topic in topics}
        wanted |= {f"{group}-{table}-changelog": count for group in GROUPS for table in TABLES}
        wanted["group-stock-changelog"] = count
        wanted |= {f"group-{table}-changelog": 1 for table in ("totals", "total", "durable", "memory")}
        new = {name: partitions for name, partitions in wanted.items() if name not in self.partitions}
        self._delete(new)
        create(self.admin, [self._topic(name, partitions) for name, partitions in new.items()])
        self.partitions.update(new)

    def _delete(self, names: Iterable[str]) -> None:
        """Remove what tests before have left; nothing else, since the brokers may be somebody's."""
        while left := set(self.admin.list_topics()) & set(names):
            self.admin.delete_topics(list(left), raise_errors=False)  # brokers list them a moment longer
            time.sleep(0.02)

    def _topic(self, name: str, partitions: int) -> ClusterTopic:
        configs = {"max.message.bytes": str(1 << 24)}
        if name.endswith("-changelog"):
            configs["cleanup.policy"] = "compact"
        return ClusterTopic(name, partitions, 1, configs, keyed=True)

    def append(self, *records: Output) -> None:
        self._appender.append(records)

    def read(self, topic: str) -> list[Record]:
        tps = [TopicPartition(topic, partition) for partition in range(self.partitions.get(topic, 1))]
        return sorted(self._read(dict.fromkeys(tps, 0)), key=lambda record: (record.partition, record.offset))

    def _read(self, starts: dict[TopicPartition, int]) -> list[Record]:
        reader = self._reader
        reader.assign(list(starts))
        ends = reader.end_offsets(list(starts))
        for tp, offset in starts.items():
            reader.seek(tp, offset)
        found = []
        while any(reader.position(tp) < ends[tp] for tp in starts):
            for records in reader.poll(timeout_ms=100).values():
                found += [
                    Record(r.topic, r.partition, r.offset, r.timestamp, r.key, r.value, tuple(r.headers))
                    for r in records
                ]
        return found

    def state(self, table: str) -> dict[bytes, bytes]:
        kept: dict[bytes, bytes] = {}
        for group in GROUPS:
            topic = f"{group}-{table}-changelog"
            for record in self.read(topic) if topic in self.partitions else ():
                kept[record.key] = record.value
        return {key: value for key, value in kept.items() if value is not None}

    def lag(self, group: str, *topics: str) -> int:
        try:
            committed = self.admin.list_group_offsets({group: None})[group]
        except (CoordinatorLoadInProgressError, CoordinatorNotAvailableError, NotCoordinatorError):
            # A broker that has just come up is not ready at once, and the client does not look again.
            self.admin.close()
            self.admin = KafkaAdminClient(bootstrap_servers=self.bootstrap)
            committed = {}
        starts = {
            tp: committed[tp].offset if tp in committed else 0
            for topic in topics
            for tp in (TopicPartition(topic, partition) for partition in range(self.partitions[topic]))
        }
        ends = self._reader.end_offsets(list(starts))
        behind = {tp: offset for tp, offset in starts.items() if offset < ends[tp]}
        if (offsets := sum(ends[tp] - offset for tp, offset in behind.items())) > 100:
            return offsets
        # Between the two there may be nothing but the markers of transactions.
        return len(self._read(behind)) if behind else 0

    def app(self, group: str, **options: Any) -> faust.App:
        """A worker's app with a directory of its own, as after the loss of the last one's."""
        self.apps += 1
        return build_app(group, self.bootstrap, self.home / str(self.apps), self.partitions, **options)

    def worker(
        self, name: str, directory: str = "worker", log: Path | None = None, **options: Any
    ) -> subprocess.Popen[str]:
        arguments = [f"{key}={value}" for key, value in options.items()]
        command = [sys.executable, str(WORKERS), name, f"{self.bootstrap}#{self.home / directory}", *arguments]
        environment = {**os.environ, "PYTHONPATH": str(WORKERS.parents[1])}
        out = subprocess.PIPE if log is None else log.open("a")
        return subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, text=True, env=environment)

    def delete_records(self, topic: str, before: int) -> None:
        self.admin.delete_records({TopicPartition(topic, 0): before})

    def close(self) -> None:
        self._appender.close()
        self._reader.close()
        self.admin.close()


class Appender:
    """Appends records as a producer of the application does: by `partition_of`."""

    def __init__(self, bootstrap: str) -> None:
        self._producer = KafkaProducer(bootstrap_servers=bootstrap, max_request_size=1 << 24)

    def append(self, records: Iterable[Output]) -> None:
        for topic, key, value, headers, partition in records:
            count = len(self._producer.partitions_for(topic))
            target = partition_of(key, count) if partition is None else partition
            self._producer.send(topic, value, key, list(headers), target)
        self._producer.flush()

    def close(self) -> None:
        self._producer.close()


def build_app(
    group: str, bootstrap: str, home: Path, partitions: dict[str, int] | None = None, **options: Any
) -> faust.App:
    """Return an app with the tables that agents of the suite use without declaring them."""
    settings = app_settings({"bootstrap_servers": [bootstrap]}, home, **{"session_seconds": 6, **options})
    home.mkdir(parents=True, exist_ok=True)
    app = faust.App(group, **settings, datadir=str(home), web_enabled=False, topic_partitions=1)
    if partitions is None:
        admin = KafkaAdminClient(bootstrap_servers=bootstrap)
        described = admin.describe_topics()
        partitions = {topic["name"]: len(topic["partitions"]) for topic in described}
        admin.close()
    for table in TABLES:
        changelog = f"{group}-{table}-changelog"
        if changelog in partitions:
            app.Table(table, partitions=partitions[changelog])
    return app
