"""A running show for the page: a real worker with its board, fed piece by piece."""

import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cli.homes import as_json
from schemas.values import parse_time
from streams.show import generate
from system.runs import COMMAND, Home

EVENTS, BEFORE, PIECE = 3000, 2000, 60
START = "2026-11-11T12:00:00Z"


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def until(true: Callable[[], Any], what: str, seconds: float = 30.0) -> None:
    """Wait until something is true."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"waited {seconds:g} s: {what}"
        time.sleep(0.05)


def answers(url: str) -> bool:
    """Whether an address answers with 2xx."""
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


@contextmanager
def serving(*command: str, home: Path, **environment: str) -> Iterator[str]:
    """A command of Livepool that serves the board, until the block ends; its address."""
    url = f"http://127.0.0.1:{environment['LIVEPOOL_WEB_PORT']}/"
    process = subprocess.Popen(
        [*COMMAND, *command],
        env={**os.environ, "LIVEPOOL_HOME": str(home), "LIVEPOOL_WEB": "on", **environment},
        stderr=subprocess.DEVNULL,
    )
    try:
        until(lambda: process.poll() is not None or answers(f"{url}readyz"), f"{command} is ready")
        assert process.poll() is None, f"{command} ended with {process.returncode}"
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


class World:
    """A home with a show in it; two thirds of it are over when the tests begin."""

    def __init__(self, path: Path) -> None:
        self.home = Home(path)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/"
        self._lines = list(generate(EVENTS, 7, parse_time(START)))
        self.home.send(self._lines[:BEFORE])

    @contextmanager
    def worker(self) -> Iterator[None]:
        """A worker that runs until the block ends; within it everything sent before is processed."""
        with serving("worker", home=self.home.path, LIVEPOOL_WEB_PORT=str(self.port)):
            self.settle()
            yield

    def play(self, events: int = PIECE) -> None:
        """The show goes on a little; it is processed when this returns."""
        at = self.home.sent
        assert at + events <= len(self._lines), "the show is over: give the tests a longer one"
        self.home.send(self._lines[at : at + events])
        self.settle()

    def settle(self) -> None:
        """Wait until everything is processed."""
        until(lambda: self.home.lag() == 0, "the worker is level with its input")

    def rooms(self) -> list[dict[str, Any]]:
        """What `livepool rooms --json` says."""
        found: list[dict[str, Any]] = as_json("rooms", "--home", self.home.path)
        return found

    def largest(self) -> dict[str, Any]:
        """The session with most stores: the room with ten."""
        return max(self.rooms(), key=lambda room: len(room["stores"]))
