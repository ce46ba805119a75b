"""The order import: a shop's CSV to events, row by row."""

import csv
import io
import json
import os
from collections import Counter
from decimal import Decimal
from pathlib import Path

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.codec import decode
from streams.sources.order_csv import BadRow, MappingError, load_mapping, read_orders

HERE = Path(__file__).parent
SHARED = Path(os.environ.get("LIVEPOOL_SHARED_DATA", HERE.parents[2] / "shared" / "data")) / "orders"
HEADER = "order,line,sku,qty,price,at,buyer"
PLAIN = """
name = "plain"
carrier = "youzan"
[columns]
order_id = "order"
line_id = "line"
item_id = "sku"
quantity = "qty"
unit_price = "price"
placed_at = "at"
[time]
format = "%Y-%m-%d %H:%M"
zone = "Asia/Shanghai"
[money]
unit = "yuan"
[buyer]
column = "buyer"
namespace = "member_id"
"""


def results(lines, mapping):
    items = list(read_orders(lines, mapping))
    bad = [item for item in items if isinstance(item, BadRow)]
    payloads = items[len(bad) :]
    for payload in payloads:
        decode(payload)
    return [orjson.loads(payload) for payload in payloads], bad


@pytest.fixture
def mapping(tmp_path):
    path = tmp_path / "plain.toml"
    path.write_text(PLAIN, "utf-8")
    return load_mapping(path)


@pytest.fixture(scope="module")
def shop():
    with (HERE / "shop.csv").open(encoding="utf-8", newline="") as lines:
        return results(lines, load_mapping(HERE / "shop.toml"))


def plain(mapping, *rows):
    return results([HEADER, *rows], mapping)


def named(events, event_id):
    (event,) = [event for event in events if event["id"] == event_id]
    return event


def test_scattered_rows_become_one_order_in_file_order(shop):
    events, _ = shop
    order = named(events, "douyin:4781320682406083640:paid")
    assert order["source"] == "import/shop-2026"
    assert order["type"] == "order.paid"
    assert order["time"] == "2026-11-01T16:11:00.000Z"
    assert order["data"] == {
        "order_id": "4781320682406083640",
        "carrier": "douyin",
        "ids": {"openid": "wx5f1e0c7a9b3d2846:oAAA"},
        "placed_at": "2026-11-01T16:10:05.000Z",
        "kind": "presale",
        "lines": [
            {
                "line_id": "4781320682406083640",
                "item_id": "sku-1",
                "quantity": 2,
                "amount_fen": 101980,
                "seller_store_id": "store_002",
                "anchor_id": "anchor_lin",
            },
            {
                "line_id": "4781320682406083641",
                "item_id": "sku-3",
                "quantity": 1,
                "amount_fen": 0,
                "seller_store_id": "store_002",
                "anchor_id": "anchor_lin",
            },
        ],
    }


def test_a_repeated_row_is_a_line_of_its_own(shop):
    data = named(shop[0], "youzan:E20261101000001:paid")["data"]
    assert [(line["line_id"], line["amount_fen"]) for line in data["lines"]] == [("1", 1990), ("1#2", 1990)]
    assert data["sharer_id"] == "fan_7"
    assert data["lines"][0]["seller_store_id"] == "store_001"


def test_a_refund_amount_is_a_refund_of_its_line(shop):
    refund = named(shop[0], "youzan:E20261101000001:1:refund")
    assert refund["type"] == "refund.succeeded"
    assert refund["time"] == "2026-11-03T02:00:00.000Z"
    assert refund["data"] == {
        "refund_id": "E20261101000001:1:refund",
        "order_id": "E20261101000001",
        "carrier": "youzan",
        "line_id": "1",
        "amount_fen": 995,
    }


