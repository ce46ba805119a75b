"""The consumer of the embedded transport: who reads what, and what is in flight."""

import asyncio
import gc
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from faust.assignor.client_assignment import ClientAssignment
from faust.exceptions import ImproperlyConfigured
from faust.transport import base
from faust.types import TP, ConsumerMessage
from mode import Service

from streams.transport.batches import Record, RecordBatch
from streams.transport.log import Fetch, Log, Span
from streams.transport.worker_lock import WorkerLock

if TYPE_CHECKING:
    from streams.transport.embedded import Transport

# Other processes' appends are noticed by polling SQLite's data_version, some microseconds a time.
_FIRST_POLL_SECONDS, _LAST_POLL_SECONDS = 0.001, 0.05
_COMPACTION_SECONDS = 5.0
_COMPACTION_PAUSE_SECONDS = 0.02


@dataclass(slots=True, eq=False)
class Reader:
    """Topic-partitions that are read together; one batch of them is in flight at a time.

    `drained_at` is the log's version in which nothing was left to read.
    """

    partitions: tuple[TP, ...]
    batch: "EmbeddedBatch | None" = None
    drained_at: int | None = None


class EmbeddedBatch(RecordBatch):
    """A batch whose commit is one SQLite transaction."""

    __slots__ = ("consumer", "delivered", "reader", "spans")

    def __init__(self, consumer: "Consumer", reader: Reader, fetch: Fetch) -> None:
        super().__init__(fetch.records)
        self.consumer = consumer
        self.reader = reader
        self.spans = fetch.spans
        self.delivered = False

    def read(self, table: str, keys: Iterable[bytes]) -> dict[bytes, bytes]:
        """Return the committed values of `keys` in this partition; missing keys are absent."""
        return self.consumer.reads.state_read(table, self._state_partition(), keys)

    def scan(self, table: str, prefix: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        """Yield the committed (key, value) pairs of this partition whose key has `prefix`, by key."""
        return self.consumer.reads.state_scan(table, self._state_partition(), prefix)

    def put(self, table: str, key: bytes, value: bytes | None) -> None:
        """Buffer one state write; None deletes. The last write of a key wins."""
        self._state_partition()
        super().put(table, key, value)

    def _state_partition(self) -> int:
        if len({tp.partition for tp in self.reader.partitions}) > 1:
            raise RuntimeError("an agent with state reads one topic, or several of one partition")
        return self.partition

    async def commit(self) -> None:
        """Write outputs, state and input offsets in one transaction; then the next batch may come."""
        await self.consumer.commit_batch(self)


class Consumer(base.Consumer):
    """Delivers record batches to agents, and single records where Faust needs them."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._assignment: set[TP] = set()
        self._readers: dict[TP, Reader] = {}
        self._draining = False
        # For topics that are delivered record by record: the next offset to fetch.
        self._positions: dict[TP, int] = {}
        self._noticed = asyncio.Event()
        self._lock: WorkerLock | None = None

    @property
    def reads(self) -> Log:
        """The connection for reads."""
        return cast("Transport", self.transport).log

    @property
    def group(self) -> str:
        """The consumer group: the id of the app."""
        return cast("str", self.app.conf.id)

    async def on_start(self) -> None:
        """Take the worker lock, or raise WorkerRunningError."""
        self._lock = WorkerLock(self.transport.home)
        # Batches are thousands of small tuples without cycles. With the default threshold (700) the
        # garbage collector walks them again and again: a third of the time of a fetch.
        gc.set_threshold(50_000, 20, 50)

    async def on_stop(self) -> None:
        """Commit what Faust tracks, and let another worker start."""
        await super().on_stop()
        if self._lock is not None:
            self._lock.release()

    def notice(self) -> None:
        """Look for records now: this process has written."""
        self._noticed.set()

    # Assignment

    async def subscribe(self, topics: Iterable[str]) -> None:
        """Read all partitions of `topics`."""
        # Not inline: the callbacks of the rebalance wait for the subscription to be done.
        self.add_future(self._rebalance(set(topics)))

    async def _rebalance(self, topics: set[str]) -> None:
        assigned = {TP(*tp) for topic in topics for tp in self.reads.partitions(topic)}
        # Faust empties the agents' queues now: wait until no batch is in one.
        self._draining = True
        while any(reader.batch for reader in self._readers.values()):
            await self.sleep(_FIRST_POLL_SECONDS)
        self.app.on_rebalance_start()
        self._draining = False
        await self.on_partitions_revoked(self._assignment)
        self._assignment = assigned
        self.app.consumer_generation_id += 1
        self._tell_assignor(assigned)
        sources = [tp for tp in assigned if not self._is_changelog_tp(tp)]
        await self.transport.write(Log.join, self.group, sources)
        await self.on_partitions_assigned(assigned, self.app.consumer_generation_id)
        self._readers = self._new_readers(sources)

    def _tell_assignor(self, assigned: set[TP]) -> None:
        actives: dict[str, list[int]] = {}
        for topic, partition in sorted(assigned):
            actives.setdefault(topic, []).append(partition)
        changelogs = self.app.tables.changelog_topics
        url = str(self.app.conf.canonical_url)
        assignor = self.app.assignor
        assignor._assignment = ClientAssignment(actives=actives, standbys={})
        assignor._active_tps, assignor._standby_tps = set(assigned), set()
        assignor.changelog_distribution = {url: {t: p for t, p in actives.items() if t in changelogs}}
        assignor.external_topic_distribution = {url: {t: p for t, p in actives.items() if t not in changelogs}}

    def _new_readers(self, sources: Iterable[TP]) -> dict[TP, Reader]:
        """Topics of one channel (`batch_topic(app, "a", "b")`) are read together, in the order of appends.

        That order is the log's own, and total: SQLite has one writer at a time.
        """
        readers: dict[TP, Reader] = {}
        together: dict[Any, list[TP]] = {}
        for tp in sorted(sources):
            if self.app.topics.acks_enabled_for(tp.topic):
                continue
            channels = self.app.topics._tp_index[tp]
            if len(channels) != 1:
                raise ImproperlyConfigured(f"topic {tp.topic} is read by {len(channels)} agents: a batch has one commit")
            (channel,) = channels
            if len(channel.topics) == 1:
                readers[tp] = Reader((tp,))
            else:
                together.setdefault(channel, []).append(tp)
        for tps in together.values():
            readers.update(dict.fromkeys(tps, Reader(tuple(tps))))
        return readers

    def assignment(self) -> set[TP]:
        """Return what this worker reads."""
        return set(self._assignment)

    # Delivery

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> Mapping[TP, list[Any]]:  # noqa: ASYNC109
        deadline = self.loop.time() + timeout
        poll = _FIRST_POLL_SECONDS
        while not self.should_stop:
            self._noticed.clear()
            found = self._fetch(active_partitions or set())
            remaining = deadline - self.loop.time()
            if found or remaining <= 0:
                return found
            with suppress(TimeoutError):
                await asyncio.wait_for(self._noticed.wait(), min(poll, remaining))
            poll = min(poll * 2, _LAST_POLL_SECONDS)
        return {}

    def _fetch(self, active: set[TP]) -> dict[TP, list[Any]]:
        found: dict[TP, list[Any]] = {}
        if not self.flow_active or self._draining:
            return found
        version = self.reads.version()
        for reader in {id(reader): reader for reader in self._readers.values()}.values():
            # During a rebalance Faust empties the queues once more, after it has resumed the partitions.
            if self.app.rebalancing or reader.batch or reader.drained_at == version or not active.issuperset(reader.partitions):
                continue
            fetch = self.reads.fetch(self.group, reader.partitions, self.transport.max_records, self.transport.max_bytes)
            if fetch.records:
                reader.batch = EmbeddedBatch(self, reader, fetch)
                first = fetch.records[0]
                found[TP(first.topic, first.partition)] = [reader.batch]
            else:
                reader.drained_at = version
        for tp in active - self._readers.keys():
            records = self.reads.records_from({tp: self._positions.get(tp, 0)}, self.transport.max_records)
            if records:
                self._positions[tp] = records[-1].offset + 1
                found[tp] = records
        return found

    def _to_message(self, tp: TP, record: Any) -> ConsumerMessage:
        if isinstance(record, EmbeddedBatch):
            record.delivered = True
            first, key, value, size = record.records[0], None, record, 0
        else:
            first, key, value, size = record, record.key, record.value, len(record.value or b"")
        return ConsumerMessage(
            tp.topic,
            tp.partition,
            first.offset,
            first.timestamp / 1000,
            1,  # the time of the append
            list(first.headers) if value is first.value else None,
            key,
            value,
            None,
            len(key or b""),
            size,
            tp,
            generation_id=self.app.consumer_generation_id,
        )

    # Commits

    async def commit_batch(self, batch: EmbeddedBatch) -> None:
        """Commit a batch and free its reader."""
        if batch.committed:
            raise RuntimeError("this batch is committed already")
        batch.committed = True
        puts = {(table, batch.partition): values for table, values in batch.puts.items()}
        await self.transport.write(Log.commit, self.group, batch.spans, batch.outputs, puts)
        batch.reader.batch = None
        self.notice()

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        committed = self.reads.committed(self.group, offsets)
        spans = {tp: Span(committed[tp], offset) for tp, offset in offsets.items()}
        pending = self.transport.pending_puts.copy()
        self.transport.pending_puts.clear()
        await self.transport.write(Log.commit, self.group, spans, (), pending)
        return True

    @Service.task
    async def _compact(self) -> None:
        while not self.should_stop:
            await self.sleep(_COMPACTION_SECONDS)
            while not self.should_stop and await self.transport.write(Log.compact):
                await self.sleep(_COMPACTION_PAUSE_SECONDS)

    # Positions

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Forget what was fetched and not delivered."""
        committed = self.reads.committed(self.group, [tp for tp in self._assignment if not self._is_changelog_tp(tp)])
        self._positions.update(committed)
        for reader in self._readers.values():
            if reader.batch is not None and not reader.batch.delivered:
                reader.batch = None
        return committed

    async def _seek(self, partition: TP, offset: int) -> None:
        self._positions[partition] = offset

    async def seek_wait(self, partitions: Mapping[TP, int]) -> None:
        """Seek topics that are delivered record by record."""
        for tp, offset in partitions.items():
            await self.seek(tp, offset)

    async def position(self, tp: TP) -> int | None:
        """Return the next offset to fetch."""
        return self._positions.get(tp)

    def highwater(self, tp: TP) -> int:
        """Return the offset that the next append gets."""
        return self.reads.end_offsets([tp])[tp]

    async def highwaters(self, *partitions: TP) -> Mapping[TP, int]:
        """Return the offsets that the next appends get."""
        return self.reads.end_offsets(partitions)

    async def earliest_offsets(self, *partitions: TP) -> Mapping[TP, int]:
        """Return 0: what retention removed is skipped."""
        return dict.fromkeys(partitions, 0)

    # Topics

    def _new_topicpartition(self, topic: str, partition: int) -> TP:
        return TP(topic, partition)

    def topic_partitions(self, topic: str) -> int | None:
        """Return the partition count of a topic."""
        return self.reads.topic(topic).partitions

    def key_partition(self, topic: str, key: bytes | None, partition: int | None = None) -> int | None:
        """Return the partition that a record goes to."""
        return partition if partition is not None else self.app.producer.key_partition(topic, key).partition

    async def create_topic(self, topic: str, partitions: int, replication: int, **options: Any) -> None:
        """Declare a topic unless it is known."""
        await self.transport.declare(topic, partitions, **options)
