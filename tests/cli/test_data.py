"""`livepool generate`, `import orders`, `policy check`, `schemas`."""

import gzip
import json
from pathlib import Path

import jsonschema_rs
import orjson
import pytest

from schemas.codec import Rejected, decode
from streams.core.policy import Policy
from streams.home import open_log
from streams.settings import Settings

from .homes import as_json, livepool

SOURCES = Path(__file__).parent.parent / "sources"


def test_the_same_seed_gives_the_same_bytes(tmp_path):
    plain, packed, truth = tmp_path / "a.ndjson", tmp_path / "a.ndjson.gz", tmp_path / "truth.json"
    livepool("generate", "--events", 3000, "--seed", 5, "-o", plain, "--truth", truth)
    livepool("generate", "--events", 3000, "--seed", 5, "-o", packed)
    first = packed.read_bytes()
    (tmp_path / "elsewhere").mkdir()
    again = tmp_path / "elsewhere" / "b.ndjson.gz"
    livepool("generate", "--events", 3000, "--seed", 5, "-o", again)
    assert again.read_bytes() == first, "neither the file's name nor its age is in it"
    assert gzip.decompress(first) == plain.read_bytes()
    assert livepool("generate", "--events", 3000, "--seed", 5).stdout_bytes == plain.read_bytes()
    assert livepool("generate", "--events", 3000, "--seed", 6).stdout_bytes != plain.read_bytes()
    lines = plain.read_bytes().splitlines()
    assert len(lines) == 3000 == json.loads(truth.read_text("utf-8"))["lines"]
    assert orjson.loads(lines[0])["time"].startswith("2026-11-11T12:0")


def test_start_and_orders_heavy(tmp_path):
    out = livepool("generate", "--events", 500, "--start", "2027-01-01T20:00:00+08:00").stdout_bytes
    assert orjson.loads(out.splitlines()[0])["time"].startswith("2027-01-01T12:0")
    heavy = livepool("generate", "--events", 2000, "--orders-heavy").stdout_bytes
    light = livepool("generate", "--events", 2000).stdout_bytes
    assert heavy.count(b'"order.paid"') > 3 * light.count(b'"order.paid"')
    assert "RFC 3339" in livepool("generate", "--events", 5, "--start", "tonight", code=2).stderr
    livepool("generate", "--events", 0, code=2)


def test_import_takes_the_good_rows_and_names_the_bad(tmp_path):
    home, out = tmp_path / "home", tmp_path / "out.ndjson"
    args = ("import", "orders", SOURCES / "shop.csv", "--mapping", SOURCES / "shop.toml")
    result = livepool(*args, "--home", home, code=1)
    told = as_json(*args, "-o", out, code=1)
    assert told["events"] > 0
    assert told["bad_rows"]
    for row in told["bad_rows"]:
        assert f"shop.csv, row {row['row_number']}: {row['reason']}: {row['detail']}" in result.stderr
    with open_log(Settings(home)) as log:
        appended = [record.value for record in log.read("checkout")]
    assert appended == out.read_bytes().splitlines()
    assert len(appended) == told["events"]
    assert livepool(*args, "-o", "-", code=1).stdout_bytes == out.read_bytes()
    for payload in appended:
        decode(payload)


def test_import_of_a_clean_gbk_export(tmp_path):
    mapping, file = tmp_path / "m.toml", tmp_path / "o.csv"
    mapping.write_text(
        'name = "shop"\ncarrier = "youzan"\n[columns]\norder_id = "订单号"\nitem_id = "商品"\nquantity = "数量"\n'
        'amount = "金额"\nplaced_at = "时间"\n[time]\nformat = "%Y-%m-%d %H:%M"\nzone = "Asia/Shanghai"\n'
        '[money]\nunit = "yuan"\n[buyer]\ncolumn = "会员"\nnamespace = "member_id"\n',
        "utf-8",
    )
    file.write_bytes("订单号,商品,数量,金额,时间,会员\r\nE1,连衣裙,1,19.90,2026-11-11 20:00,m1\r\n".encode("gbk"))
    assert "--encoding" in livepool("import", "orders", file, "--mapping", mapping, "-o", "-", code=2).stderr
    told = as_json("import", "orders", file, "--mapping", mapping, "--encoding", "gbk", "--home", tmp_path / "home")
    assert told == {"events": 2, "bad_rows": []}
    wrong = livepool("import", "orders", file, "--mapping", mapping, "--encoding", "gbq", code=2)
    assert "unknown encoding" in wrong.stderr