def test_unpaid_orders_are_placed_only_and_cancelled_ones_say_so(shop):
    kinds = Counter((event["data"]["order_id"], event["type"]) for event in shop[0])
    assert kinds["E20261101000002", "order.placed"] == 1
    assert kinds["E20261101000002", "order.paid"] == 0
    paid_then_closed = {kind: n for (order, kind), n in kinds.items() if order == "E20261101000003"}
    assert paid_then_closed == {
        "order.placed": 1,
        "order.paid": 1,
        "order.cancelled": 1,
        "refund.succeeded": 1,
    }


def test_an_order_without_a_buyer_is_still_a_sale_of_a_buyer_of_its_own(shop):
    data = named(shop[0], "youzan:E20261101000004:paid")["data"]
    assert data["ids"] == {"youzan_user_id": "unknown-youzan:E20261101000004"}


def test_a_negative_row_refunds_the_order_that_it_names_or_shares_its_number_with(shop):
    events, bad = shop
    refunds = [e["data"] for e in events if e["data"].get("refund_id") in {"T0001:1", "E20261101000004:1"}]
    assert [(r["order_id"], r["refund_id"], r["amount_fen"]) for r in refunds] == [
        ("E20261101000004", "T0001:1", 1000),
        ("E20261101000004", "E20261101000004:1", 1000),
    ]
    assert [(row.row_number, row.reason) for row in bad] == [(11, "refund_without_order")]


def test_events_come_in_order_of_time_after_the_bad_rows(shop):
    times = [event["time"] for event in shop[0]]
    assert times == sorted(times)
    assert len(times) == 5 + 4 + 1 + 2 + 2


def test_importing_twice_gives_the_same_bytes():
    def once():
        with (HERE / "shop.csv").open(encoding="utf-8", newline="") as lines:
            return list(read_orders(lines, load_mapping(HERE / "shop.toml")))

    assert once() == once()


@pytest.mark.parametrize(
    ("price", "quantity", "fen"),
    [
        ("19.90", "1", 1990),
        ("0.005", "2", 1),
        ("0", "7", 0),
        ("1.10", "3", 330),
        ("99999999999999.99", "3.0", 29999999999999997),
        ("0.005", "3", None),
        ("0.001", "1", None),
        ("8.5E0", "1", None),
        ("1,5", "1", None),
        ("NaN", "1", None),
        ("", "1", None),
    ],
)
def test_money_is_exact_or_refused(mapping, price, quantity, fen):
    events, bad = plain(mapping, f'A1,1,s,{quantity},"{price}",2026-11-01 20:00,m1')
    if fen is None:
        assert not events
        assert [row.reason for row in bad] == ["sub_fen" if price.startswith("0.00") else "bad_amount"]
    else:
        assert not bad
        assert events[1]["data"]["lines"][0]["amount_fen"] == fen


def test_fen_are_taken_as_they_are(tmp_path):
    path = tmp_path / "fen.toml"
    path.write_text(PLAIN.replace('unit = "yuan"', 'unit = "fen"'), "utf-8")
    rows = ["A1,1,s,2,1990,2026-11-01 20:00,m1", "A2,1,s,1,19.9,2026-11-01 20:00,m1"]
    events, bad = results([HEADER, *rows], load_mapping(path))
    assert events[0]["data"]["lines"][0]["amount_fen"] == 3980
    assert [(row.row_number, row.reason) for row in bad] == [(3, "sub_fen")]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("A1,1,s,1,1.00,2026-11-01 20:00", "wrong_field_count"),
        (",1,s,1,1.00,2026-11-01 20:00,m", "missing_value"),
        ("A1,,s,1,1.00,2026-11-01 20:00,m", "missing_value"),
        ("A1,1,,1,1.00,2026-11-01 20:00,m", "missing_value"),
        ("A1,1,s,1,1.00,,m", "missing_value"),
        ("4.78132E+18,1,s,1,1.00,2026-11-01 20:00,m", "damaged_id"),
        ("A1,1,s,0,1.00,2026-11-01 20:00,m", "bad_quantity"),
        ("A1,1,s,1.5,1.00,2026-11-01 20:00,m", "bad_quantity"),
        ("A1,1,s,many,1.00,2026-11-01 20:00,m", "bad_quantity"),
        ("A1,1,s,1,one,2026-11-01 20:00,m", "bad_amount"),
        ("A1,1,s,1,1.00,1/11/2026,m", "bad_time"),
        ("A1,1,s,-1,0,2026-11-01 20:00,m", "refund_without_order"),
        (f"{'A' * 200},1,s,1,1.00,2026-11-01 20:00,m", "bad_envelope"),
        (f'A1,1,"{"x" * 140_000}",1,1.00,2026-11-01 20:00,m', "bad_csv"),
    ],
)
def test_a_bad_row_is_reported_and_the_rest_goes_on(mapping, row, reason):
    good = "B1,1,s,1,2.00,2026-11-01 20:00,m"
    events, bad = plain(mapping, row, good)
    assert [(item.row_number, item.reason) for item in bad] == [(2, reason)]
    assert [event["data"]["order_id"] for event in events] == ["B1", "B1"]


