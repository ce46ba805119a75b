"""Identity and profiles, computed by hand."""

import hashlib

import pytest

from oracle import run
from oracle.build import (
    OPENID,
    UNIONID,
    at,
    contact,
    event,
    live,
    opened,
    paid,
    profile,
    refund,
    scanned,
    started,
    viewer,
)


def buyer_id(text: str) -> str:
    return "b" + hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def test_buyer_id_is_that_of_the_best_identifier_of_the_set() -> None:
    found = run([viewer("liked", 0, ids=OPENID), viewer("liked", 1, ids={**OPENID, "member_id": "m2"}),
                 viewer("liked", 2, ids={**OPENID, "member_id": "m1"})])  # fmt: skip
    assert list(found.profiles) == [buyer_id("member_id:m1")]
    assert found.profiles[buyer_id("member_id:m1")]["ids"] == {
        "member_id": ["m1", "m2"],
        "openid": ["wx1:o1"],
    }


def test_a_device_counts_only_when_it_is_alone_and_never_links() -> None:
    found = run([viewer("liked", 0, ids={"device_id": "v1"}), viewer("liked", 1, ids={**UNIONID, "device_id": "v1"})])
    assert set(found.profiles) == {buyer_id("device_id:v1"), buyer_id("unionid:u1")}
    assert found.profiles[buyer_id("unionid:u1")]["ids"] == {"unionid": ["u1"]}


def test_a_link_makes_two_journeys_one() -> None:
    lines = [started(), scanned(-1, session_id="S1", ids=OPENID), paid()]
    assert live(*lines)[0] == "none"
    assert live(*lines, viewer("liked", 1, ids=UNIONID | OPENID))[0] == "scan"


def test_a_link_that_makes_too_large_a_set_is_refused() -> None:
    names = ("member_id", "openid", "douyin_open_id", "kuaishou_open_id", "jd_open_id")
    links = [viewer("entered", m, ids={**UNIONID, **{n: f"{n}{m}" for n in names}}) for m in range(7)]
    last = viewer("liked", 9, ids={**UNIONID, "taobao_open_uid": "t"})
    found = run([started(), *links, last])
    assert [d["reason"] for d in found.dead_letters] == ["identity_too_large"]
    assert [len(v) for v in found.profiles[buyer_id("unionid:u1")]["ids"].values()] == [1, 6, 6, 6, 6, 6, 1]
    assert found.rooms["S1"]["show"]["views"] == 6  # a refused event counts for nothing


def unlinked(minutes: float) -> bytes:
    return event("identity.unlinked", minutes, ids_a=UNIONID, ids_b=OPENID)


@pytest.mark.parametrize("first", [0, 1])
def test_a_withdrawn_link_lets_the_sets_fall_apart(first: int) -> None:
    pair = [viewer("liked", 1, ids=UNIONID | OPENID), unlinked(2)]
    lines = [started(), scanned(-1, session_id="S1", ids=OPENID), paid(), pair[first], pair[1 - first]]
    assert live(*lines)[0] == "none"
    assert len(run(lines).profiles) == 2


@pytest.mark.parametrize(("minutes", "buyers"), [(0, 1), (1, 2), (2, 2)])
def test_a_withdrawal_ends_the_links_up_to_its_moment(minutes: float, buyers: int) -> None:
    both = [viewer("liked", 0, ids=OPENID), viewer("liked", 1, ids=UNIONID | OPENID)]
    assert len(run([*both, unlinked(minutes)]).profiles) == buyers


def test_an_erased_buyer_leaves_amounts_under_another_id() -> None:
    found = run([started(), viewer("entered", -1), paid(), event("buyer.erased", 1, ids=UNIONID)])
    assert found.profiles == {}
    assert found.sales["jd:O1:L1"]["buyer_id"] != buyer_id("unionid:u1")
    assert (found.sales["jd:O1:L1"]["net_fen"], found.rooms["S1"]["show"]["buyers"]) == (100, 1)
    again = run([paid(), event("buyer.erased", 1, ids=UNIONID), paid(2, "O2")])
    assert again.profiles[buyer_id("unionid:u1")]["orders"] == 1
    assert again.sales["jd:O2:L1"]["new_buyer"]


def test_a_profile_of_a_visitor() -> None:
    lines = [viewer("entered", 1, "S1"), viewer("left", 3, "S2"), opened(2, "H2"), opened(1.5, "H1")]
    assert profile(*lines) == {
        "buyer_id": buyer_id("unionid:u1"), "ids": {"unionid": ["u1"]}, "stage": "visitor", "tags": [],
        "home_store_id": None, "guide_id": None, "groups": [], "sessions_seen": 2, "first_seen": at(1),
        "last_seen": at(3), "last_session_id": "S2", "orders": 0, "net_fen": 0, "last_order_at": None,
        "sharer_id": "H1",
    }  # fmt: skip


def test_the_stage_follows_pool_and_orders_with_net() -> None:
    joined = contact("added", 1, "G1", store_id="T1")
    assert (profile(joined)["stage"], profile(joined)["home_store_id"]) == ("member", "T1")
    assert profile(joined, contact("removed", 2, "G1"))["stage"] == "visitor"
    assert profile(joined, paid())["stage"] == "buyer"
    assert profile(paid(), paid(1, "O2"))["stage"] == "repeat_buyer"
    assert profile(paid(), paid(1, "O2"), refund(100))["stage"] == "buyer"
    refunded = profile(joined, paid(), refund(100))
    assert (refunded["stage"], refunded["orders"], refunded["tags"]) == ("member", 1, [])


def test_tags_come_from_sales_with_net() -> None:
    assert profile(scanned(-1, store_id="T1"), paid())["tags"] == ["mode:platform", "store:T1"]


def test_groups_are_the_open_ones() -> None:
    chats = [event(f"pool.group.{k}", m, ids=UNIONID, chat_id=c) for k, m, c in
             (("joined", 1, "C2"), ("left", 3, "C1"), ("joined", 2, "C1"), ("joined", 2, "C3"))]  # fmt: skip
    assert (profile(*chats)["groups"], profile(*chats)["stage"]) == (["C2", "C3"], "member")
