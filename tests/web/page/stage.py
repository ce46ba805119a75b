"""A server that answers the page what a test wants: its files, JSON by address, streams that go as they are told."""

import copy
import json
import mimetypes
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from streams.core.definitions import DEFINITIONS
from streams.core.more_definitions import MORE_DEFINITIONS
from web.page.node import STATIC

BEAT = 0.2  # seconds between two beats of a stream
RETRY_AFTER = "1"
PARTY = {"sales": 1, "orders": 1, "units": 1, "net_fen": 1000}


def room(session_id: str, **changed: Any) -> dict[str, Any]:
    """A session with one store, as the server tells of it."""
    figures = dict.fromkeys(DEFINITIONS, 0) | {"gmv_net_fen": 1000}
    return {
        "session_id": session_id,
        "room_id": f"room of {session_id}",
        "carrier": "douyin",
        "mode": "platform",
        "live": True,
        "started_at": "2026-11-11T12:00:00Z",
        "ended_at": None,
        "latest_at": "2026-11-11T12:01:00Z",
        "anchor_ids": ["A1"],
        "store_ids": ["T1"],
        "snapshot": {"show": figures, "last_10m": figures, "previous_10m": figures},
        "funnel": {"views": 4, "clicks": 2, "orders_placed": 1, "orders_paid": 1, "pool_joins": 0},
        "parties": {"store": {"T1": PARTY}, "anchor": {}, "mode": {}, "item": {}},
        "credited": {"live": {}, "store": {}},
        "series": {"1794398400000": [1, 1, 1000]},
        "problems": {
            "dead_letters_10m": {},
            "dead_letters": {},
            "lag": 0,
            "unattributed": {"store_fen": 0, "anchor_fen": 0, "paid_fen": 1000, "net_fen": 1000},
        },
        "version": 1,
    } | changed


def listed(session_id: str, net_fen: int | None, **changed: Any) -> dict[str, Any]:
    """A session in the list; with None it is seen in part."""
    figures = {"online": 1, "viewers": 1, "orders_paid": 1, "gmv_net_fen": net_fen}
    head = {name: value for name, value in room(session_id).items() if not isinstance(value, dict)}
    return head | {"show": None if net_fen is None else figures} | changed


class Stage:
    """What the server says; a test may change it while pages are open."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {
            "definitions": {
                name: {"unit": one.unit, "label": one.label._asdict(), "text": one.text._asdict()}
                for name, one in (DEFINITIONS | MORE_DEFINITIONS).items()
            },
            "status": {"timezone": "Asia/Shanghai"},
            "rooms": {"rooms": []},
            **{name: {name: {}} for name in ("stores", "anchors", "modes")},
        }
        self.asked: list[str] = []
        self.slow = 0.0  # seconds until an answer
        self.silent = 0.0  # seconds until a stream says something
        self.rebuilt: set[str] = set()  # sessions of which nothing is known for the moment: 503
        self.url = ""

    def show(self, *rooms: dict[str, Any]) -> None:
        """There are these sessions now."""
        for one in rooms:
            self.answers[f"rooms/{one['session_id']}"] = copy.deepcopy(one)

    def list(self, *rows: dict[str, Any]) -> None:
        """The list has these sessions now."""
        self.answers["rooms"] = {"rooms": list(rows)}

    def is_rebuilt(self, path: str) -> bool:
        """Whether an address is of a session that is unavailable."""
        return any(path.startswith(f"rooms/{session_id}") for session_id in self.rebuilt)


class Handler(BaseHTTPRequestHandler):
    """Answers one request as the stage has it."""

    stage: Stage

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """A file of the page, or something of the interface."""
        path = urlsplit(self.path).path
        if path.startswith("/api/v1/"):
            self._interface(path.removeprefix("/api/v1/"))
        else:
            self._file("index.html" if path == "/" else path.removeprefix("/static/"))

    def _interface(self, name: str) -> None:
        self.stage.asked.append(name)
        document = "rooms" if name == "stream" else name.removesuffix("/stream")
        if self.stage.is_rebuilt(name):
            self._say(503, {"title": "Service Unavailable", "detail": "rebuilding"})
        elif document not in self.stage.answers:
            self._say(404, {"title": "Not Found", "detail": f"no {name}"})
        elif name.endswith("stream"):
            self._stream(document)
        else:
            time.sleep(self.stage.slow)
            self._say(200, self.stage.answers[name])

    def _file(self, path: str) -> None:
        kind = mimetypes.guess_type(path)[0] or "application/octet-stream"
        self._write(200, kind, (STATIC / path).read_bytes())

    def _say(self, status: int, answer: Any) -> None:
        self._write(status, "application/json", json.dumps(answer).encode())

    def _write(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if status == 503:
            self.send_header("Retry-After", RETRY_AFTER)
        self.end_headers()
        self.wfile.write(body)

    def _stream(self, document: str) -> None:
        """The document whenever it is another one, beats between; the end when it is not to be had any more."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        told = None
        time.sleep(self.stage.silent)
        try:
            while not self.stage.is_rebuilt(document):
                as_of = datetime.now(UTC).isoformat()
                now = copy.deepcopy(self.stage.answers[document])
                event = "beat" if now == told else "rooms" if document == "rooms" else "room"
                data = {"as_of": as_of} if now == told else now | {"as_of": as_of}
                told = now
                self.wfile.write(f"event: {event}\ndata: {json.dumps(data)}\n\n".encode())
                time.sleep(BEAT)
        except OSError:
            pass  # the page is closed


@contextmanager
def staged() -> Iterator[Stage]:
    """A stage that is served until the block ends."""
    stage = Stage()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("OnStage", (Handler,), {"stage": stage}))
    server.daemon_threads = True
    stage.url = f"http://127.0.0.1:{server.server_port}/"
    serving = threading.Thread(target=server.serve_forever, daemon=True)
    serving.start()
    try:
        yield stage
    finally:
        server.shutdown()
        server.server_close()
        serving.join()
