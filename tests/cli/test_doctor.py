import os
import socket
import sqlite3

import pytest

from schemas.values import parse_time
from streams.cli.health import check_clock
from streams.cli.installation import check_port
from streams.settings import WebSettings
from streams.transport.worker_lock import WorkerLock
from tests.cli.homes import as_json, event, line, livepool, order, process, send

PAID = order("paid", 0, "o1", [line()])
NOW = parse_time("2026-11-22T00:00:00Z")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return process(tmp_path_factory.mktemp("doctor"), [PAID])


def status(checks):
    return {check["check"]: check["status"] for check in checks}


def detail(checks, name):
    return next(check for check in checks if check["check"] == name)


def test_a_run_in_order_is_ok(home):
    assert status(as_json("doctor", "--home", home)) | {"web port": "OK"} == dict.fromkeys(
        ("settings", "versions", "folder", "web port", "clock", "topics", "worker", "policy", "dead letters"), "OK"
    )


def test_each_line_begins_with_its_status_and_a_warning_has_a_next_step(home, tmp_path):
    for text in livepool("doctor", "--home", home).stdout.splitlines():
        assert text.startswith(("OK  ", "WARN", "FAIL", "    "))
    shown = livepool("doctor", "--home", tmp_path).stdout
    assert "WARN  run" in shown
    assert "→ start `livepool demo` or `livepool worker`" in " ".join(shown.split())
    assert "尚无数据" in livepool("doctor", "--home", tmp_path, "--lang", "zh").stdout


@pytest.mark.parametrize("variables", [{"LIVEPOOL_MAX_RECORDS": "many"}, {"LIVEPOOL_POLICY": "/no/such/policy.toml"}])
def test_settings_that_cannot_be_used_fail(home, variables):
    found = detail(as_json("doctor", "--home", home, code=1, env=variables), "settings")
    assert found["status"] == "FAIL"
    assert next(iter(variables.values())) in found["detail"]


def test_brokers_that_cannot_be_used_fail_and_no_run_on_this_machine_is_looked_at(tmp_path):
    found = as_json("doctor", "--home", tmp_path, code=1, env={"LIVEPOOL_BROKERS": "nowhere"})
    assert status(found) == {"settings": "FAIL", "versions": "OK", "folder": "OK"}
    assert "LIVEPOOL_BROKERS" in detail(found, "settings")["detail"]


def test_a_policy_file_that_is_wrong_fails_and_is_named(home, tmp_path):
    policy = tmp_path / "policy.toml"
    policy.write_text("amend_horizon_hours = -1\n")
    found = detail(as_json("doctor", "--home", home, "--policy", policy, code=1), "settings")
    assert "amend_horizon_hours" in found["detail"]


def test_a_variable_that_nobody_reads_is_a_warning(home):
    found = detail(as_json("doctor", "--home", home, env={"LIVEPOOL_HOEM": "x"}), "settings")
    assert (found["status"], "LIVEPOOL_HOEM" in found["detail"]) == ("WARN", True)


def test_a_folder_that_cannot_be_written_fails(tmp_path):
    (tmp_path / "file").write_text("")
    assert status(as_json("doctor", "--home", tmp_path / "file" / "home", code=1))["folder"] == "FAIL"


def test_records_that_wait_without_a_worker_are_a_warning(home, tmp_path):
    process(tmp_path, [PAID])
    send(tmp_path, [order("paid", 1, "o2", [line()])])
    found = detail(as_json("doctor", "--home", tmp_path), "worker")
    assert (found["status"], found["detail"]) == ("WARN", "none is running, 1 records to be processed")
    lock = WorkerLock(tmp_path)
    try:
        found = detail(as_json("doctor", "--home", tmp_path), "worker")
    finally:
        lock.release()
    assert (found["status"], found["detail"]) == ("OK", f"process {os.getpid()}, 1 records to be processed")


def test_looking_for_a_worker_does_not_keep_one_from_starting(home):
    livepool("doctor", "--home", home)
    WorkerLock(home).release()


@pytest.mark.parametrize(
    ("change", "shown"),
    [
        ("UPDATE topics SET partitions = 3 WHERE name = 'journeys'", "journeys: partitions 3 ≠ 1"),
        ("UPDATE topics SET retention_ms = 0 WHERE name = 'credit-ledger'", "credit-ledger: retention_ms 0 ≠ None"),
        ("DELETE FROM topics WHERE name = 'commands'", "commands: not declared"),
    ],
)
def test_topics_unlike_the_contract_fail(tmp_path, change, shown):
    process(tmp_path, [PAID])
    database = sqlite3.connect(tmp_path / "livepool.db", isolation_level=None)
    database.execute(change)
    database.close()
    found = detail(as_json("doctor", "--home", tmp_path, code=1), "topics")
    assert (found["status"], found["detail"]) == ("FAIL", shown)


def test_a_file_that_is_no_database_fails(tmp_path):
    (tmp_path / "livepool.db").write_bytes(b"not a database, but long enough to look like one" * 100)
    assert status(as_json("doctor", "--home", tmp_path, code=1))["run"] == "FAIL"


def test_a_database_of_another_version_fails(home, tmp_path):
    process(tmp_path, [PAID])
    with sqlite3.connect(tmp_path / "livepool.db") as database:
        database.execute("PRAGMA user_version = 999")
    database.close()
    assert "version 999" in detail(as_json("doctor", "--home", tmp_path, code=1), "run")["detail"]


def test_another_policy_than_that_of_the_last_sale_is_a_warning(home, tmp_path):
    policy = tmp_path / "policy.toml"
    policy.write_text("amend_horizon_hours = 24\n")
    assert status(as_json("doctor", "--home", home, "--policy", policy))["policy"] == "WARN"


def test_the_last_dead_letters_are_shown(tmp_path):
    process(tmp_path, [event("no.such.type", 0, "x"), b"{"])
    found = detail(as_json("doctor", "--home", tmp_path), "dead letters")
    assert found["status"] == "WARN"
    assert found["detail"].startswith("2, the last: ")
    assert found["detail"].endswith("bad_json")


@pytest.mark.parametrize(
    ("now", "last", "status"),
    [(NOW, None, "OK"), (NOW, NOW + 30_000, "OK"), (NOW, NOW + 120_000, "FAIL"), (0, None, "FAIL")],
)
def test_a_clock_that_is_not_set_or_went_back_fails(now, last, status):
    assert check_clock(now, last).status == status


def test_a_port_that_is_taken_is_a_warning():
    with socket.socket() as taken:
        taken.bind(("", 0))
        taken.listen()
        assert check_port(WebSettings(port=taken.getsockname()[1])).status == "WARN"
    assert check_port(WebSettings(port=0)).status == "OK"
