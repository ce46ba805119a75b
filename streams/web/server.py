"""The board's server: aiohttp in a thread with a loop of its own, beside a worker or alone.

In a thread, so that a batch does not keep those who watch waiting; and what goes wrong here ends nothing but this.
"""

import asyncio
import logging
import threading
from collections.abc import Callable
from typing import Any

from aiohttp import web

from streams.settings import Settings, SettingsError, WebSettings
from streams.views.follower import Follower
from streams.web.access import Access, middleware
from streams.web.api import Api
from streams.web.board import Board
from streams.web.hub import Hub
from streams.web.routes import ROUTES

STOP_SECONDS = 5.0
_REFRESH_SECONDS = 2.0
_MOST_BYTES = 16_384  # of a request's body: there is nothing but the login form
_LOG = logging.getLogger("livepool.web")


class Server:
    """Serves the board until it is stopped. `address` is where, once it listens; `failure` why it does not."""

    def __init__(
        self, settings: Settings, *, share: float = 1.0, why_not_ready: Callable[[], str | None] = lambda: None
    ) -> None:
        assert settings.web is not None  # noqa: S101 - asked before
        self._settings, self._web = settings, settings.web
        self.follower = Follower(settings, share=share)
        self._why_not_ready = why_not_ready
        self._thread = threading.Thread(target=self._run, name="livepool-web", daemon=True)
        self._listens = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self.address: str | None = None
        self.failure: str | None = None

    def start(self) -> str | None:
        """Begin to follow the topics and to listen; return the address, None when it cannot: `failure` says why."""
        self.follower.start()
        self._thread.start()
        self._listens.wait()
        return self.address

    def stop(self) -> None:
        """Send everybody away and end."""
        if self._loop is not None and self._stop is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(2 * STOP_SECONDS)
        self.follower.stop()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except Exception as error:
            self.failure = str(error)
            self.address = None
            _LOG.error("no board: %s", self._in_words(error))
        finally:
            self._listens.set()

    def _in_words(self, error: Exception) -> str:
        where = f"{self._web.host}:{self._web.port}"
        if isinstance(error, OSError) and not isinstance(error, SettingsError):
            return (
                f"cannot listen on {where}: {error.strerror or error}; set LIVEPOOL_WEB_PORT to another port (0: any"
                " that is free), or LIVEPOOL_WEB=off. Events are processed all the same"
            )
        return f"{error}. Events are processed all the same"

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        access = Access(self._web)
        board = Board(self._settings, self.follower, self._why_not_ready)
        hub = Hub(board.look)
        runner = web.AppRunner(
            application(Api(board, hub, access), access), access_log=None, shutdown_timeout=STOP_SECONDS
        )
        await runner.setup()
        try:
            site = web.TCPSite(runner, self._web.host, self._web.port, backlog=1024)
            await site.start()
            self.address = _address(self._web, runner.addresses[0])
            _LOG.info("board on %s", self.address)
            self._listens.set()
            hub.start()
            while not self._stop.is_set():
                access.refresh()
                try:
                    await asyncio.wait_for(self._stop.wait(), _REFRESH_SECONDS)
                except TimeoutError:
                    continue
            await hub.stop()
        finally:
            await runner.cleanup()
            board.readers.close()


def application(api: Api, access: Access) -> web.Application:
    """All routes, and who may use them."""
    opened: set[Any] = set()
    app = web.Application(
        middlewares=[middleware(access, lambda request: request.match_info.route.resource in opened)],
        client_max_size=_MOST_BYTES,
    )
    for route in ROUTES:
        path = route.path.replace("{path}", "{path:.+}")
        added = app.router.add_route(route.method, path, getattr(api, route.handler))
        if route.method == "GET" and route.kind != "events":
            app.router.add_route("HEAD", path, getattr(api, route.handler))
        if route.is_open:
            opened.add(added.resource)
    return app


def _address(settings: WebSettings, bound: Any) -> str:
    """As a browser on this machine wants it."""
    host, port = bound[0], bound[1]
    name = {"0.0.0.0": "localhost", "::": "localhost"}.get(host, settings.host)  # noqa: S104 - compared
    return f"http://[{name}]:{port}/" if ":" in name else f"http://{name}:{port}/"
