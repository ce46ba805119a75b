"""A worker that is stopped and started between any two events goes on where it was (spec §8)."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import oracle
from properties.agreement import differences
from system.runs import Home

WATCHED = 7  # entries before the start of their session arrives


@pytest.mark.parametrize("restarts", [[], [3, WATCHED]], ids=["no restart", "two restarts"])
def test_a_session_that_becomes_known_late_has_all_that_was_watched(restarts: list[int], tmp_path: Path) -> None:
    """Half an hour of viewers, then the start of their session arrives."""
    lines = [*(entered(5 * n) for n in range(WATCHED)), started(), entered(32)]
    home = Home(tmp_path)
    for first, last in pairwise([0, *restarts, len(lines)]):
        home.send(lines[first:last])
        home.drain()
    (found,) = home.outputs()["room-metrics"].values()
    assert list(differences(json.loads(found)["data"], oracle.run(lines).rooms["S1"])) == []


def entered(minute: int) -> bytes:
    """An entry of one of two viewers, who so never stay away for long."""
    return event(minute, "live.viewer.entered", ids={"unionid": f"u{minute % 2}"})


def started() -> bytes:
    return event(0, "live.session.started", room_id="R1", carrier="jd", anchor_ids=["A1"])


def event(minute: int, type_: str, **data: Any) -> bytes:
    envelope = {"specversion": "1.0", "id": f"{type_} {minute}", "source": "/jd", "type": type_,
                "time": f"2026-11-01T12:{minute:02}:00Z"}  # fmt: skip
    return json.dumps({**envelope, "data": {"session_id": "S1", **data}}).encode()
