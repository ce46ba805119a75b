"""Questions to the read model and to the kept state, answered in threads: the server's loop never waits for a disk."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TypeVar
from zoneinfo import ZoneInfo

from streams.kept.source import Source
from streams.settings import Settings
from streams.transport.log import Log
from streams.views.reads import Reads
from streams.web.problems import Unavailable

T = TypeVar("T")


class Readers:
    """Two threads with a connection each to the read model, and one for explanations, which take longer."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._zone = ZoneInfo(settings.policy.timezone)
        self._threads = ThreadPoolExecutor(2, "livepool-web")
        self._slow = ThreadPoolExecutor(1, "livepool-explain")
        self._own = threading.local()
        self._opened: list[Reads] = []

    async def ask(self, question: Callable[[Reads], T]) -> T:
        """Answer from the read model, as of one moment."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._answer, question)

    def _answer(self, question: Callable[[Reads], T]) -> T:
        reads: Reads | None = getattr(self._own, "reads", None)
        try:
            if reads is None:
                reads = self._own.reads = Reads(self._settings.home, self._zone)
                self._opened.append(reads)
            with reads.moment():
                return question(reads)
        except sqlite3.DatabaseError as error:
            self._own.reads = None  # the file may have been made anew
            raise Unavailable(f"the board has no data to show yet, or cannot read it: {error}") from error

    async def search(self, question: Callable[[Source], T]) -> T:
        """Answer from what the agents keep, one question after the other; on Kafka this reads whole changelogs."""
        return await asyncio.get_running_loop().run_in_executor(self._slow, self._search, question)

    def _search(self, question: Callable[[Source], T]) -> T:
        connection = self._settings.connection
        if connection is None:
            with closing(Log(self._settings.home, readonly=True)) as log, log.snapshot():
                return question(log)
        from streams.cluster.log_reader import LogReader  # noqa: PLC0415 - kafka-python is loaded when it is used

        with LogReader(connection) as reader, reader.snapshot():
            return question(reader)

    def close(self) -> None:
        """Wait for what is being answered, and close."""
        for threads in (self._threads, self._slow):
            threads.shutdown(cancel_futures=True)
        for reads in self._opened:
            reads.close()
