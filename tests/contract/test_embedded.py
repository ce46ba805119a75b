"""What only the embedded transport promises: one worker, compaction, retention, snapshots, its options."""

import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.transports import Embedded, ending, numbered, until
from streams.transport.batches import Output
from streams.transport.compaction import Policy
from streams.transport.log import Log, OffsetConflictError, Span, TopicConfig, UnknownTopicError

NOW = Policy(max_dead_ms=-1, tombstone_ms=3_600_000)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def log(home: Path) -> Any:
    with Log(home) as opened:
        yield opened


def compact(log: Log, policy: Policy) -> int:
    steps = 1
    while log.compact(policy):
        steps += 1
    return steps


def contents(log: Log, topic: str) -> list[tuple[int, bytes | None, bytes | None]]:
    return [(record.offset, record.key, record.value) for record in log.read(topic)]


async def test_a_second_worker_is_refused_and_told_the_pid_of_the_first(home):
    transport = Embedded(home)
    transport.declare(*(TopicConfig(name) for name in ("source", "copied", "counted")))
    transport.append(*numbered("source", range(10)))
    with ending(transport.worker("chain")) as first:
        await until(lambda: transport.lag("chain", "source") == 0)
        with ending(transport.worker("chain")) as second:
            output, _ = second.communicate(timeout=20)
        assert second.returncode > 0
        assert f"worker {first.pid} already consumes from {home}" in output


def test_a_topic_that_nobody_declared_ends_the_worker(home):
    transport = Embedded(home)
    with ending(transport.worker("failing")) as worker:
        output, _ = worker.communicate(timeout=20)
    assert worker.returncode > 0
    assert "topic source is not declared" in output


def test_compaction_keeps_the_last_record_of_each_key(log):
    log.declare([TopicConfig("c", 2, compacted=True), TopicConfig("plain")])
    for n in range(50):
        log.append([Output("c", b"k%d" % (i % 7), b"%d-%d" % (n, i)) for i in range(10)])
        log.append(numbered("plain", [n]))
    before = {record.key: record for record in log.read("c")}
    compact(log, NOW)
    assert sorted(log.read("c")) == sorted(before.values())
    assert len(list(log.read("plain"))) == 50
    log.append([Output("c", b"k1", b"new")])
    assert {record.key: record.value for record in log.read("c")}[b"k1"] == b"new"


def test_compaction_rewrites_half_dead_rows_at_once_and_others_after_the_delay(log):
    log.declare([TopicConfig("c", 1, compacted=True)])
    log.append([Output("c", b"k%d" % n, b"old") for n in range(10)])
    log.append([Output("c", b"k0", b"new")])
    compact(log, Policy())
    assert len(list(log.read("c"))) == 11
    compact(log, NOW)
    assert len(list(log.read("c"))) == 10
    log.append([Output("c", b"k%d" % n, b"new") for n in range(1, 6)])
    compact(log, Policy())
    assert len(list(log.read("c"))) == 10


def test_a_tombstone_goes_after_its_delay_and_what_it_deletes_before(log):
    log.declare([TopicConfig("c", 1, compacted=True)])
    log.append([Output("c", b"gone", b"secret"), Output("c", b"kept", b"v")])
    log.append([Output("c", b"gone", None)])
    compact(log, NOW)
    assert contents(log, "c") == [(1, b"kept", b"v"), (2, b"gone", None)]
    compact(log, Policy(max_dead_ms=-1, tombstone_ms=-1))
    assert contents(log, "c") == [(1, b"kept", b"v")]


def test_a_tombstone_stays_as_long_as_what_it_deletes(log):
    log.declare([TopicConfig("c", 1, compacted=True)])
    log.append([Output("c", key, b"v") for key in (b"gone", b"kept", b"too")])
    log.append([Output("c", b"gone", None)])
    compact(log, Policy(tombstone_ms=-1))
    assert [key for _, key, _ in contents(log, "c")] == [b"gone", b"kept", b"too", b"gone"]
    compact(log, Policy(max_dead_ms=-1, tombstone_ms=-1))
    assert [key for _, key, _ in contents(log, "c")] == [b"kept", b"too"]


def test_no_lag_is_left_when_the_end_of_a_topic_is_compacted_away(log):
    log.declare([TopicConfig("c", 1, compacted=True)])
    log.append([Output("c", b"kept", b"v"), Output("c", b"gone", b"v"), Output("c", b"gone", None)])
    compact(log, Policy(max_dead_ms=-1, tombstone_ms=-1))
    assert contents(log, "c") == [(0, b"kept", b"v")]
    log.commit("group", log.fetch("group", [("c", 0)]).spans)
    assert log.lag("group", [("c", 0)]) == 0
    log.append([Output("c", b"next", b"v")])
    assert [record.offset for record in log.fetch("group", [("c", 0)]).records] == [3]