def test_import_refuses_a_bad_mapping_by_its_key(tmp_path):
    mapping = tmp_path / "m.toml"
    mapping.write_text((SOURCES / "shop.toml").read_text("utf-8").replace('unit = "yuan"', 'unit = "dollar"'), "utf-8")
    result = livepool(
        "import", "orders", SOURCES / "shop.csv", "--mapping", mapping, "--home", tmp_path / "home", code=2
    )
    assert "money.unit" in result.stderr
    assert not (tmp_path / "home").exists()


def test_policy_check_says_what_differs(tmp_path):
    file = tmp_path / "policy.toml"
    file.write_text('amend_horizon_hours = 24\n[live]\nmodel = "linear"\n[live.window_hours]\nscan = 72.5\n', "utf-8")
    told = as_json("policy", "check", file)
    assert told["differs"] == {
        "amend_horizon_hours": {"value": 24.0, "default": 48.0},
        "live.model": {"value": "linear", "default": "rules"},
        "live.window_hours.scan": {"value": 72.5, "default": 168.0},
    }
    assert told["version"] != Policy().version
    text = livepool("policy", "check", file).stdout
    assert told["version"] in text
    assert "live.window_hours.scan = 72.5    (default 168.0)" in text
    file.write_text("bad_window = 1000\n", "utf-8")
    text = livepool("policy", "check", file).stdout
    assert Policy().version in text
    assert "The same as the default." in text


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("[live]\nwindow_hours = { scann = 1 }", "live.window_hours.scann"),
        ("[live]\nrules = ['lucky']", "lucky"),
        ("[store.window_hours]\nscan = -1", "store.window_hours.scan"),
        ("amend_horizon_hours = 'long'", "amend_horizon_hours"),
        ("timezone = 'Asia/Nowhere'", "timezone"),
        ("[live", "policy.toml"),
    ],
)
def test_policy_check_names_the_key(tmp_path, text, key):
    file = tmp_path / "policy.toml"
    file.write_text(text, "utf-8")
    assert key in livepool("policy", "check", file, code=1).stderr
    told = as_json("policy", "check", file, code=1)
    assert told["valid"] is False
    assert key in told["error"]


def test_schemas_lists_topics_and_prints_types():
    topics = {topic["topic"]: topic for topic in as_json("schemas")}
    assert set(topics) == {
        "live-room", "qr-scan", "checkout", "commands",
        "attributed-sales", "credit-ledger", "pool-feedback", "pool-events", "room-metrics", "dead-letters",
    }  # fmt: skip
    text = livepool("schemas").stdout
    for topic in topics.values():
        assert topic["topic"] in text
        for name in topic["types"]:
            schema = orjson.loads(livepool("schemas", name).stdout)
            jsonschema_rs.meta.validate(schema)
            assert schema["$id"] == f"urn:livepool:schema:{name}"
    assert as_json("schemas", "commands")[0]["types"] == ["identity.unlinked", "buyer.erased"]
    assert "identity.unlinked" in livepool("schemas", "commands").stdout


def test_a_printed_schema_judges_as_the_codec_does():
    schema = orjson.loads(livepool("schemas", "refund.succeeded").stdout)
    lines = livepool("generate", "--events", 3000, "--orders-heavy").stdout_bytes.splitlines()
    refunds = [line for line in lines if b'"refund.succeeded"' in line]
    assert refunds
    for line in refunds:
        try:
            decode(line)
        except Rejected:
            continue
        assert jsonschema_rs.is_valid(schema, orjson.loads(line))


def test_an_unknown_schema_gets_a_suggestion():
    assert "order.paid or order.amended?" in livepool("schemas", "order.payed", code=2).stderr
    assert "lists them" in livepool("schemas", "zzz", code=2).stderr
