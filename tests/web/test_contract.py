"""Every answer is what the OpenAPI document says, and the document names every address."""

import json

import jsonschema_rs
import pytest

from schemas.outputs import SaleData
from streams.web.access import HEADERS
from streams.web.openapi import document
from streams.web.routes import ROUTES, V1
from streams.web.shapes import Sale
from web.crawl import addresses, names_of

DOCUMENT = document()


def schema_of(path, status, kind, method="get"):
    operation = DOCUMENT["paths"][path][method]
    found = operation["responses"].get(str(status)) or operation["responses"]["default"]
    schema = found["content"][kind]["schema"]
    return jsonschema_rs.validator_for({**schema, "components": DOCUMENT["components"]})


def checked(answer, route):
    kind = answer.headers["Content-Type"].partition(";")[0]
    if kind.endswith("json"):
        schema_of(route.path, answer.status, kind).validate(json.loads(answer.body))
    for name, value in HEADERS.items():
        assert answer.headers[name] == value
    return kind


@pytest.mark.parametrize("who", ["board", "all", "T1", "T1+T2"])
def test_every_answer_is_as_documented(shared_show, board, guarded, tokens, who):
    client = board if who == "board" else guarded.with_token(tokens[who])
    statuses = {}
    for route, path in addresses(names_of(shared_show)):
        answer = client.ask(path)
        kind = checked(answer, route)
        statuses.setdefault((route.path, answer.status), []).append(path)
        if answer.status == 200 and route.kind == "json":
            assert kind == "application/json"
        elif answer.status != 200:
            assert kind == "application/problem+json" or route.handler == "readyz"
            several = b"add ?carrier=" in answer.body
            expected = 400 if several else 403 if route.handler == "metrics" else 404
            assert answer.status == expected, (path, answer.body)
    answered = {path for path, status in statuses if status == 200}
    assert answered >= {route.path for route in ROUTES if route.kind in ("json", "html", "csv")}, statuses.keys()


@pytest.mark.parametrize(
    ("path", "status", "route"),
    [
        ("/api/v1/rooms/none", 404, "/api/v1/rooms/{session_id}"),
        ("/api/v1/rooms/none/stream", 404, "/api/v1/rooms/{session_id}/stream"),
        ("/api/v1/rooms/none/sales", 404, "/api/v1/rooms/{session_id}/sales"),
        ("/api/v1/rooms/none/report", 404, "/api/v1/rooms/{session_id}/report"),
        ("/api/v1/rooms/none/report/nothing.csv", 404, "/api/v1/rooms/{session_id}/report/{table}.csv"),
        ("/api/v1/rooms?live=perhaps", 400, "/api/v1/rooms"),
        ("/api/v1/rooms?limit=0", 400, "/api/v1/rooms"),
        ("/api/v1/rooms?limit=99999999999999999999", 400, "/api/v1/rooms"),
        ("/api/v1/rooms?limit=%F0%9D%9F%99", 400, "/api/v1/rooms"),
        ("/api/v1/stores?day=yesterday", 400, "/api/v1/stores"),
        ("/api/v1/stores?day=2026-02-30", 400, "/api/v1/stores"),
        ("/api/v1/orders/none", 404, "/api/v1/orders/{order_id}"),
        ("/api/v1/orders/none?carrier=pigeon", 400, "/api/v1/orders/{order_id}"),
        ("/api/v1/orders/none?lang=fr", 400, "/api/v1/orders/{order_id}"),
        ("/api/v1/sales/none", 404, "/api/v1/sales/{sale_id}"),
        ("/api/v1/sales/%00", 404, "/api/v1/sales/{sale_id}"),
        ("/api/v1/buyers/%FF%FE", 404, "/api/v1/buyers/{buyer_id}"),
    ],
)
def test_what_is_not_there_or_makes_no_sense_is_a_problem(board, path, status, route):
    answer = board.ask(path)
    assert answer.status == status
    schema_of(route, status, "application/problem+json").validate(answer.json)
    assert answer.json["status"] == status
    assert answer.json["detail"]


@pytest.mark.parametrize("after", ["", "x", "1", f"{10**30}:s", "1:", ":"])
def test_a_cursor_that_is_none_is_refused_or_harmless(board, shared_show, after):
    session_id = names_of(shared_show).sessions[0]
    answer = board.ask(f"/api/v1/rooms/{session_id}/sales?after={after}")
    assert answer.status in (200, 400)


def test_unknown_addresses_and_methods_are_problems(board):
    assert board.ask("/api/v2/rooms").status == 404
    answer = board.ask("/api/v1/rooms", method="DELETE")
    assert (answer.status, answer.headers["Allow"]) == (405, "GET,HEAD")
    assert answer.headers["Content-Type"].startswith("application/problem+json")


def test_the_document_is_served_and_names_every_route(board):
    assert board.ask(f"{V1}/openapi.json").json == json.loads(json.dumps(DOCUMENT))
    assert DOCUMENT["openapi"].startswith("3.1")
    assert {(path, method.upper()) for path, found in DOCUMENT["paths"].items() for method in found} == {
        (route.path, route.method) for route in ROUTES
    }
    for schema in DOCUMENT["components"]["schemas"].values():
        jsonschema_rs.validator_for({**schema, "components": DOCUMENT["components"]})


def test_a_sale_has_the_fields_of_the_contract():
    assert set(Sale.__struct_fields__) == set(SaleData.__struct_fields__)
