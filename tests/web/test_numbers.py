"""What the API says is what `livepool rooms`, `explain` and the topics say; and its parts add up."""

import csv
import io
from datetime import UTC, datetime

import pytest

from schemas.values import format_time
from streams.core.definitions import DEFINITIONS
from tests.cli.homes import as_json
from views.shows_in_topics import ZONE, last_data, sums_from_scratch, viewed
from web.crawl import names_of


@pytest.fixture(scope="module")
def names(shared_show):
    return names_of(shared_show)


def test_sessions_are_those_of_the_command_in_its_order(board, shared_show):
    listed = as_json("rooms", "--home", shared_show.home)
    assert listed
    rooms = board.get("rooms")["rooms"]
    assert [room["session_id"] for room in rooms] == [one["session_id"] for one in listed]
    for one, room in zip(listed, rooms, strict=True):
        document = board.get("rooms", one["session_id"])
        snapshot = {name: value for name, value in one["snapshot"].items() if name != "session_id"}
        assert document["snapshot"] == snapshot
        assert room["show"] == {name: snapshot["show"][name] for name in room["show"]}
        for found in (document, room):
            assert (found["room_id"], found["carrier"], found["mode"], found["live"]) == (
                one["room_id"], one["carrier"], one["mode"], one["live"],
            )  # fmt: skip
            assert (found["anchor_ids"], found["store_ids"]) == (one["anchors"], one["stores"])
            assert found["started_at"] == format_time(one["started"])
            assert found["latest_at"] == format_time(one["latest"])
            assert found["ended_at"] == (None if one["ended"] is None else format_time(one["ended"]))


def test_live_ones_may_be_asked_for(board):
    every = board.get("rooms")["rooms"]
    for live in (True, False):
        assert board.get("rooms", live=str(live).lower())["rooms"] == [one for one in every if one["live"] is live]
    assert board.get("rooms", limit="1")["rooms"] == every[:1]


@pytest.mark.parametrize("dimension", ["store", "anchor", "mode"])
def test_parties_are_those_of_the_ledger(board, shared_show, dimension):
    found = board.get(f"{dimension}s")[f"{dimension}s"]
    assert {party: one["net_fen"] for party, one in found.items() if one["net_fen"]} == as_json(
        "rooms", "--by", dimension, "--home", shared_show.home
    )["net_fen"]
    days = as_json("rooms", "--by", "day", "--home", shared_show.home)["net_fen"]
    for day, net in days.items():
        by_day = board.get(f"{dimension}s", day=day)[f"{dimension}s"]
        assert sum(one["net_fen"] for one in by_day.values()) == net


def test_a_session_adds_up(board, names):
    for session_id in names.sessions:
        room = board.get("rooms", session_id)
        show = room["snapshot"]["show"]
        for kind in ("store", "anchor", "mode", "item"):
            assert sum(one["net_fen"] for one in room["parties"][kind].values()) == show["gmv_net_fen"]
        assert sum(one["paid_fen"] for one in room["parties"]["item"].values()) == show["gmv_paid_fen"]
        assert sum(one["refunded_fen"] for one in room["parties"]["item"].values()) == show["refunded_fen"]
        assert sum(one["units"] for one in room["parties"]["item"].values()) == show["units"]
        for decision in ("live", "store"):
            assert sum(one["net_fen"] for one in room["credited"][decision].values()) == show["gmv_net_fen"]
        assert room["problems"]["unattributed"]["paid_fen"] == show["gmv_paid_fen"]
        assert room["problems"]["unattributed"]["net_fen"] == show["gmv_net_fen"]
        assert list(room["funnel"].values()) == [
            show[name] for name in ("views", "product_clicks", "orders_placed", "orders_paid", "pool_joins")
        ]


def test_the_series_is_that_of_the_sales_and_ends_in_the_number_online(board, names):
    scratch = sums_from_scratch(names.sales)
    for session_id in names.sessions:
        room, series = board.get("rooms", session_id), board.get("rooms", session_id, "series")
        minutes = list(room["series"])
        assert series["minutes"] == [int(minute) for minute in minutes]
        assert [
            list(point) for point in zip(series["online"], series["orders_paid"], series["net_fen"], strict=True)
        ] == [*room["series"].values()]
        start, latest = (
            int(datetime.fromisoformat(room[name]).astimezone(UTC).timestamp() * 1000) // 60_000 * 60_000
            for name in ("started_at", "latest_at")
        )
        assert series["minutes"] == list(range(start, latest + 1, 60_000))[-48 * 60 :]
        for minute, (_, orders, net) in room["series"].items():
            sums = scratch.get((session_id, "minute", "", minute), [0] * 6)
            assert (orders, net) == (sums[1], sums[5])
        if minutes:
            assert series["online"][-1] == room["snapshot"]["show"]["online"]
            assert max(series["online"]) <= room["snapshot"]["show"]["peak_online"]


