"""Committed offsets: asked for while the coordinator of the group moves, or after brokers have left one open."""

import asyncio
import logging
import uuid
from collections.abc import Collection, Iterator

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.client import ConnectionGroup, CoordinationType
from aiokafka.errors import KafkaError
from aiokafka.protocol.transaction import TxnOffsetCommitRequest
from faust.types import TP
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType, NewTopic

from streams.cluster.brokers import Cluster
from streams.transport.kafka_offsets import committed_offsets
from streams.transport.kafka_transactions import Transactions

pytestmark = pytest.mark.kafka
SECONDS = 30


@pytest.fixture
def unverified(brokers: Cluster) -> Iterator[Cluster]:
    """Brokers that take the offset of a transaction that is over, and so leave it open for ever.

    To them it is the same as what KAFKA-20734 makes: an offset of which no marker tells how it ended.
    """

    def verify(value: str) -> None:
        with KafkaAdminClient(**brokers.connection().kafka_python()) as admin:
            configs = {"transaction.partition.verification.enable": value}
            admin.alter_configs([ConfigResource(ConfigResourceType.BROKER, "1", configs)], incremental=True)

    verify("false")
    yield brokers
    verify("true")


@pytest.mark.parametrize(("end", "told", "offset"), [("commit", "committed", 7), ("abort", "aborted", 5)])
def test_an_offset_that_brokers_left_open_ends_as_its_transaction_did(
    unverified: Cluster, caplog: pytest.LogCaptureFixture, end: str, told: str, offset: int
) -> None:
    found = asyncio.run(asyncio.wait_for(_found_after(unverified, end), SECONDS))
    assert found == offset
    assert f"it was {told}, as they had decided" in caplog.text


def test_an_offset_that_was_left_open_is_waited_for_when_nobody_knows_how_it_ended(
    unverified: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with pytest.raises(TimeoutError):
        asyncio.run(asyncio.wait_for(_found_after(unverified, "commit", fences=2), 8))
    assert "do not say how it ended" in caplog.text
    assert "waiting for the committed offsets" in caplog.text


async def _found_after(cluster: Cluster, last_end: str, fences: int = 1) -> int | None:
    """The offset that a worker finds: 5 was committed, then 7 committed or aborted and left open."""
    name = f"open-{uuid.uuid4().hex[:8]}"
    tp = TP(name, 0)
    arguments = cluster.connection().aiokafka()
    with KafkaAdminClient(**cluster.connection().kafka_python()) as admin:
        admin.create_topics([NewTopic(name, 1, 1)])
        admin.wait_for_topics([name])

    def producer_of(transactional_id: str) -> AIOKafkaProducer:
        return AIOKafkaProducer(**arguments, transactional_id=transactional_id)

    settled: list[TP] = []
    async with AIOKafkaConsumer(**arguments, group_id=name, enable_auto_commit=False) as consumer:
        consumer.assign([TopicPartition(*tp)])
        transactions = Transactions(name, producer_of, lambda: consumer._client)

        async def settle(tps: Collection[TP]) -> None:
            settled.extend(tps)
            await transactions.settle(tps)

        async def find() -> int | None:
            return (await committed_offsets(consumer, name, [tp], settle))[tp]

        async with producer_of(f"{name}-{name}-0") as producer:
            for offset, end in ((5, "commit"), (7, last_end)):
                await producer.begin_transaction()
                await producer.send_offsets_to_transaction({TopicPartition(*tp): offset}, name)
                await getattr(producer, f"{end}_transaction")()
            await find()  # what it tells is no longer open
            assert settled == []
            await _leave_open(producer, name, tp, 7)
        try:
            for _ in range(fences):
                await transactions.fence([tp])
            found = await find()
            assert (await find(), settled) == (found, [tp])
            return found
        finally:
            await transactions.release()


async def _leave_open(producer: AIOKafkaProducer, group: str, tp: TP, offset: int) -> None:
    """Send the offset as part of a transaction that is over; as soon as brokers verify nothing, they take it."""
    state = producer._txn_manager
    node = await producer.client.coordinator_lookup(CoordinationType.GROUP, group)
    request = TxnOffsetCommitRequest(
        transactional_id=state.transactional_id,
        group_id=group,
        producer_id=state.producer_id,
        producer_epoch=state.producer_epoch,
        topics=[(tp.topic, [(tp.partition, offset, "")])],
    )
    error = None
    while error != 0:
        response = await producer.client.send(node, request, group=ConnectionGroup.COORDINATION)
        ((_, ((_, error),)),) = response.errors


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

    async def nothing_is_open(tps: Collection[TP]) -> None:
        raise AssertionError(tps)

    def one_after_the_other() -> None:
        for broker in three_brokers.brokers:
            three_brokers.stop(broker)
            three_brokers.start(broker)

    assert asyncio.run(ask_while_brokers_go()) == {41}
