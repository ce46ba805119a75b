"""Topic-partitions that one agent reads come in turns, by the times of their records."""

from typing import NamedTuple

import pytest
from faust.types import TP
from hypothesis import given
from hypothesis import strategies as st

from streams.transport.kafka_turns import AHEAD_MS, Turns

MAX_RECORDS = 100_000
VIEWS, ORDERS, SCANS = TOGETHER = tuple(TP(name, 0) for name in ("views", "orders", "scans"))


class Read(NamedTuple):
    timestamp: int


def alone(due):
    """What is due, when nothing is delivered together."""
    assert all(joint == tuple(found) for joint, found in due.items())
    return {tp: taken for found in due.values() for tp, taken in found.items()}


def records(*times: int) -> list[Read]:
    return [Read(time) for time in times]


@pytest.fixture
def turns() -> Turns:
    found = Turns(MAX_RECORDS)
    found.between([VIEWS, ORDERS, SCANS])
    return found


def test_who_reaches_further_stays_behind(turns):
    turns.held = {VIEWS: records(*range(0, 1000, 10)), ORDERS: records(0, 500, 1000, 5000, 9000)}
    assert alone(turns.due({VIEWS, ORDERS, SCANS}, {}, lambda _: True)) == {
        VIEWS: (records(*range(0, 1000, 10)), []),
        ORDERS: (records(0, 500, 1000), records(5000, 9000)),
    }
    assert turns.held == {ORDERS: records(5000, 9000)}


def test_what_is_in_flight_holds_back_what_comes_after_it(turns):
    turns.held = {ORDERS: records(1000 + AHEAD_MS, 1001 + AHEAD_MS)}
    assert turns.due({ORDERS}, {VIEWS: 999}, lambda _: True) == {}
    assert alone(turns.due({ORDERS}, {VIEWS: 1000}, lambda _: True)) == {
        ORDERS: (records(1000 + AHEAD_MS), records(1001 + AHEAD_MS))
    }


def test_nobody_waits_for_who_has_no_more(turns):
    turns.held = {VIEWS: records(1, 2), ORDERS: records(1, 5000)}
    assert alone(turns.due({VIEWS, ORDERS}, {}, lambda tp: tp == ORDERS)) == {
        VIEWS: (records(1, 2), []),
        ORDERS: (records(1, 5000), []),
    }


def test_who_is_busy_gets_nothing(turns):
    turns.held = {VIEWS: records(1), ORDERS: records(1)}
    assert alone(turns.due({ORDERS}, {SCANS: 10}, lambda _: True)) == {ORDERS: (records(1), [])}
    assert turns.held == {VIEWS: records(1)}


def test_who_has_caught_up_gathers_unless_a_batch_is_full(turns):
    turns.between([VIEWS, ORDERS], interval=0.1)
    turns.hold(VIEWS, records(1, 2))
    assert turns.any_due(50.0)  # the first one at once
    assert alone(turns.due({VIEWS, ORDERS}, {}, lambda _: False)) == {VIEWS: (records(1, 2), [])}
    assert turns.gather(50.0, lambda _: False) == 0.1
    turns.hold(VIEWS, records(3))
    turns.hold(VIEWS, records(4))
    assert not turns.any_due(50.09)
    assert turns.held == {VIEWS: records(3, 4)}
    assert turns.any_due(50.1)
    turns.hold(VIEWS, records(*range(5, MAX_RECORDS + 5)))
    assert turns.full() == {VIEWS}
    assert turns.any_due(50.0)
    ((first, rest),) = alone(turns.due({VIEWS, ORDERS}, {}, lambda _: False)).values()
    assert first + rest == records(*range(3, MAX_RECORDS + 5))
    assert len(first) == MAX_RECORDS


@pytest.mark.parametrize("more", [True, False])
def test_who_has_a_backlog_does_not_wait(turns, more):
    turns.between([VIEWS, ORDERS], interval=0.1)
    turns.held = {} if more else {ORDERS: records(5000)}
    assert turns.gather(50.0, lambda tp: more and tp == VIEWS) == 0.0
    turns.hold(VIEWS, records(1))
    assert turns.any_due(50.0)


@pytest.fixture
def joined() -> Turns:
    found = Turns(4)
    found.between(TOGETHER, joints=dict.fromkeys(TOGETHER, TOGETHER))
    return found


def test_a_joint_comes_as_one_batch(joined):
    joined.held = {VIEWS: records(1, 2), ORDERS: records(1)}
    assert joined.due(set(TOGETHER), {}, lambda _: False) == {
        TOGETHER: {VIEWS: (records(1, 2), []), ORDERS: (records(1), [])}
    }
    assert joined.held == {}


def test_of_a_joint_the_first_come_first(joined):
    joined.held = {VIEWS: records(10, 30, 50, 70), ORDERS: records(20, 60), SCANS: records(80)}
    assert joined.due(set(TOGETHER), {}, lambda _: False) == {
        TOGETHER: {VIEWS: (records(10, 30, 50), records(70)), ORDERS: (records(20), records(60))}
    }
    assert joined.held == {VIEWS: records(70), ORDERS: records(60), SCANS: records(80)}


def test_a_joint_waits_until_all_of_it_is_free(joined):
    """One of its partitions may be this worker's since a moment ago, and not be ready yet."""
    joined.held = {VIEWS: records(1)}
    assert joined.due({VIEWS, ORDERS}, {}, lambda _: False) == {}
    assert joined.held == {VIEWS: records(1)}


@given(
    st.lists(st.lists(st.integers(0, 10_000), min_size=1, max_size=20), min_size=1, max_size=3),
    st.booleans(),
    st.integers(1, 30),
    st.booleans(),
)
def test_everything_comes_in_the_order_of_its_partition_whatever_the_times(times, more, most, together):
    turns = Turns(most)
    turns.between(TOGETHER, joints=dict.fromkeys(TOGETHER, TOGETHER) if together else None)
    turns.held = {tp: records(*found) for tp, found in zip((VIEWS, ORDERS, SCANS), times, strict=False)}
    told: dict[TP, list[int]] = {tp: [] for tp in turns.held}
    while turns.held:
        due = turns.due(turns.tps, {}, lambda _: more)
        assert due, "everyone waits for everyone"
        for found in due.values():
            assert sum(len(first) for first, _ in found.values()) <= most
            for tp, (first, _) in found.items():
                told[tp] += [record.timestamp for record in first]
    assert list(told.values()) == times[:3]
