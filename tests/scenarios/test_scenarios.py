"""Scenes that a merchant can read: what happened, and who gets the credit. One TOML file each.

`[[event]]` takes `at` (Shanghai time of day; `day` counts from 0), `type`, and the fields of its data.
`[[sale]]`, `[[posting]]`, `[room.S1]`, `[[profile]]` and `[[dead_letter]]` are what must come out. A sale names
all its credits; of a room or profile only the fields that are named are compared.
"""

import json
import tomllib
from datetime import UTC, datetime, time, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

import in_memory
import oracle

SCENES = sorted(Path(__file__).parent.glob("*.toml"))
SHANGHAI = timezone(timedelta(hours=8))
FIRST_DAY = datetime(2026, 11, 1, tzinfo=SHANGHAI)
Table = dict[str, Any]


@pytest.mark.parametrize("path", SCENES, ids=lambda path: path.stem)
def test_scene(path: Path) -> None:
    scene = tomllib.loads(path.read_text("utf-8"))
    lines = [line_of(number, event) for number, event in enumerate(scene["event"], 1)]
    policy, sales = scene.get("policy", {}), scene.get("sale", [])
    found, again = in_memory.run(lines, policy), oracle.run(lines, policy)
    assert {sale["sale_id"]: shown(found.sales[sale["sale_id"]]) for sale in sales} == {
        sale["sale_id"]: sale for sale in sales
    }
    assert found.sales.keys() == {sale["sale_id"] for sale in sales} == again.sales.keys()
    assert found.ledger == again.ledger == ledger_of(sales)
    if "posting" in scene:
        assert postings(found) == [tuple(posting.values()) for posting in scene["posting"]]
    for rooms in (found.rooms, again.rooms):
        expected = scene.get("room", {})
        assert {name: part(rooms[name]["show"], room) for name, room in expected.items()} == expected
    for profiles in (found.profiles, again.profiles):
        expected_profiles = scene.get("profile", [])
        assert [part(profile_of(profiles, one["ids"]), one) for one in expected_profiles] == expected_profiles
    letters = [{"line": letter["offset"] + 1, "reason": letter["reason"]} for letter in found.dead_letters]
    assert letters == scene.get("dead_letter", [])


def line_of(number: int, event: Table) -> bytes:
    """The event as JSON; its id is its place in the scene, unless it has one."""
    data = {**event}
    envelope = {
        "specversion": "1.0",
        "id": data.pop("id", f"event-{number}"),
        "source": data.pop("source", "scene"),
        "type": data.pop("type"),
    }
    day = data.pop("day", 0)
    envelope["time"] = moment(day, data.pop("at"))
    for name, value in data.items():
        if isinstance(value, time):
            data[name] = moment(day, value)
    return json.dumps({**envelope, "data": data}).encode()


def moment(day: int, at: time) -> str:
    midnight = FIRST_DAY + timedelta(days=day)
    return datetime.combine(midnight.date(), at, SHANGHAI).astimezone(UTC).isoformat()


def shown(sale: Table) -> Table:
    """A sale as scenes tell it."""
    return {
        "sale_id": sale["sale_id"],
        "net_fen": sale["net_fen"],
        "revision": sale["revision"],
        "live": sale["live"]["rule"],
        "store": sale["store"]["rule"],
        "anchors": {credit["anchor_id"]: credit["amount_fen"] for credit in sale["anchors"]},
        "stores": {credit["store_id"]: credit["amount_fen"] for credit in sale["stores"]},
        "modes": {credit["mode"]: credit["amount_fen"] for credit in sale["modes"]},
    }


def ledger_of(sales: list[Table]) -> dict[tuple[str, str, str], int]:
    """What the ledger must sum to: what the sales show."""
    return {
        (sale["sale_id"], dimension, party): fen
        for sale in sales
        for dimension, credits_ in (("anchor", "anchors"), ("store", "stores"), ("mode", "modes"))
        for party, fen in sale[credits_].items()
    }


def postings(found: in_memory.Result) -> list[tuple[Any, ...]]:
    return [
        (data["dimension"], data["party_id"], data["amount_fen"], data["reason"])
        for _, event in found.topics["credit-ledger"]
        for data in [event["data"]]
    ]


def profile_of(profiles: dict[str, Table], ids: Table) -> Table:
    return next(profile for profile in profiles.values() if profile["ids"] == ids)


def part(whole: Table, asked: Table) -> Table:
    return {name: whole[name] for name in asked}
