"""The local copy of a changelog: when it is relied on, and when it is not."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from faust.types import TP

from streams.transport.kafka_state import MAX_AGE_MS, LocalState
from streams.transport.log import Log

CHANGELOG = TP("app-table-changelog", 1)


class Changed(NamedTuple):
    key: bytes
    value: bytes | None


@pytest.fixture
def state(tmp_path: Path) -> Iterator[LocalState]:
    opened = LocalState(tmp_path)
    opened.declare({CHANGELOG.topic: 2})
    yield opened
    opened.close()


def test_records_are_applied_and_the_checkpoint_goes_with_them(state):
    assert state.checkpoint(CHANGELOG) == 0
    state.apply("table", CHANGELOG, [Changed(b"a", b"1"), Changed(b"b", b"2"), Changed(b"a", None)], 17)
    assert dict(state.log.state_scan("table", 1)) == {b"b": b"2"}
    assert state.checkpoint(CHANGELOG) == 17
    state.write({("table", 1): {b"c": b"3"}}, {CHANGELOG: 20})
    assert state.checkpoint(CHANGELOG) == 20
    assert dict(state.log.state_scan("table", 1)) == {b"b": b"2", b"c": b"3"}


def test_what_is_gathered_is_read_before_it_is_on_file(state, tmp_path):
    state.write({("table", 1): {b"a": b"1", b"b": b"1", b"d": b"1"}, ("table", 0): {b"b": b"other"}}, {CHANGELOG: 5})
    assert state.checkpoint(CHANGELOG) == 5  # on file now
    state.write({("table", 1): {b"a": b"2", b"b": None, b"c": b"2"}}, {CHANGELOG: 9})
    with Log(tmp_path) as file:
        assert dict(file.state_scan("table", 1)) == {b"a": b"1", b"b": b"1", b"d": b"1"}
    expected = {b"a": b"2", b"c": b"2", b"d": b"1"}
    assert state.read("table", 1, [b"a", b"b", b"c", b"d", b"e"]) == expected
    assert list(state.scan("table", 1)) == list(expected.items())
    assert list(state.scan("table", 1, b"c")) == [(b"c", b"2")]
    assert dict(state.scan("table", 0)) == {b"b": b"other"}
    state.write({("table", 1): {b"%d" % n: b"" for n in range(5000)}}, {CHANGELOG: 5009})  # enough to be written
    with Log(tmp_path) as file:
        assert len(dict(file.state_scan("table", 1))) == 5003


def test_what_was_gathered_long_enough_is_written(state, tmp_path, monkeypatch):
    begun = time.time_ns() // 1_000_000
    monkeypatch.setattr("streams.transport.kafka_state._now_ms", lambda: begun)
    state.write({("table", 1): {b"a": b"1"}}, {CHANGELOG: 5})
    with Log(tmp_path) as file:
        assert dict(file.state_scan("table", 1)) == {}
        monkeypatch.setattr("streams.transport.kafka_state._now_ms", lambda: begun + 6_000)
        state.write({("table", 1): {b"b": b"1"}}, {CHANGELOG: 6})
        assert dict(file.state_scan("table", 1)) == {b"a": b"1", b"b": b"1"}


def test_a_copy_is_as_old_as_its_checkpoint_however_late_it_came_to_the_file(state, monkeypatch):
    state.write({("table", 1): {b"a": b"1"}}, {CHANGELOG: 5})
    now = time.time_ns() // 1_000_000
    monkeypatch.setattr("streams.transport.kafka_state._now_ms", lambda: now + MAX_AGE_MS + 60_000)
    assert state.checkpoint(CHANGELOG) == 0


def test_a_copy_outlives_the_process(state, tmp_path):
    state.apply("table", CHANGELOG, [Changed(b"a", b"1")], 5)
    state.close()
    again = LocalState(tmp_path)
    assert again.checkpoint(CHANGELOG) == 5
    again.close()


@pytest.mark.parametrize(
    ("later_ms", "checkpoint"),
    [(0, 9), (MAX_AGE_MS - 60_000, 9), (MAX_AGE_MS + 60_000, 0), (-60_000, 0)],
    ids=["fresh", "old enough", "too old: deletions may be gone", "from the future: the clock was set back"],
)
def test_a_copy_is_relied_on_for_less_than_a_day(state, monkeypatch, later_ms, checkpoint):
    state.apply("table", CHANGELOG, [Changed(b"a", b"1")], 9)
    written = state.written_ms(CHANGELOG)
    monkeypatch.setattr("streams.transport.kafka_state._now_ms", lambda: written + later_ms)
    assert state.checkpoint(CHANGELOG) == checkpoint


def test_what_is_forgotten_is_gone(state):
    state.apply("table", CHANGELOG, [Changed(b"a", b"1")], 9)
    state.apply("table", TP(CHANGELOG.topic, 0), [Changed(b"z", b"26")], 4)
    state.forget("table", CHANGELOG)
    assert state.checkpoint(CHANGELOG) == 0
    assert dict(state.log.state_scan("table", 1)) == {}
    assert dict(state.log.state_scan("table", 0)) == {b"z": b"26"}


def test_copies_of_a_changelog_of_another_width_go(state):
    state.apply("table", CHANGELOG, [Changed(b"a", b"1")], 9)
    state.declare({CHANGELOG.topic: 3})
    assert state.checkpoint(CHANGELOG) == 0
    assert dict(state.log.state_scan("table", 1)) == {}
