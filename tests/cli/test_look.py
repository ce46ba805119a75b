import msgspec
import pytest
from rich.cells import cell_len

from schemas.rooms import Window
from streams.cli.board_view import change
from streams.cli.language import from_locale
from streams.core.definitions import DEFINITIONS
from streams.core.identity import buyer_id_of
from streams.words.language import yuan, yuan_short
from tests.cli.homes import DAY, HOUR, MINUTE, as_json, event, line, livepool, order, process

D1, D2 = {"douyin_open_id": "d1"}, {"douyin_open_id": "d2"}
REFUND = {"refund_id": "r1", "carrier": "douyin", "amount_fen": 1_000, "line_id": "2"}
UNION = {"unionid": "u1", "douyin_open_id": "d1"}


def started(at, session_id, carrier, **more):
    data = {"session_id": session_id, "room_id": f"room-{session_id}", "carrier": carrier, **more}
    return event("live.session.started", at, f"start-{session_id}", **data)


EVENTS = (
    started(0, "s1", "douyin", anchor_ids=["lin", "mo"], store_ids=["A", "B"], store_weights={"A": 3, "B": 1}),
    started(-HOUR, "s2", "jd", anchor_ids=["bo"], store_ids=["C"]),
    event("live.viewer.entered", MINUTE, "e1", session_id="s1", ids=D1),
    event("live.viewer.entered", 2 * MINUTE, "e2", session_id="s1", ids=D2, sharer_id="sh"),
    event("live.viewer.liked", 3 * MINUTE, "l1", session_id="s1", ids=D1, count=7),
    event("token.registered", 0, "t1", token="g_1", store_id="A", guide_id="guide1"),
    event("pool.contact.added", 4 * MINUTE, "c1", ids={"external_userid": "x1", **D1}, guide_id="guide1", token="g_1"),
    order("placed", 5 * MINUTE, "o1", [line(amount_fen=10_001), line("2", 5_000)]),
    order("paid", 5 * MINUTE, "o1", [line(amount_fen=10_001), line("2", 5_000)], paid_at=6 * MINUTE),
    event("refund.succeeded", 7 * MINUTE, "r1", order_id="o1", **REFUND),
    order("placed", 8 * MINUTE, "o2", [line(amount_fen=900)], ids=D2),
    order("paid", 5 * HOUR, "o3", [line(amount_fen=700, session_id="s2")], carrier="jd", ids={"jd_open_id": "j1"}),
    event("live.session.ended", 20 * MINUTE, "end-s1", session_id="s1"),
    event("live.viewer.commented", 21 * MINUTE, "m1", session_id="s1", ids=UNION),
)  # fmt: skip


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return process(tmp_path_factory.mktemp("look"), EVENTS)


# --- rooms -----------------------------------------------------------------------------------------------------


def test_rooms_come_live_first_then_newest_first(home, tmp_path):
    assert [(room["session_id"], room["live"]) for room in as_json("rooms", "--home", home)] == [
        ("s2", True),
        ("s1", False),
    ]
    several = [started(n * MINUTE, f"s{n}", "douyin", anchor_ids=["lin"]) for n in (1, 3, 2)]
    process(tmp_path, several)
    assert [room["session_id"] for room in as_json("rooms", "--home", tmp_path)] == ["s3", "s2", "s1"]


def test_a_room_shows_its_figures_and_who_is_on_air(home):
    room = as_json("rooms", "s1", "--home", home)
    assert (room["carrier"], room["mode"], room["anchors"]) == ("douyin", "portal", ["lin", "mo"])
    show = room["snapshot"]["show"]
    assert (show["viewers"], show["likes"], show["pool_joins"], show["online"]) == (2, 7, 1, 0)
    assert (show["orders_placed"], show["orders_paid"], show["gmv_net_fen"]) == (2, 1, 14_001)
    assert set(room["definitions"]) == set(show)


def test_a_room_in_words_shows_three_windows_and_a_definition_of_each_number(home):
    shown = livepool("rooms", "s1", "--home", home, "--lang", "en").stdout
    assert "Douyin (portal)" in shown
    assert "Ended          2026-11-11 20:20:00" in shown
    assert next(text.split() for text in shown.splitlines() if text.startswith("GMV net")) == [
        "GMV", "net", "¥140.01", "¥0.00", "¥140.01",
    ]  # fmt: skip
    flat = " ".join(shown.split())
    for definition in DEFINITIONS.values():
        assert definition.text.en in flat


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize("args", [("rooms",), ("rooms", "s1"), ("rooms", "--by", "store"), ("buyer", "unionid:u1")])
def test_nothing_is_wider_than_the_terminal(home, args, columns, lang):
    shown = livepool(*args, "--home", home, "--lang", lang, env={"COLUMNS": str(columns)}).stdout
    assert max(map(cell_len, shown.splitlines())) <= columns
    assert "Traceback" not in shown


