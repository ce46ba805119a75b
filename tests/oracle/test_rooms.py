"""What an operator sees, computed by hand."""

from oracle import run
from oracle.build import (
    OPENID,
    UNIONID,
    at,
    clicked,
    contact,
    event,
    line,
    paid,
    refund,
    registered,
    scanned,
    show,
    started,
    viewer,
)


def test_views_are_entries_and_viewers_are_people() -> None:
    lines = [viewer("entered", 0), viewer("entered", 1), viewer("liked", 1, ids=OPENID, count=5), clicked(2)]
    found = show(started(), *lines, viewer("commented", 2))
    wanted = {"views": 2, "viewers": 2, "likes": 5, "comments": 1, "product_clicks": 1, "clickers": 1}
    assert {n: found[n] for n in wanted} == wanted
    assert show(started(), *lines, viewer("liked", 3, ids=UNIONID | OPENID))["viewers"] == 1


def test_windows_end_at_the_latest_event_and_take_their_end_only() -> None:
    likes = [viewer("liked", m, count=c) for m, c in ((0, 1), (-10, 2), (-20, 4), (-9.9, 8))]
    found = run([started(), *likes]).rooms["S1"]
    assert [found[w]["likes"] for w in ("show", "last_10m", "previous_10m")] == [15, 9, 2]


def test_watch_time_is_the_sum_over_stays_from_first_to_last_event() -> None:
    lines = [viewer("entered", 0), viewer("liked", 15), viewer("liked", 30.1), viewer("left", 31),
             viewer("entered", 32), viewer("entered", 0, ids=OPENID)]  # fmt: skip
    found = show(started(), *lines)  # 15 min + 0.9 min + 0 over two viewers
    assert found["avg_watch_seconds"] == 477


def test_online_is_sampled_at_whole_minutes() -> None:
    lines = [viewer("entered", 0), viewer("entered", 0.5, ids=OPENID), viewer("left", 1, ids=OPENID)]
    assert [show(started(), *lines)[n] for n in ("online", "peak_online")] == [
        1,
        1,
    ]  # the second left at the minute
    later = viewer("left", 1.1, ids=OPENID)
    found = show(started(), *lines[:2], later)
    assert [found[n] for n in ("online", "peak_online")] == [2, 2]


def test_a_stay_ends_one_timeout_after_its_last_event() -> None:
    lines = [started(), viewer("entered", 0)]
    assert show(*lines, viewer("entered", 14, ids=OPENID))["online"] == 2
    assert show(*lines, viewer("entered", 15, ids=OPENID))["online"] == 1


def test_online_is_zero_once_it_has_ended_and_peak_is_before() -> None:
    ended = event("live.session.ended", 5, session_id="S1")
    found = show(started(), viewer("entered", 0), ended, viewer("entered", 6, ids=OPENID))
    assert (found["online"], found["peak_online"], found["viewers"]) == (0, 1, 2)


def test_a_scan_counts_for_the_session_it_names_else_for_that_of_the_stay() -> None:
    lines = [
        started(),
        started("S2"),
        viewer("entered", 0),
        viewer("entered", 1, "S2"),
        viewer("left", 5, "S2"),
    ]
    assert show(*lines, scanned(2))["scans"] == 0  # in two stays: the one begun last
    assert show(*lines, scanned(2), session="S2")["scans"] == 1
    assert show(*lines, scanned(5))["scans"] == 1  # left at that moment
    assert show(*lines, scanned(15))["scans"] == 0  # one timeout after the last event
    assert show(*lines, scanned(2, session_id="S1"), scanned(3, session_id="S9"))["scans"] == 1
    assert show(*lines, registered(0, session_id="S1", expires_at=at(1)), scanned(2, token="K1"))["scans"] == 0


def test_pool_joins_are_people() -> None:
    lines = [
        started(),
        registered(-60, session_id="S1"),
        contact("added", 0, token="K1"),
        contact("added", 1, "G2", token="K1"),
    ]
    found = show(*lines, viewer("entered", 1))
    assert (found["pool_joins"], found["pool_rate"]) == (1, 1.0)


def test_money_counts_for_the_session_that_won() -> None:
    lines = [started(), viewer("entered", -1), viewer("entered", -1, ids=OPENID), clicked(-1)]
    bought = [paid(0, "O1", line(101), line(200, "L2")), paid(1, "O2", line(100)), refund(50, 2)]
    found = show(*lines, *bought)
    wanted = {
        "orders_placed": 2,
        "orders_paid": 2,
        "buyers": 1,
        "new_buyers": 1,
        "units": 3,
        "gmv_created_fen": 401,
        "gmv_paid_fen": 401,
        "refunded_fen": 50,
        "gmv_net_fen": 351,
        "conversion": 0.5,
        "click_conversion": 1.0,
        "average_order_fen": 201,
        "uv_value_fen": 201,
        "gpm_fen": 200_500,
        "refund_rate": 0.1247,
    }
    assert {n: found[n] for n in wanted} == wanted


def test_ratios_are_null_when_the_divisor_is_zero() -> None:
    found = show(started())
    assert {found[n] for n in ("conversion", "average_order_fen", "gpm_fen", "refund_rate", "pool_rate")} == {None}


def test_a_room_that_never_started_has_no_snapshot() -> None:
    assert run([viewer("entered", 0)]).rooms == {}
