"""A browser and a show for the page's tests."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from web.page.world import World

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
MOST_WAITED = 60_000  # ms
WALL, PHONE = (1920, 1080), (390, 844)
SERVER_GONE = ("net::ERR_", "status of 503")  # what the browser says of a server that was stopped on purpose


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Debian's Chromium; without it the test is skipped."""
    playwright = pytest.importorskip("playwright.sync_api", reason="no playwright: pip install 'livepool[test]'")
    if not Path(CHROMIUM).exists():
        pytest.skip("no Chromium: `apt-get install chromium fonts-noto-cjk` to test the page in a browser")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, browser: Any) -> Iterator[World]:
    """A show of which two thirds are over, and a worker that serves the board."""
    assert browser
    made = World(tmp_path_factory.mktemp("show"))
    with made.worker():
        yield made


@pytest.fixture
def open_page(browser: Any) -> Iterator[Callable[..., Any]]:
    """`open_page(url, size, errors=…)`; at the end no page may have logged an error or asked another server."""
    contexts, said, asked = [], [], []

    def start(url: str, size: tuple[int, int] = WALL, *, gone: bool = False, refused: bool = False) -> Any:
        width, height = size
        context = browser.new_context(
            viewport={"width": width, "height": height},
            locale="en-GB",
            reduced_motion="reduce",
            has_touch=size == PHONE,
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(MOST_WAITED)

        def hear(message: Any) -> None:
            signs = (*(SERVER_GONE if gone else ()), *(("status of 4",) if refused else ()))
            expected = any(sign in message.text for sign in signs)
            if message.type in {"error", "warning"} and not expected:
                said.append(message.text)

        page.on("console", hear)
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(url)
        return page

    yield start
    for context in contexts:
        context.close()
    assert said == []
    assert [url for url in asked if not url.startswith("http://127.0.0.1:")] == []
