"""The board in a worker, alone, and in a demo: it never stands in the way of the events."""

import asyncio
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import closing
from types import SimpleNamespace
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import urlopen

import orjson
import pytest

from shows import random_show
from streams.app import build_app
from streams.runner import run
from streams.settings import Settings, WebSettings
from streams.views.database import FILE_NAME, connect
from streams.web.board import Board
from streams.web.hub import Subject
from streams.web.problems import Unavailable
from streams.web.readers import MOST_SEARCHES, Readers
from streams.web.server import Server
from streams.web.service import why_not_ready
from system.runs import COMMAND, Home
from tests.cli.homes import livepool
from views.shows_in_topics import processed
from web.crawl import names_of
from web.serving import Client, served

LISTENS = re.compile(r"board on (http://\S+/)")


class Worker:
    """`livepool worker` or `livepool board` as a process; what it says is collected in a file."""

    def __init__(self, home, *command, **environment):
        self.said = home.with_name(f"{home.name}-{command[0]}-{time.monotonic_ns()}.log")
        with self.said.open("wb") as file:
            self.process = subprocess.Popen(
                [*COMMAND, *command],
                env={
                    **os.environ,
                    "LIVEPOOL_HOME": str(home),
                    "LIVEPOOL_WEB": "on",
                    "LIVEPOOL_WEB_PORT": "0",
                    **environment,
                },
                stderr=file,
            )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        assert self.process.wait(30) == 0, self.said.read_text()

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(30)

    def wait_for(self, pattern):
        until = time.monotonic() + 40
        while not (found := re.search(pattern, self.said.read_text())):
            assert self.process.poll() is None, self.said.read_text()
            assert time.monotonic() < until, self.said.read_text()
            time.sleep(0.05)
        return found

    @property
    def address(self):
        return self.wait_for(LISTENS)[1]


def get(address, path):
    with urlopen(address + path, timeout=20) as response:
        return orjson.loads(response.read())


def until(look, wanted):
    """Look until it is as wanted; a board that has just begun has nothing to show yet."""
    end = time.monotonic() + 40
    while (found := answer(look)) != wanted:
        assert time.monotonic() < end, (found, wanted)
        time.sleep(0.1)


def answer(look):
    try:
        return look()
    except HTTPError as error:
        if error.code != 503:
            raise
        return None


def test_a_worker_serves_what_it_processes_also_after_a_kill(tmp_path):
    lines = random_show(52_001, size=160)
    expected = processed(tmp_path / "expected", lines)
    with served_rooms(expected) as wanted:
        pass
    home = Home(tmp_path / "home")
    home.send(lines[:80])
    worker = Worker(tmp_path / "home", "worker")
    until(lambda: bool(get(worker.address, "api/v1/status")["version"]), True)
    worker.kill()
    home.send(lines[80:])
    with Worker(tmp_path / "home", "worker") as worker, Worker(tmp_path / "home", "board") as alone:
        for address in (worker.address, alone.address):
            until(lambda address=address: get(address, "api/v1/rooms"), wanted)
            until(lambda address=address: get(address, "api/v1/status")["ready"], True)


class served_rooms:  # noqa: N801
    """The list of rooms that a board shows of a run."""

    def __init__(self, settings):
        self.server = Server(settings._replace(web=WebSettings(port=0)))

    def __enter__(self):
        address = self.server.start()
        until(lambda: self.server.follower.ready, True)
        return get(address, "api/v1/rooms")

    def __exit__(self, *_):
        self.server.stop()


def test_a_port_that_is_taken_does_not_end_a_worker(tmp_path):
    home = Home(tmp_path / "home")
    home.send(random_show(52_002, size=20))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with Worker(tmp_path / "home", "worker", LIVEPOOL_WEB_PORT=port) as worker:
            worker.wait_for(rf"no board: cannot listen on 127\.0\.0\.1:{port}.*LIVEPOOL_WEB_PORT")
            until(home.lag, 0)
        board = subprocess.run(
            [*COMMAND, "board", "--home", str(tmp_path / "home"), "--port", port],
            capture_output=True,
            text=True,
            check=False,
        )
        assert board.returncode == 1
        assert "LIVEPOOL_WEB_PORT" in board.stderr


