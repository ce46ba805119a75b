import os
import threading
import time
from pathlib import Path

import pytest

from streams.cli.broker_health import Answer, check_brokers, check_security, check_version
from streams.cli.cluster_health import check_state, within
from streams.cli.group_health import Opened, check_group, check_transactions
from streams.cli.health import MUCH_LAG, check_dead_letters
from streams.cli.installation import check_environment
from streams.cli.rights_health import check_rights, lacking
from streams.cli.topic_health import Replicas, check_replication, check_topics
from streams.cluster.acls import acls
from streams.cluster.broker_certificates import make_authority, make_certificate
from streams.cluster.connection import ClusterError, Connection
from streams.cluster.lag import PartitionLag
from streams.cluster.topic_plan import ExistingTopic, plan
from streams.cluster.topics import cluster_topics
from streams.transport.batches import Record
from streams.transport.log import Log
from streams.transport.worker_lock import WorkerLock

UP = Answer("k1:9092", 1, 0.02, (4, 3))
DOWN = Answer("k2:9092", 2, None, error="no answer from k2:9092")
SETTINGS = Path(__file__).parents[2] / "deploy" / "livepool.env"


def test_every_setting_of_the_example_is_one():
    names = (line.removeprefix("#").partition("=")[0] for line in SETTINGS.read_text().splitlines())
    found = dict.fromkeys((name for name in names if name.startswith("LIVEPOOL_")), "x")
    assert len(found) > 20
    assert check_environment(found, None).status == "OK"


# Connection


@pytest.fixture
def password(tmp_path):
    path = tmp_path / "password"
    path.write_text("s3cret")
    path.chmod(0o640)
    return path


def login(password, brokers="k1:9092", security="SASL_SSL"):
    return Connection(brokers, security, "SCRAM-SHA-512", username="me", password_file=password)


def test_a_secret_that_everybody_may_read_is_a_warning(password):
    assert check_security(login(password)).status == "OK"
    password.chmod(0o644)
    found = check_security(login(password))
    assert (found.status, str(password) in found.next_step.en) == ("WARN", True)


def test_a_key_in_its_certificate_is_a_secret_and_a_certificate_is_not(tmp_path):
    make_authority(tmp_path)
    make_certificate(tmp_path, "me", "client")
    cert, key, both = (tmp_path / name for name in ("me.pem", "me.key", "both.pem"))
    both.write_text(cert.read_text() + key.read_text())
    for path, mode in ((cert, 0o644), (key, 0o600), (both, 0o644)):
        path.chmod(mode)
    assert check_security(Connection("k1:9092", "SSL", cert_file=cert, key_file=key)).status == "OK"
    assert check_security(Connection("k1:9092", "SSL", cert_file=both)).status == "WARN"


@pytest.mark.parametrize("content", [None, ""])
def test_a_secret_that_cannot_be_used_fails(password, content):
    password.unlink() if content is None else password.write_text(content)
    found = check_security(login(password))
    assert (found.status, "LIVEPOOL_KAFKA_PASSWORD_FILE" in found.detail.en) == ("FAIL", True)
    assert "s3cret" not in found.detail.en


def test_a_token_file_is_read_before_it_is_needed(tmp_path):
    found = check_security(Connection("k1:9092", "SASL_SSL", "OAUTHBEARER", token_file=tmp_path / "none"))
    assert found.status == "FAIL"


@pytest.mark.parametrize(
    ("brokers", "status"),
    [("k1:9092", "WARN"), ("127.0.0.1:9092,localhost:9093,[::1]:9094", "OK"), ("127.0.0.1:9092,10.0.0.1:9092", "WARN")],
)
def test_what_is_not_encrypted_stays_on_this_machine(password, brokers, status):
    assert check_security(Connection(brokers)).status == status
    assert check_security(login(password, brokers, "SASL_PLAINTEXT")).status == status
    assert check_security(login(password, brokers, "SASL_SSL")).status == "OK"