def test_an_order_with_a_bad_row_is_refused_as_a_whole(mapping):
    rows = ["A1,1,s,1,1.00,2026-11-01 20:00,m", "A1,2,s,1,oops,2026-11-01 20:00,m"]
    events, bad = plain(mapping, *rows)
    assert not events
    assert [(row.row_number, row.reason) for row in bad] == [(2, "order_incomplete"), (3, "bad_amount")]
    assert "row 3" in bad[0].detail


def test_an_order_of_two_buyers_is_refused(mapping):
    rows = ["A1,1,s,1,1.00,2026-11-01 20:00,m1", "A1,2,s,1,1.00,2026-11-01 20:00,m2"]
    events, bad = plain(mapping, *rows)
    assert not events
    assert [(row.row_number, row.reason) for row in bad] == [(2, "mixed_buyer"), (3, "mixed_buyer")]


def test_an_order_above_64_kib_is_refused_and_not_split(mapping):
    row = "A1,{n},sku-{n},1,1.00,2026-11-01 20:00,m"
    fits, none_bad = plain(mapping, *(row.format(n=n) for n in range(800)))
    assert [len(event["data"]["lines"]) for event in fits] == [800, 800]
    assert not none_bad
    events, bad = plain(mapping, *(row.format(n=n) for n in range(1200)))
    assert not events
    assert {item.reason for item in bad} == {"too_large"}
    assert [item.row_number for item in bad] == list(range(2, 1202))


def test_a_refund_of_nothing_is_reported(mapping):
    rows = ["A1,1,s,1,1.00,2026-11-01 20:00,m", "A1,2,s,-1,0,2026-11-01 21:00,m"]
    events, bad = plain(mapping, *rows)
    assert [event["type"] for event in events] == ["order.placed", "order.paid"]
    assert [(row.row_number, row.reason) for row in bad] == [(3, "zero_refund")]


def test_an_order_is_placed_when_its_first_row_was(mapping):
    rows = ["A1,1,s,1,1.00,2026-11-01 20:01,m", "A1,2,s,1,1.00,2026-11-01 20:00,m"]
    events, _ = plain(mapping, *rows)
    assert events[0]["data"]["placed_at"] == "2026-11-01T12:00:00.000Z"


def test_a_byte_order_mark_and_empty_lines_do_not_matter(mapping):
    row = "A1,1,s,1,1.00,2026-11-01 20:00,m"
    assert results(["\ufeff" + HEADER, "", row], mapping)[0] == plain(mapping, row)[0]


