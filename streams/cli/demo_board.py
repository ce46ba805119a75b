"""What a person sees while the demo plays: a board that is drawn anew, or without a terminal a line now and then."""

import time
from collections import deque
from types import TracebackType
from typing import NamedTuple, Self
from zoneinfo import ZoneInfo

import click
from rich.console import Group
from rich.live import Live
from rich.text import Text as Line

from streams.cli.board_view import BOARD, LEGEND, credit_tables, session_table
from streams.cli.playback import Playback
from streams.cli.published import Published
from streams.cli.terminal import plain_console
from streams.core.definitions import Language, Text
from streams.home import lag
from streams.words.language import when, yuan

_DRAW_SECONDS, _LINE_SECONDS, _RATE_SECONDS = 0.25, 5.0, 3.0
_TOP = 5


class Audience(NamedTuple):
    """For whom it is shown: somebody who watches, or a pipe; a machine that reads standard output."""

    lang: Language
    zone: ZoneInfo
    as_json: bool
    watches: bool

    def say(self, en: str, zh: str) -> None:
        """Say something to a person."""
        click.echo(Text(en, zh).in_(self.lang), err=self.as_json)


class Board:
    """Looks at what is published, as often as it is worth it; `look` is called at every opportunity."""

    def __init__(self, published: Published, playback: Playback, audience: Audience) -> None:
        self.published = published
        self.playback = playback
        self.lang, self.zone = audience.lang, audience.zone
        self.console = plain_console(stderr=audience.as_json)
        redraw = audience.watches
        self.live = Live(console=self.console, auto_refresh=False, transient=True) if redraw else None
        self._pause = _DRAW_SECONDS if redraw else _LINE_SECONDS
        self._next = time.monotonic() + (0 if redraw else _LINE_SECONDS)
        self._sent = deque([(time.monotonic(), 0)])

    def __enter__(self) -> Self:
        if self.live is not None:
            self.live.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if self.live is not None:
            self.live.stop()

    def look(self) -> None:
        """Show how things are, if the last time was long enough ago."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + self._pause
        self._sent.append((now, self.playback.sent))
        while len(self._sent) > 2 and now - self._sent[0][0] > _RATE_SECONDS:
            self._sent.popleft()
        self.published.update()
        if self.live is None:
            self.console.print(", ".join(self.progress()), soft_wrap=True)
        else:
            self.live.update(self.picture(), refresh=True)

    def progress(self) -> tuple[str, str]:
        """The time in the show and how far it is; how fast, what is behind, what was refused, the money."""
        (begun, before), (now, sent) = self._sent[0], self._sent[-1]
        rate = int((sent - before) / (now - begun)) if now > begun else 0
        clock, total = when(self.playback.clock, self.zone), self.playback.score.lines
        net = yuan(sum(self.published.credits["mode"].values()), self.lang)
        letters = self.published.dead_letters.total()
        behind = lag(self.published.log)
        return (
            Text(
                f"{clock}  {sent:,} of {total:,} events sent, {rate:,}/s",
                f"{clock}  {total:,} 个事件已发 {sent:,}，每秒 {rate:,}",
            ).in_(self.lang),
            Text(
                f"{behind:,} records still to process; so far dead letters {letters:,}, net {net}",
                f"待处理 {behind:,} 条；目前死信 {letters:,}，净额 {net}",
            ).in_(self.lang),
        )

    def picture(self) -> Group:
        """The board."""
        title = Text("Livepool demo — Ctrl-C ends it", "Livepool 演示 — Ctrl-C 结束").in_(self.lang)
        return Group(
            Line(title, style="bold"),
            *(Line(line, no_wrap=True, overflow="ellipsis") for line in self.progress()),
            Line(""),
            session_table(self.published.sessions(), BOARD, self.lang, self.zone, self.console.width),
            Line(""),
            credit_tables(self.published.credits, self.lang, _TOP, self.console),
            Line(LEGEND.in_(self.lang), style="dim", no_wrap=True, overflow="ellipsis"),
        )
