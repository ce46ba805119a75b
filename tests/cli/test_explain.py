"""`livepool explain`: what it says is what happened, in figures."""

import orjson
import pytest
from rich.cells import cell_len

from schemas.values import format_time
from streams.cli.explain import known_order
from streams.core.explain import explain
from streams.core.policy import load
from streams.home import open_log
from streams.settings import Settings
from streams.show import generate

from .homes import DAY, HOUR, MINUTE, SECOND, START, as_json, event, line, livepool, order, process, send, work

IDS = {"douyin_open_id": "d1"}
FRIEND = {**IDS, "external_userid": "w1"}
O1, O2 = ({"order_id": order_id, "carrier": "douyin"} for order_id in ("O1", "O2"))
EVENING = [
    event("live.session.started", 0, "s1", session_id="S1", room_id="R1", carrier="douyin", anchor_ids=["A1", "A2"],
          store_weights={"T1": 1, "T2": 2}),
    event("token.registered", -DAY, "t1", token="tk_old", session_id="S1", expires_at=format_time(START)),
    event("scan.code.scanned", -7 * DAY, "old-scan", ids=IDS, session_id="S1"),
    event("scan.code.scanned", 1 * MINUTE, "lost-scan", ids=IDS, token="tk_none"),
    event("scan.code.scanned", 2 * MINUTE, "stale-scan", ids=IDS, token="tk_old"),
    event("share.opened", 3 * MINUTE, "share", ids=IDS, sharer_id="F1", session_id="SX"),
    event("live.product.clicked", 4 * MINUTE, "click-1", session_id="S1", ids=IDS, item_id="I1"),
    event("live.product.clicked", 5 * MINUTE, "click-2", session_id="S1", ids=IDS, item_id="I1"),
    event("live.product.clicked", 6 * MINUTE, "click-3", session_id="S1", ids=IDS, item_id="I9"),
    event("pool.contact.added", 6 * MINUTE, "friend", ids=FRIEND, guide_id="G1", store_id="T9"),
    event("pool.contact.removed", 7 * MINUTE, "no-friend", ids=FRIEND, guide_id="G1"),
    order("placed", 10 * MINUTE, "O1", [line(), line("2", 301, "I2")]),
    order("paid", 10 * MINUTE, "O1", [line(), line("2", 301, "I2")], paid_at=11 * MINUTE),
    event("live.product.clicked", 12 * MINUTE, "click-4", session_id="S1", ids=IDS, item_id="I1"),
    event("refund.succeeded", HOUR, "r1", **O1, refund_id="RF1", amount_fen=5_000, line_id="1"),
    event("refund.succeeded", 2 * HOUR, "r2", **O1, refund_id="RF2", amount_fen=9_000),
    order("placed", 20 * MINUTE, "O2", [line(room_id="R2", amount_fen=100)]),
    event("order.amended", 21 * MINUTE, "am", **O2, lines=[{"line_id": "1", "amount_fen": 77}]),
    event("live.session.started", 30 * MINUTE, "s2", session_id="S2", room_id="R2", carrier="douyin", anchor_ids=[]),
    order("paid", 40 * MINUTE, "TWICE", [line()]),
    order("paid", 40 * MINUTE, "TWICE", [line()], carrier="jd"),
    event("refund.succeeded", HOUR, "r3", refund_id="RF3", order_id="O3", carrier="douyin", amount_fen=1),
]  # fmt: skip


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return process(tmp_path_factory.mktemp("explain") / "home", EVENING)


def trial(told, which, rule, line_number=0):
    (found,) = [trial for trial in told["lines"][line_number][which]["tried"] if trial["rule"] == rule]
    return found


