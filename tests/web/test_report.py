"""What ids of strangers may do to a report: nothing."""

from zoneinfo import ZoneInfo

import pytest

from streams.web.report import csv_of, page

ZONE = ZoneInfo("Asia/Shanghai")


def room(party):
    sums = {"sales": 1, "orders": 1, "units": 1, "net_fen": -105}
    return {
        "session_id": party, "room_id": party, "carrier": "jd", "mode": "platform", "live": True,
        "started_at": "2026-11-11T12:00:00.000Z", "ended_at": None, "latest_at": "2026-11-11T12:00:00.000Z",
        "anchor_ids": [party], "store_ids": [party], "snapshot": None, "as_of": None, "series": {},
        "parties": {
            "store": {party: sums}, "anchor": {}, "mode": {},
            "item": {party: {**sums, "paid_fen": None, "refunded_fen": None}},
        },
        "credited": {"live": {}, "store": {}},
    }  # fmt: skip


def test_ids_are_text_in_html():
    text = page(room('<script>alert("1")</script>'), "en", ZONE)
    assert "<script" not in text
    assert "&lt;script&gt;" in text


@pytest.mark.parametrize("party", ["=1+1", "+1", "-1", "@x", "\t=1"])
def test_ids_are_no_formulas_in_a_spreadsheet(party):
    assert f"'{party}" in csv_of(room(party), "store", "en", ZONE).decode("utf-8-sig")


def test_amounts_are_in_yuan_and_what_is_not_known_is_empty():
    (_, row) = csv_of(room("i1"), "item", "en", ZONE).decode("utf-8-sig").splitlines()
    assert row == "i1,1,1,1,,,-1.05"


def test_all_numbers_are_a_table_with_amounts_in_yuan():
    shown = room("i1") | {"snapshot": {"show": {"views": 7, "gmv_net_fen": 105, "refund_rate": None}}}
    head, *rows = csv_of(shown, "figures", "en", ZONE).decode("utf-8-sig").splitlines()
    assert head == "Number,Show,What it means"
    assert [row.split(",")[1] for row in rows] == ["7", "1.05", ""]
    assert "¥1.05" in page(shown, "en", ZONE)
