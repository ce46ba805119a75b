"""What must hold of every show, whatever it is."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from oracle import Outcome, run
from shows import random_show, reshuffled, shows
from thoroughness import some


def ends(found: Outcome) -> tuple[Any, ...]:
    return found.sales, found.ledger, found.profiles, found.rooms, found.duplicates


@settings(max_examples=some(60), deadline=None)
@given(shows(), st.integers(0, 2**32 - 1), st.sampled_from(["rules", "linear", "position_based", "time_decay"]))
def test_the_order_of_arrival_does_not_matter(lines: list[bytes], seed: int, model: str) -> None:
    policy = {"live": {"model": model}}
    assert ends(run(lines, policy)) == ends(run(reshuffled(lines, seed), policy))


@settings(max_examples=some(60), deadline=None)
@given(shows(late=True, too_large=True))
def test_every_fen_is_credited_once_in_every_dimension(lines: list[bytes]) -> None:
    for found in run(lines).sales.values():
        assert 0 <= found["net_fen"] == found["amount_fen"] - found["refunded_fen"]
        for dimension in ("anchors", "stores", "modes"):
            assert sum(part["amount_fen"] for part in found[dimension]) == found["net_fen"]


def test_shows_exercise_every_rule_and_every_dead_letter() -> None:
    rules, letters = set(), set()
    for seed in range(60):
        found = run(random_show(seed, size=80, too_large=seed % 2 == 0, late=seed % 3 == 0))
        rules |= {s[d]["rule"] for s in found.sales.values() for d in ("live", "store")}
        letters |= {d["reason"] for d in found.dead_letters}
    assert len(rules) == 14
    assert letters == {"too_large", "bad_json", "bad_envelope", "unknown_type", "missing_field", "wrong_type",
                       "id_conflict", "identity_too_large", "refund_exceeds_paid"}  # fmt: skip
