"""The local copy of a changelog: when it is relied on, and when it is not."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from faust.types import TP

from streams.transport.kafka_state import MAX_AGE_MS, LocalState

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
