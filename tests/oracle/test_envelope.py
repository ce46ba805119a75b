"""Which lines are accepted, and the reasons of dead letters."""

import json
from typing import Any

import pytest

from oracle import run
from oracle.build import line, paid, reasons, refund, started, viewer

GOOD = json.loads(viewer("entered", 0, id_="x"))


def but(**changes: Any) -> bytes:
    return json.dumps({**GOOD, **changes}).encode()


def having(type_: str = GOOD["type"], **changes: Any) -> bytes:
    return but(type=type_, data={**GOOD["data"], **changes})


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (but(more="x" * 70_000), "too_large"),
        (b"{", "bad_json"),
        (b"\xff", "bad_json"),
        (b'{"a": NaN}', "bad_json"),
        (b"[]", "bad_envelope"),
        (but(specversion="1.1"), "bad_envelope"),
        (but(id=""), "bad_envelope"),
        (but(id="x" * 129), "bad_envelope"),
        (but(source=None), "bad_envelope"),
        (but(time="2024-06-18T20:00:00"), "bad_envelope"),
        (but(time="2024-06-31T20:00:00Z"), "bad_envelope"),
        (but(data=[]), "bad_envelope"),
        (but(type="live.viewer.waved"), "unknown_type"),
        (having(session_id=None), "missing_field"),
        (having(ids={}), "missing_field"),
        (having(ids={"shoe_size": 43}), "missing_field"),
        (having("pool.contact.added", guide_id="G1"), "missing_field"),
        (having(session_id=5), "wrong_type"),
        (having(session_id=""), "wrong_type"),
        (having(ids={"unionid": 5}), "wrong_type"),
        (having(ids={"phone_hash": "13800000000"}), "wrong_type"),
        (having(token="a-b"), "wrong_type"),
        (having(token="a" * 31), "wrong_type"),
        (having(traffic="paid"), "wrong_type"),
        (having("live.viewer.liked", count=0), "wrong_type"),
        (having("live.viewer.liked", count=1.0), "wrong_type"),
        (having("live.viewer.liked", count=True), "wrong_type"),
        (paid(0, "O1", line(-1)), "wrong_type"),
        (paid(0, "O1", line(1), line(2)), "wrong_type"),
        (refund(0), "wrong_type"),
        (started(carrier="youzan"), "wrong_type"),
    ],
)
def test_dead_letters(raw: bytes, reason: str) -> None:
    assert reasons(raw) == [reason]


def test_what_is_accepted() -> None:
    fine = [
        having(token=None),
        but(id="w", data={"session_id": "S1", "ids": {"unionid": "u1", "shoe_size": 43}, "hat": 1}),
        but(id="长" * 128),
        but(id="y", time="2024-06-18t20:00:00.123456789+08:00"),
        but(id="z", subject=None),
    ]
    assert reasons(*fine) == []


def test_dead_letters_carry_topic_offset_and_payload() -> None:
    found = run([b"", having(token=3), b"  ", b"\xff{"]).dead_letters
    assert [(d["topic"], d["offset"], d["payload"][-2:]) for d in found] == [
        ("live-room", 1, "}}"),
        (None, 3, "\ufffd{"),
    ]


def test_the_same_payload_is_a_duplicate_another_is_a_conflict() -> None:
    shuffled = json.dumps(dict(reversed(GOOD.items())), indent=1).replace("\n", " ").encode()
    found = run([started(), but(), shuffled, but(), but(subject="other"), b"{"])
    assert (found.duplicates, found.rooms["S1"]["show"]["views"]) == (2, 1)
    assert [d["reason"] for d in found.dead_letters] == ["id_conflict", "bad_json"]


def test_only_accepted_events_occupy_their_id() -> None:
    found = run([started(), having(token=3), but()])
    assert (found.rooms["S1"]["show"]["views"], found.duplicates) == (1, 0)
