"""Committed offsets, asked for while the coordinator of the group moves from broker to broker."""

import asyncio
import uuid

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from faust.types import TP
from kafka import KafkaAdminClient
from kafka.admin import NewTopic

from streams.cluster.brokers import Cluster
from streams.transport.kafka_offsets import committed_offsets

pytestmark = [pytest.mark.kafka, pytest.mark.faults]


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
                answers.add((await committed_offsets(consumer, name, [TP(name, 0)]))[TP(name, 0)])
                await asyncio.sleep(0.005)
            await gone
            return answers

    def one_after_the_other() -> None:
        for broker in three_brokers.brokers:
            three_brokers.stop(broker)
            three_brokers.start(broker)

    assert asyncio.run(ask_while_brokers_go()) == {41}
