"""What we ship against the contract read a second time, over thousands of small dense shows."""

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import in_memory
import oracle
from properties.agreement import of_core, of_home, of_oracle, of_replay, report
from shows import random_show, reshuffled, shows
from streams.cli import main
from system.runs import Home
from thoroughness import some

LIVE = ["order_session", "order_room", "order_anchor", "order_token", "scan", "share", "item_click", "presence"]
POLICIES: dict[str, dict[str, Any]] = {
    "default": {},
    "first_touch": {"live": {"model": "first_touch"}},
    "last_touch": {"live": {"model": "last_touch"}},
    "linear": {"live": {"model": "linear"}},
    "position_based": {"live": {"model": "position_based"}},
    "time_decay": {"live": {"model": "time_decay", "half_life_days": 0.05}},
    "short_windows": {
        "live": {"window_hours": {"scan": 0.25, "share": 0, "item_click": 24, "presence": 0.1}},
        "store": {"window_hours": {"scan": 1, "share": 0.5}},
    },
    "other_order": {
        "live": {"rules": ["presence", "item_click", "scan", "order_room", "order_token"]},
        "store": {"rules": ["session_store", "seller", "session_split", "pool_contact", "share", "scan"]},
    },
    "few_rules_weighed": {"live": {"model": "linear", "rules": ["presence", "order_token", "share"]}},
    "short_horizon": {"amend_horizon_hours": 0.5, "presence_timeout_minutes": 5},
    "no_horizon": {"amend_horizon_hours": 0, "presence_timeout_minutes": 0},
}
# name -> options of `random_show`; what arrives late is decided by the order of arrival, which both follow
SHOWS: dict[str, dict[str, Any]] = {
    "in_time": {},
    "late": {"late": True},
    "crowds": {"too_large": True, "late": True},
}
OF_EACH = some(65)  # shows per policy and kind: of all 65 x 11 x 3 = 2145


@pytest.mark.parametrize("kind", SHOWS)
@pytest.mark.parametrize("name", POLICIES)
def test_core_agrees_with_the_oracle(name: str, kind: str) -> None:
    policy = POLICIES[name]
    first = OF_EACH * (list(POLICIES).index(name) * len(SHOWS) + list(SHOWS).index(kind))
    for seed in range(first, first + OF_EACH):
        lines = random_show(seed, **SHOWS[kind])
        unlike = report(lines, of_core(in_memory.run(lines, policy)), of_oracle(oracle.run(lines, policy)))
        assert not unlike, f"random_show({seed}, **{SHOWS[kind]}) under {policy}\n{unlike}"


@settings(max_examples=some(100), deadline=None, suppress_health_check=list(HealthCheck))
@given(shows(late=True, too_large=True), st.sampled_from(list(POLICIES)))
def test_core_agrees_with_the_oracle_on_parts_of_shows(lines: list[bytes], name: str) -> None:
    policy = POLICIES[name]
    assert not report(lines, of_core(in_memory.run(lines, policy)), of_oracle(oracle.run(lines, policy)))


@pytest.mark.parametrize("name", [name for name in POLICIES if "horizon" not in name])
def test_order_of_arrival_does_not_matter_to_the_core(name: str) -> None:
    for seed in range(5_000, 5_000 + some(25)):
        lines = random_show(seed)
        ends = [settled(order, POLICIES[name]) for order in (lines, reshuffled(lines, seed))]
        unlike = report(lines, *ends)
        assert not unlike, f"random_show({seed}), reshuffled with {seed}\n{unlike}"


def settled(lines: list[bytes], policy: dict[str, Any]) -> dict[str, Any]:
    """What must not depend on the order; dead letters name lines, and id conflicts are set aside (spec §4)."""
    ends = of_core(in_memory.run(lines, policy))
    del ends["dead_letters"]
    return ends


@pytest.mark.parametrize("partitions", [2, 5])
def test_partitions_agree_with_the_oracle(partitions: int) -> None:
    """Each may be ahead of the others, so what comes after a horizon comes after it for some: shows in time only."""
    for seed in range(7_000, 7_000 + some(80)):
        lines = random_show(seed)
        unlike = report(lines, of_core(in_memory.run(lines, {}, partitions, seed)), of_oracle(oracle.run(lines)))
        assert not unlike, f"random_show({seed}) on {partitions} partitions\n{unlike}"


def test_a_worker_agrees_with_the_oracle(tmp_path: Path) -> None:
    """With small batches, so that what happens in one and across several is both met."""
    for seed in range(9_100, 9_105):
        lines = random_show(seed, size=80, late=seed % 2 == 0, too_large=seed % 3 == 0)
        home = Home(tmp_path / str(seed))
        home.send(lines)
        home.drain(max_records=9)
        expected = of_oracle(oracle.run(lines))
        del expected["duplicates"]
        unlike = report(lines, of_home(home), expected)
        assert not unlike, f"random_show({seed})\n{unlike}"


@pytest.mark.parametrize("seed", range(9_000, 9_000 + some(12)))
def test_replay_agrees_with_the_oracle(seed: int, tmp_path: Path) -> None:
    lines = random_show(seed, size=80, late=seed % 2 == 0, too_large=seed % 3 == 0)
    source, out = tmp_path / "show.ndjson", tmp_path / "out"
    source.write_bytes(b"".join(line + b"\n" for line in lines))
    done = CliRunner().invoke(main, ["replay", str(source), "--out", str(out)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    expected = of_oracle(oracle.run(lines))
    del expected["duplicates"]
    assert not report(lines, of_replay(out), expected)
