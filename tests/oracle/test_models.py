"""Multi-touch models and policies, computed by hand."""

import pytest

from oracle import run
from oracle.build import DAY, Data, anchors, clicked, line, live, paid, sale, scanned, started, viewer

TOUCHES = [
    started("S1", anchors=("A1",)),
    started("S2", anchors=("A2",)),
    started("S3", anchors=("A3",), carrier="jd"),
    scanned(-7 * DAY, session_id="S1"),
    viewer("entered", -60, "S2"),
    clicked(-30, session="S3"),
]


@pytest.mark.parametrize(
    ("model", "credit", "session"),
    [
        ("first_touch", {"A1": 1000}, "S1"),
        ("last_touch", {"A3": 1000}, "S3"),
        ("linear", {"A1": 334, "A2": 333, "A3": 333}, "S3"),
        ("position_based", {"A1": 400, "A2": 200, "A3": 400}, "S3"),
        ("time_decay", {"A1": 201, "A2": 399, "A3": 400}, "S3"),  # 0.5, 0.995882…, 0.997938… of 2.49382…
    ],
)
def test_multi_touch_models(model: str, credit: Data, session: str) -> None:
    policy = {"live": {"model": model}}
    bought = paid(0, "O1", line(1000), carrier="store_pos")
    found = sale(*TOUCHES, bought, policy=policy, sale_id="store_pos:O1:L1")
    assert ({a["anchor_id"]: a["amount_fen"] for a in found["anchors"]}, found["session_id"]) == (
        credit,
        session,
    )
    assert found["live"]["rule"] == model


def test_multi_touch_modes_follow_the_sessions() -> None:
    found = sale(*TOUCHES, paid(0, "O1", line(1000)), policy={"live": {"model": "linear"}})
    assert found["modes"] == [{"mode": "platform", "amount_fen": 333}, {"mode": "portal", "amount_fen": 667}]


def test_two_touches_share_by_half() -> None:
    policy = {"live": {"model": "position_based"}}
    assert anchors(*TOUCHES[:5], paid(0, "O1", line(1000)), policy=policy) == {"A1": 500, "A2": 500}


def test_an_event_that_serves_two_rules_is_one_touch() -> None:
    lines = [
        started(),
        started("S2", anchors=("A2",)),
        viewer("entered", -5, sharer_id="H1"),
        viewer("entered", -4, "S2"),
    ]
    assert anchors(*lines, paid(), policy={"live": {"model": "linear"}}) == {"A1": 50, "A2": 50}


def test_certain_evidence_wins_over_a_multi_touch_model() -> None:
    policy = {"live": {"model": "linear"}}
    assert live(*TOUCHES, paid(0, "O1", line(session_id="S2")), policy=policy) == ("order_session", "S2")


def test_decay_of_all_to_zero_leaves_the_last_touch() -> None:
    policy = {"live": {"model": "time_decay", "half_life_days": 0.0001}}
    assert anchors(*TOUCHES, paid(0, "O1", line(1000)), policy=policy) == {"A3": 1000}


def test_a_policy_is_merged_with_the_defaults_and_checked() -> None:
    shorter = {"live": {"window_hours": {"scan": 0.5}}}
    assert live(started(), scanned(-30, session_id="S1"), paid(), policy=shorter)[0] == "scan"
    assert live(started(), scanned(-30.1, session_id="S1"), paid(), policy=shorter)[0] == "none"
    for wrong in ({"horizon": 1}, {"live": {"rules": ["guess"]}}, {"store": {"window_hours": {"scan": -1}}}):
        with pytest.raises(ValueError, match=r"horizon|guess|scan"):
            run([], wrong)


def test_only_listed_rules_are_tried() -> None:
    policy = {"live": {"rules": ["presence", "scan"]}}
    assert live(*TOUCHES, paid(0, "O1", line(session_id="S1")), policy=policy) == ("presence", "S2")
