"""`livepool doctor` and the worker on a terminal, with real brokers."""

import errno
import os
import pty
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner
from kafka import KafkaProducer
from kafka.admin import ConfigResource, ConfigResourceType

from cluster.rights import allow
from faults import lines
from streams.cli import main
from streams.cli.broker_health import ask_all
from streams.cluster.brokers import Cluster
from streams.cluster.connection import VARIABLES, Connection
from streams.cluster.sender import Sender
from streams.cluster.session import admin_session
from streams.cluster.topic_admin import apply_topics
from system.runs import COMMAND

pytestmark = [pytest.mark.kafka, pytest.mark.faults]  # of the tools: `make faults` has the time

CLUSTER = ("state", "security", "brokers", "kafka version", "topics", "replication", "rights", "clock", "group",
           "transactions", "policy", "dead letters")  # fmt: skip


def environment(connection: Connection) -> dict[str, str]:
    return {VARIABLES[field]: str(value) for field, value in connection._asdict().items() if value is not None}


def doctor(connection: Connection, home: Path, *, code: int | None = 0, lang: str = "en") -> dict[str, dict[str, Any]]:
    """What it finds, by the name of the check; its exit code must be `code` (None: any)."""
    runner = CliRunner(env={"LIVEPOOL_POLICY": "", "COLUMNS": "80", **environment(connection)})
    result = runner.invoke(main, ["doctor", "--home", str(home), "--lang", lang, "--json"])
    assert result.exit_code in ((0, 1) if code is None else (code,)), (result.output, result.exception)
    return {check["check"]: check for check in orjson.loads(result.stdout)}


@pytest.fixture
def connection(empty_brokers: Connection) -> Connection:
    apply_topics(empty_brokers, partitions=2)
    return empty_brokers


def test_a_cluster_in_order(connection: Connection, tmp_path: Path) -> None:
    found = doctor(connection, tmp_path)
    status = {name: found[name]["status"] for name in CLUSTER}
    assert status == dict.fromkeys(CLUSTER, "OK") | {"replication": "WARN"}  # it has one broker
    assert {"run", "worker"}.isdisjoint(found)  # those of one machine
    assert connection.brokers in found["brokers"]["detail"]
    assert "无" in doctor(connection, tmp_path, lang="zh")["dead letters"]["detail"]


def test_without_topics_it_says_how_to_make_them(empty_brokers: Connection, tmp_path: Path) -> None:
    topics = doctor(empty_brokers, tmp_path, code=1)["topics"]
    assert (topics["status"], "livepool topics apply" in topics["next_step"]) == ("FAIL", True)


def test_a_setting_that_was_changed_is_named(connection: Connection, tmp_path: Path) -> None:
    with admin_session(connection) as admin:
        admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, "arrivals", {"retention.ms": "60000"})])
    eventually(lambda: "arrivals (retention.ms 60000" in doctor(connection, tmp_path)["topics"]["detail"])


def test_brokers_that_do_not_answer_are_told_soon(tmp_path: Path) -> None:
    begun = time.monotonic()
    found = doctor(Connection("127.0.0.1:9"), tmp_path, code=1)
    assert found["brokers"]["status"] == "FAIL"
    assert "topics" not in found
    assert time.monotonic() - begun < 30  # seconds; a client's own patience is longer


