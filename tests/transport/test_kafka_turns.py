"""Topic-partitions that one agent reads come in turns, by the times of their records."""

from typing import NamedTuple

import pytest
from faust.types import TP
from hypothesis import given
from hypothesis import strategies as st

from streams.transport.kafka_turns import AHEAD_MS, Turns

VIEWS, ORDERS, SCANS = (TP(name, 0) for name in ("views", "orders", "scans"))


class Read(NamedTuple):
    timestamp: int


def records(*times: int) -> list[Read]:
    return [Read(time) for time in times]


@pytest.fixture
def turns() -> Turns:
    found = Turns()
    found.between([VIEWS, ORDERS, SCANS])
    return found


def test_who_reaches_further_stays_behind(turns):
    turns.held = {VIEWS: records(*range(0, 1000, 10)), ORDERS: records(0, 500, 1000, 5000, 9000)}
    due = turns.due({VIEWS, ORDERS, SCANS}, {}, lambda _: True)
    assert due == {
        VIEWS: (records(*range(0, 1000, 10)), []),
        ORDERS: (records(0, 500, 1000), records(5000, 9000)),
    }
    assert turns.held == {ORDERS: records(5000, 9000)}


def test_what_is_in_flight_holds_back_what_comes_after_it(turns):
    turns.held = {ORDERS: records(1000 + AHEAD_MS, 1001 + AHEAD_MS)}
    assert turns.due({ORDERS}, {VIEWS: 999}, lambda _: True) == {}
    assert turns.due({ORDERS}, {VIEWS: 1000}, lambda _: True) == {
        ORDERS: (records(1000 + AHEAD_MS), records(1001 + AHEAD_MS))
    }


def test_nobody_waits_for_who_has_no_more(turns):
    turns.held = {VIEWS: records(1, 2), ORDERS: records(1, 5000)}
    assert turns.due({VIEWS, ORDERS}, {}, lambda tp: tp == ORDERS) == {
        VIEWS: (records(1, 2), []),
        ORDERS: (records(1, 5000), []),
    }


def test_who_is_busy_gets_nothing(turns):
    turns.held = {VIEWS: records(1), ORDERS: records(1)}
    assert turns.due({ORDERS}, {SCANS: 10}, lambda _: True) == {ORDERS: (records(1), [])}
    assert turns.held == {VIEWS: records(1)}


@given(st.lists(st.lists(st.integers(0, 10_000), min_size=1, max_size=20), min_size=1, max_size=3), st.booleans())
def test_everything_comes_in_the_order_of_its_partition_whatever_the_times(times, more):
    turns = Turns()
    turns.between([VIEWS, ORDERS, SCANS])
    turns.held = {tp: records(*found) for tp, found in zip((VIEWS, ORDERS, SCANS), times, strict=False)}
    told: dict[TP, list[int]] = {tp: [] for tp in turns.held}
    while turns.held:
        due = turns.due(turns.tps, {}, lambda _: more)
        assert due, "everyone waits for everyone"
        for tp, (first, _) in due.items():
            told[tp] += [record.timestamp for record in first]
    assert list(told.values()) == times[:3]
