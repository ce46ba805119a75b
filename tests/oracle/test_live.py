"""The live decision, rule by rule, computed by hand."""

import pytest

from oracle.build import (
    DAY,
    OPENID,
    UNIONID,
    anchors,
    at,
    clicked,
    event,
    line,
    live,
    opened,
    outcomes,
    paid,
    refund,
    registered,
    sale,
    scanned,
    started,
    store,
    viewer,
)


def test_order_session_beats_all_and_needs_no_window() -> None:
    journey = [started(), started("S2", anchors=("A2",)), scanned(-1, session_id="S2")]
    assert live(*journey, paid(0, "O1", line(session_id="S1"))) == ("order_session", "S1")


def test_order_session_that_never_started_is_no_evidence() -> None:
    lines = [started(), viewer("entered", -1), paid(0, "O1", line(session_id="S9"))]
    assert live(*lines) == ("presence", "S1")
    assert outcomes(sale(*lines))["live", "order_session"] == "unknown_session"


def test_order_room_takes_its_last_session_started_at_or_before_placed_at() -> None:
    rooms = [started("S1", -60), started("S2", 0), started("S3", 0.1)]
    assert live(*rooms, paid(0, "O1", line(room_id="R1"))) == ("order_room", "S2")


def test_order_anchor_gives_the_anchor_only() -> None:
    found = sale(started(), viewer("entered", -1), paid(0, "O1", line(anchor_id="A7")))
    assert (found["live"]["rule"], found["session_id"], found["mode"]) == ("order_anchor", None, "platform")
    assert found["anchors"] == [{"anchor_id": "A7", "amount_fen": 100}]


def test_order_token_that_names_a_session() -> None:
    assert live(started(), registered(-60, session_id="S1"), paid(token="K1")) == ("order_token", "S1")


@pytest.mark.parametrize(
    ("before", "rule"), [(7 * DAY, "scan"), (7 * DAY + 1 / 60_000, "none"), (-1, "none"), (0, "scan")]
)
def test_scan_window_includes_both_ends(before: float, rule: str) -> None:
    assert live(started(), scanned(-before, session_id="S1"), paid())[0] == rule


def test_a_field_of_the_scan_beats_its_token() -> None:
    known = [started("S1"), started("S2"), registered(-60, session_id="S2", store_id="T2")]
    found = sale(*known, scanned(-1, session_id="S1", token="K1"), paid())
    assert found["session_id"] == "S1"
    assert found["stores"] == [{"store_id": "T2", "amount_fen": 100}]


def test_share_is_an_opened_share_with_a_session_or_an_entry_with_a_sharer() -> None:
    assert live(started(), opened(-1, session_id="S1"), paid()) == ("share", "S1")
    assert live(started(), opened(-1), paid()) == ("none", None)
    assert live(started(), viewer("entered", -2 * DAY, sharer_id="H1"), paid()) == ("share", "S1")


def test_an_entry_has_the_sharer_of_its_token() -> None:
    lines = [started(), registered(-3 * DAY, sharer_id="H1"), viewer("entered", -2 * DAY, token="K1"), paid()]
    assert live(*lines) == ("share", "S1")


def test_item_click_must_be_of_the_item() -> None:
    assert live(started(), clicked(-2 * DAY, "I1"), paid()) == ("item_click", "S1")
    assert live(started(), clicked(-2 * DAY, "I2"), paid()) == ("none", None)


def test_presence_is_an_entry_within_24_hours() -> None:
    assert live(started(), viewer("entered", -DAY), paid()) == ("presence", "S1")
    assert live(started(), viewer("entered", -DAY - 1), paid()) == ("none", None)
    assert live(started(), viewer("commented", -1), paid()) == ("none", None)


def test_the_latest_evidence_wins_then_the_smallest_source_and_id() -> None:
    known = [started("S1"), started("S2"), started("S3")]
    tied = [viewer("entered", -1, s, id_=i) for s, i in (("S1", "z"), ("S2", "m"), ("S3", "n"))]
    assert live(*known, viewer("entered", -2, "S1", id_="a"), *tied, paid()) == ("presence", "S2")


def test_without_a_session_the_mode_is_that_of_the_checkout() -> None:
    modes = {
        c: sale(paid(carrier=c), sale_id=f"{c}:O1:L1")["mode"] for c in ("kuaishou", "taobao", "weimob", "store_pos")
    }
    assert modes == {
        "kuaishou": "portal",
        "taobao": "platform",
        "weimob": "mini_program",
        "store_pos": "none",
    }


def test_the_mode_is_that_of_the_session() -> None:
    assert sale(started(carrier="wechat_channels"), scanned(-1, session_id="S1"), paid())["mode"] == "mini_program"


def change(minutes: float, *names: str) -> bytes:
    return event("live.anchors.changed", minutes, session_id="S1", anchor_ids=list(names))