def test_every_rule_tried_shows_the_evidence_that_failed(home):
    told = as_json("explain", "O1", "--home", home)
    scans = trial(told, "live", "scan")
    assert scans["outcome"] == "expired_token"
    stale, lost, old = scans["findings"]
    assert (stale["code"], stale["expires_at"], stale["evidence"]["id"]) == (
        "expired_token",
        format_time(START),
        "stale-scan",
    )
    assert (lost["code"], lost["token"], lost["known_now"]) == ("unknown_token", "tk_none", False)
    assert (old["code"], old["by_ms"], old["hours"], old["session_id"]) == ("outside_window", 10 * MINUTE, 168.0, "S1")
    (shared,) = trial(told, "live", "share")["findings"]
    assert (shared["code"], shared["session_id"]) == ("unknown_session", "SX")
    clicks = trial(told, "live", "item_click")
    assert [(found["code"], found["evidence"]["id"]) for found in clicks["findings"]] == [
        ("won", "click-2"), ("superseded", "click-1")]  # fmt: skip
    assert clicks["findings"][1]["by"]["id"] == "click-2"
    assert told["lines"][0]["live"]["not_tried"] == ["presence"]
    (sharer,) = [found for found in trial(told, "store", "share")["findings"] if found["evidence"]["id"] == "share"]
    assert (sharer["code"], sharer["sharer_id"]) == ("sharer_without_store", "F1")
    (removed,) = trial(told, "store", "pool_contact")["findings"]
    assert (removed["code"], removed["removed_at"]) == ("contact_removed", format_time(START + 7 * MINUTE))
    assert trial(told, "live", "order_session")["findings"] == [
        {"code": "not_in_line", "evidence": None, "field": "session_id"}]  # fmt: skip
    assert trial(told, "live", "item_click", 1)["findings"] == [{"code": "nothing", "evidence": None, "seen": 3}]


def test_credits_refunds_and_revisions_are_those_of_the_sale(home):
    told = as_json("explain", "douyin:O1:1", "--home", home)
    assert (told["state"], told["amount_fen"], told["refunded_fen"]) == ("paid", 10_301, 5_000)
    first = told["lines"][0]
    assert first["live"]["rule"] == "item_click"
    assert first["store"]["rule"] == "session_split"
    stores = first["credits"]["store"]
    assert [(credit["party_id"], credit["credited_fen"], credit["net_fen"]) for credit in stores] == [
        ("T1", 3_333, 1_666), ("T2", 6_667, 3_334)]  # fmt: skip
    assert [(r["refund_id"], r["amount_fen"], r["anchor"]) for r in first["refunds"]] == [
        ("RF1", 5_000, {"A1": 2_500, "A2": 2_500})]  # fmt: skip
    assert [(r["refund_id"], r["outcome"]) for r in told["refunds"]] == [("RF1", "applied"), ("RF2", "exceeds")]
    assert [(r["revision"], r["cause"], r["net_fen"]) for r in first["history"]] == [
        (1, "order.paid", 10_000), (2, "refund.succeeded", 5_000)]  # fmt: skip
    (sale,) = [
        sale
        for sale in published(home, "attributed-sales")
        if sale["sale_id"] == "douyin:O1:1" and sale["revision"] == 2
    ]
    for dimension, shown in (("store", "stores"), ("anchor", "anchors"), ("mode", "modes")):
        held = {next(iter(credit.values())): credit["amount_fen"] for credit in sale[shown]}
        assert held == {credit["party_id"]: credit["net_fen"] for credit in first["credits"][dimension]}
    assert not told["final"]
    assert told["final_after"] == sale["final_after"]


def published(home, topic):
    with open_log(Settings(home)) as log:
        return [orjson.loads(record.value)["data"] for record in log.read(topic) if record.value]


def test_text_for_a_person_in_english(home):
    text = livepool("explain", "O1", "--home", home, "--lang", "en").stdout
    flat = " ".join(text.split())
    for said in (
        "O1 · Douyin · paid",
        "¥103.01 - refunds ¥50.00 = net ¥53.01",
        "open until 2026-11-13 20:10:00",
        "click 2026-11-11 20:05:00, 5 min before the order [test click-2]",
        "token tk_old had expired on 2026-11-11 20:00:00",
        "session S1; 10 min too early, the window is 168 h",
        "Not tried, since an earlier rule won: presence",
        "T1 ¥33.33, after refunds ¥16.66",
        "RF2 ¥90.00, of the whole order: above what remained",
        "click 2026-11-11 20:12:00, 2 min after the order [test click-4]",
    ):
        assert said in flat, (said, text)


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("columns", ["80", "100"])
def test_text_fits_and_has_no_control_characters(home, lang, columns):
    for order_id in ("O1", "O2"):
        text = livepool("explain", order_id, "--home", home, "--lang", lang, env={"COLUMNS": columns}).stdout
        assert max(map(cell_len, text.splitlines())) <= int(columns)
        assert all(char.isprintable() or char == "\n" for char in text)


def test_language_follows_the_locale(home):
    assert "已付款" in livepool("explain", "O1", "--home", home, env={"LANG": "zh_CN.UTF-8"}).stdout
    assert "paid" in livepool("explain", "O1", "--home", home, env={"LANG": "en_US.UTF-8"}).stdout