def test_columns_are_aligned_though_chinese_takes_two_cells(home):
    head, *rows = livepool("rooms", "--home", home, "--lang", "zh").stdout.splitlines()[1:4]
    assert head.startswith("场次")
    # The last column is flush right, the mode begins in the same cell.
    assert len({cell_len(text.rstrip()) for text in (head, *rows)}) == 1
    assert cell_len(rows[0].partition("平台")[0]) == cell_len(rows[1].partition("门户")[0])


def test_credits_are_summed_per_party_and_per_day_of_the_policy_zone(home):
    def by(*args):
        return as_json("rooms", *args, "--home", home)["net_fen"]

    assert by("--by", "anchor") == {"bo": 700, "lin": 7_001, "mo": 7_000}
    assert by("--by", "mode") == {"platform": 700, "portal": 14_001}
    assert by("--by", "store") == {"A": 14_001, "C": 700}
    # o3 was placed at 01:00 in Beijing, still the day before in London.
    assert by("--by", "day") == {"2026-11-11": 14_001, "2026-11-12": 700}
    assert by("s2", "--by", "day") == {"2026-11-12": 700}
    assert by("s1", "--by", "anchor") == {"lin": 7_001, "mo": 7_000}


def test_days_follow_the_time_zone_of_the_policy(home, tmp_path):
    policy = tmp_path / "policy.toml"
    policy.write_text('timezone = "Europe/London"\n')
    found = as_json("rooms", "--by", "day", "--home", home, "--policy", policy)
    assert found == {"by": "day", "net_fen": {"2026-11-11": 14_701}, "total_fen": 14_701}


def test_what_is_not_there_is_said_with_the_next_step(home, tmp_path):
    assert "livepool rooms" in livepool("rooms", "s9", "--home", home, code=1).stderr
    assert "livepool worker" in livepool("rooms", "--home", tmp_path / "none", code=2).stderr
    assert "livepool worker --drain" in livepool("buyer", "unionid:nobody", "--home", home, code=1).stderr
    assert "namespace:value" in livepool("buyer", "Mr Wang", "--home", home, code=1).stderr


# --- buyer -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["unionid:u1", "douyin_open_id:d1", "external_userid:x1"])
def test_a_buyer_is_found_by_any_identifier_and_any_id_it_ever_had(home, name):
    now = buyer_id_of("unionid:u1")
    assert as_json("buyer", name, "--home", home)["buyer_id"] == now
    assert as_json("buyer", buyer_id_of(name), "--home", home)["buyer_id"] == now


def test_a_buyer_with_profile_orders_and_journey(home):
    found = as_json("buyer", "unionid:u1", "--home", home)
    assert found["identifiers"] == ["unionid:u1", "external_userid:x1", "douyin_open_id:d1"]
    profile = found["profile"]
    assert (profile["stage"], profile["home_store_id"], profile["net_fen"]) == ("buyer", "A", 14_001)
    (o1,) = found["orders"]
    assert (o1["order_id"], o1["net_fen"], o1["new_buyer"], o1["final"]) == ("o1", 14_001, True, False)
    assert [entry["amount_fen"] for entry in o1["refunds"]] == [1_000]
    assert [entry["credits"]["store"] for entry in o1["lines"]] == [{"A": 10_001}, {"A": 4_000}]
    assert [entry["store"]["rule"] for entry in o1["lines"]] == ["pool_contact", "pool_contact"]
    assert [(visit["session_id"], visit["events"]) for visit in found["visits"]] == [
        ("s1", {"commented": 1}),
        ("s1", {"entered": 1, "liked": 7}),
    ]
    (contact,) = found["touchpoints"]
    assert (contact["type"], contact["named"]["store_id"], contact["counted"]) == ("pool.contact.added", "A", "s1")


def test_an_order_that_is_not_paid_shows_who_would_get_it(home):
    (o2,) = as_json("buyer", "douyin_open_id:d2", "--home", home)["orders"]
    assert (o2["paid_at"], o2["net_fen"], o2["lines"][0]["credits"]) == (None, None, None)
    assert o2["lines"][0]["parties"] == {"anchor": ["lin", "mo"], "mode": ["portal"], "store": ["A", "B"]}
    assert "not paid" in livepool("buyer", "douyin_open_id:d2", "--home", home).stdout