def test_an_explanation_is_that_of_the_command(board, shared_show, names):
    for sale in list(names.sales.values())[:12]:
        order_id, carrier = sale["order_id"], sale["carrier"]
        told = board.get("orders", order_id, carrier=carrier, lang="en")
        text = told.pop("text")
        assert told == as_json("explain", order_id, "--carrier", carrier, "--home", shared_show.home)
        assert any(order_id in line for line in text)
        assert board.get("orders", sale["sale_id"], lang="zh")["order_id"] == order_id


def test_sales_come_in_pages_the_latest_first(board, names):
    for session_id in names.sessions:
        wanted = sorted(
            (sale for sale in names.sales.values() if sale["session_id"] == session_id),
            key=lambda sale: (sale["placed_at"], sale["sale_id"].encode()), reverse=True,
        )  # fmt: skip
        for limit in (1, 3, 500):
            found, page = [], {"next": None}
            while not found or page["next"]:
                query = {"limit": str(limit)} | ({"after": page["next"]} if page["next"] else {})
                page = board.get("rooms", session_id, "sales", **query)
                found += page["sales"]
                if not page["sales"]:
                    break
            assert [one["sale_id"] for one in found] == [one["sale_id"] for one in wanted]
            for one, sale in zip(found, wanted, strict=True):
                assert one == {name: value for name, value in sale.items() if name != "considered"}


def test_one_sale_is_that_of_the_topic(board, names):
    for sale_id, sale in names.sales.items():
        assert board.get("sales", sale_id) == sale


def test_a_buyer_is_the_profile_without_identifiers(board, shared_show, names):
    profiles = last_data(viewed(shared_show), "pool-feedback")
    for buyer_id, profile in profiles.items():
        found = board.get("buyers", buyer_id)
        sales = found.pop("sales")
        assert found == {name: profile[name] for name in found}
        assert not found.keys() & {"ids", "guide_id", "groups", "sharer_id"}
        assert {one["sale_id"] for one in sales} == {
            sale_id for sale_id, sale in names.sales.items() if sale["buyer_id"] == buyer_id
        }


def test_status_counts_dead_letters(board, shared_show):
    status = board.get("status")
    total = sum(record.topic == "dead-letters" for record in viewed(shared_show))
    assert sum(status["dead_letters"].values()) == total > 0
    assert (status["ready"], status["recovering"], status["lag"], status["timezone"]) == (
        True, False, 0, "Asia/Shanghai",
    )  # fmt: skip
    assert board.ask("/readyz").body == b"ready\n"
    assert board.ask("/healthz").status == 200


def test_every_number_that_is_shown_is_defined(board):
    found = board.get("definitions")
    assert list(found)[: len(DEFINITIONS)] == list(DEFINITIONS)
    for one in found.values():
        for texts in (one["label"], one["text"]):
            assert texts["en"].isascii()
            assert texts["zh"]


# --- reports ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_tables_have_the_numbers_of_the_document(board, names, lang):
    for session_id in names.sessions:
        room = board.get("rooms", session_id)
        for name in ("store", "anchor", "mode", "item"):
            rows = table(board, session_id, name, lang)
            assert len(rows) == 1 + len(room["parties"][name])
            assert sum(fen(row[-1]) for row in rows[1:]) == room["snapshot"]["show"]["gmv_net_fen"]
        rows = table(board, session_id, "series", lang)[1:]
        assert [[int(row[1]), int(row[2]), fen(row[3])] for row in rows] == [*room["series"].values()]
        if rows:
            first = datetime.fromtimestamp(int(next(iter(room["series"]))) / 1000, UTC).astimezone(ZONE)
            assert rows[0][0] == first.strftime("%Y-%m-%d %H:%M")
        assert len(table(board, session_id, "rules", lang)) == 1 + sum(map(len, room["credited"].values()))


def table(board, session_id, name, lang):
    answer = board.ask(f"/api/v1/rooms/{session_id}/report/{name}.csv?lang={lang}")
    assert answer.body.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(io.StringIO(answer.body.decode("utf-8-sig"))))


def fen(yuan):
    whole, _, part = yuan.partition(".")
    return int(whole + part)


def test_the_report_is_a_page_without_anything_inline(board, names):
    for lang, word in (("zh", "支付GMV"), ("en", "GMV paid")):
        answer = board.ask(f"/api/v1/rooms/{names.sessions[0]}/report?lang={lang}")
        text = answer.body.decode()
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        assert word in text
        assert "<script" not in text
        assert "style=" not in text
        assert text.count("<table>") == 7
    assert board.ask("/report.css").headers["Content-Type"] == "text/css; charset=utf-8"