def test_only_placed_says_so(home):
    told = as_json("explain", "O2", "--home", home)
    assert (told["state"], told["amount_fen"]) == ("placed", 77)
    assert told["amendments"] == [{"line_id": "1", "time": format_time(START + 21 * MINUTE), "amount_fen": 77}]
    (room,) = trial(told, "live", "order_room")["findings"]
    assert (room["code"], room["next_start"]) == ("room_without_session", format_time(START + 30 * MINUTE))
    text = livepool("explain", "O2", "--home", home, "--lang", "en").stdout
    assert "No payment has arrived" in text
    assert "the next one started on 2026-11-11 20:30:00" in " ".join(text.split())


def test_several_carriers_need_a_choice(home):
    assert "--carrier douyin" in livepool("explain", "TWICE", "--home", home, code=2).stderr
    assert as_json("explain", "TWICE", "--home", home, "--carrier", "jd")["carrier"] == "jd"


def test_unknown_orders_name_the_next_step(home, tmp_path):
    assert "livepool send" in livepool("explain", "nothing", "--home", home, code=1).stderr
    assert "neither order.placed nor order.paid" in livepool("explain", "O3", "--home", home, code=1).stderr
    waiting = tmp_path / "waiting"
    send(waiting, EVENING)
    assert "livepool worker --drain" in livepool("explain", "O1", "--home", waiting, code=1).stderr
    work(waiting)
    livepool("explain", "O1", "--home", waiting)
    broken = orjson.dumps({"specversion": "1.0", "id": "x", "source": "test", "type": "order.paid",
                           "time": format_time(START), "data": {"order_id": "BROKEN"}})  # fmt: skip
    process(waiting, [broken])
    assert "missing_field" in livepool("explain", "BROKEN", "--home", waiting, code=1).stderr
    assert "no run in" in livepool("explain", "O1", "--home", tmp_path / "none", code=2).stderr


def test_late_evidence_is_named_and_not_used(tmp_path):
    home = process(tmp_path, [
        *EVENING,
        event("live.viewer.entered", 3 * DAY, "back", session_id="S1", ids=IDS),
        event("scan.code.scanned", 9 * MINUTE, "late-scan", ids=IDS, session_id="S1"),
        event("token.registered", -2 * DAY, "t2", token="tk_none", session_id="S1"),
        # Another person, who clicked later, turns out to be this one after all was final.
        event("live.product.clicked", 9 * MINUTE, "other", session_id="S1", ids={"member_id": "m1"}, item_id="I1"),
        event("live.viewer.entered", 3 * DAY, "link", session_id="S1", ids={**IDS, "member_id": "m1"}),
    ])  # fmt: skip
    told = as_json("explain", "O1", "--home", home)
    assert told["final"]
    assert told["reproduced"]
    assert {fact["id"] for fact in told["late"]} == {"late-scan", "other"}
    assert told["lines"][0]["live"]["evidence"]["id"] == "click-2"
    (lost,) = [found for found in trial(told, "live", "scan")["findings"] if found["evidence"]["id"] == "lost-scan"]
    assert lost["known_now"]
    text = " ".join(livepool("explain", "O1", "--home", home, "--lang", "en").stdout.split())
    assert "final since the buyer's events passed 2026-11-13 20:10:00" in text
    assert "counted, not used - scan 2026-11-11 20:09:00" in text


def test_an_erased_buyer_has_no_name_and_the_same_explanation(tmp_path):
    home = process(tmp_path, EVENING)
    before = as_json("explain", "O1", "--home", home)
    process(home, [event("buyer.erased", 5 * HOUR, "forget", ids=IDS)])
    after = as_json("explain", "O1", "--home", home)
    assert after["buyer_id"].startswith("a")
    assert after["processed"]
    assert [one["live"] for one in after["lines"]] == [one["live"] for one in before["lines"]]


OTHER_WORDS = {  # findings that stand for an outcome of another name
    "room_without_session": "unknown_session",
    "contact_without_store": "no_evidence",
    "contact_removed": "no_evidence",
    "sharer_without_store": "no_evidence",
}


