"""Committed offsets: asked for while the coordinator of the group moves, or after brokers have left one open."""

import asyncio
import logging
import re
import uuid
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.client import AIOKafkaClient, ConnectionGroup, CoordinationType
from aiokafka.errors import KafkaError
from faust.types import TP
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType, NewTopic
from one_topic import Topic

from streams.cluster.brokers import Cluster
from streams.transport import kafka_offsets
from streams.transport.batches import Output
from streams.transport.kafka_offsets import committed_offsets
from streams.transport.kafka_transactions import Transactions

pytestmark = pytest.mark.kafka
SECONDS = 30


@pytest.fixture
def unverified(brokers: Cluster) -> Iterator[Cluster]:
    """Brokers that take what the coordinator of its transaction was not told of, and so leave it open for ever.

    To readers it is the same as what KAFKA-20734 makes: a transaction that ended, and no marker tells how.
    """

    if not isinstance(brokers, Cluster):
        pytest.skip("changes a setting of the broker: unset KAFKA_BOOTSTRAP")

    def verify(value: str) -> None:
        with KafkaAdminClient(**brokers.connection().kafka_python()) as admin:
            configs = {"transaction.partition.verification.enable": value}
            admin.alter_configs([ConfigResource(ConfigResourceType.BROKER, "1", configs)], incremental=True)

    verify("false")
    yield brokers
    verify("true")


@pytest.mark.parametrize("with_others", [False, True], ids=["alone", "with others"])
@pytest.mark.parametrize(("end", "told", "offset"), [("commit", "committed", 7), ("abort", "aborted", 5)])
def test_what_brokers_left_open_ends_as_its_transaction_did(
    unverified: Cluster, caplog: pytest.LogCaptureFixture, end: str, told: str, offset: int, with_others: bool
) -> None:
    left = Left(unverified, end, with_others=with_others)
    assert asyncio.run(asyncio.wait_for(left.found_after(fences=1), SECONDS)) == offset
    assert re.findall(r"that of (\S+) was (\w+), as they had decided", caplog.text) == [(left.id, told)]
    assert not left.topic.is_open()
    assert left.topic.values() == [b"5", *([b"7"] if end == "commit" else [])]


def test_what_was_left_open_is_waited_for_when_nobody_knows_how_it_ended(
    unverified: Cluster, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka_offsets, "_SAY_SECONDS", 0.1)
    caplog.set_level(logging.INFO)

    async def wait() -> None:
        found = asyncio.ensure_future(Left(unverified, "commit").found_after(fences=2))
        while caplog.text.count("do not say how it ended") < 3:
            assert not found.done()
            await asyncio.sleep(0.05)
        found.cancel()
        with suppress(asyncio.CancelledError):
            await found

    asyncio.run(asyncio.wait_for(wait(), SECONDS))
    assert "as they had decided" not in caplog.text


def test_what_was_left_open_behind_a_lost_connection_ends_with_the_next_commit(unverified: Cluster) -> None:
    """A worker that outlives a restart of its broker takes nothing over."""
    left = Left(unverified, "commit")
    assert asyncio.run(asyncio.wait_for(left.found_after_a_lost_connection(), SECONDS)) == 9
    assert not left.topic.is_open()
    assert left.topic.values() == [b"5", b"7"]