# Brokers


@pytest.mark.parametrize(
    ("answers", "status"),
    [
        ([UP], "OK"),
        ([UP, DOWN], "FAIL"),  # the cluster counts on it
        ([UP, DOWN._replace(broker=None)], "WARN"),
        ([DOWN._replace(broker=None)], "FAIL"),
        ([UP, UP._replace(seconds=1.5)], "WARN"),
    ],
)
def test_brokers_that_the_cluster_counts_on_answer_soon(answers, status):
    found = check_brokers(answers)
    assert found.status == status
    assert (found.next_step is None) == (status == "OK")
    assert all(answer.error in found.detail.en for answer in answers)


def test_many_brokers_are_told_in_short():
    assert check_brokers([UP._replace(seconds=n / 1000) for n in range(1, 31)]).detail.en == "30: 1–30 ms"


@pytest.mark.parametrize(
    ("version", "status"),
    [((3, 8), "WARN"), ((3, 9), "OK"), ((4, 0), "OK"), ((4, 3), "OK"), ((5, 0), "WARN")],
)
def test_versions_beyond_those_tested_are_a_warning(version, status):
    assert check_version([UP._replace(version=version), DOWN]).status == status


# Topics


WANTED = cluster_topics(4, 3)


def existing(**changed):
    found = {topic.name: ExistingTopic(topic.name, topic.partitions, 3, topic.configs) for topic in WANTED}
    return found | changed


def test_topics_as_planned_are_ok():
    assert check_topics(plan(WANTED, existing())).status == "OK"


def test_a_topic_that_is_missing_fails_unless_it_is_only_hidden():
    found = existing()
    del found["journeys"]
    assert (check_topics(plan(WANTED, found)).status, check_topics(plan(WANTED, found), ["journeys"]).status) == (
        "FAIL", "WARN",
    )  # fmt: skip


def test_partitions_that_do_not_fit_together_fail():
    found = check_topics(plan(WANTED, existing(journeys=existing()["journeys"]._replace(partitions=3))))
    assert (found.status, "livepool topics plan" in found.next_step.en) == ("FAIL", True)


def test_another_setting_is_a_warning_that_names_it():
    arrivals = existing()["arrivals"]
    changed = arrivals._replace(configs={**arrivals.configs, "retention.ms": "1000"})
    found = check_topics(plan(WANTED, existing(arrivals=changed)))
    assert (found.status, "arrivals (retention.ms 1000 ≠ " in found.detail.en) == ("WARN", True)


@pytest.mark.parametrize(
    ("place", "status", "word"),
    [
        (Replicas("arrivals", 0, True, (1, 2, 3), (1, 2, 3), 2), "OK", "3 copies, 2"),
        (Replicas("arrivals", 0, True, (1, 2, 3), (1, 2), 2), "WARN", "lack a copy on broker 3"),
        (Replicas("arrivals", 0, True, (1, 2, 3), (1,), 2), "FAIL", "cannot be written"),
        (Replicas("arrivals", 0, False, (1, 2, 3), (1, 2, 3), 2), "FAIL", "cannot be written"),
        (Replicas("arrivals", 0, True, (1,), (1,), 1), "WARN", "disk of one broker"),
        (Replicas("arrivals", 0, True, (1, 2), (1, 2), 1), "WARN", "single copy"),
    ],
)
def test_every_partition_has_its_copies(place, status, word):
    found = check_replication([Replicas("checkout", 1, True, (1, 2, 3), (1, 2, 3), 2), place])
    assert (found.status, word in found.detail.en) == (status, True)


def held(*roles):
    rights = {}
    for acl in acls({role: ["User:me"] for role in roles}):
        codes = frozenset({"DescribeConfigs": "DESCRIBE_CONFIGS"}.get(name, name.upper()) for name in acl.operations)
        rights[acl.resource, acl.name] = codes
    everything = {(acl.resource, acl.name): frozenset() for acl in acls({"worker": ["User:a"], "operator": ["User:b"]})}
    return everything | rights