def test_compaction_and_retention_spare_what_a_group_has_not_consumed(log):
    log.declare([TopicConfig("c", 1, compacted=True), TopicConfig("r", 1, retention_ms=0)])
    log.join("group", [("c", 0), ("r", 0)])
    log.append([*numbered("c", range(5)), *numbered("r", range(5))])
    time.sleep(0.005)
    compact(log, NOW)
    assert len(list(log.read("c"))) == len(list(log.read("r"))) == 5
    for topic in "cr":
        log.commit("group", log.fetch("group", [(topic, 0)]).spans)
    compact(log, NOW)
    assert contents(log, "c") == [(4, b"k", b"4")]
    assert contents(log, "r") == []


def test_retention_deletes_by_age_and_offsets_go_on(log):
    log.declare([TopicConfig("r", 1, retention_ms=200), TopicConfig("forever")])
    log.append([*numbered("r", range(5)), *numbered("forever", range(5))])
    time.sleep(0.25)
    log.append(numbered("r", [5]))
    compact(log, Policy())
    assert contents(log, "r") == [(5, b"k", b"5")]
    assert len(contents(log, "forever")) == 5
    assert log.fetch("late group", [("r", 0)]).spans == {("r", 0): Span(0, 6)}


def test_a_compacted_topic_refuses_a_record_without_a_key(log):
    log.declare([TopicConfig("c", 1, compacted=True)])
    with pytest.raises(ValueError, match="needs a key"):
        log.append([Output("c", b"k", b"v"), Output("c", None, b"v")])
    assert contents(log, "c") == []


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.lists(st.tuples(st.integers(0, 8), st.booleans()), min_size=1, max_size=12), max_size=12),
    st.data(),
)
def test_compaction_never_changes_what_a_table_of_the_topic_would_hold(tmp_path_factory, appends, data):
    with Log(tmp_path_factory.mktemp("compaction")) as log:
        log.declare([TopicConfig("c", 1, compacted=True)])
        table: dict[bytes, bytes] = {}
        number = 0
        for records in appends:
            outputs = []
            for key, deleted in records:
                number += 1
                outputs.append(Output("c", b"%d" % key, None if deleted else b"%d" % number))
                if deleted:
                    table.pop(b"%d" % key, None)
                else:
                    table[b"%d" % key] = b"%d" % number
            log.append(outputs)
            policy = Policy(*data.draw(st.tuples(st.sampled_from([-1, 10**9]), st.sampled_from([-1, 10**9]))), 3)
            for _ in range(data.draw(st.integers(0, 9))):
                log.compact(policy)
            replayed: dict[bytes, bytes] = {}
            for record in log.read("c"):
                if record.value is None:
                    replayed.pop(record.key, None)
                else:
                    replayed[record.key] = record.value
            assert replayed == table
        compact(log, Policy(max_dead_ms=-1, tombstone_ms=-1))
        assert {key: value for _, key, value in contents(log, "c")} == table
        assert len(contents(log, "c")) == len(table)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 2)), max_size=30), max_size=8),
    st.integers(1, 9),
)
def test_any_appends_are_fetched_in_their_order(tmp_path_factory, appends, max_records):
    with Log(tmp_path_factory.mktemp("order")) as log:
        log.declare(TopicConfig(topic, 3) for topic in "abc")
        tps = [tp for topic in "abc" for tp in log.partitions(topic)]
        sent = []
        for records in appends:
            log.append([Output(topic, None, b"%d" % (len(sent) + i), (), p) for i, (topic, p) in enumerate(records)])
            sent += records
        got = []
        while (fetch := log.fetch("group", tps, max_records)).records:
            assert len(fetch.records) <= max_records
            got += fetch.records
            log.commit("group", fetch.spans)
        assert [int(record.value) for record in got] == list(range(len(sent)))
        assert [(record.topic, record.partition) for record in got] == sent
        assert log.lag("group", tps) == 0


def test_the_order_holds_while_another_process_appends(log, home):
    log.declare([TopicConfig(topic) for topic in "abcd"])
    append = (
        "import sys; from pathlib import Path; from streams.transport.log import Log, Output\n"
        "log = Log(Path(sys.argv[1]), synchronous='OFF')\n"
        "for n in range(0, 8000, 4):\n"
        "    log.append([Output('abcd'[i], None, b'%d' % (n + i)) for i in range(4)])\n"
    )
    got: list[int] = []
    start = {(topic, 0): 0 for topic in "abcd"}
    with subprocess.Popen([sys.executable, "-c", append, str(home)]) as process:
        while len(got) < 8000:
            assert process.poll() in (None, 0)
            for record in log.records_from(start, 2000):
                start[record.topic, 0] = record.offset + 1
                got.append(int(record.value))
    assert got == list(range(8000))


