"""Restoring state from changelogs on Kafka, and keeping standbys warm.

Faust's own recovery reads record by record and waits for the offset before the end of the changelog, which on
Kafka belongs to a transaction marker and is never delivered. This reads in bulk, and looks at positions.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import OffsetOutOfRangeError
from faust.types import TP
from mode import Service

from streams.transport.kafka_batch import as_kafka
from streams.transport.kafka_state import LocalState
from streams.transport.log import Span

log = logging.getLogger("livepool.restore")

_POLL_MS = 200
_MAX_RECORDS = 5000
_SAY_SECONDS = 2.0
_CLOCKS_MS = 60_000  # by which the clocks of brokers and workers may differ


class Progress(NamedTuple):
    """How far a restoration has come, in offsets of the changelogs."""

    done: int
    total: int
    partitions: int


class Restorer(Service):  # type: ignore[misc]  # Faust's service class is untyped
    """Reads changelogs into the local state: `restore` up to their end, `follow` from then on."""

    def __init__(
        self,
        state: LocalState,
        tables: Callable[[], Mapping[str, str]],
        new_consumer: Callable[[], AIOKafkaConsumer],
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._state = state
        self._tables = tables  # changelog topic -> table
        self._new_consumer = new_consumer
        self._consumer: AIOKafkaConsumer | None = None
        self._connecting = asyncio.Lock()
        self._standbys: set[TP] = set()
        self._spans: dict[TP, Span] = {}  # what is being restored, from where to where
        self._positions: dict[TP, int] = {}
        self._changed = asyncio.Event()
        self._restored = asyncio.Event()
        self.progress = Progress(0, 0, 0)

    async def on_stop(self) -> None:
        """Leave the brokers."""
        if self._consumer is not None:
            with suppress(asyncio.CancelledError):  # aiokafka's own, when a fetch was waiting for a broker
                await self._consumer.stop()

    async def restore(self, changelogs: Iterable[TP]) -> None:
        """Bring the local copies of these changelogs up to all that was committed before the call."""
        wanted = set(changelogs)
        self._standbys -= wanted
        self._spans = await self._missing(wanted) if wanted else {}
        self._changed.set()
        self._restored.clear()
        self.progress = self._measure()
        started = time.monotonic()
        while self._spans and not self.should_stop:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._restored.wait(), _SAY_SECONDS)
            if self._spans:
                log.info("restoring state: %s of %s offsets in %s partitions", *self.progress)
        if self.progress.total:
            log.info("restored %s offsets of state in %.1f s", self.progress.total, time.monotonic() - started)

    async def _missing(self, changelogs: set[TP]) -> dict[TP, Span]:
        consumer = await self._connected()
        firsts = await consumer.beginning_offsets(list(map(as_kafka, changelogs)))
        ends = await consumer.end_offsets(list(map(as_kafka, changelogs)))
        # What was appended after the copy was written lies behind its checkpoint, if it is the same topic still.
        written = {as_kafka(tp): self._state.written_ms(tp) + _CLOCKS_MS for tp in changelogs}
        later = await consumer.offsets_for_times(written)
        spans = {}
        for tp in changelogs:
            checkpoint, after = self._state.checkpoint(tp), later[tp].offset if later[tp] else ends[tp]
            if not checkpoint or not firsts[tp] <= checkpoint <= min(ends[tp], after):
                # There is no copy, or it is too old, or of another topic that had this name.
                self._state.forget(self._tables()[tp.topic], tp)
                checkpoint = firsts[tp]
            if checkpoint < ends[tp]:
                spans[tp] = Span(checkpoint, ends[tp])
        return spans

    def follow(self, changelogs: Iterable[TP]) -> None:
        """Keep the copies of these changelogs up to date from now on, and no others."""
        self._standbys = set(changelogs)
        self._changed.set()

    async def _connected(self) -> AIOKafkaConsumer:
        async with self._connecting:
            if self._consumer is None:
                consumer = self._new_consumer()
                try:
                    await consumer.start()
                except BaseException:
                    await consumer.stop()
                    raise
                self._consumer = consumer
        return self._consumer

    @Service.task  # type: ignore[untyped-decorator]
    async def _read(self) -> None:
        while not self.should_stop:
            if self._changed.is_set():
                self._changed.clear()
                await self._assign()
            if not self._positions:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._changed.wait(), 1.0)
                continue
            try:
                await self._poll()
            except OffsetOutOfRangeError as error:
                log.warning("the changelog does not go back to the checkpoint, its copy is read anew: %s", error)
                for topic, partition in error.args[0]:
                    self._forget(TP(topic, partition))

    async def _assign(self) -> None:
        wanted = self._standbys | set(self._spans)
        self._positions = {}
        if not wanted:
            return
        consumer = await self._connected()
        firsts = await consumer.beginning_offsets(list(map(as_kafka, wanted)))
        consumer.assign(list(map(as_kafka, wanted)))
        for tp in wanted:
            self._positions[tp] = max(self._state.checkpoint(tp), firsts[tp])
            consumer.seek(as_kafka(tp), self._positions[tp])

    async def _poll(self) -> None:
        consumer = await self._connected()
        found = await consumer.getmany(timeout_ms=_POLL_MS, max_records=_MAX_RECORDS)
        if self._changed.is_set():  # what was fetched may belong to a partition that is ours alone by now
            return
        tables = self._tables()
        for tp in self._positions:
            if self._state.is_old(tp):  # this process has slept: deletions may have been missed
                self._forget(tp)
                return
            position = await consumer.position(as_kafka(tp))
            if position != self._positions[tp]:
                # Markers of transactions are offsets without a record.
                self._state.apply(tables[tp.topic], tp, found.get(tp, ()), position)
                self._positions[tp] = position
            elif tp in self._standbys:
                self._state.confirm(tp)
        self.progress = self._measure()
        if self._spans and self.progress.done == self.progress.total:
            self._spans = {}
            self._changed.set()
            self._restored.set()

    def _forget(self, tp: TP) -> None:
        self._state.forget(self._tables()[tp.topic], tp)
        self._changed.set()

    def _measure(self) -> Progress:
        done = sum(
            min(max(self._positions.get(tp, start), start), end) - start for tp, (start, end) in self._spans.items()
        )
        return Progress(done, sum(end - start for start, end in self._spans.values()), len(self._spans))
