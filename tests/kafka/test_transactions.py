"""What the transport rests on: transactions of aiokafka against real brokers, version by version."""

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.client import CoordinationType
from aiokafka.errors import KafkaError, ProducerFenced
from aiokafka.structs import TopicPartition
from kafka import KafkaAdminClient, KafkaConsumer
from kafka import TopicPartition as Partition

from streams.cluster.brokers import Cluster

pytestmark = pytest.mark.kafka
SECONDS = 20
OPEN = """
import asyncio, sys
from aiokafka import AIOKafkaProducer
from aiokafka.structs import TopicPartition

async def leave_open(bootstrap, name):
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, transactional_id=name)
    await producer.start()
    await producer.begin_transaction()
    await producer.send_and_wait(name, b"never", partition=0)
    await producer.send_offsets_to_transaction({TopicPartition(name, 0): 7}, name)
    print("open", flush=True)
    await asyncio.sleep(600)

asyncio.run(leave_open(*sys.argv[1:]))
"""


class Topic:
    """A topic of one test; transactional id and group have its name. `bootstrap` is where it is."""

    def __init__(self, cluster: Cluster, name: str, replication: int = 1) -> None:
        self.name, self.bootstrap = name, cluster.bootstrap
        self.tp = TopicPartition(name, 0)
        self._admin = KafkaAdminClient(bootstrap_servers=self.bootstrap)
        self._admin.create_topics({name: {"num_partitions": 1, "replication_factor": replication}})
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


@pytest.fixture
def topic(brokers: Cluster, request: pytest.FixtureRequest) -> Iterator[Topic]:
    name = "".join(c if c.isalnum() else "-" for c in request.node.name)
    made = Topic(brokers, name)
    yield made
    made.close()


def in_loop(test: Callable[..., Coroutine[Any, Any, None]], *arguments: Any) -> None:
    asyncio.run(asyncio.wait_for(test(*arguments), 3 * SECONDS))


def test_what_is_aborted_is_invisible(topic: Topic) -> None:
    async def run() -> None:
        async with topic.producer() as producer:
            for value, end in ((b"1", producer.commit_transaction), (b"2", producer.abort_transaction),
                               (b"3", producer.commit_transaction)):  # fmt: skip
                await producer.begin_transaction()
                await producer.send_and_wait(topic.name, value, partition=0)
                await producer.send_offsets_to_transaction({topic.tp: int(value)}, topic.name)
                await end()

    in_loop(run)
    assert topic.values() == [b"1", b"3"]
    assert topic.values("read_uncommitted") == [b"1", b"2", b"3"]
    assert topic.committed() == 3


@pytest.mark.parametrize("at", ["produce", "offsets", "end"])
def test_a_zombie_is_fenced(at: str, topic: Topic) -> None:
    """One that another has taken the transactional id from: none of the three steps gets through."""

    async def run() -> None:
        async with topic.producer() as zombie:
            await zombie.begin_transaction()
            await zombie.send_and_wait(topic.name, b"zombie", partition=0)
            async with topic.producer() as other:
                await other.begin_transaction()
                await other.send_and_wait(topic.name, b"other", partition=0)
                await other.send_offsets_to_transaction({topic.tp: 5}, topic.name)
                await other.commit_transaction()
                with pytest.raises(ProducerFenced):
                    await step(zombie)

    async def step(zombie: AIOKafkaProducer) -> None:
        if at == "produce":
            await zombie.send_and_wait(topic.name, b"late", partition=0)
        elif at == "offsets":
            await zombie.send_offsets_to_transaction({topic.tp: 9}, topic.name)
        else:
            await zombie.commit_transaction()

    in_loop(run)
    assert topic.values() == [b"other"]
    assert topic.committed() == 5


def test_a_transaction_of_a_killed_process_is_aborted_by_the_next(topic: Topic) -> None:
    with subprocess.Popen([sys.executable, "-c", OPEN, topic.bootstrap, topic.name], stdout=subprocess.PIPE) as dying:
        assert dying.stdout is not None
        assert dying.stdout.readline() == b"open\n"
        dying.kill()
    assert topic.is_open()

    async def take_over() -> None:
        async with topic.producer():
            pass

    in_loop(take_over)
    assert topic.values() == []
    assert topic.values("read_uncommitted") == [b"never"]
    assert topic.committed() is None


@pytest.mark.timeout(180)
@pytest.mark.parametrize("before", [pytest.param("offsets", marks=pytest.mark.faults), "end"])
def test_the_coordinator_dies_in_mid_transaction(before: str, three_brokers: Cluster) -> None:
    """Another broker takes its place; the transaction is committed as a whole, or not at all and the caller knows."""
    topic = Topic(three_brokers, f"coordinator-{before}", replication=3)
    told: list[bool] = []

    async def run() -> None:
        async with topic.producer() as producer:
            await producer.begin_transaction()
            await producer.send_and_wait(topic.name, b"1", partition=0)
            offsets = {topic.tp: 1}
            if before == "end":
                await producer.send_offsets_to_transaction(offsets, topic.name)
            coordinator = await producer.client.coordinator_lookup(CoordinationType.TRANSACTION, topic.name)
            await asyncio.to_thread(three_brokers.kill, coordinator)
            killed.append(coordinator)
            try:
                if before == "offsets":
                    await producer.send_offsets_to_transaction(offsets, topic.name)
                await producer.commit_transaction()
            except KafkaError:
                told.append(False)
            else:
                told.append(True)
        async with topic.producer() as producer:  # the id works on
            await producer.begin_transaction()
            await producer.send_and_wait(topic.name, b"2", partition=0)
            await producer.commit_transaction()

    killed: list[int] = []
    try:
        in_loop(run)
        assert topic.values() == ([b"1", b"2"] if told == [True] else [b"2"])
        assert topic.committed() == (1 if told == [True] else None)
    finally:
        for broker in killed:
            three_brokers.start(broker)
        topic.close()
