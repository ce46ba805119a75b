"""`livepool identity unlink` and `livepool forget`: the command, the worker, and what is left."""

import orjson
import pytest

from schemas.codec import decode
from streams.core.identity import buyer_id_of
from streams.home import open_log
from streams.settings import Settings

from .homes import DAY, HOUR, MINUTE, as_json, event, line, livepool, order, process, send, work

PHONE = "0" * 64
BOTH = {"unionid": "u1", "phone_hash": PHONE}
EVENTS = [
    event("live.session.started", 0, "s1", session_id="S1", room_id="R1", carrier="douyin", anchor_ids=["A1"]),
    event("live.viewer.entered", MINUTE, "e1", session_id="S1", ids=BOTH),
    event("scan.code.scanned", 2 * MINUTE, "e2", session_id="S1", ids={"phone_hash": PHONE}),
    event("live.viewer.entered", 3 * MINUTE, "e3", session_id="S1", ids={"unionid": "u1", "openid": "wx:o1"}),
    event("live.viewer.entered", 4 * MINUTE, "e4", session_id="S1", ids={"unionid": "u1", "openid": "wx:o2"}),
    event("live.viewer.entered", 5 * MINUTE, "e5", session_id="S1", ids={"member_id": "m9"}),
    order("paid", 10 * MINUTE, "O1", [line()], ids={"unionid": "u1"}),
]
U1, PHONE_ID = buyer_id_of("unionid:u1"), buyer_id_of(f"phone_hash:{PHONE}")


@pytest.fixture
def home(tmp_path):
    return process(tmp_path / "home", EVENTS)


@pytest.fixture(scope="module")
def untouched(tmp_path_factory):
    return process(tmp_path_factory.mktemp("people") / "home", EVENTS)


def records(home, topic):
    with open_log(Settings(home)) as log:
        return list(log.read(topic))


def profiles(home):
    last = {record.key.decode(): record.value for record in records(home, "pool-feedback")}
    return {buyer: orjson.loads(value)["data"] for buyer, value in last.items() if value}


def commands(home):
    return [decode(record.value) for record in records(home, "commands")]


def test_a_withdrawn_link_parts_two_people(home):
    assert set(profiles(home)) == {U1, buyer_id_of("member_id:m9")}
    result = livepool("identity", "unlink", "unionid:u1", f"phone_hash:{PHONE}", "--home", home)
    assert U1 in result.stdout
    assert "livepool worker --drain" in result.stderr
    work(home)
    after = profiles(home)
    assert set(after) == {U1, PHONE_ID, buyer_id_of("member_id:m9")}
    assert after[PHONE_ID]["ids"] == {"phone_hash": [PHONE]}
    assert (after[PHONE_ID]["orders"], after[U1]["orders"]) == (0, 1)
    assert as_json("audit", "--home", home)["ok"]


def test_a_buyer_id_stands_for_all_its_identifiers(home):
    told = as_json("identity", "unlink", U1, f"phone_hash:{PHONE}", "--home", home)
    assert told["linked_now"]
    named = [(e["data"]["ids_a"], e["data"]["ids_b"]) for e in told["events"]]
    assert named == [
        ({"unionid": "u1", "openid": "wx:o1"}, {"phone_hash": PHONE}),
        ({"openid": "wx:o2"}, {"phone_hash": PHONE}),
    ]
    work(home)
    assert profiles(home)[U1]["ids"] == {"unionid": ["u1"], "openid": ["wx:o1", "wx:o2"]}
    assert PHONE_ID in profiles(home)


def test_what_is_not_linked_is_said(home):
    result = livepool("identity", "unlink", "unionid:u1", "member_id:m9", "--home", home)
    assert "They are not one buyer now" in result.stdout
    work(home)
    linked = {"unionid": "u1", "member_id": "m9"}
    process(home, [event("live.viewer.entered", -3000 * DAY, "link", session_id="S1", ids=linked)])
    assert buyer_id_of("member_id:m9") in profiles(home), "a link from before the withdrawal does not stand"


def test_a_link_that_is_dated_in_the_future_is_withdrawn_too(tmp_path):
    ids = {"unionid": "u1", "member_id": "m9"}
    home = process(tmp_path, [event("share.opened", 20_000 * DAY, "link", ids=ids, sharer_id="F1")])
    assert set(profiles(home)) == {U1}
    result = livepool("identity", "unlink", "unionid:u1", "member_id:m9", "--home", home)
    assert "dated in the future" in result.stderr
    process(home, [event("share.opened", 0, "alone", ids={"member_id": "m9"}, sharer_id="F1")])
    assert buyer_id_of("member_id:m9") in profiles(home)


@pytest.mark.parametrize(
    ("a", "b", "why"),
    [
        ("unionid:u1", "unionid:u1", "are the same"),
        (U1, U1, "are the same"),
        ("nick:u1", "unionid:u1", "namespaces: unionid"),
        ("u1", "unionid:u1", "neither a buyer_id"),
        ("phone_hash:13800000000", "unionid:u1", "phone_hash:13800000000"),
        ("unionid:", "unionid:u1", "unionid:"),
        ("b0123456789abcdef", "unionid:u1", "no buyer b0123456789abcdef"),
        (PHONE_ID, "unionid:u1", f"is part of {U1} now"),
        ("device_id:v1", "unionid:u1", "a device never links"),
    ],
)
def test_bad_names_are_refused_and_nothing_is_written(untouched, a, b, why):
    assert why in " ".join(livepool("identity", "unlink", a, b, "--home", untouched, code=2).stderr.split())
    assert commands(untouched) == []


def test_forget_asks_first(home):
    result = livepool("forget", "unionid:u1", "--home", home, code=1, input="n\n")
    assert "phone_hash:" in result.stderr
    assert "anonymous id" in result.stderr
    assert commands(home) == []
    livepool("forget", "unionid:u1", "--home", home, input="y\n")
    assert len(commands(home)) == 2  # two openids do not fit into one `ids`


def test_a_forgotten_buyer_leaves_only_amounts(home):
    (before,) = [orjson.loads(record.value) for record in records(home, "attributed-sales")]
    told = as_json("forget", f"phone_hash:{PHONE}", "--yes", "--home", home)
    assert told["buyer_id"] == U1
    work(home)
    assert set(profiles(home)) == {buyer_id_of("member_id:m9")}
    last = orjson.loads(records(home, "attributed-sales")[-1].value)["data"]
    assert last["buyer_id"].startswith("a")
    assert last["net_fen"] == before["data"]["net_fen"]
    assert as_json("audit", "--home", home)["ok"]
    with open_log(Settings(home)) as log:
        for table in ("people", "members", "buyers"):
            kept = b"".join(key + value for key, value in log.state_scan(table))
            assert PHONE.encode() not in kept
            assert b"wx:o1" not in kept
    assert "nothing is known" in livepool("forget", f"phone_hash:{PHONE}", "--yes", "--home", home, code=1).stderr


def test_who_is_not_known_cannot_be_forgotten(home):
    result = livepool("forget", "unionid:u77", "--yes", "--home", home, code=1)
    assert "livepool worker --drain" in result.stderr
    send(home, [event("live.viewer.entered", HOUR, "new", session_id="S1", ids={"unionid": "u77"})])
    work(home)
    livepool("forget", "unionid:u77", "--yes", "--home", home)
    assert commands(home)[0].data.ids.unionid == "u77"
