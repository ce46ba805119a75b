"""Faust transport `embedded://` over SQLite: one worker process, and nothing to install.

The broker URL names the directory of the log, its query the options: `synchronous` (full, normal, off)
and `max_records` and `max_bytes` of a batch. `app_settings(home)` gives the URL and the other settings
that the guarantees rest on.

Topics with acks off (`batch_topic`) are delivered as record batches, each committed in one SQLite
transaction with its outputs and state. Other topics and changelogs go record by record, as in stock
Faust, at least once.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar, cast
from urllib.parse import quote, urlencode

from faust.transport import base
from faust.types import TP, RecordMetadata
from mode.utils.times import want_seconds

from streams.transport.batches import Headers, Output, partition_of
from streams.transport.consumer import Consumer
from streams.transport.database import Synchronous
from streams.transport.listening import Listener
from streams.transport.log import MAX_FETCH_BYTES, Log, TopicConfig
from streams.transport.pending import PendingPuts
from streams.transport.rows import MAX_ROW_RECORDS
from streams.transport.tables import CRASH_ONLY, Tables, keeps_own_state

P = ParamSpec("P")
R = TypeVar("R")


def app_settings(home: Path, **options: str | int) -> dict[str, Any]:
    """Return the Faust settings of an app whose log is in the directory `home`; `options` as in the URL."""
    return {
        "broker": f"embedded://{quote(str(home.resolve()))}?{urlencode(options)}",
        "store": "embedded://",
        "TableManager": Tables,
        **CRASH_ONLY,
        "topic_allow_declare": True,
        # There is one worker: no leader to elect and no standby to feed.
        "topic_disable_leader": True,
        "table_standby_replicas": 0,
    }


class Producer(base.Producer):  # type: ignore[misc]
    """What Faust itself sends (`topic.send`, changelogs): gathered while the last append is written.

    An agent that gets record batches sends through its batch instead.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._pending: list[tuple[Output, asyncio.Future[RecordMetadata]]] = []
        self._appending: asyncio.Future[None] | None = None

    async def send(  # noqa: PLR0913  # Faust's signature
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        partition: int | None,
        timestamp: float | None,
        headers: Any,
        *,
        transactional_id: str | None = None,
    ) -> asyncio.Future[RecordMetadata]:
        """Schedule one record; the future is done when it is on disk. The log sets the timestamp."""
        target = self.key_partition(topic, cast("bytes", key)) if partition is None else TP(topic, partition)
        future = asyncio.get_running_loop().create_future()
        if keeps_own_state(self.app, topic):
            # The table's state is durable itself: its changelog stays empty.
            future.set_result(RecordMetadata(topic, target.partition, target, 0))
            return future
        self._pending.append((Output(topic, key, value, _headers(headers), target.partition), future))
        if self._appending is None:
            self._appending = self.add_future(self._append())
        return future

    async def _append(self) -> None:
        try:
            while self._pending:
                pending, self._pending = self._pending, []
                try:
                    offsets = await self.transport.write(Log.append, [output for output, _ in pending])
                except Exception as error:
                    for _, future in pending:
                        future.set_exception(error)
                    raise
                for output, future in pending:
                    target = TP(output.topic, cast("int", output.partition))
                    future.set_result(RecordMetadata(*target, target, offsets[target]))
                    offsets[target] += 1
        finally:
            self._appending = None

    async def send_and_wait(self, *args: Any, **kwargs: Any) -> RecordMetadata:
        """Append one record and wait until it is on disk."""
        return await (await self.send(*args, **kwargs))

    async def flush(self) -> None:
        """Wait until everything scheduled is on disk."""
        await self.buffer.flush()
        while self._appending is not None:
            await asyncio.wait([self._appending])

    async def on_stop(self) -> None:
        """Write what is scheduled, then close the log: the producer is the last service to stop."""
        await self.flush()
        await self.transport.finish()

    async def create_topic(self, topic: str, partitions: int, replication: int, **options: Any) -> None:
        """Declare a topic of Faust's own (changelog, repartition), unless it is known."""
        await self.transport.declare(topic, partitions, **options)

    def key_partition(self, topic: str, key: bytes) -> TP:
        """Return the topic-partition of a key."""
        return TP(topic, partition_of(key, self.transport.log.topic(topic).partitions))

    def supports_headers(self) -> bool:
        """Headers are stored."""
        return True


class Transport(base.Transport):  # type: ignore[misc]
    """The log of one directory: a connection for reads in the event loop, a thread for writes."""

    Consumer = Consumer
    Producer = Producer
    driver_version = f"sqlite={sqlite3.sqlite_version}"
    listener = Listener()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        url = self.url[0]
        self.home = Path(url.path)
        self.synchronous = cast("Synchronous", url.query.get("synchronous", "full").upper())
        self.max_records = int(url.query.get("max_records", MAX_ROW_RECORDS))
        self.max_bytes = int(url.query.get("max_bytes", MAX_FETCH_BYTES))
        self.pending_puts = PendingPuts()
        self._writing = asyncio.Lock()
        self._closed = False

    @cached_property
    def log(self) -> Log:
        """The connection for reads; it belongs to the event loop's thread."""
        return Log(self.home, synchronous=self.synchronous)

    @cached_property
    def _writer(self) -> Log:
        return Log(self.home, synchronous=self.synchronous)

    @cached_property
    def _thread(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(1, thread_name_prefix="embedded-log")

    async def write(self, operation: Callable[Concatenate[Log, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a method of `Log` in a transaction of its own, after those that were asked for before."""

        def call() -> R:
            return operation(self._writer, *args, **kwargs)

        # Shielded: an agent that is cancelled must not leave a transaction half done.
        return await asyncio.shield(asyncio.ensure_future(self._transact(call)))

    async def _transact(self, call: Callable[[], R]) -> R:
        # What waits (for other processes, for the disk) runs in the thread; the statements do not: each
        # would hand the interpreter lock over and get it back late, a quarter of the throughput.
        in_thread = asyncio.get_running_loop().run_in_executor
        async with self._writing:
            if self._closed:  # compaction was still waiting for its turn
                raise asyncio.CancelledError
            if not self._writer.begin_at_once():
                await in_thread(self._thread, self._writer.begin)
            try:
                result = call()
                await in_thread(self._thread, self._writer.end)
            except BaseException:
                self._writer.abort()
                raise
        if self.app._consumer is not None:
            self.app._consumer.notice()
        return result

    async def declare(
        self,
        topic: str,
        partitions: int,
        *,
        retention: Any = None,
        compacting: bool | None = None,
        **_: Any,
    ) -> None:
        """Declare a topic unless one of that name and partition count is known."""
        retention_ms = None if retention is None else int(want_seconds(retention) * 1000)
        known = {config.name: config for config in self.log.topics()}.get(topic)
        if known is None or known.partitions != partitions:
            await self.write(Log.declare, [TopicConfig(topic, partitions, bool(compacting), retention_ms)])

    async def finish(self) -> None:
        """Close after the write in flight."""
        async with self._writing:
            self.close()

    def close(self) -> None:
        """Wait for the last write and close the connections."""
        if not self._closed:
            self._closed = True
            self._thread.submit(self._writer.close)
            self._thread.shutdown()
            self.log.close()


def _headers(headers: Any) -> Headers:
    pairs = headers.items() if isinstance(headers, Mapping) else headers or ()
    return tuple((name, value) for name, value in pairs)
