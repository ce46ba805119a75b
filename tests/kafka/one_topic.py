"""A topic, who writes into it in transactions, and what readers see of it."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition
from kafka import KafkaAdminClient, KafkaConsumer
from kafka import TopicPartition as Partition

from streams.cluster.brokers import Cluster

SECONDS = 20


class Topic:
    """A topic of one test, of which partition 0 is read; transactional id and group have its name."""

    def __init__(self, cluster: Cluster, name: str, replication: int = 1, partitions: int = 1) -> None:
        self.name, self.bootstrap = name, cluster.bootstrap
        self.tp = TopicPartition(name, 0)
        self._admin = KafkaAdminClient(bootstrap_servers=self.bootstrap)
        self._admin.create_topics({name: {"num_partitions": partitions, "replication_factor": replication}})
        self._admin.wait_for_topics([name])

    def close(self) -> None:
        self._admin.delete_topics([self.name])
        self._admin.close()

    @asynccontextmanager
    async def producer(self) -> AsyncIterator[AIOKafkaProducer]:
        """One that has taken the transactional id over."""
        producer = AIOKafkaProducer(bootstrap_servers=self.bootstrap, transactional_id=self.name)
        await producer.start()
        try:
            yield producer
        finally:
            with suppress(KafkaError):
                await producer.stop()

    def values(self, isolation: str = "read_committed") -> list[bytes]:
        """What a reader sees, once no transaction is open."""
        with KafkaConsumer(
            bootstrap_servers=self.bootstrap, isolation_level=isolation, auto_offset_reset="earliest",
            enable_auto_commit=False,
        ) as consumer:  # fmt: skip
            tp = Partition(self.name, 0)
            consumer.assign([tp])
            consumer.seek_to_beginning()
            found = []
            (end,) = consumer.end_offsets([tp]).values()
            until = time.monotonic() + SECONDS
            while consumer.position(tp) < end:
                assert time.monotonic() < until, "a transaction is open"
                found += [record.value for records in consumer.poll(timeout_ms=100).values() for record in records]
        return found

    def is_open(self) -> bool:
        """Holds a transaction readers back?"""
        tp = Partition(self.name, 0)
        ends = [self._end(isolation, tp) for isolation in ("read_committed", "read_uncommitted")]
        return ends[0] < ends[1]

    def _end(self, isolation: str, tp: Partition) -> int:
        with KafkaConsumer(bootstrap_servers=self.bootstrap, isolation_level=isolation) as consumer:
            return int(consumer.end_offsets([tp])[tp])

    def committed(self) -> int | None:
        """The offset of the group in the topic."""
        found = self._admin.list_group_offsets({self.name: None})[self.name]
        return next((place.offset for place in found.values() if place.offset >= 0), None)
