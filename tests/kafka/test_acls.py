"""Ways to log in, and the rights of the roles, on real brokers that refuse what nobody has allowed."""

import asyncio
import time
from contextlib import closing
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from click.testing import CliRunner
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import (
    AuthorizationError,
    GroupAuthorizationFailedError,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailedError,
)
from kafka.structs import OffsetAndMetadata

from cluster.rights import allow, logins
from streams.cli import main
from streams.cluster.brokers import Cluster
from streams.cluster.connection import VARIABLES, ClusterError
from streams.cluster.dead_letters import Filter, letters
from streams.cluster.lag import lag
from streams.cluster.letter_boxes import ClusterLetterBox
from streams.cluster.session import admin_session
from streams.cluster.topic_admin import apply_topics

pytestmark = pytest.mark.kafka


@pytest.mark.parametrize("way", ["password", "certificate", "token"])
def test_both_libraries_log_in(without_rights: Cluster, tmp_path: Path, way: str) -> None:
    allow(without_rights, "producer", "producer")
    connection = logins(without_rights, "producer", tmp_path)[way].checked()
    with closing(KafkaProducer(**connection.kafka_python())) as producer:
        assert producer.send("checkout", b"1").get(30).offset == 0

    async def send() -> int:
        async with AIOKafkaProducer(**connection.aiokafka()) as producer:
            return (await producer.send_and_wait("checkout", b"2")).offset

    assert asyncio.run(send()) == 1


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.cluster.session.BOOTSTRAP_MS", 2000)


@pytest.mark.usefixtures("impatient")
def test_a_wrong_password_is_said_and_not_shown(without_rights: Cluster, tmp_path: Path) -> None:
    wrong = tmp_path / "password"
    wrong.write_text("wr0ng-s3cret")
    with pytest.raises(ClusterError) as error, admin_session(without_rights.connection()._replace(password_file=wrong)):
        pass
    assert "did not let us in" in str(error.value)
    assert VARIABLES["password_file"] in str(error.value)
    assert "s3cret" not in str(error.value)


@pytest.mark.usefixtures("impatient")
def test_a_token_that_is_not_there_is_said(without_rights: Cluster, tmp_path: Path) -> None:
    connection = logins(without_rights, "producer", tmp_path)["token"]
    (tmp_path / "token").unlink()
    with pytest.raises(ClusterError) as error, admin_session(connection):
        pass
    assert VARIABLES["token_file"] in str(error.value)


@pytest.mark.usefixtures("impatient")
def test_an_authority_that_did_not_sign_the_broker_is_refused(without_rights: Cluster) -> None:
    with pytest.raises(ClusterError) as error, admin_session(without_rights.connection()._replace(ca_file=None)):
        pass
    assert "CERTIFICATE_VERIFY_FAILED" in str(error.value)
    assert VARIABLES["ca_file"] in str(error.value)


def test_without_rights_nothing_goes(without_rights: Cluster) -> None:
    arguments = without_rights.connection("scrm").kafka_python()
    with closing(KafkaProducer(max_block_ms=5000, **arguments)) as producer, pytest.raises(AuthorizationError):
        producer.send("checkout", b"1").get(10)


def test_a_worker_does_its_work_and_no_more(without_rights: Cluster) -> None:
    connection = allow(without_rights, "worker", "livepool")
    arguments = connection.kafka_python()
    with closing(KafkaProducer(transactional_id="livepool-checkout-0", **arguments)) as producer:
        producer.init_transactions()
        producer.begin_transaction()
        for topic in ("arrivals", "journeys", "credit-ledger", "dead-letters", "livepool-buyers-changelog"):
            producer.send(topic, b"1", key=b"k")
        offsets = {TopicPartition("checkout", 0): OffsetAndMetadata(0, "", -1)}
        producer.send_offsets_to_transaction(offsets, "livepool")
        producer.commit_transaction()
    with closing(KafkaConsumer(group_id="livepool", **arguments)) as consumer:
        consumer.assign([TopicPartition("livepool-buyers-changelog", 0), TopicPartition("checkout", 0)])
        consumer.seek_to_beginning()
        assert consumer.poll(timeout_ms=10_000, max_records=1)
    refused = pytest.raises(TopicAuthorizationFailedError)
    with closing(KafkaProducer(max_block_ms=5000, **arguments)) as producer, refused:
        producer.send("checkout", b"an event of its own").get(10)
    refused = pytest.raises(TransactionalIdAuthorizationFailedError)
    with closing(KafkaProducer(transactional_id="someone-else", max_block_ms=5000, **arguments)) as producer, refused:
        producer.init_transactions()
    with KafkaAdminClient(**arguments) as admin, pytest.raises(AuthorizationError):
        admin.create_topics({"mine": {"num_partitions": 1, "replication_factor": 1}})


