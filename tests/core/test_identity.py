"""Sets of identifiers: linked, refused, withdrawn (spec §3)."""

import random

import pytest

from streams.core.identity import Identities, IdentityTooLarge, buyer_id_of


def fresh() -> Identities:
    return Identities({}, {}, {})


def buyers(identities: Identities, names: list[str]) -> list[str]:
    return [identities.buyer_of(buyer_id_of(name)) for name in names]


def test_the_best_identifier_names_the_buyer_lowest_rank_then_smallest_value():
    identities = fresh()
    identities.link(["openid:wx:b", "jd_open_id:1"], 1)
    identities.link(["openid:wx:a", "jd_open_id:1"], 1)
    assert set(buyers(identities, ["jd_open_id:1", "openid:wx:b"])) == {buyer_id_of("openid:wx:a")}
    identities.link(["unionid:z", "openid:wx:b"], 1)
    assert set(buyers(identities, ["jd_open_id:1", "openid:wx:a"])) == {buyer_id_of("unionid:z")}


def test_the_order_of_links_does_not_matter():
    pairs = [[f"openid:{a}", f"openid:{b}"] for a, b in ((1, 2), (3, 4), (2, 3), (5, 6), (6, 1))]
    names = [f"openid:{n}" for n in range(1, 7)]
    results = set()
    for seed in range(20):
        identities = fresh()
        for pair in random.Random(seed).sample(pairs, len(pairs)):
            identities.link(pair, 1)
        results.add(tuple(buyers(identities, names)))
    assert results == {(buyer_id_of("openid:1"),) * 6}


def test_32_identifiers_are_a_buyer_33_are_refused_and_change_nothing():
    identities = fresh()
    for number in range(1, 32):
        identities.link(["phone_hash:p", f"openid:{number:02}"], 1)
    with pytest.raises(IdentityTooLarge):
        identities.link(["unionid:u", "openid:new", "openid:01"], 1)
    assert buyers(identities, ["unionid:u", "openid:new"]) == [buyer_id_of("unionid:u"), buyer_id_of("openid:new")]
    assert len(identities.people[buyer_id_of("phone_hash:p")].identifiers) == 32


def test_a_withdrawn_link_lets_the_sets_fall_apart_and_a_later_event_links_them_anew():
    identities = fresh()
    identities.link(["unionid:u", "openid:a"], 10)
    identities.link(["openid:a", "jd_open_id:j"], 10)
    (split,) = identities.unlink(["unionid:u"], ["openid:a"], 20)
    assert [name for name, _ in split.parts] == [buyer_id_of("unionid:u"), buyer_id_of("openid:a")]
    assert buyers(identities, ["jd_open_id:j"]) == [buyer_id_of("openid:a")]
    assert identities.link(["unionid:u", "openid:a"], 20) == []
    assert identities.link(["unionid:u", "openid:a"], 21)


def test_a_withdrawal_that_arrives_first_holds_for_links_up_to_its_time():
    identities = fresh()
    identities.unlink(["unionid:u"], ["openid:a"], 20)
    assert identities.link(["unionid:u", "openid:a"], 19) == []
    assert buyers(identities, ["openid:a"]) == [buyer_id_of("openid:a")]


def test_erased_identifiers_leave_no_trace():
    identities = fresh()
    identities.link(["unionid:u", "openid:a"], 1)
    identities.unlink(["unionid:u"], ["openid:b"], 1)
    identities.erase(buyer_id_of("openid:a"))
    assert (identities.people, identities.members) == ({}, {})
    assert buyer_id_of("unionid:u") not in identities.cuts