class Left:
    """A topic, and a group of the same name that has committed 5; then 7 was committed or aborted, and left open."""

    def __init__(self, cluster: Cluster, last_end: str, *, with_others: bool = False) -> None:
        self.name = f"open-{uuid.uuid4().hex[:8]}"
        self.tp = TP(self.name, 0)
        self.id = f"{self.name}-{self.name}{'+' if with_others else ''}-0"
        self._connection = cluster.connection()
        self._last_end = last_end
        self.topic = Topic(cluster, self.name, partitions=2)

    def _producer(self, transactional_id: str) -> AIOKafkaProducer:
        return AIOKafkaProducer(**self._connection.aiokafka(), transactional_id=transactional_id)

    def _transactions(self, client: Callable[[], AIOKafkaClient]) -> Transactions:
        """Of an agent that reads this topic and another."""
        joint = (self.tp, TP(f"{self.name}-other", 0))
        return Transactions(self.name, self._producer, client, lambda _: joint, lambda _: [self.tp])

    async def found_after(self, fences: int) -> int | None:
        """The offset that a worker finds that takes the partition over, so many times."""
        arguments = {**self._connection.aiokafka(), "group_id": self.name, "enable_auto_commit": False}
        settled: list[TP] = []
        async with AIOKafkaConsumer(**arguments) as consumer:
            consumer.assign([TopicPartition(*self.tp)])
            transactions = self._transactions(lambda: consumer._client)

            async def settle(tps: Collection[TP]) -> None:
                settled.extend(tps)
                await transactions.settle(tps)

            async def find() -> int | None:
                return (await committed_offsets(consumer, self.name, [self.tp], settle))[self.tp]

            async with self._producer(self.id) as producer:
                await self._write(producer, 5, "commit")
                assert (await find(), settled) == (5, [])
                await self._write(producer, 7, self._last_end, leaves_open=True)
            try:
                for _ in range(fences):
                    await transactions.fence([self.tp])
                found = await find()
                assert (await find(), settled) == (found, [self.tp])
                return found
            finally:
                await transactions.release()

    async def found_after_a_lost_connection(self) -> int | None:
        """The offset when a producer has gone on, once its connection to the coordinator was lost."""
        async with self._producer(self.name) as other:
            transactions, alone = self._transactions(lambda: other.client), (self.tp,)
            await transactions.fence([self.tp])
            await transactions.commit(alone, {self.tp: 5}, {self.tp: [Output(self.name, None, b"5")]})
            producer = transactions._producers[alone]
            await self._write(producer, 7, "commit", leaves_open=True)
            await transactions.commit(alone, {self.tp: 8}, {})
            assert self.topic.is_open()
            node = producer._sender._coordinators[CoordinationType.TRANSACTION]
            producer.client._conns[node, ConnectionGroup.COORDINATION].close()
            await transactions.commit(alone, {self.tp: 9}, {})
            await transactions.release()
        arguments = {**self._connection.aiokafka(), "group_id": self.name, "enable_auto_commit": False}
        async with AIOKafkaConsumer(**arguments) as consumer:
            consumer.assign([TopicPartition(*self.tp)])
            return (await committed_offsets(consumer, self.name, [self.tp], nothing_is_open))[self.tp]

    async def _write(self, producer: AIOKafkaProducer, offset: int, end: str, *, leaves_open: bool = False) -> None:
        """A transaction with a record and the offset; of what it leaves open the coordinator does not know."""
        await producer.begin_transaction()
        if leaves_open:
            await producer.send_and_wait(self.name, b"told", partition=1)
            producer._txn_manager.txn_partitions.add(TopicPartition(*self.tp))
            producer._txn_manager.consumer_group_added(self.name)
        await producer.send_and_wait(self.name, b"%d" % offset, partition=0)
        await producer.send_offsets_to_transaction({TopicPartition(*self.tp): offset}, self.name)
        await getattr(producer, f"{end}_transaction")()


async def nothing_is_open(tps: Collection[TP]) -> None:
    raise AssertionError(tps)


@pytest.mark.faults
def test_a_coordinator_that_moves_is_not_taken_for_a_group_without_offsets(three_brokers: Cluster) -> None:
    name = f"moved-{uuid.uuid4().hex[:8]}"
    with KafkaAdminClient(**three_brokers.connection().kafka_python()) as admin:
        admin.create_topics([NewTopic(name, 1, 3)])
        admin.wait_for_topics([name])
    tp = TopicPartition(name, 0)
    arguments = three_brokers.connection().aiokafka()

    async def ask_while_brokers_go() -> set[int | None]:
        async with AIOKafkaConsumer(**arguments, group_id=name, enable_auto_commit=False) as consumer:
            consumer.assign([tp])
            while True:
                try:
                    await consumer.commit({tp: 41})
                    break
                except KafkaError:  # the group is new
                    await asyncio.sleep(0.1)
            gone = asyncio.ensure_future(asyncio.to_thread(one_after_the_other))
            answers = set()
            while not gone.done():
                answers.add((await committed_offsets(consumer, name, [TP(name, 0)], nothing_is_open))[TP(name, 0)])
                await asyncio.sleep(0.005)
            await gone
            return answers

    def one_after_the_other() -> None:
        for broker in three_brokers.brokers:
            three_brokers.stop(broker)
            three_brokers.start(broker)

    assert asyncio.run(ask_while_brokers_go()) == {41}
