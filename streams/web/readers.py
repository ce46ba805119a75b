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
MOST_SEARCHES = 3  # one at work, the others wait
_AGAIN_SECONDS = "5"


class Readers:
    """Threads with a connection each to the read model, and one for explanations, which take longer.

    Two are for requests, one is the hub's: what is pushed each second does not wait for those who ask much.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._zone = ZoneInfo(settings.policy.timezone)
        self._threads = ThreadPoolExecutor(2, "livepool-web")
        self._hub = ThreadPoolExecutor(1, "livepool-hub")
        self._slow = ThreadPoolExecutor(1, "livepool-explain")
        self._places = threading.BoundedSemaphore(MOST_SEARCHES)
        self._own = threading.local()
        self._opened: list[Reads] = []

    async def ask(self, question: Callable[[Reads], T]) -> T:
        """Answer from the read model, as of one moment."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._answer, question)

    async def look(self, question: Callable[[Reads], T]) -> T:
        """Answer the hub."""
        return await asyncio.get_running_loop().run_in_executor(self._hub, self._answer, question)

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
        """Answer from what the agents keep, one question after the other; on Kafka this reads whole changelogs.

        Raises Unavailable when too many wait already.
        """
        if not self._places.acquire(blocking=False):
            raise Unavailable("others are searching: ask again in some seconds", Retry_After=_AGAIN_SECONDS)
        found = self._slow.submit(self._search, question)
        # Not when the one who asked is gone: the thread is free when the search is done.
        found.add_done_callback(lambda _: self._places.release())
        return await asyncio.wrap_future(found)

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
        for threads in (self._threads, self._hub, self._slow):
            threads.shutdown(cancel_futures=True)
        for reads in self._opened:
            reads.close()