@pytest.mark.parametrize(("minutes", "on_air"), [(-90, "A1"), (-60, "A1"), (-40.1, "A1"), (-40, "A2"), (-1, "A2")])
def test_the_anchors_are_those_on_air_at_the_evidence(minutes: float, on_air: str) -> None:
    lines = [
        started(),
        change(-100, "A9"),
        change(-40, "A2"),
        event("live.session.ended", -30, session_id="S1"),
    ]
    assert anchors(*lines, scanned(minutes, session_id="S1"), paid()) == {on_air: 100}


def test_order_rules_take_the_anchors_at_placed_at() -> None:
    assert anchors(started(), change(-1, "A2"), change(1, "A3"), paid(0, "O1", line(session_id="S1"))) == {"A2": 100}


def test_co_hosts_share_equally_and_the_smaller_id_gets_the_odd_fen() -> None:
    lines = [started(anchors=("A3", "A1", "A2", "A1")), scanned(-1, session_id="S1")]
    assert anchors(*lines, paid(0, "O1", line(101))) == {"A1": 34, "A2": 34, "A3": 33}


def test_a_session_without_anchors_credits_none() -> None:
    assert anchors(started(anchors=()), scanned(-1, session_id="S1"), paid()) == {"none": 100}


def test_of_several_starts_the_first_stands() -> None:
    again = started("S1", -50, room="R2", anchors=("A2",))
    assert anchors(again, started("S1", -60), scanned(-1, session_id="S1"), paid()) == {"A1": 100}


def test_a_token_means_its_latest_registration_at_or_before_the_evidence() -> None:
    known = [registered(-30, store_id="T1"), registered(-10, store_id="T2"), registered(-5, store_id="T3")]
    assert store(*known, scanned(-10, token="K1"), paid())[1] == {"T2": 100}
    assert store(*known, scanned(-40, token="K1"), paid())[1] == {"T1": 100}  # none yet: its earliest


def test_of_several_registrations_at_one_moment_the_smallest_holds() -> None:
    known = [registered(-30, id_="b", store_id="T1"), registered(-30, id_="a", store_id="T2")]
    assert store(*known, scanned(-10, token="K1"), paid())[1] == {"T2": 100}


@pytest.mark.parametrize(("expires", "outcome"), [(-10, "won"), (-10 - 1 / 60_000, "expired_token")])
def test_a_token_is_expired_when_expires_at_is_before_the_evidence(expires: float, outcome: str) -> None:
    found = sale(registered(-30, store_id="T1", expires_at=at(expires)), scanned(-10, token="K1"), paid())
    assert outcomes(found)["store", "scan"] == outcome


def test_a_token_that_nobody_registered_is_unknown() -> None:
    assert outcomes(sale(scanned(-10, token="K1"), paid()))["store", "scan"] == "unknown_token"


HORIZON = 2 * DAY


def test_evidence_counts_until_stream_time_passes_the_horizon() -> None:
    on_time = [started(), paid(), viewer("liked", HORIZON), scanned(-1, session_id="S1")]
    assert live(*on_time) == ("scan", "S1")
    too_late = [started(), paid(), viewer("liked", HORIZON + 1), scanned(-1, session_id="S1")]
    assert live(*too_late) == ("none", None)


def test_reference_data_counts_until_then_too_but_has_no_stream_time() -> None:
    paid_in_room = paid(0, "O1", line(session_id="S1"))
    assert live(paid_in_room, started("S2", 5 * DAY), started()) == ("order_session", "S1")
    assert live(paid_in_room, viewer("liked", 5 * DAY), started()) == ("none", None)


def test_an_order_paid_after_the_horizon_is_decided_from_what_had_arrived_then() -> None:
    before = [started(), scanned(-1, session_id="S1"), viewer("liked", HORIZON + 1, "S1")]
    late = scanned(-0.5, store_id="T1")
    found = sale(*before, late, paid(0, time=3 * DAY))
    assert (found["session_id"], found["store"]["rule"]) == ("S1", "none")


def test_the_later_stream_time_of_merged_buyers_closes_their_sales() -> None:
    other = viewer("liked", HORIZON + 1, ids=OPENID)
    link = viewer("liked", 1, ids=UNIONID | OPENID)
    assert live(started(), paid(), other, link, scanned(-1, session_id="S1"))[0] == "none"
    assert live(started(), paid(), other, scanned(-1, session_id="S1"), link)[0] == "scan"


def test_the_journey_of_the_buyer_who_closes_a_sale_by_merging_counts() -> None:
    lines = [started(), paid(), scanned(-1, ids=OPENID, session_id="S1")]
    pair = [viewer("liked", HORIZON + 1, ids=OPENID), viewer("liked", 1, ids=UNIONID | OPENID)]
    assert live(*lines, *pair) == live(*lines, *reversed(pair)) == ("scan", "S1")


def test_stream_time_is_that_of_the_buyer_alone() -> None:
    others = [viewer("liked", HORIZON), viewer("liked", 9 * DAY, ids=OPENID)]
    assert live(started(), paid(), *others, scanned(-1, session_id="S1"))[0] == "scan"


def test_refunds_count_after_the_horizon() -> None:
    assert sale(paid(), viewer("liked", 5 * DAY), refund(100, 5 * DAY))["net_fen"] == 0