@pytest.mark.parametrize("header", ["order,line,sku,qty,price,at", "order,line,sku,qty,price,at,buyer,buyer", ""])
def test_the_header_must_have_every_column_once(mapping, header):
    with pytest.raises(MappingError, match=r"buyer\.column|columns\.order_id"):
        list(read_orders([header, "A1,1,s,1,1.00,2026-11-01 20:00,m"], mapping))


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('name = "plain"', "", "name"),
        ('name = "plain"', 'name = "no spaces"', "name"),
        ('carrier = "youzan"', 'carrier = "tiktok"', "carrier"),
        ('carrier = "youzan"', 'carrier = { column = "x", values = { a = "b" } }', "carrier.values"),
        ('order_id = "order"', "", "order_id"),
        ('sku"', 'sku"\ncolour = "c"', "colour"),
        ('unit_price = "price"', "", "unit_price"),
        ('unit_price = "price"', 'unit_price = "price"\namount = "price"', "columns.amount"),
        ("%Y-%m-%d %H:%M", "%Q", "time.format"),
        ("%Y-%m-%d %H:%M", "%H:%M", "time.format"),
        ("Asia/Shanghai", "Beijing", "time.zone"),
        ("Asia/Shanghai", "../etc/passwd", "time.zone"),
        ('"yuan"', '"dollar"', "money.unit"),
        ('"member_id"', '"phone"', "buyer.namespace"),
        ("[money]", '[status]\nunpaid = ["x"]\n[money]', "columns.status"),
        ("[money]", '[constants]\ntoken = "no spaces"\n[money]', "constants.token"),
        ("[money]", "[money", "line"),
    ],
)
def test_a_mapping_that_cannot_be_used_is_refused_by_the_name_of_its_key(tmp_path, old, new, key):
    assert old in PLAIN
    path = tmp_path / "bad.toml"
    path.write_text(PLAIN.replace(old, new), "utf-8")
    with pytest.raises(MappingError) as caught:
        load_mapping(path)
    assert key in str(caught.value)
    assert str(path) in str(caught.value)


CELLS = st.one_of(
    st.sampled_from(["", "A1", "A2", "1", "2", "-1", "0.005", "19.90", "2026-11-01 20:00", "NaN", '="1"', "1E+9"]),
    st.text(max_size=8),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.lists(CELLS, min_size=7, max_size=7), max_size=8))
def test_every_row_is_in_an_event_or_reported_once(mapping, rows):
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    events, bad = plain(mapping, *io.StringIO(text.getvalue(), newline=""))
    placed = [event["data"]["lines"] for event in events if event["type"] == "order.placed"]
    refunds = [event for event in events if event["type"] == "refund.succeeded"]
    assert len({row.row_number for row in bad}) == len(bad)
    assert sum(map(len, placed)) + len(refunds) + len(bad) == len(rows)


@pytest.mark.skipif(
    not (SHARED / "uci-france.csv").exists(),
    reason=f"needs the order sample in {SHARED} (LIVEPOOL_SHARED_DATA)",
)
def test_a_year_of_a_real_shop_adds_up_to_the_fen():
    totals = json.loads((SHARED / "uci-france.totals.json").read_text("utf-8"))
    with (SHARED / "uci-france.csv").open(encoding="utf-8", newline="") as lines:
        events, bad = results(lines, load_mapping(HERE / "uci.toml"))
    paid = [event["data"] for event in events if event["type"] == "order.paid"]
    lines = [line for order in paid for line in order["lines"]]
    assert len(paid) == totals["orders"] == 392
    assert sum(line["amount_fen"] for line in lines) == Decimal(totals["gross"]) * 100 == 20_971_511
    assert len(lines) + len(bad) == totals["rows"]
    assert {row.reason for row in bad} == {"refund_without_order"}
    assert len({row.detail.split()[0] for row in bad}) == totals["cancellation_invoices"]
    fallbacks = [order for order in paid if "device_id" in order["ids"]]
    assert sum(len(order["lines"]) for order in fallbacks) == totals["missing_customer_rows"]
    gross = Counter()
    for order in paid:
        customer = order["ids"].get("member_id", "").removeprefix("uci-")
        gross[customer] += sum(line["amount_fen"] for line in order["lines"])
    expected = {who: int(Decimal(sums[0]) * 100) for who, sums in totals["per_customer"].items()}
    assert +gross == {who: fen for who, fen in expected.items() if fen}
