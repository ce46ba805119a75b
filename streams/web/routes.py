"""Every address of the board, once: what aiohttp serves and what the OpenAPI document says are both made from this."""

from typing import Any, Literal, NamedTuple

from streams.web import shapes

Kind = Literal["json", "events", "html", "csv", "text", "page", "form"]


class Parameter(NamedTuple):
    """A parameter of a path or, optional, of a query; `schema` in JSON Schema."""

    name: str
    text: str
    schema: dict[str, Any] = {"type": "string", "minLength": 1}  # noqa: RUF012 - never changed


class Route(NamedTuple):
    """One address. `handler`: a method of `Api`; open ones ask for no token and have no rate."""

    path: str
    handler: str
    summary: str
    answer: type | None = None
    query: tuple[Parameter, ...] = ()
    kind: Kind = "json"
    method: Literal["GET", "POST"] = "GET"
    is_open: bool = False


_LANG = Parameter("lang", "Language.", {"type": "string", "enum": ["zh", "en"]})
_DAY = Parameter("day", "Of orders placed on this day in the policy's time zone.", {"type": "string", "format": "date"})
_LIVE = Parameter("live", "Only those that are live, or are over.", {"type": "string", "enum": ["true", "false"]})
_LIMIT = Parameter("limit", "How many at most.", {"type": "integer", "minimum": 1, "maximum": 500})
_AFTER = Parameter("after", "The `next` of the page before.")
_CARRIER = Parameter("carrier", "When several have this order id.")
TABLES = ("figures", "store", "anchor", "mode", "item", "rules", "series")  # of a report, in its order

V1 = "/api/v1"
ROUTES = (
    Route(f"{V1}/rooms", "rooms", "The sessions, live ones first, then the newest", shapes.RoomList, (_LIVE, _LIMIT)),
    Route(f"{V1}/rooms/{{session_id}}", "room", "One session", shapes.Room),
    Route(f"{V1}/rooms/{{session_id}}/series", "series", "A session per minute", shapes.Series),
    Route(f"{V1}/rooms/{{session_id}}/sales", "sales", "Sales of a session", shapes.SalePage, (_AFTER, _LIMIT)),
    Route(f"{V1}/rooms/{{session_id}}/stream", "room_stream", "One session, pushed each second", kind="events"),
    Route(f"{V1}/rooms/{{session_id}}/report", "report", "A report to print", query=(_LANG,), kind="html"),
    Route(f"{V1}/rooms/{{session_id}}/report/{{table}}.csv", "table", "A table of it", query=(_LANG,), kind="csv"),
    Route(f"{V1}/stream", "rooms_stream", "The list of sessions, pushed when it changes", kind="events"),
    Route(f"{V1}/sales/{{sale_id}}", "sale", "One sale, with every rule that was tried", shapes.Sale),
    Route(f"{V1}/orders/{{order_id}}", "order", "Why an order was credited so", shapes.Explanation, (_CARRIER, _LANG)),
    Route(f"{V1}/stores", "stores", "Sums per store", shapes.Stores, (_DAY,)),
    Route(f"{V1}/anchors", "anchors", "Sums per anchor", shapes.Anchors, (_DAY,)),
    Route(f"{V1}/modes", "modes", "Sums per mode", shapes.Modes, (_DAY,)),
    Route(f"{V1}/definitions", "definitions", "What every number means", dict[str, shapes.Defined]),
    Route(f"{V1}/buyers/{{buyer_id}}", "buyer", "A buyer and their sales", shapes.Buyer),
    Route(f"{V1}/status", "status", "How the installation is", shapes.Status),
    Route(f"{V1}/openapi.json", "openapi", "This document", dict[str, Any]),
    Route("/login", "login", "Exchange a token for a cookie", kind="form", method="POST", is_open=True),
    Route("/healthz", "healthz", "Is the process alive", kind="text", is_open=True),
    Route("/readyz", "readyz", "Is it ready: not recovering, level with the topics", kind="text", is_open=True),
    Route("/metrics", "metrics", "Prometheus metrics; of all stores, so with a token for all", kind="text"),
    Route("/report.css", "report_css", "How a report looks", kind="page", is_open=True),
    Route("/", "page", "The board", kind="page", is_open=True),
    Route("/static/{path}", "static", "A file of the board", kind="page", is_open=True),
)
