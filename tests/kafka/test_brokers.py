"""Brokers on this machine: they start, keep what they were given, survive, and leave nothing behind."""

import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.admin import NewTopic
from kafka.errors import KafkaError

from streams.cluster.brokers import BrokersError, Cluster
from streams.cluster.connection import Connection

pytestmark = [pytest.mark.kafka, pytest.mark.faults]  # of the tools: `make faults` has the time

SENT = [b"%d" % number for number in range(100)]


def create_topic(connection: Connection, name: str, copies: int) -> None:
    with KafkaAdminClient(**connection.kafka_python()) as admin:
        admin.create_topics([NewTopic(name, 1, copies)])


def send(connection: Connection, topic: str, values: list[bytes]) -> None:
    with closing(KafkaProducer(acks="all", **connection.kafka_python())) as producer:
        for future in [producer.send(topic, value) for value in values]:
            future.get(30)


def read(connection: Connection, topic: str, count: int) -> list[bytes]:
    """The first `count` values of a topic, in order; fewer when no more come within 10 s."""
    settings = {"auto_offset_reset": "earliest", "consumer_timeout_ms": 10_000}
    with closing(KafkaConsumer(topic, **settings, **connection.kafka_python())) as consumer:
        return [record.value for _, record in zip(range(count), consumer, strict=False)]


@pytest.fixture
def one(own_version: str, tmp_path: Path) -> Iterator[Cluster]:
    """A cluster of the test's own, not running; its home has a space in its name."""
    cluster = Cluster(tmp_path / "a home", version=own_version)
    yield cluster
    cluster.down()


def test_what_is_sent_is_read(brokers: Cluster) -> None:
    topic = f"test-brokers-{uuid.uuid4().hex}"
    create_topic(brokers.connection(), topic, 1)
    send(brokers.connection(), topic, SENT)
    assert read(brokers.connection(), topic, len(SENT)) == SENT
    with KafkaAdminClient(**brokers.connection().kafka_python()) as admin:
        admin.delete_topics([topic])


def test_a_topic_is_not_made_by_a_typing_error(brokers: Cluster) -> None:
    producer = KafkaProducer(max_block_ms=1000, **brokers.connection().kafka_python())
    with closing(producer), pytest.raises(KafkaError):
        producer.send("live-rom", b"").get(5)
    with KafkaAdminClient(**brokers.connection().kafka_python()) as admin:
        assert "live-rom" not in admin.list_topics()


def test_up_on_a_running_cluster_changes_nothing(own_version: str, brokers: Cluster) -> None:
    before = brokers.running()
    again = Cluster(brokers.home, version=own_version)
    again.up()
    assert again.running() == before
    assert list(before) == [1]


def test_a_home_keeps_to_its_cluster(own_version: str, brokers: Cluster) -> None:
    with pytest.raises(BrokersError, match=f"{own_version} with 1 broker, not .* with 3 brokers: name another folder"):
        Cluster(brokers.home, brokers=3)


def test_data_and_address_outlive_down_kill_and_the_object(one: Cluster) -> None:
    one.up()
    address, first = one.bootstrap, one.running()[1]
    create_topic(one.connection(), "kept", 1)
    send(one.connection(), "kept", SENT[:40])
    one.down()
    assert one.running() == {}
    again = Cluster(one.home)
    again.up()
    send(again.connection(), "kept", SENT[40:80])
    again.kill(1)
    again.start(1)
    send(again.connection(), "kept", SENT[80:])
    assert read(again.connection(), "kept", len(SENT)) == SENT
    assert again.bootstrap == address
    assert again.layout == one.layout
    assert again.running()[1] != first
    again.down()


def test_down_leaves_nothing_running_and_a_broker_that_cannot_start_says_why(one: Cluster) -> None:
    one.up()
    pid = one.running()[1]
    one.down()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert (one.home / "broker-1" / "data" / ".kafka_cleanshutdown").exists()
    why = pytest.raises(BrokersError, match=r"ended while it started:\n(?s:.*)Address already in use")
    with socket.create_server(("127.0.0.1", one.layout.ports(1).plain)), why:
        one.up()
    assert one.running() == {}


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent")
@pytest.mark.parametrize("detached", [False, True])
def test_brokers_die_with_a_killed_process_unless_detached(one: Cluster, detached: bool) -> None:
    code = (
        "import pathlib, sys, time; from streams.cluster.brokers import Cluster;"
        f"c = Cluster(pathlib.Path(sys.argv[1]), version=sys.argv[2], detached={detached}); c.up();"
        "print('up', flush=True); time.sleep(60)"
    )
    arguments = [sys.executable, "-c", code, str(one.home), one.layout.version]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        started = Cluster(one.home).running()
        process.send_signal(signal.SIGKILL)
    assert list(started) == [1]
    end = time.monotonic() + 5
    while not detached and Cluster(one.home).running() and time.monotonic() < end:
        time.sleep(0.05)
    assert Cluster(one.home).running() == (started if detached else {})
    Cluster(one.home).down()
    assert Cluster(one.home).running() == {}


def test_three_brokers_survive_the_loss_of_one(three_brokers: Cluster) -> None:
    connection = three_brokers.connection()
    create_topic(connection, "copied", 3)
    leader = wait_in_sync(connection, "copied", 3)
    three_brokers.kill(leader)
    send(connection, "copied", SENT[:50])
    three_brokers.start(leader)
    wait_in_sync(connection, "copied", 3)
    send(connection, "copied", SENT[50:])
    assert read(connection, "copied", len(SENT)) == SENT


def wait_in_sync(connection: Connection, topic: str, copies: int) -> int:
    """Wait until all copies of partition 0 are the same; the broker that leads it."""
    end = time.monotonic() + 30
    with KafkaAdminClient(**connection.kafka_python()) as admin:
        while True:
            found = admin.describe_topics([topic])[0]["partitions"]  # none yet when it has just been created
            if found and len(found[0]["isr_nodes"]) == copies:
                return int(found[0]["leader_id"])
            assert time.monotonic() < end, f"in sync: {found}"
            time.sleep(0.1)
