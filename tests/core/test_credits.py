"""Not one fen is lost: the largest remainder method, and refunds on what remains (spec §4)."""

from hypothesis import given
from hypothesis import strategies as st

from streams.core.credits import after, split, take

parties = st.dictionaries(st.text("abc", min_size=1, max_size=3), st.integers(0, 10**6), min_size=1, max_size=12)
weights = parties.filter(lambda shares: sum(shares.values()) > 0)


@given(st.integers(0, 10**24), weights)
def test_a_split_adds_up_and_nobody_is_a_fen_away_from_the_exact_share(amount, shares):
    got = split(amount, shares)
    assert sum(got.values()) == amount
    total = sum(shares.values())
    assert all(abs(got[party] * total - amount * weight) < total for party, weight in shares.items())


def test_a_fen_that_is_left_over_goes_to_the_larger_remainder_then_to_the_smaller_party():
    assert split(1, {"b": 1, "a": 1, "c": 1}) == {"a": 1, "b": 0, "c": 0}
    assert split(101, {"x": 1, "y": 2}) == {"x": 34, "y": 67}
    assert split(2, {"s30": 30, "s35b": 35, "s35a": 35}) == {"s30": 0, "s35a": 1, "s35b": 1}


def test_smaller_is_by_utf8_bytes():
    assert split(1, {"\U0001f600": 1, "\ufffd": 1}) == {"\ufffd": 1, "\U0001f600": 0}


@given(st.integers(0, 10**9), weights, st.lists(st.integers(1, 10**8), max_size=6))
def test_refunds_never_take_more_than_is_there_and_a_full_refund_leaves_nothing(amount, shares, refunds):
    credit = split(amount, shares)
    for refund in refunds:
        if refund <= sum(credit.values()):
            before = dict(credit)
            returned = take(credit, refund)
            assert sum(returned.values()) == refund
            assert all(0 <= credit[party] <= before[party] for party in credit)
    if rest := sum(credit.values()):
        take(credit, rest)
    assert not any(credit.values())


def test_a_refund_is_spread_over_what_remains_not_over_what_was():
    assert after(split(100, {"a": 1, "b": 1}), (99,)) == {"b": 1}
    assert after(split(3, {"a": 1, "b": 1, "c": 1}), (1, 1)) == {"c": 1}
