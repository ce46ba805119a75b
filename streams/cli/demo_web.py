"""The live board of a demo: its address comes first, and it stays until the one who watches has seen enough."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from streams.cli.demo_board import Audience
from streams.home import open_log
from streams.settings import Settings, WebSettings
from streams.web.server import Server
from streams.web.service import SHARE


@contextmanager
def shown_board(settings: Settings, web: WebSettings | None, audience: Audience) -> Iterator[str | None]:
    """Serve the board during the block; yield its address, None without one. A port that is taken is let alone."""
    if web is None:
        yield None
        return
    open_log(settings).close()  # it reads topics that the agents have not declared yet
    server = Server(settings._replace(web=web), share=SHARE)
    if server.start() is None and web.port:
        server.stop()
        server = Server(settings._replace(web=web._replace(port=0)), share=SHARE)
        server.start()
    try:
        if server.address:
            audience.say(f"live board: {server.address}", f"实时看板：{server.address}")
        else:
            audience.say(f"no live board: {server.failure}", f"没有实时看板：{server.failure}")
        yield server.address
    finally:
        server.stop()


def stay(address: str, audience: Audience) -> None:
    """Leave the board up until Ctrl-C."""
    audience.say(f"the board stays at {address} until you press Ctrl-C", f"看板保留在 {address}，按 Ctrl-C 结束")
    done = threading.Event()
    before = signal.signal(signal.SIGINT, lambda *_: done.set())
    try:
        done.wait()
    finally:
        signal.signal(signal.SIGINT, before)
