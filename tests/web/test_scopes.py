"""A token for some stores gets nothing of the others, at whatever address; and all that is its own."""

import json
from collections import defaultdict
from urllib.parse import unquote

import pytest

from schemas.values import format_time
from streams.views.sales import Sale, seen_by
from streams.web.routes import ROUTES
from views.shows_in_topics import last_data, viewed
from web.crawl import addresses, names_of
from web.test_events import Watcher

STORES = {"T1", "T2", "T3"}
SCOPES = {"T1": {"T1"}, "T2": {"T2"}, "T1+T2": {"T1", "T2"}}


@pytest.fixture(scope="module")
def names(shared_show):
    return names_of(shared_show)


def parties_of(sale):
    """Which stores a sale is credited to."""
    return {credit["store_id"] for credit in sale["stores"]}


def texts(node):
    """Every text in JSON: values, and names of members."""
    if isinstance(node, dict):
        for name, value in node.items():
            yield name
            yield from texts(value)
    elif isinstance(node, list):
        for value in node:
            yield from texts(value)
    elif isinstance(node, str):
        yield node


@pytest.fixture(scope="module")
def decided(board, names):
    """sale_id -> the stores that it was credited to, also those that keep nothing of it after refunds."""
    found = {}
    for sale in names.sales.values():
        told = board.get("orders", sale["order_id"], carrier=sale["carrier"])
        (line,) = [line for line in told["lines"] if line["sale_id"] == sale["sale_id"]]
        found[sale["sale_id"]] = {credit["party_id"] for credit in line["credits"]["store"]}
    return found


def foreign(names, decided, scope):
    """The ids that a scope must not meet: of other stores, and of their sales, orders and buyers."""
    own = {key: sale for key, sale in names.sales.items() if decided[key] & scope}
    others = {key: sale for key, sale in names.sales.items() if key not in own}
    found = STORES - scope
    found |= {f"store:{store}" for store in STORES - scope}
    found |= others.keys()
    found |= {sale["order_id"] for sale in others.values()} - {sale["order_id"] for sale in own.values()}
    found |= {sale["buyer_id"] for sale in others.values()} - {sale["buyer_id"] for sale in own.values()}
    return found


def words_of(route, body):
    if route.kind in ("html", "csv", "text", "page"):
        return set(body.decode("utf-8-sig").replace("<", " ").replace(">", " ").replace(",", " ").split())
    found = set(texts(json.loads(body)))
    return found | {word for text in found for word in text.split()}


@pytest.mark.parametrize("who", SCOPES)
def test_nothing_of_other_stores_at_any_address(guarded, tokens, names, decided, who):
    client, hidden = guarded.with_token(tokens[who]), foreign(names, decided, SCOPES[who])
    assert len(hidden) > 10
    answered = set()
    for route, path in addresses(names):
        if route.handler in ("openapi", "definitions", "page", "static", "report_css"):
            continue  # the same for everybody
        answer = client.ask(path)
        if answer.status == 200:
            answered.add(route.handler)
            assert not words_of(route, answer.body) & hidden, path
        else:
            assert not (words_of(route, answer.body) & hidden) - {unquote(part) for part in path.split("/")}, path
    assert answered >= {route.handler for route in ROUTES if route.kind in ("json", "html", "csv")} - {
        "openapi", "definitions",
    }  # fmt: skip


@pytest.mark.parametrize("who", SCOPES)
def test_nothing_of_other_stores_in_what_is_pushed(guarded, tokens, names, decided, who):
    client, hidden = guarded.with_token(tokens[who]), foreign(names, decided, SCOPES[who])
    streams = ["/api/v1/stream", *(f"/api/v1/rooms/{session_id}/stream" for session_id in names.sessions)]
    seen = 0
    for path in streams:
        with Watcher(client, path) as watcher:
            if watcher.status == 200:
                name, data = watcher.next()
                assert name in ("room", "rooms")
                assert not set(texts(data)) & hidden, path
                seen += 1
            else:
                assert watcher.status == 404
    assert seen > 1


@pytest.mark.parametrize("who", SCOPES)
def test_other_stores_sales_orders_and_buyers_are_not_there(guarded, tokens, names, who):
    client, scope = guarded.with_token(tokens[who]), SCOPES[who]
    buyers = defaultdict(set)
    for sale_id, sale in names.sales.items():
        own = bool(parties_of(sale) & scope)
        assert client.ask(f"/api/v1/sales/{sale_id.replace('%', '%25')}").status == (200 if own else 404)
        buyers[sale["buyer_id"]].add(own)
    for buyer_id in names.buyers:
        assert client.ask(f"/api/v1/buyers/{buyer_id}").status == (200 if True in buyers[buyer_id] else 404)


@pytest.mark.parametrize("who", SCOPES)
def test_its_own_is_there_to_the_fen(guarded, tokens, names, who):
    client, scope = guarded.with_token(tokens[who]), SCOPES[who]
    net, by_session = defaultdict(int), defaultdict(lambda: defaultdict(int))
    for sale in names.sales.values():
        for credit in sale["stores"]:
            if credit["store_id"] in scope:
                net[credit["store_id"]] += credit["amount_fen"]
                by_session[sale["session_id"]][credit["store_id"]] += credit["amount_fen"]
    found = client.get("stores")["stores"]
    assert {store: sums["net_fen"] for store, sums in found.items()} == net
    for listed in ("anchors", "modes"):
        assert sum(one["net_fen"] for one in client.get(listed)[listed].values()) == sum(net.values())
    listed = {room["session_id"]: room for room in client.get("rooms")["rooms"]}
    for session_id, own in by_session.items():
        if session_id is None:
            continue
        room = client.get("rooms", session_id)
        assert session_id in listed
        assert {store: sums["net_fen"] for store, sums in room["parties"]["store"].items()} == own
        for kind in ("anchor", "mode", "item"):
            assert sum(one["net_fen"] for one in room["parties"][kind].values()) == sum(own.values())
        for decision in ("live", "store"):
            assert sum(one["net_fen"] for one in room["credited"][decision].values()) == sum(own.values())