def test_an_scrm_team_reads_its_topics_in_its_groups(without_rights: Cluster) -> None:
    arguments = allow(without_rights, "scrm", "scrm").kafka_python()
    with closing(KafkaConsumer("pool-feedback", group_id="scrm-crm", **arguments)) as consumer:
        consumer.poll(timeout_ms=3000)
        assert consumer.assignment()
    refused = pytest.raises(GroupAuthorizationFailedError)
    with closing(KafkaConsumer("pool-feedback", group_id="livepool", **arguments)) as consumer, refused:
        consumer.poll(timeout_ms=5000)
    with KafkaAdminClient(**arguments) as admin:
        assert set(admin.list_topics()) == {"pool-feedback", "pool-events"}  # the others are not even seen


def test_an_operator_looks_and_replays(without_rights: Cluster) -> None:
    headers = [("reason", b"bad_json"), ("detail", b""), ("topic", b"checkout"), ("partition", b"0"),
               ("offset", b"0"), ("time", b"")]  # fmt: skip
    with closing(KafkaProducer(**without_rights.connection().kafka_python())) as producer:
        producer.send("dead-letters", b"{", headers=headers).get(30)
    connection = allow(without_rights, "operator", "livepool")
    assert sum(place.lag for place in lag(connection)) == 0
    with ClusterLetterBox(connection) as box:
        assert len(box.replay(list(letters(box, Filter())))) == 1
    assert sum(place.lag for place in lag(connection)) > 0  # and `lag` may look at what it is
    assert apply_topics(connection) == []  # there is nothing to do, and it may see that
    with KafkaAdminClient(**connection.kafka_python()) as admin, pytest.raises(AuthorizationError):
        admin.create_topics({"mine": {"num_partitions": 1, "replication_factor": 1}})


def test_the_admin_job_makes_the_topics_and_reads_none(without_rights: Cluster) -> None:
    connection = allow(without_rights, "admin", "livepool")
    with admin_session(without_rights.connection()) as admin:
        admin.delete_topics(["room-metrics"])
        while "room-metrics" in admin.list_topics():
            time.sleep(0.02)
    assert [change.topic.name for change in apply_topics(connection)] == ["room-metrics"]
    with closing(KafkaConsumer(**connection.kafka_python())) as consumer:
        consumer.assign([TopicPartition("credit-ledger", 0)])
        with pytest.raises(TopicAuthorizationFailedError):
            consumer.poll(timeout_ms=5000)


def test_who_may_not_see_settings_is_told_so(without_rights: Cluster) -> None:
    with pytest.raises(ClusterError, match="DescribeConfigs"):
        apply_topics(allow(without_rights, "worker", "livepool"))


def test_the_command_adds_rights_once_and_names_what_is_too_much(without_rights: Cluster) -> None:
    connection = without_rights.connection()
    values = {VARIABLES[field]: str(value) for field, value in connection._asdict().items() if value is not None}
    runner = CliRunner(env=values | {"LANG": "C", "LC_ALL": ""})
    first = runner.invoke(main, ["topics", "acls", "--scrm", "User:scrm", "--apply"])
    assert first.exit_code == 0, first.output
    assert "+ User:scrm  READ  topic pool-feedback" in first.stdout
    assert "6 rights added" in first.stdout
    allow(without_rights, "producer", "scrm")
    again = runner.invoke(main, ["topics", "acls", "--scrm", "User:scrm", "--apply"])
    assert "0 rights added" in again.stdout
    assert "User:scrm  WRITE  topic checkout" in again.stderr