def test_rights_are_those_of_a_worker_or_an_operator():
    assert check_rights(held("worker")).status == check_rights(held("operator")).status == "OK"
    assert "Write topic arrivals" in " ".join(lacking("worker", held("operator")))
    found = check_rights(held("producer"))
    assert (found.status, "livepool topics acls" in found.next_step.en) == ("FAIL", True)


def test_what_is_not_known_is_not_lacking():
    assert lacking("worker", {}) == []
    assert lacking("worker", {**held("worker"), ("group", "livepool"): None}) == []
    assert lacking("worker", {**held("worker"), ("group", "livepool"): frozenset()}) == [
        "Describe group livepool", "Read group livepool",
    ]  # fmt: skip


# Group and transactions


def behind(lag, expired=0):
    return [PartitionLag("intake", "checkout", 0, 1, 1, 0, None, 0, 0),
            PartitionLag("journey", "journeys", 1, 5, 9, lag, 3.0 if lag else None, 0, expired)]  # fmt: skip


@pytest.mark.parametrize(
    ("members", "lags", "status"),
    [
        (0, behind(0), "OK"),
        (0, behind(1), "WARN"),
        (2, behind(1), "OK"),
        (2, behind(MUCH_LAG + 1), "WARN"),
        (2, behind(1, expired=7), "FAIL"),
    ],
)
def test_workers_run_and_keep_up(members, lags, status):
    found = check_group(members, "Stable", lags)
    assert (found.status, found.next_step is None) == (status, status == "OK")


def test_the_lag_is_told_per_agent():
    found = check_group(1, "PreparingRebalance", behind(1234)).detail
    assert found.en == "1 worker, rebalancing; to be read: intake 0, journey 1,234, the oldest 3 s ago"
    assert found.zh == "1 个 worker，正在再均衡；待处理：intake 0, journey 1,234，最早 3 秒前"


def test_a_transaction_that_nobody_ends_is_a_warning():
    assert check_transactions([Opened("arrivals", 0, 5.0)]).status == "OK"
    found = check_transactions([Opened("arrivals", 0, 5.0), Opened("journeys", 3, 600.0)])
    assert (found.status, found.detail.en) == ("WARN", "open without a new record: journeys/3 (10 min)")


def test_dead_letters_whose_number_is_not_known_are_shown():
    letters = [Record("dead-letters", 0, n, 1_000, None, b"{", (("reason", b"bad_json"),)) for n in range(9)]
    found = check_dead_letters(letters, 2_000)
    assert (found.status, found.detail.en.count("bad_json")) == ("WARN", 5)
    assert check_dead_letters(letters, 10_000_000_000).status == "OK"


# The copy of the state


def test_a_copy_of_the_state_is_told_with_its_age_and_its_user(tmp_path):
    folder = tmp_path / "state"
    assert "no copy yet" in check_state(folder, time.time()).detail.en
    Log(folder).close()
    assert check_state(folder, time.time() + 600).detail.en.endswith("last written 10 min ago, no worker uses it")
    lock = WorkerLock(folder)
    try:
        assert check_state(folder, time.time()).detail.en.endswith(f"used by process {os.getpid()}")
    finally:
        lock.release()
    assert "read anew" in check_state(folder, time.time() + 86_400).detail.en


def test_a_copy_that_is_broken_fails(tmp_path):
    (tmp_path / "livepool.db").write_bytes(b"not a database, but long enough to look like one" * 100)
    assert check_state(tmp_path, time.time()).status == "FAIL"


# Time


def test_a_look_that_takes_too_long_is_left_alone():
    never = threading.Event()
    with pytest.raises(ClusterError, match="no answer within"):
        within(0.1, never.wait)
    never.set()
    assert within(5, lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        within(5, lambda: 1 / 0)
