"""The lag on real brokers, with all that makes offsets other than records: markers, aborts, open transactions."""

import threading
import time
from collections.abc import Iterator
from contextlib import closing

import orjson
import pytest
from click.testing import CliRunner
from kafka import KafkaAdminClient, KafkaProducer, TopicPartition
from kafka.structs import OffsetAndMetadata

from streams.cli import main
from streams.cluster import lag as lag_module
from streams.cluster import session
from streams.cluster.brokers import Cluster
from streams.cluster.connection import ClusterError, Connection
from streams.cluster.lag import Lag, PartitionLag, drained, lag
from streams.cluster.topic_admin import apply_topics
from streams.cluster.topics import GROUP

pytestmark = pytest.mark.kafka


@pytest.fixture
def connection(empty_brokers: Connection) -> Connection:
    apply_topics(empty_brokers, partitions=2)
    return empty_brokers


@pytest.fixture
def reader(connection: Connection) -> Iterator[Lag]:
    with Lag(connection) as found:
        yield found


@pytest.fixture
def producer(connection: Connection) -> Iterator[KafkaProducer]:
    with closing(KafkaProducer(transactional_id="livepool-test", **connection.kafka_python())) as found:
        found.init_transactions()
        yield found


def send(producer: KafkaProducer, topic: str, *values: bytes, partition: int = 0) -> None:
    producer.begin_transaction()
    for value in values:
        producer.send(topic, value, partition=partition)
    producer.commit_transaction()


def commit(producer: KafkaProducer, topic: str, offset: int, partition: int = 0) -> None:
    producer.begin_transaction()
    offsets = {TopicPartition(topic, partition): OffsetAndMetadata(offset, "", -1)}
    producer.send_offsets_to_transaction(offsets, GROUP)
    producer.commit_transaction()


def place(reader: Lag, topic: str, partition: int = 0) -> PartitionLag:
    """That of one topic-partition, when what was written is visible: a marker comes after the answer to a commit."""
    (found,) = (found for found in reader.partitions() if (found.topic, found.partition) == (topic, partition))
    return found


def settled(reader: Lag, topic: str, end: int, committed: int | None = None) -> PartitionLag:
    """The same, once its last transaction has its markers: in the topic, and where the group's offsets are."""
    until = time.monotonic() + 10
    found = place(reader, topic)
    while (found.end, found.committed) != (end, committed) and time.monotonic() < until:
        time.sleep(0.02)
        found = place(reader, topic)
    assert (found.end, found.committed) == (end, committed)
    return found


def test_nothing_sent_is_no_lag(connection: Connection) -> None:
    found = lag(connection)
    assert [(f.committed, f.end, f.lag, f.seconds) for f in found] == [(None, 0, 0, None)] * (4 * 2 + 1 + 2 * 2)
    assert {f.agent for f in found} == {"intake", "identity", "journey", "board"}
    assert drained(connection)


def test_without_a_commit_all_of_the_log_is_ahead(connection: Connection, reader: Lag) -> None:
    with closing(KafkaProducer(**connection.kafka_python())) as plain:
        for value in (b"1", b"2", b"3"):
            plain.send("checkout", value, partition=1)
        plain.flush()
    found = place(reader, "checkout", 1)
    assert (found.committed, found.end, found.lag) == (None, 3, 3)
    assert found.seconds is not None
    assert 0 <= found.seconds < 60
    assert not reader.drained()


def test_markers_are_no_lag(producer: KafkaProducer, reader: Lag) -> None:
    send(producer, "arrivals", b"1", b"2")  # offsets 0, 1, marker 2
    send(producer, "arrivals", b"3")  # offset 3, marker 4
    found = settled(reader, "arrivals", 5)
    assert found.lag == 5
    commit(producer, "arrivals", 2)
    assert settled(reader, "arrivals", 5, committed=2).lag == 2  # one record, one marker
    commit(producer, "arrivals", 4)
    found = settled(reader, "arrivals", 5, committed=4)
    assert (found.lag, found.seconds) == (0, None)
    assert reader.drained()


