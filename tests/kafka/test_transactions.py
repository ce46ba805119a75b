"""What the transport rests on: transactions of aiokafka against real brokers, version by version."""

import asyncio
import subprocess
import sys
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.client import CoordinationType
from aiokafka.errors import KafkaError, ProducerFenced
from one_topic import SECONDS, Topic

from streams.cluster.brokers import Cluster

pytestmark = pytest.mark.kafka
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
