"""Lists and timelines that are kept packed say what plain lists say."""

from hypothesis import given
from hypothesis import strategies as st

from streams.core.facts import Clock, Fact, Visit, moment
from streams.core.packing import Unpacker, pack
from streams.core.timeline import Timeline
from streams.core.windows import RecentFact

BEYOND_MSGPACK = 2**64 + 1
counts = st.one_of(st.integers(1, 3), st.sampled_from([2**63, BEYOND_MSGPACK, 10**400]))
facts = st.builds(
    Fact, st.integers(0, 9), st.sampled_from(["/a", "/b"]), st.text(max_size=3), st.integers(0, 99), st.integers(0, 8),
    st.just("S"), st.none(), counts, st.none(), st.none(), st.none(), st.none(), st.none(),
)  # fmt: skip


@given(st.lists(facts, unique_by=moment, max_size=20))
def test_a_visit_is_in_order_however_its_facts_come(found):
    visit = Visit()
    for fact in found:
        visit.keep(fact)
    expected = sorted(found, key=moment)
    assert (list(visit), len(visit), visit.last) == (expected, len(found), expected[-1] if expected else None)
    again = Unpacker(Visit)(pack(visit))
    assert again == visit == Visit.of(expected)
    assert again.items() == expected


def test_adding_to_a_list_looks_at_its_last_item_only():
    clock = Clock.of([(1, 1), (2, 2)])
    clock.packed = b"not looked at"
    clock.append((3, 3))
    assert (clock.time, len(clock)) == (3, 3)
    assert clock.packed.startswith(b"not looked at")


items = st.tuples(st.integers(-300, 900), st.integers(0, 9), st.text(max_size=2), counts)


@given(st.lists(st.one_of(items, st.integers(-400, 1000)), max_size=60))
def test_a_timeline_gives_what_has_come_up_to_a_time(steps):
    """Tuples are put in, for a number all up to it is taken out."""
    timeline, inside = Timeline(RecentFact), []
    for step in steps:
        if isinstance(step, tuple):
            timeline.put(step)
            inside.append(step)
        else:
            assert sorted(timeline.take(step)) == sorted(item for item in inside if item[0] <= step)
            inside = [item for item in inside if item[0] > step]
        assert bool(timeline) == bool(inside)
    assert sorted(timeline.take(1000)) == sorted(inside)
