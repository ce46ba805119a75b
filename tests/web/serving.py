"""A real board over a processed show, and a client that speaks plain HTTP to it."""

import http.client
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

from streams.settings import Settings, WebSettings
from streams.web.server import Server
from streams.web.tokens import add_token

TIMEOUT = 20


class Answer(NamedTuple):
    status: int
    headers: Any
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    """Asks one board; `token` goes with every request."""

    def __init__(self, server: Server, token: str | None = None) -> None:
        self.server, self.token = server, token

    def with_token(self, token: str) -> "Client":
        return Client(self.server, token)

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(urlsplit(self.server.address).netloc, timeout=TIMEOUT)

    def ask(self, path: str, method: str = "GET", body: str | None = None, **headers: str) -> Answer:
        connection = self.connect()
        if self.token:
            headers = {"Authorization": f"Bearer {self.token}", **headers}
        try:
            connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def get(self, *segments: str, **query: str) -> Any:
        """The JSON of `/api/v1/…`; its status must be 200."""
        path = "/api/v1/" + "/".join(quote(segment, safe="") for segment in segments)
        path += "?" + "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items()) if query else ""
        answer = self.ask(path)
        assert answer.status == 200, (path, answer.status, answer.body)
        return answer.json


@contextmanager
def served(settings: Settings, **web: Any) -> Iterator[Client]:
    """Serve a run; the block begins when the read model has caught up."""
    server = Server(settings._replace(web=WebSettings(port=0, **{"rate": 100_000, **web})))
    assert server.start(), server.failure
    try:
        until = time.monotonic() + TIMEOUT
        while not server.follower.ready:
            assert time.monotonic() < until, server.follower.failure
            time.sleep(0.01)
        yield Client(server)
    finally:
        server.stop()


def tokens_of(path: Any, *names: str) -> dict[str, str]:
    """Tokens for a store each, `T1` for T1; `T1+T2` for both; `all` for everything."""
    return {name: add_token(path, name.replace("+", "-"), None if name == "all" else name.split("+")) for name in names}
