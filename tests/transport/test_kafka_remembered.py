"""What a worker has sent to itself is found again for the very record, and only for that."""

from faust.types import TP
from hypothesis import given
from hypothesis import strategies as st

from streams.transport.batches import Record
from streams.transport.kafka_remembered import Remembered, Sent

HERE = TP("journeys", 1)


def record(offset: int, value: bytes | None, tp: TP = HERE) -> Record:
    return Record(*tp, offset, 0, None, value, ())


def test_messages_are_those_that_were_sent_and_are_given_once() -> None:
    messages = [object(), object()]
    remembered = Remembered()
    remembered.keep(HERE, [(5, Sent(b"two", messages))])
    assert remembered.take(record(5, b"two", TP("journeys", 0))) is None
    assert remembered.take(record(5, b"two")) is messages
    assert remembered.take(record(5, b"two")) is None


def test_another_value_at_the_same_place_is_not_taken_for_it() -> None:
    """A log may be cut and written anew: after an unclean election of a leader."""
    remembered = Remembered()
    remembered.keep(HERE, [(5, Sent(b"two", [1, 2])), (6, Sent(b"one", [3]))])
    assert remembered.take(record(5, b"other")) is None
    assert remembered.take(record(6, b"one")) == [3]
    remembered.keep(HERE, [(7, Sent(b"two", [1, 2]))])
    remembered.keep(HERE, [(7, Sent(b"three", [1, 2, 3]))])
    assert remembered._count == 3
    assert remembered.take(record(7, b"three")) == [1, 2, 3]


def test_what_was_passed_over_and_what_is_too_much_is_forgotten() -> None:
    remembered = Remembered(most=5)
    remembered.keep(HERE, [(offset, Sent(b"", [offset])) for offset in range(4)])
    assert remembered.take(record(2, b"")) == [2]
    assert remembered.take(record(1, b"")) is None
    remembered.keep(TP("journeys", 0), [(9, Sent(b"", [1, 2, 3, 4, 5]))])
    assert remembered.take(record(3, b"")) is None
    assert remembered.take(record(9, b"", TP("journeys", 0))) == [1, 2, 3, 4, 5]


def test_nothing_is_remembered_of_what_somebody_else_may_read_now() -> None:
    remembered = Remembered()
    remembered.keep(HERE, [(5, Sent(b"two", [1, 2]))])
    remembered.forget()
    assert remembered.take(record(5, b"two")) is None


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 2), st.integers(1, 4)), max_size=60))
def test_no_more_than_the_limit_is_held(steps: list[tuple[bool, int, int]]) -> None:
    remembered = Remembered(most=6)
    ends = [0, 0, 0]
    for keeps, partition, count in steps:
        tp = TP("journeys", partition)
        if keeps:
            remembered.keep(tp, [(ends[partition], Sent(b"", [None] * count))])
            ends[partition] += 1
        else:
            remembered.take(record(ends[partition] - 1, b"", tp))
        held = sum(len(sent.messages) for kept in remembered._sent.values() for sent in kept.values())
        assert held == remembered._count <= 6
