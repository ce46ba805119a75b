"""Dead letters of a cluster: each is sent again once, whatever crashes or runs at the same time."""

import os
import subprocess
import sys
from contextlib import closing, suppress
from typing import Any

import orjson
import pytest
from click.testing import CliRunner
from kafka import KafkaProducer
from kafka.errors import KafkaError

from streams.cli import main
from streams.cluster.connection import ClusterError, Connection
from streams.cluster.dead_letters import REPLAYED_FROM, Filter, Letter, letters
from streams.cluster.letter_boxes import ClusterLetterBox
from streams.cluster.topic_admin import apply_topics
from streams.transport.batches import Record

pytestmark = pytest.mark.kafka

HEADERS = [
    ("reason", b"wrong_type"), ("detail", b"data.lines: expected array"), ("topic", b"checkout"), ("partition", b"1"),
    ("offset", b"7"), ("time", b"2026-11-11T12:00:00.000Z"), ("trace", b"t-1"),
]  # fmt: skip


@pytest.fixture
def connection(empty_brokers: Connection) -> Connection:
    """Topics with two partitions, and 5 letters of checkout, of which a sixth was aborted by its worker."""
    apply_topics(empty_brokers, partitions=2)
    arguments = empty_brokers.kafka_python()
    with closing(KafkaProducer(transactional_id="livepool-test", **arguments)) as producer:
        producer.init_transactions()
        for numbers, commit in (((0, 1), True), ((99,), False), ((2, 3, 4), True)):
            producer.begin_transaction()
            for number in numbers:
                producer.send("dead-letters", b"event %d" % number, headers=HEADERS)
            producer.flush()
            if commit:
                producer.commit_transaction()
            else:
                producer.abort_transaction()
    return empty_brokers


def sent(connection: Connection) -> list[Record]:
    """What a worker would read from checkout."""
    with ClusterLetterBox(connection) as box:
        return list(box._read("checkout"))


def all_letters(box: ClusterLetterBox) -> list[Letter]:
    return list(letters(box, Filter()))


def livepool(connection: Connection, *args: str) -> dict:
    runner = CliRunner(env={"LIVEPOOL_BROKERS": connection.brokers, "LANG": "C", "LC_ALL": ""})
    result = runner.invoke(main, ["dlq", *args, "--json"])
    assert result.exit_code == 0, (result.output, result.exception)
    return orjson.loads(result.stdout)


def test_letters_are_sent_again_as_they_came_and_once(connection: Connection) -> None:
    (kind,) = livepool(connection, "ls")
    assert (kind["reason"], kind["topic"], kind["letters"], kind["replayed"]) == ("wrong_type", "checkout", 5, 0)
    assert livepool(connection, "replay", "--dry-run")["letters"] == 5
    assert sent(connection) == []
    with ClusterLetterBox(connection) as box:
        first, *_ = all_letters(box)
    assert livepool(connection, "show", first.place)["payload"] == "event 0"
    assert livepool(connection, "replay", first.place)["letters"] == 1
    assert livepool(connection, "replay", "--reason", "wrong_type")["letters"] == 4
    assert livepool(connection, "replay")["letters"] == 0
    records = sent(connection)
    assert [record.value for record in records] == [b"event %d" % n for n in range(5)]
    assert {record.partition for record in records} == {1}
    assert dict(records[0].headers) == {"trace": b"t-1", REPLAYED_FROM: first.place.encode()}
    (kind,) = livepool(connection, "ls")
    assert kind["replayed"] == 5


def test_two_replays_at_a_time_send_a_letter_once(connection: Connection) -> None:
    with ClusterLetterBox(connection) as one, ClusterLetterBox(connection) as other:
        everything = all_letters(one)
        assert one.replay(everything[:2]) == everything[:2]
        assert other.replay(everything[:4]) == everything[2:4]
        with pytest.raises(ClusterError, match="another `livepool dlq replay` has begun"):
            one.replay(everything[4:])
        assert other.replay(everything) == everything[4:]
    assert [record.value for record in sent(connection)] == [b"event %d" % n for n in range(5)]


def test_a_replay_that_hears_of_another_while_it_sends_says_so(connection: Connection, monkeypatch: Any) -> None:
    send = KafkaProducer.send

    def send_and_hear(*arguments: Any) -> Any:
        future = send(*arguments)
        with suppress(KafkaError):
            future.get(10)
        return future

    with ClusterLetterBox(connection) as one, ClusterLetterBox(connection) as other:
        everything = all_letters(one)
        one.replay(everything[:1])
        other.replay(everything[1:2])
        monkeypatch.setattr(KafkaProducer, "send", send_and_hear)
        with pytest.raises(ClusterError, match="another `livepool dlq replay` has begun"):
            one.replay(everything[2:])


CRASH = """
import os, sys
from kafka import KafkaProducer
from streams.cluster.connection import Connection
from streams.cluster.dead_letters import Filter, letters
from streams.cluster.letter_boxes import ClusterLetterBox
KafkaProducer.commit_transaction = lambda self: os._exit(9)  # killed between the writes and their commit
box = ClusterLetterBox(Connection(sys.argv[1]))
box.replay(list(letters(box, Filter())))
"""


def test_a_replay_that_is_killed_has_sent_nothing(connection: Connection) -> None:
    killed = subprocess.run([sys.executable, "-c", CRASH, connection.brokers], env=os.environ, check=False)
    assert killed.returncode == 9
    assert livepool(connection, "replay")["letters"] == 5  # at once, though a transaction was left open
    assert [record.value for record in sent(connection)] == [b"event %d" % n for n in range(5)]


def test_a_letter_that_no_version_accepts_does_not_hold_up_the_others(connection: Connection) -> None:
    with closing(KafkaProducer(max_request_size=1 << 22, **connection.kafka_python())) as producer:
        producer.send("dead-letters", b"x" * 1_200_000, headers=HEADERS).get(30)
    assert livepool(connection, "ls")[0]["letters"] == 6
    assert livepool(connection, "replay")["letters"] == 5


def test_what_the_brokers_refuse_is_said_and_nothing_is_sent(connection: Connection) -> None:
    with ClusterLetterBox(connection) as box:
        first, *others = all_letters(box)
        huge = first._replace(payload=b"x" * 1_200_000)
        with pytest.raises(ClusterError, match="MessageSizeTooLarge"):
            box.replay([*others, huge])
        assert sent(connection) == []
        assert box.replay([first]) == [first]  # and the box is still good
    assert livepool(connection, "replay")["letters"] == 4


def test_without_topics_the_next_step_is_named(empty_brokers: Connection) -> None:
    with ClusterLetterBox(empty_brokers) as box, pytest.raises(ClusterError, match="livepool topics apply"):
        box.replayed()