def check_line(told, one):
    for which in ("live", "store"):
        for tried in one[which]["tried"]:
            codes = [found["code"] for found in tried["findings"]]
            assert codes
            if tried["outcome"] != "won":
                assert not {"won", "touch"} & set(codes)
                reasons = {OTHER_WORDS.get(code, code) for code in codes}
                assert tried["outcome"] in reasons or tried["outcome"] == "no_evidence", (told["order_id"], tried)
            elif "touch" in codes:
                assert sum(found.get("share", 0) for found in tried["findings"]) == pytest.approx(1, abs=1e-4)
                assert one[which]["evidence"] in [found["evidence"] for found in tried["findings"]]
            else:
                assert [found["evidence"] for found in tried["findings"] if found["code"] == "won"] == [
                    one[which]["evidence"]
                ]


@pytest.mark.parametrize("model", ["rules", "position_based"])
def test_every_order_of_a_show_is_explained_by_what_decided_it(tmp_path, model):
    """Short windows and horizon, so that every reason occurs; people are linked, parted and forgotten on the way."""
    policy = load({
        "amend_horizon_hours": 0.1,
        "live": {"model": model, "window_hours": {"scan": 0.5, "share": 0.3, "item_click": 0.2, "presence": 0.1}},
        "store": {"window_hours": {"scan": 0.5, "share": 0.3}},
    })  # fmt: skip
    process(tmp_path, generate(2500, 11, START, orders_heavy=True), policy)
    sales = {sale["sale_id"]: sale for sale in published(tmp_path, "attributed-sales")}
    explained = finals = 0
    with open_log(Settings(tmp_path)) as log:
        for key, _ in list(log.state_scan("orders")):
            known = known_order(log, key.decode())
            if known is None:
                continue
            told = explain(known, policy)
            assert told["processed"]
            assert told["reproduced"]
            finals += told["final"]
            for one in told["lines"]:
                explained += 1
                check_line(told, one)
                if told["state"] == "paid":
                    sale = sales.pop(one["sale_id"])
                    tried = [(c["rule"], c["outcome"]) for which in ("live", "store") for c in one[which]["tried"]]
                    assert [(c["rule"], c["outcome"]) for c in sale["considered"] if c["rule"] != "none"] == tried
                    assert (sale["net_fen"], sale["live"]["evidence"]) == (one["net_fen"], one["live"]["evidence"])
    assert not sales
    assert explained > 500
    assert finals > 100


def test_a_multi_touch_model_shows_the_share_of_every_touch(tmp_path):
    file = tmp_path / "policy.toml"
    file.write_text("[live]\nmodel = 'linear'\n", "utf-8")
    home = process(tmp_path / "home", EVENING, load({"live": {"model": "linear"}}))
    told = as_json("explain", "O1", "--home", home, "--policy", file)
    touches = [found for found in trial(told, "live", "linear")["findings"] if found["code"] == "touch"]
    assert [(found["evidence"]["id"], found["rule"], found["share"]) for found in touches] == [
        ("click-2", "item_click", 0.5), ("click-1", "item_click", 0.5)]  # fmt: skip
    assert told["lines"][0]["live"]["not_tried"] == []
    text = livepool("explain", "O1", "--home", home, "--policy", file, "--lang", "en").stdout
    assert "50.00% of the credit: session S1 (item_click)" in " ".join(text.split())


def test_another_policy_than_the_workers_is_noticed(tmp_path):
    home = process(tmp_path / "home", EVENING, load({"live": {"model": "linear"}}))
    assert as_json("explain", "O1", "--home", home)["reproduced"]  # by the policy that the run keeps
    file = tmp_path / "default.toml"
    file.write_text("", "utf-8")
    told = as_json("explain", "O1", "--home", home, "--policy", file)
    assert not told["reproduced"]
    assert told["lines"][0]["live"]["rule"] == "linear"
    text = livepool("explain", "O1", "--home", home, "--policy", file, "--lang", "en").stdout
    assert "name it by --policy" in " ".join(text.split())


def test_milliseconds_and_seconds_are_told_apart(tmp_path):
    home = process(tmp_path, [
        event("live.session.started", 0, "s1", session_id="S1", room_id="R1", carrier="jd", anchor_ids=["A1"]),
        event("scan.code.scanned", 10 * MINUTE - 7 * DAY - 1, "scan", ids=IDS, session_id="S1"),
        event("live.product.carted", 10 * MINUTE - SECOND, "cart", session_id="S1", ids=IDS, item_id="I1"),
        order("paid", 10 * MINUTE, "O1", [line()], paid_at=11 * MINUTE),
    ])  # fmt: skip
    text = " ".join(livepool("explain", "O1", "--home", home, "--lang", "en").stdout.split())
    assert "1 ms too early, the window is 168 h" in text
    assert "cart 2026-11-11 20:09:59, 1 s before the order" in text