def test_what_was_aborted_is_no_lag(producer: KafkaProducer, reader: Lag) -> None:
    producer.begin_transaction()
    producer.send("journeys", b"1", partition=0)
    producer.flush()
    found = place(reader, "journeys")
    assert (found.end, found.lag, found.pending) == (0, 0, 1)
    assert not reader.drained()  # nobody knows yet whether it counts
    producer.abort_transaction()
    found = settled(reader, "journeys", 2)
    assert (found.lag, found.pending) == (0, 0)
    assert reader.drained()


def test_what_retention_took_unread_is_named(producer: KafkaProducer, reader: Lag, connection: Connection) -> None:
    send(producer, "arrivals", *(b"%d" % n for n in range(10)))
    settled(reader, "arrivals", 11)
    commit(producer, "arrivals", 3)
    with KafkaAdminClient(**connection.kafka_python()) as admin:
        admin.delete_records({TopicPartition("arrivals", 0): 8})
    found = settled(reader, "arrivals", 11, committed=3)
    assert (found.lag, found.expired) == (3, 5)
    shown = CliRunner(env={"LIVEPOOL_BROKERS": connection.brokers, "LANG": "C"}).invoke(main, ["lag"])
    assert "deleted by retention before they were read: arrivals/0 (5)" in shown.stdout


def test_drained_does_not_miss_what_moves_between_partitions(producer: KafkaProducer, reader: Lag) -> None:
    """Each batch of one partition of journeys writes to the other: at no moment is this drained."""
    send(producer, "journeys", b"0", partition=0)
    over = threading.Event()

    def work() -> None:
        read = [0, 0]  # one record and a marker for each batch
        here = 0
        while not over.is_set():
            producer.begin_transaction()
            producer.send("journeys", b"1", partition=1 - here)
            offset = OffsetAndMetadata(read[here] + 1, "", -1)
            producer.send_offsets_to_transaction({TopicPartition("journeys", here): offset}, GROUP)
            producer.commit_transaction()
            read[here] += 2
            here = 1 - here

    worker = threading.Thread(target=work)
    worker.start()
    try:
        assert not any(reader.drained() for _ in range(60))
    finally:
        over.set()
        worker.join()


def test_without_topics_the_next_step_is_named(empty_brokers: Connection) -> None:
    with pytest.raises(ClusterError, match=r"no topic live-room, .*: make them with `livepool topics apply`"):
        lag(empty_brokers)


def test_the_command(connection: Connection, producer: KafkaProducer, reader: Lag) -> None:
    send(producer, "room-deltas", b"1")
    settled(reader, "room-deltas", 2)
    runner = CliRunner(env={"LIVEPOOL_BROKERS": connection.brokers, "LANG": "C", "LC_ALL": ""})
    found = orjson.loads(runner.invoke(main, ["lag", "--json"]).stdout)
    assert found["agents"] == {"intake": 0, "identity": 0, "journey": 0, "board": 2}
    shown = runner.invoke(main, ["lag"]).stdout
    assert "room-deltas" in shown
    assert "live-room" not in shown


@pytest.mark.faults
def test_a_reader_outlives_the_broker_that_knows_the_group(three_brokers: Cluster) -> None:
    connection = three_brokers.connection()
    apply_topics(connection, partitions=2)
    with (
        Lag(connection) as reader,
        closing(KafkaProducer(transactional_id="livepool-test", **connection.kafka_python())) as producer,
    ):
        producer.init_transactions()
        send(producer, "arrivals", b"1", b"2")
        settled(reader, "arrivals", 3)
        for broker in three_brokers.brokers:
            three_brokers.stop(broker)  # another one takes the group over
            assert place(reader, "arrivals").lag == 3
            three_brokers.start(broker)


def test_a_reader_outlives_brokers_that_are_away_for_longer_than_it_waits(
    brokers: Cluster, reader: Lag, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lag_module, "_PATIENCE_SECONDS", 0.5)
    monkeypatch.setattr(session, "BOOTSTRAP_MS", 500)
    brokers.stop(1)
    for _ in range(2):
        with pytest.raises(ClusterError, match="is it up"):
            reader.drained()
    brokers.start(1)
    until = time.monotonic() + 30
    while True:
        try:
            assert reader.drained()
            break
        except ClusterError:
            assert time.monotonic() < until
