"""What a worker on Kafka shows on a terminal: log lines, under them a bar while its state is restored."""

import asyncio
import logging
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from itertools import groupby
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from streams.cli.terminal import plain_console
from streams.transport.kafka_restore import Progress

_LOOK_SECONDS = 0.1
_READY, _RESTORING = "ready: ", "restoring state: "  # how log lines of the transport begin


def is_terminal() -> bool:
    """Is there somebody to look: log lines go to standard error."""
    return sys.stderr.isatty() and not plain_console(stderr=True).is_dumb_terminal


class WorkerView(logging.Handler):
    """A log handler whose lines stand above a bar."""

    def __init__(self, console: Console | None = None) -> None:
        super().__init__()
        self._console = console or plain_console(stderr=True)
        self._bar: Bar | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Print a line; of partitions in short, of the restoration none: the bar shows it."""
        message = record.getMessage()
        if message.startswith(_RESTORING):
            return
        style = {"WARNING": "yellow", "ERROR": "red", "CRITICAL": "bold red"}.get(record.levelname)
        if message.startswith(_READY):
            message, style = _READY + in_short(message.removeprefix(_READY).split(", ")), "green"
        line = logging.makeLogRecord({**record.__dict__, "msg": message, "args": None})
        self._console.print(self.format(line), style=style, soft_wrap=True)

    def show(self, progress: Progress) -> None:
        """Draw the bar as long as something is left to restore."""
        if progress.done >= progress.total:
            self.clear()
            return
        if self._bar is None:
            self._bar = Bar(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
                console=self._console,
                transient=True,
            )
            self._bar.add_task("restoring state")
            self._redraw(self._bar, progress)
            self._bar.start()
        self._redraw(self._bar, progress)

    def _redraw(self, bar: Bar, progress: Progress) -> None:
        text = f"restoring the state of {progress.partitions} partitions"
        bar.update(bar.task_ids[0], description=text, completed=progress.done, total=progress.total)

    def clear(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    @asynccontextmanager
    async def following(self, app: Any) -> AsyncIterator[None]:
        """Show how far a worker has restored its state, as long as the block lasts.

        Beside `run`, since starting an app ends when its state is restored.
        """
        task = asyncio.create_task(self._follow(app))
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            self.clear()

    async def _follow(self, app: Any) -> None:
        while True:
            # Not the property `consumer`, which would make one; the restorer is there once it is connected.
            if (restorer := getattr(app._consumer, "restorer", None)) is not None:
                self.show(restorer.progress)
            await asyncio.sleep(_LOOK_SECONDS)


def in_short(places: Iterable[str]) -> str:
    """Topic-partitions such as `journeys/3` as `journeys 0–3,7`, by topic; what is none of them as it is."""
    found: defaultdict[str, list[int]] = defaultdict(list)
    for place in places:
        topic, slash, partition = place.rpartition("/")
        if slash and partition.isdecimal():
            found[topic].append(int(partition))
        else:
            found[place] = []
    return ", ".join(f"{topic} {_ranges(sorted(numbers))}".rstrip() for topic, numbers in found.items())


def _ranges(numbers: list[int]) -> str:
    parts = []
    for _, run in groupby(enumerate(numbers), key=lambda item: item[1] - item[0]):
        first, *more = [number for _, number in run]
        parts.append(f"{first}–{more[-1]}" if more else str(first))
    return ",".join(parts)