def test_tokens_that_cannot_be_read_do_not_end_a_worker(tmp_path):
    home = Home(tmp_path / "home")
    home.send(random_show(52_003, size=20))
    missing = str(tmp_path / "tokens.toml")
    with Worker(tmp_path / "home", "worker", LIVEPOOL_WEB_TOKENS=missing) as worker:
        worker.wait_for("no board: .*livepool token add")
        until(home.lag, 0)


def test_it_is_off_when_it_is_off(tmp_path):
    home = Home(tmp_path / "home")
    home.send(random_show(52_004, size=20))
    with Worker(tmp_path / "home", "worker", LIVEPOOL_WEB="off") as worker:
        until(home.lag, 0)
    assert "board" not in worker.said.read_text()
    assert not (tmp_path / "home" / FILE_NAME).exists()


def test_a_read_model_that_fails_is_said_and_tried_again(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr("streams.views.follower.RETRY_SECONDS", 0.05)
    settings = processed(tmp_path / "home", random_show(52_005, size=40))
    (tmp_path / "home" / FILE_NAME).mkdir()  # no file can be there
    caplog.set_level(logging.ERROR)
    server = Server(settings._replace(web=WebSettings(port=0)))
    try:
        address = server.start()
        until(lambda: server.follower.failure is not None, True)
        with pytest.raises(Exception, match="503"):
            get(address, "readyz")
        with pytest.raises(Exception, match="503"):
            get(address, "api/v1/rooms")
        assert "does not follow" in caplog.text
        (tmp_path / "home" / FILE_NAME).rmdir()
        until(lambda: server.follower.ready, True)
        assert get(address, "api/v1/rooms")["rooms"]
    finally:
        server.stop()


OF_THE_INSTALLATION = ("/api/v1/status", "/api/v1/definitions", "/healthz", "/metrics")


def test_what_is_not_read_yet_is_not_said_to_be_missing(tmp_path):
    """Its read model was removed, and another process holds it: the follower has to wait."""
    settings = processed(tmp_path / "home", random_show(52_006, size=60))._replace(web=WebSettings(port=0))
    with served(settings) as client:
        names = names_of(settings)
        session_id, sale_id = names.sessions[0], next(iter(names.sales))
        paths = [
            "/api/v1/" + path
            for path in (
                "rooms", f"rooms/{session_id}", f"rooms/{session_id}/series", f"rooms/{session_id}/sales",
                f"rooms/{session_id}/report", "stores", "anchors", "modes", f"sales/{quote(sale_id, safe='')}",
            )
        ]  # fmt: skip
        wanted = [still(client.ask(path)) for path in paths]
    (tmp_path / "home" / FILE_NAME).unlink()
    with closing(connect(tmp_path / "home")) as other:
        other.execute("BEGIN IMMEDIATE")
        server = Server(settings)
        server.start()
        try:
            client = Client(server)
            for path in (*paths, "/api/v1/stream", f"/api/v1/rooms/{session_id}/stream"):
                answer = client.ask(path)
                assert (path, answer.status, answer.headers["Retry-After"]) == (path, 503, "2")
                assert answer.json["detail"] == "the board has not caught up with the topics yet"
            assert [client.ask(path).status for path in OF_THE_INSTALLATION] == [200] * len(OF_THE_INSTALLATION)
            assert client.ask("/readyz").status == 503
            other.rollback()
            until(lambda: server.follower.ready, True)
            assert client.ask("/readyz").status == 200
            assert [still(client.ask(path)) for path in paths] == wanted
        finally:
            server.stop()


def still(answer):
    """What was answered, without the time and the number of the look."""
    assert answer.status == 200
    if not answer.headers["Content-Type"].startswith("application/json"):
        return None
    return {name: value for name, value in answer.json.items() if name not in ("as_of", "version")}


def test_a_worker_is_not_ready_before_it_reads(tmp_path):
    """Faust says that it has started before anything has."""

    async def look_while_it_starts():
        app, done = build_app(settings), asyncio.Event()
        found = [(why_not_ready(app), False)]

        async def look():
            while found[-1][0] is not None:
                found.append((why_not_ready(app), bool(app._consumer and app._consumer.assignment())))
                await asyncio.sleep(0)
            done.set()

        looking = asyncio.create_task(look())
        await run(app, stop=done)
        await looking
        return found

    settings = processed(tmp_path / "home", random_show(52_007, size=20))
    found = asyncio.run(asyncio.wait_for(look_while_it_starts(), 40))
    assert found[0] == ("the worker is starting", False)
    assert found[-1] == (None, True)


def test_a_search_does_not_keep_others_waiting_for_ever(tmp_path):
    """One is at work, two wait, one more is told to ask again; who is pushed to waits for none of them."""

    async def ask():
        readers = Readers(settings)
        go = threading.Event()
        try:
            searches = [asyncio.create_task(readers.search(lambda _: go.wait(20))) for _ in range(MOST_SEARCHES)]
            questions = [asyncio.create_task(readers.ask(lambda _: go.wait(20))) for _ in range(2)]
            await asyncio.sleep(0.1)
            with pytest.raises(Unavailable) as refused:
                await readers.search(lambda _: True)
            assert refused.value.headers["Retry-After"]
            assert await asyncio.wait_for(readers.look(lambda _: True), 5)
            go.set()
            assert all(await asyncio.gather(*searches, *questions))
            return await readers.search(lambda _: "again")
        finally:
            go.set()
            readers.close()

    settings = processed(tmp_path / "home", random_show(52_008, size=20))
    connect(tmp_path / "home").close()
    assert asyncio.run(ask()) == "again"


def test_documents_of_what_nobody_watches_are_not_kept(tmp_path, monkeypatch):
    clock = SimpleNamespace(seconds=0.0, monotonic=lambda: clock.seconds, time_ns=time.time_ns)
    monkeypatch.setattr("streams.web.board.time", clock)
    settings = processed(tmp_path / "home", random_show(52_009, size=60))
    watched, left = (Subject(name, None) for name in names_of(settings).sessions[:2])

    async def look():
        board = Board(settings, client.server.follower, lambda: None)
        try:
            first, _ = await board.look(watched), await board.look(left)
            both = set(board._looks)
            for _ in range(3):
                clock.seconds += 30.0
                again = await board.look(watched)
            assert again["snapshot"] is first["snapshot"]  # it was not made anew
            return both, set(board._looks)
        finally:
            board.readers.close()

    with served(settings) as client:
        assert asyncio.run(look()) == ({watched, left}, {watched})


def test_a_board_wants_a_run(tmp_path):
    assert "livepool worker" in livepool("board", "--home", tmp_path / "none", "--port", "0", code=2).stderr


def test_a_demo_without_a_terminal_serves_while_it_plays_and_ends(tmp_path):
    command = [sys.executable, "-c", "from streams.cli import demo; demo.SHOW_SECONDS = 3; demo.demo()"]
    environment = {**os.environ, "LIVEPOOL_WEB": "on", "LIVEPOOL_WEB_PORT": "0", "LANG": "C"}
    process = subprocess.Popen(
        [*command, "--events", "1000", "--home", str(tmp_path / "demo")],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    first = process.stdout.readline()
    address = re.fullmatch(r"live board: (http://\S+/)\n", first)[1]
    until(lambda: len(get(address, "api/v1/rooms")["rooms"]) > 0, True)
    rest, _ = process.communicate(timeout=60)
    assert process.returncode == 0, rest
    assert "until you press Ctrl-C" not in rest
    with pytest.raises(OSError, match="refused"):
        get(address, "healthz")


def test_settings_without_a_board_have_none():
    assert Settings().web is None
