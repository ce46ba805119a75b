"""What answers each address (`routes`): parameters in, JSON or a stream or a file out."""

import time
from datetime import date
from typing import cast

from aiohttp import web

from schemas.codec import encode
from streams.core.definitions import Language
from streams.telemetry import metrics_handler
from streams.views.documents import series
from streams.views.reads import Json
from streams.web import files, report
from streams.web.access import COOKIE, Access, digest_in, scope_of
from streams.web.board import MOST_ROOMS, Board, definitions
from streams.web.events import stream
from streams.web.hub import Hub, Subject
from streams.web.openapi import document
from streams.web.problems import BadRequest, NotKnown, NotLoggedIn, Refused
from streams.web.routes import TABLES

_COOKIE_SECONDS = 30 * 86_400
_MOST_SALES = 500
_USUAL_SALES = 50
_TOKEN_CHARS = 200


class Api:
    """The handlers, by the names that `routes` has."""

    def __init__(self, board: Board, hub: Hub, access: Access) -> None:
        self._board, self._hub, self._access = board, hub, access
        self._openapi = encode(document())
        self._definitions = encode(definitions())

    # --- sessions --------------------------------------------------------------------------------------------

    async def rooms(self, request: web.Request) -> web.Response:
        """The list."""
        live = {None: None, "true": True, "false": False}.get(request.query.get("live"), "")
        if live == "":
            raise BadRequest("`live` is true or false")
        most = _whole(request, "limit", MOST_ROOMS, MOST_ROOMS)
        return _json(await self._board.rooms(scope_of(request), live=cast("bool | None", live), most=most))

    async def room(self, request: web.Request) -> web.Response:
        """One session."""
        return _json(await self._room(request))

    async def series(self, request: web.Request) -> web.Response:
        """Its minutes in columns."""
        return _json(series(await self._room(request)))

    async def sales(self, request: web.Request) -> web.Response:
        """A page of its sales."""
        limit = _whole(request, "limit", _USUAL_SALES, _MOST_SALES)
        after = request.query.get("after") or None
        return _json(await self._board.sales(request.match_info["session_id"], scope_of(request), after, limit))

    async def report(self, request: web.Request) -> web.Response:
        """A page to print."""
        text = report.page(await self._room(request), _lang(request), self._board.zone)
        return web.Response(text=text, content_type="text/html")

    async def table(self, request: web.Request) -> web.Response:
        """One table of the report as CSV."""
        name = request.match_info["table"]
        if name not in TABLES:
            raise NotKnown(f"the tables are {', '.join(TABLES)}")
        room = await self._room(request)
        return web.Response(
            body=report.csv_of(room, name, _lang(request), self._board.zone),
            content_type="text/csv",
            charset="utf-8",
            headers={"Content-Disposition": f'attachment; filename="{name}.csv"'},
        )

    async def _room(self, request: web.Request) -> Json:
        return await self._board.room(request.match_info["session_id"], scope_of(request))

    async def room_stream(self, request: web.Request) -> web.StreamResponse:
        """One session, pushed."""
        return await self._stream(request, request.match_info["session_id"])

    async def rooms_stream(self, request: web.Request) -> web.StreamResponse:
        """The list, pushed."""
        return await self._stream(request, None)

    async def _stream(self, request: web.Request, session_id: str | None) -> web.StreamResponse:
        digest, scope = digest_in(request), scope_of(request)

        def may_stay() -> bool:
            holder = self._access.holder(digest)
            return holder is not None and holder.stores == scope

        return await stream(request, self._hub, Subject(session_id, scope), may_stay)

    # --- sales, orders, buyers, sums -------------------------------------------------------------------------

    async def sale(self, request: web.Request) -> web.Response:
        """One sale."""
        return _json(await self._board.sale(request.match_info["sale_id"], scope_of(request)))

    async def order(self, request: web.Request) -> web.Response:
        """An explanation."""
        carrier = request.query.get("carrier") or None
        order_id = request.match_info["order_id"]
        return _json(await self._board.order(order_id, carrier, _lang(request), scope_of(request)))

    async def buyer(self, request: web.Request) -> web.Response:
        """A buyer."""
        return _json(await self._board.buyer(request.match_info["buyer_id"], scope_of(request)))

    async def stores(self, request: web.Request) -> web.Response:
        """Sums per store."""
        return _json(await self._board.parties("store", _day(request), scope_of(request)))

    async def anchors(self, request: web.Request) -> web.Response:
        """Sums per anchor."""
        return _json(await self._board.parties("anchor", _day(request), scope_of(request)))

    async def modes(self, request: web.Request) -> web.Response:
        """Sums per mode."""
        return _json(await self._board.parties("mode", _day(request), scope_of(request)))

    # --- the installation ------------------------------------------------------------------------------------

    async def definitions(self, _request: web.Request) -> web.Response:
        """What the numbers mean."""
        return web.Response(body=self._definitions, content_type="application/json")

    async def openapi(self, _request: web.Request) -> web.Response:
        """The API's document."""
        return web.Response(body=self._openapi, content_type="application/json")

    async def status(self, _request: web.Request) -> web.Response:
        """How it is."""
        watching = {"sse_clients": self._hub.clients, "sse_dropped": self._hub.dropped}
        return _json(await self._board.status() | watching)

    async def healthz(self, _request: web.Request) -> web.Response:
        """The process is alive."""
        return web.Response(text="alive\n")

    async def readyz(self, _request: web.Request) -> web.Response:
        """Ready, or 503 with the reason."""
        why = self._board.why_not_ready()
        return web.Response(text=f"{why or 'ready'}\n", status=503 if why else 200)

    async def metrics(self, request: web.Request) -> web.StreamResponse:
        """Prometheus metrics."""
        if scope_of(request) is not None:
            raise Refused(
                "the metrics are of all stores: a token for everything is needed (`livepool token add --all`)"
            )
        return await metrics_handler(request)

    # --- the page --------------------------------------------------------------------------------------------

    async def page(self, request: web.Request) -> web.Response:
        """The board; it asks for a token itself when it needs one."""
        return files.serve(request, "index.html")

    async def static(self, request: web.Request) -> web.Response:
        """A file of it."""
        return files.serve(request, request.match_info["path"])

    async def report_css(self, request: web.Request) -> web.Response:
        """The style of reports."""
        return files.serve(request, "report.css", report.FOLDER)

    async def login(self, request: web.Request) -> web.Response:
        """Set the cookie, and go to the page."""
        form = await request.post()
        given = form.get("token")
        token = given.strip() if isinstance(given, str) else ""
        if not 0 < len(token) <= _TOKEN_CHARS or self._access.log_in(request, token) is None:
            raise NotLoggedIn("this token is not valid")
        response = web.Response(status=303, headers={"Location": "./"})
        response.set_cookie(
            COOKIE, token, max_age=_COOKIE_SECONDS, httponly=True, samesite="Strict", secure=request.secure, path="/"
        )
        return response


def _json(body: Json) -> web.Response:
    return web.Response(body=encode(body), content_type="application/json")


def _lang(request: web.Request) -> Language:
    lang = request.query.get("lang") or "zh"
    if lang not in ("zh", "en"):
        raise BadRequest("`lang` is zh or en")
    return cast("Language", lang)


def _day(request: web.Request) -> str:
    text = request.query.get("day") or ""
    try:
        return date.fromisoformat(text).isoformat() if text else ""
    except ValueError:
        raise BadRequest(f"`day` is a day as {time.strftime('%Y-%m-%d')}, not {text!r}") from None


def _whole(request: web.Request, name: str, usual: int, most: int) -> int:
    text = request.query.get(name) or str(usual)
    if not (text.isascii() and text.isdecimal()) or not 1 <= int(text[:9]) <= most:
        raise BadRequest(f"`{name}` is a whole number from 1 to {most}")
    return int(text)