def test_an_explanation_tells_nothing_of_what_the_buyer_did_elsewhere(guarded, board, tokens, names):
    hidden = 0
    for who, scope in SCOPES.items():
        client = guarded.with_token(tokens[who])
        visible = {room["session_id"] for room in client.get("rooms")["rooms"]}
        for sale in names.sales.values():
            path = ("orders", sale["order_id"])
            whole = board.get(*path, carrier=sale["carrier"])
            answer = client.ask(f"/api/v1/orders/{sale['order_id']}?carrier={sale['carrier']}")
            if answer.status != 200:
                continue
            told = json.loads(answer.body)
            assert (told["late"], told["afterwards"], told["new_buyer"]) == ([], [], None)
            hidden += len(whole["late"]) + len(whole["afterwards"])
            order = (told["event"]["source"], told["event"]["id"])
            for line in told["lines"]:
                for trial in (*line["live"]["tried"], *line["store"]["tried"]):
                    for finding in trial["findings"]:
                        own = finding.get("store_id") in scope or finding.get("session_id") in visible
                        evidence = finding["evidence"]
                        assert own or evidence is None or (evidence["source"], evidence["id"]) == order, finding
    assert hidden > 10


def test_numbers_of_a_session_only_where_all_its_stores_are_in_scope(guarded, tokens):
    everything = {
        room["session_id"]: guarded.with_token(tokens["all"]).get("rooms", room["session_id"])
        for room in guarded.with_token(tokens["all"]).get("rooms")["rooms"]
    }
    seen = set()
    for who, scope in SCOPES.items():
        client = guarded.with_token(tokens[who])
        for room in client.get("rooms")["rooms"]:
            linked = set(everything[room["session_id"]]["store_ids"])
            credited = everything[room["session_id"]]["parties"]["store"].keys() - {"none"}
            whole = bool(linked) and linked | credited <= scope
            document = client.get("rooms", room["session_id"])
            assert (room["show"] is not None) == (document["snapshot"] is not None) == whole
            assert (document["funnel"] is not None) == whole
            assert all((point[0] is not None) == whole for point in document["series"].values())
            assert set(document["store_ids"]) == linked & scope
            seen.add(whole)
    assert seen == {True, False}


def test_a_token_for_everything_sees_what_is_seen_without_tokens(guarded, board, tokens, names):
    client = guarded.with_token(tokens["all"])
    for session_id in names.sessions:
        rooms = [asked.get("rooms", session_id) for asked in (client, board)]
        for room in rooms:
            del room["as_of"], room["version"]
        assert rooms[0] == rooms[1]
    assert client.get("stores") == board.get("stores")


def test_a_shared_sale_shows_its_own_part_only(shared_show, guarded, tokens):
    sales = last_data(viewed(shared_show), "attributed-sales")
    shared = [sale for sale in sales.values() if {"T1", "T2"} <= parties_of(sale)]
    assert shared
    for sale in shared:
        found = guarded.with_token(tokens["T1"]).get("sales", sale["sale_id"])
        own = {credit["store_id"]: credit["amount_fen"] for credit in sale["stores"]}["T1"]
        assert found["stores"] == [{"store_id": "T1", "amount_fen": own}]
        assert (found["amount_fen"], found["refunded_fen"], found["net_fen"]) == (None, None, own)
        assert sum(credit["amount_fen"] for credit in found["anchors"]) == own
        assert sum(credit["amount_fen"] for credit in found["modes"]) == own


def test_a_part_is_shared_out_as_the_whole_and_no_fen_is_lost():
    sale = Sale(
        "s", "o", "jd", "i", "b", 1, format_time(0), 100, 0, 100, "S", None, None,
        [{"store_id": "T1", "amount_fen": 33}, {"store_id": "T2", "amount_fen": 67}],
        [{"anchor_id": name, "amount_fen": fen} for name, fen in (("A1", 34), ("A2", 33), ("A3", 33))],
        [{"mode": "platform", "amount_fen": 100}],
    )  # fmt: skip
    seen = seen_by(sale, {"T1", "T9"})
    assert seen.net_fen == 33
    assert [credit["amount_fen"] for credit in seen.anchors] == [11, 11, 11]
    assert seen_by(sale, {"T9"}) is None
    assert seen_by(sale, {"T1", "T2"}) is sale


def test_without_a_token_there_is_nothing(guarded, names):
    for route, path in addresses(names):
        answer = guarded.ask(path)
        if route.is_open:
            assert answer.status != 401
        else:
            assert answer.status == 401, path
            assert answer.headers["WWW-Authenticate"] == "Bearer"
    for path in ("/api/v1/stream", f"/api/v1/rooms/{names.sessions[0]}/stream"):
        assert guarded.ask(path).status == 401
