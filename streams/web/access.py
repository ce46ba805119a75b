"""Who asks, how often, and what they get when they may not: the middleware of every request."""

import logging
import time
from collections.abc import Awaitable, Callable
from typing import TypeAlias
from urllib.parse import urlsplit

from aiohttp import web

from streams.settings import THIS_MACHINE, WebSettings
from streams.views.reads import Scope
from streams.web.limits import Limits
from streams.web.problems import NotLoggedIn, Problem, Refused, TooMany, response_of
from streams.web.tokens import Holder, Tokens, digest_of

COOKIE = "livepool_token"
HOLDER = web.RequestKey("holder", Holder)
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "Server": "Livepool",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_EVERYTHING = Holder("everybody", None)
_LOGINS = Limits(rate=1, burst=10)
_LOG = logging.getLogger("livepool.web")

Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Access:
    """Lets requests in."""

    def __init__(self, settings: WebSettings) -> None:
        self._settings = settings
        self._tokens = None if settings.tokens is None else Tokens(settings.tokens)
        self._limits = Limits(settings.rate)

    def holder(self, digest: str | None) -> Holder | None:
        """Who has a token; None: nobody. Without tokens everybody may see everything."""
        return _EVERYTHING if self._tokens is None else self._tokens.holder(digest)

    def refresh(self) -> None:
        """Look whether the tokens have changed."""
        if self._tokens is not None:
            self._tokens.refresh()

    def enter(self, request: web.Request, *, is_open: bool) -> Holder:
        """Who asks. Raises Refused, NotLoggedIn, TooMany."""
        self._check_host(request)
        if is_open:
            return _EVERYTHING
        digest = _digest(request)
        holder = self.holder(digest)
        who = digest if digest and holder and self._tokens else address_of(request)
        self._wait(self._limits, who)
        if holder is None:
            hint = "this token is not valid" if digest else "a token is needed: log in on the page, or send one"
            raise NotLoggedIn(f"{hint} (`Authorization: Bearer …`)", WWW_Authenticate="Bearer")
        return holder

    def log_in(self, request: web.Request, token: str) -> str | None:
        """The cookie for a token; None when it is not valid."""
        self._wait(_LOGINS, address_of(request))
        return token if self.holder(digest_of(token)) else None

    def _wait(self, limits: Limits, who: str) -> None:
        seconds = limits.wait(who, time.monotonic())
        if seconds:
            raise TooMany("too many requests: slow down", Retry_After=str(int(seconds) + 1))

    def _check_host(self, request: web.Request) -> None:
        """A page of somebody else must not reach a board without tokens under a name of its own (DNS rebinding)."""
        if self._tokens is not None or self._settings.open:
            return
        if not _is_this_machine(request.host):
            raise Refused(
                f"{request.host} is not this machine: a board without tokens answers to localhost only;"
                " set LIVEPOOL_WEB_TOKENS, or LIVEPOOL_WEB_OPEN=1"
            )


def _is_this_machine(host: str) -> bool:
    try:
        return urlsplit(f"//{host}").hostname in THIS_MACHINE
    except ValueError:
        return False


def scope_of(request: web.Request) -> Scope:
    """The stores that the one who asks may see; None: everything."""
    return request[HOLDER].stores


def digest_in(request: web.Request) -> str | None:
    """The digest of the token that came with a request."""
    return _digest(request)


def address_of(request: web.Request) -> str:
    """From where a request came. Behind a proxy that is the proxy: it has limits of its own, or tokens are used."""
    return request.remote or "?"


def _digest(request: web.Request) -> str | None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token:
        return digest_of(token.strip())
    cookie = request.cookies.get(COOKIE)
    return digest_of(cookie) if cookie else None


def middleware(access: Access, is_open: Callable[[web.Request], bool]) -> Callable[..., Awaitable[web.StreamResponse]]:
    """Let in, answer, and turn errors into problem details."""

    @web.middleware
    async def handle(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            request[HOLDER] = access.enter(request, is_open=is_open(request))
            response = await handler(request)
        except Problem as problem:
            response = response_of(problem.status, problem.detail, problem.headers)
        except web.HTTPException as error:
            response = response_of(error.status, error.text or error.reason, _allow(error))
        except ConnectionError:
            raise
        except Exception:
            _LOG.exception("%s %s", request.method, request.path)
            response = response_of(500, "the server made a mistake; its log says more")
        if not response.prepared:
            response.headers.update(HEADERS)
            response.headers.setdefault("Cache-Control", "no-store")
        return response

    return handle


def _allow(error: web.HTTPException) -> dict[str, str]:
    return {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