def test_a_buyer_in_words(home):
    shown = livepool("buyer", "unionid:u1", "--home", home, "--lang", "en").stdout
    for part in (
        "external_userid  x1",
        "net ¥140.01",
        "lin ¥50.01, mo ¥50.00",
        "(pool_contact, medium)",
        "became a contact",
    ):
        assert part in shown
    assert "添加好友" in livepool("buyer", "unionid:u1", "--home", home, "--lang", "zh").stdout


def test_ids_with_brackets_are_shown_as_they_are(tmp_path):
    ids = {"member_id": "[red]m[/red]"}
    process(tmp_path, [order("paid", 0, "[b]1", [line()], carrier="store_pos", ids=ids)])
    shown = livepool("buyer", "member_id:[red]m[/red]", "--home", tmp_path).stdout
    assert "[red]m[/red]" in shown
    assert "Till [b]1 " in shown


def test_only_the_latest_of_a_long_journey_unless_all_is_asked_for(tmp_path):
    visits = [event("live.viewer.entered", n * HOUR, f"e{n}", session_id=f"s{n}", ids=D1) for n in range(25)]
    process(tmp_path, visits)
    few, every = (livepool("buyer", "douyin_open_id:d1", "--home", tmp_path, *more).stdout for more in ((), ("--all",)))
    assert few.count("entered 1") == 20
    assert "the latest 20 of 25" in few
    assert every.count("entered 1") == 25


def test_a_deleted_buyer_is_not_found_any_more_and_its_orders_have_no_name(tmp_path):
    events = [order("paid", 0, "o1", [line()], ids=UNION), event("buyer.erased", DAY, "f1", ids=D1)]
    process(tmp_path, events)
    assert "deleted on request" in livepool("buyer", "unionid:u1", "--home", tmp_path, code=1).stderr
    assert "deleted on request" in livepool("buyer", buyer_id_of("unionid:u1"), "--home", tmp_path, code=1).stderr
    assert as_json("rooms", "--by", "mode", "--home", tmp_path)["total_fen"] == 10_000


# --- words and numbers -----------------------------------------------------------------------------------------


def test_every_number_of_a_snapshot_is_defined_in_its_order():
    assert list(DEFINITIONS) == [field.name for field in msgspec.structs.fields(Window)]


@pytest.mark.parametrize("name", DEFINITIONS)
def test_a_definition_has_the_right_unit_and_both_languages(name):
    unit, label, text = DEFINITIONS[name]
    assert (unit == "fen") == name.endswith("_fen")
    assert (unit == "ratio") == (float in getattr(Window.__annotations__[name], "__args__", ()))
    for in_both in (label, text):
        assert in_both.en.isascii()
        assert any("\u4e00" <= letter <= "\u9fff" or letter in "GMVUP" for letter in in_both.zh)


@pytest.mark.parametrize(
    ("last", "previous", "shown"),
    [
        (0, 0, "= 0%"),
        (1_200, 1_000, "▲ +20%"),
        (650, 1_000, "▼ -35%"),
        (1_000_00, 0, "▲ +¥1,000"),
        (-500, 0, "▼ -¥5.00"),
        (500, -1_000, "▲ +150%"),
        (10_000_000, 1, "▲ +999%+"),
    ],
)
def test_a_change_has_an_arrow_and_a_sign(last, previous, shown):
    assert change(last, previous, "en") == shown


@pytest.mark.parametrize(
    ("fen", "en", "zh"),
    [
        (0, "¥0.00", "0.00元"),
        (99_99, "¥99.99", "99.99元"),
        (-123_450, "-¥1,235", "-1,235元"),
        (999_949, "¥9,999", "9,999元"),
        (1_234_567, "¥12,346", "1.23万元"),
        (123_456_789, "¥1.23M", "123.46万元"),
        (1_234_567_890_000, "¥12.35B", "123.46亿元"),
    ],
)
def test_amounts_at_a_glance(fen, en, zh):
    assert (yuan_short(fen, "en"), yuan_short(fen, "zh")) == (en, zh)


def test_amounts_to_the_fen():
    assert (yuan(-123_456_705, "en"), yuan(5, "zh")) == ("-¥1,234,567.05", "0.05元")


@pytest.mark.parametrize(
    ("environment", "lang"),
    [
        ({}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C.UTF-8"}, "en"),
        ({"LANG": "en_US.UTF-8", "LC_MESSAGES": "zh_TW"}, "zh"),
    ],
)
def test_the_language_is_that_of_the_locale(environment, lang):
    assert from_locale(environment) == lang
