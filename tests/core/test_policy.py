"""A policy file is merged with the defaults, checked, and named by what results (spec §7)."""

import pytest

from streams.core.policy import Policy, PolicyError, load


def test_an_empty_file_is_the_default():
    assert load({}) == Policy()
    assert load({}).version == Policy().version


def test_the_version_is_that_of_the_content():
    assert load({"amend_horizon_hours": 48}).version == Policy().version
    assert load({"amend_horizon_hours": 24}).version != Policy().version


def test_window_hours_are_merged_key_by_key():
    policy = load({"live": {"window_hours": {"presence": 0.5}}})
    assert policy.live.window_hours == {"scan": 168, "share": 168, "item_click": 168, "presence": 0.5}


@pytest.mark.parametrize(
    ("document", "named"),
    [
        ({"horizon": 1}, "horizon"),
        ({"live": {"modle": "rules"}}, "live.modle"),
        ({"live": {"model": "best"}}, "live.model"),
        ({"live": {"rules": ["scan", "magic"]}}, "magic"),
        ({"live": {"rules": ["scan", "scan"]}}, "live.rules"),
        ({"store": {"window_hours": {"seller": 1}}}, "store.window_hours.seller"),
        ({"store": {"window_hours": {"scan": -1}}}, "store.window_hours.scan"),
        ({"store": 7}, "store"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"bad_window": 0}, "bad_window"),
        ({"live": {"half_life_days": 0}}, "live.half_life_days"),
        ({"amend_horizon_hours": "48"}, "amend_horizon_hours"),
        ({"presence_timeout_minutes": float("nan")}, "presence_timeout_minutes"),
    ],
)
def test_what_is_wrong_is_named(document, named):
    with pytest.raises(PolicyError, match=named):
        load(document)