def test_rows_are_capped_in_bytes_and_records(log):
    log.declare([TopicConfig("t")])
    log.append(Output("t", None, b"x" * 300_000) for _ in range(20))
    log.append(numbered("t", range(5000)))
    sizes = log._database.execute("SELECT count, length(records) FROM rows").fetchall()
    assert sum(count for count, _ in sizes) == 5020
    assert max(size for _, size in sizes) < 1_100_000
    assert max(count for count, _ in sizes) == 2000
    assert len(log.fetch("group", [("t", 0)]).records) == 15  # 4 MiB


def test_an_old_worker_cannot_commit_what_a_new_one_has(log, home):
    log.declare([TopicConfig("t"), TopicConfig("out")])
    log.append(numbered("t", range(10)))
    stale = log.fetch("group", [("t", 0)])
    with Log(home) as other:
        other.commit("group", other.fetch("group", [("t", 0)], max_records=4).spans)
    with pytest.raises(OffsetConflictError, match="group committed 4 of t/0"):
        log.commit("group", stale.spans, numbered("out", [1]), {("table", 0): {b"k": b"v"}})
    assert contents(log, "out") == []
    assert log.state_get("table", 0, b"k") is None


def test_a_snapshot_sees_log_and_state_of_one_moment(log, home):
    log.declare([TopicConfig("t")])
    log.append(numbered("t", range(3)))
    with Log(home, readonly=True) as reader:
        with reader.snapshot():
            log.commit("group", {}, numbered("t", [3]), {("table", 0): {b"k": b"v"}})
            assert len(list(reader.read("t"))) == 3
            assert reader.state_get("table", None, b"k") is None
        assert len(list(reader.read("t"))) == 4
        assert reader.state_get("table", None, b"k") == b"v"


def test_read_starts_where_it_is_told(log):
    log.declare([TopicConfig("t", 2)])
    log.append([Output("t", None, b"%d" % n, (), n % 2) for n in range(10)])
    assert [record.value for record in log.read("t", {0: 3, 1: 4})] == [b"6", b"8", b"9"]


def test_state_of_all_partitions_is_merged_in_key_order(log):
    log.commit("group", {}, (), {("t", p): {b"%03d" % n: b"%d" % p for n in range(p, 600, 3)} for p in range(3)})
    assert [key for key, _ in log.state_scan("t")] == [b"%03d" % n for n in range(600)]
    assert [key for key, _ in log.state_scan("t", None, b"01")] == [b"%03d" % n for n in range(10, 20)]
    assert log.state_size("t") == 600
    assert list(log.state_scan("nothing")) == []


def test_wrong_topics_partitions_and_types_are_refused(log, home):
    log.declare([TopicConfig("t", 2)])
    log.declare([TopicConfig("t", 2, compacted=True)])
    assert log.topic("t").compacted
    with pytest.raises(ValueError, match="topic t has 2 partitions, not 3"):
        log.declare([TopicConfig("t", 3)])
    log.declare([TopicConfig("u")])
    for record, error in [
        (Output("unknown", b"k", b"v"), UnknownTopicError),
        (Output("t", b"k", b"v", (), 2), UnknownTopicError),
        (Output("u", "k", b"v"), TypeError),
        (Output("u", b"k", "v"), TypeError),
        (Output("u", b"k", b"v", (("h", "not bytes"),)), TypeError),
    ]:
        with pytest.raises(error):
            log.append([Output("u", b"k", b"v"), record])
    assert contents(log, "u") == []
    with Log(home) as other:
        other.declare([TopicConfig("later")])
    log.append(numbered("later", [1]))


def test_reading_where_no_worker_has_run_says_so(home):
    with pytest.raises(FileNotFoundError, match="no worker has run here"):
        Log(home, readonly=True)
    assert not home.exists()


def test_a_file_of_another_version_is_refused(log, home):
    log._database.execute("PRAGMA user_version = 99")
    with pytest.raises(ValueError, match="version 99"):
        Log(home)


def test_a_readonly_log_cannot_append(log, home):
    log.declare([TopicConfig("t")])
    with Log(home, readonly=True) as reader, pytest.raises(sqlite3.OperationalError, match="readonly"):
        reader.append(numbered("t", [1]))