def test_events_that_nobody_reads_and_a_transaction_that_nobody_ends(
    connection: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(KafkaProducer(transactional_id="livepool-test", **connection.kafka_python())) as producer:
        producer.init_transactions()
        producer.begin_transaction()
        producer.send("checkout", b"1", partition=0)
        producer.commit_transaction()
        producer.begin_transaction()
        producer.send("checkout", b"2", partition=1)
        producer.flush()
        eventually(lambda: "intake 2, " in doctor(connection, tmp_path)["group"]["detail"])  # a record and a marker
        found = doctor(connection, tmp_path)
        assert found["group"]["status"] == "WARN"
        assert (found["transactions"]["status"], found["transactions"]["detail"][:7]) == ("OK", "1 open,")
        monkeypatch.setattr("streams.cli.group_health.LONG_OPEN_SECONDS", -1.0)
        found = doctor(connection, tmp_path)
        assert (found["transactions"]["status"], "checkout/1" in found["transactions"]["detail"]) == ("WARN", True)
        producer.abort_transaction()


def test_what_a_user_may_not_see_names_the_rights(without_rights: Cluster, tmp_path: Path) -> None:
    none = doctor(without_rights.connection("scrm"), tmp_path, code=1)
    assert (none["rights"]["status"], "livepool topics acls" in none["rights"]["next_step"]) == ("FAIL", True)
    with closing(KafkaProducer(**without_rights.connection().kafka_python())) as producer:
        producer.send("dead-letters", b"{", headers=[("reason", b"bad_json")]).get(30)
    worker = doctor(allow(without_rights, "worker", "livepool"), tmp_path)
    assert {name for name in CLUSTER if worker[name]["status"] == "WARN"} == {"topics", "replication", "dead letters"}
    assert "livepool topics acls --operator" in worker["topics"]["next_step"]
    assert "livepool topics acls --operator" in worker["dead letters"]["next_step"]
    operator = doctor(allow(without_rights, "operator", "scrm"), tmp_path)
    assert {name for name in CLUSTER if operator[name]["status"] == "WARN"} == {"replication", "dead letters"}
    assert operator["dead letters"]["detail"].endswith("bad_json")


@pytest.mark.faults
def test_a_broker_of_three_that_hangs_is_told_and_holds_nothing_up(three_brokers: Cluster, tmp_path: Path) -> None:
    apply_topics(three_brokers.connection(), partitions=1)
    connection = three_brokers.connection()
    assert doctor(connection, tmp_path)["replication"]["status"] == "OK"
    first, second, _ = connection.brokers.split(",")
    assert len(ask_all(connection._replace(brokers=first))) == 3  # all that there are, not only those of the settings
    pid = three_brokers.running()[2]
    os.kill(pid, signal.SIGSTOP)
    try:
        eventually(lambda: "lack a copy" in doctor(connection, tmp_path, code=None)["replication"]["detail"], 60)
        begun = time.monotonic()
        found = doctor(connection, tmp_path, code=None)
        assert time.monotonic() - begun < 60  # seconds; four looks of 20 are the most
    finally:
        os.kill(pid, signal.SIGCONT)
    assert found["brokers"]["status"] in ("WARN", "FAIL")  # by whether the cluster has given it up
    assert second in found["brokers"]["detail"]
    eventually(lambda: doctor(connection, tmp_path, code=None)["replication"]["status"] == "OK", 60)


def test_a_worker_on_a_terminal_shows_what_it_restores_and_is_ready_for(connection: Connection, tmp_path: Path) -> None:
    with Sender(connection) as sender:
        sender.send(record.output(number) for number, record in enumerate(lines.show(300)))
        sender.flush()
    home = tmp_path / "home"
    plain = work(connection, home, "--drain")
    assert "ready: arrivals/0, checkout/0, checkout/1" in plain
    assert "\x1b" not in plain
    shutil.rmtree(home)
    shown = on_a_terminal(connection, home)
    assert "restored " in shown
    assert "restoring state:" not in shown
    assert "ready: arrivals 0, checkout 0–1, commands 0–1" in " ".join(shown.split())


def work(connection: Connection, home: Path, *options: str) -> str:
    done = subprocess.run(
        [*COMMAND, "worker", "--home", str(home), *options],
        env={**os.environ, **environment(connection)}, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    return done.stderr


def on_a_terminal(connection: Connection, home: Path) -> str:
    ours, its = pty.openpty()
    worker = subprocess.Popen(
        [*COMMAND, "worker", "--home", str(home), "--drain"],
        env={**os.environ, **environment(connection), "TERM": "xterm", "COLUMNS": "200"}, stdout=its, stderr=its,
    )  # fmt: skip
    os.close(its)
    shown = b""
    with os.fdopen(ours, "rb", buffering=0) as terminal:
        try:
            while part := terminal.read(65536):
                shown += part
        except OSError as error:
            assert error.errno == errno.EIO  # noqa: PT017 - how Linux tells that nobody has the other side
    assert worker.wait(60) == 0, shown
    return shown.decode()


def eventually(condition: Callable[[], bool], seconds: float = 30) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.2)
