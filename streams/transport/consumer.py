"""The consumer of the embedded transport: assignment, delivery, commits, and compaction while idle."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

from faust.transport import base
from faust.types import TP, ConsumerMessage
from mode import Service

from streams.transport.commits import EmbeddedCommits
from streams.transport.delivery import Collector, to_message
from streams.transport.listening import LAG_SECONDS
from streams.transport.log import Log, Span
from streams.transport.readers import EmbeddedBatch, Reader, assign_readers, tell_assignor
from streams.transport.worker_lock import WorkerLock

if TYPE_CHECKING:
    from streams.transport.embedded import Transport

# Other processes' appends are noticed by polling SQLite's data_version, some microseconds a time.
_FIRST_POLL_SECONDS, _LAST_POLL_SECONDS = 0.001, 0.05
_COMPACTION_SECONDS = 5.0
_COMPACTION_PAUSES = 3  # times as long as the step before


class Consumer(base.Consumer):  # type: ignore[misc]  # Faust is untyped here
    """Delivers record batches to agents, and single records where Faust needs them."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._assignment: set[TP] = set()
        self._readers: list[Reader] = []
        self._commits = EmbeddedCommits(self)
        self._one_rebalance = asyncio.Lock()
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
        self._collector = Collector()

    async def on_stop(self) -> None:
        """Commit what agents have committed and what Faust tracks, and let another worker start."""
        await self._commits.finish()
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
        async with self._one_rebalance:
            # The one before has to be over for Faust too: its end would let batches through.
            while self.app.rebalancing and not self.should_stop:
                await self.sleep(_FIRST_POLL_SECONDS)
            # Faust empties the agents' queues in a rebalance: wait until no batch is in one.
            commits = self._commits
            commits.draining = True
            commits.take_back(commits.handed)
            while any(reader.batch for reader in self._readers) and not self.should_stop:
                await self.sleep(_FIRST_POLL_SECONDS)
            if not self.should_stop:
                await self._assign({TP(*tp) for topic in topics for tp in self.reads.partitions(topic)})

    async def _assign(self, assigned: set[TP]) -> None:
        self.app.on_rebalance_start()
        self._commits.draining = False
        self._readers = []
        await self.on_partitions_revoked(self._assignment)
        self._assignment = assigned
        self.app.consumer_generation_id += 1
        tell_assignor(self.app, assigned)
        sources = [tp for tp in assigned if not self._is_changelog_tp(tp)]
        await self.transport.write(Log.join, self.group, sources)
        await self.on_partitions_assigned(assigned, self.app.consumer_generation_id)
        self._readers = assign_readers(self.app, sources)
        self._commits.begin(self._readers)
        self.transport.listener.assigned(sources)

    def assignment(self) -> set[TP]:
        """Return what this worker reads."""
        return set(self._assignment)

    # Delivery

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> Mapping[TP, list[Any]]:
        deadline = self.loop.time() + timeout
        poll = _FIRST_POLL_SECONDS
        while not self.should_stop:
            self._noticed.clear()
            found = self._fetch(active_partitions or set())
            now = self.loop.time()
            if found:
                return found
            if now >= deadline:
                self._collector.idle()
                return {}
            due = min((reader.due for reader in self._readers if reader.due > now), default=deadline)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._noticed.wait(), min(poll, deadline - now, due - now))
            poll = min(poll * 2, _LAST_POLL_SECONDS)
        return {}

    def _fetch(self, active: set[TP]) -> dict[TP, list[Any]]:
        if not self.flow_active or self._commits.draining:
            return {}
        found: dict[TP, list[Any]] = {}
        version = self.reads.version()
        for reader in self._readers:
            # During a rebalance Faust resumes the partitions first and then empties the agents' queues.
            if not self.app.rebalancing and active.issuperset(reader.partitions):
                self._fetch_batch(reader, version, found)
        for tp in active.difference(*(reader.partitions for reader in self._readers)):
            records = self.reads.records_from({tp: self._positions.get(tp, 0)}, self.transport.max_records)
            if records:
                self._positions[tp] = records[-1].offset + 1
                found[tp] = records
        return found

    def _fetch_batch(self, reader: Reader, version: int, found: dict[TP, list[Any]]) -> None:
        now = self.loop.time()
        first = reader.partitions[0]
        if reader in self._commits.handed:
            self._commits.handed.discard(reader)
            found[first] = [reader.batch]
            return
        if reader.batch is not None or reader.drained_at == version or now < reader.due:
            return
        if self._commits.is_level(reader):
            return
        options = self.transport
        fetch = self.reads.fetch(self.group, reader.partitions, options.max_records, options.max_bytes)
        if fetch.records:
            batch = self._commits.give(reader, fetch)
            if len(fetch.records) < options.max_records:
                reader.due = now + reader.interval
            found[TP(fetch.records[0].topic, fetch.records[0].partition)] = [batch]
        else:
            reader.drained_at = version

    def _to_message(self, tp: TP, record: Any) -> ConsumerMessage:
        return to_message(self.app, tp, record)

    # Commits

    async def commit_batch(self, batch: EmbeddedBatch) -> None:
        """Commit a batch and free its reader."""
        await self._commits.commit(batch)

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        committed = self.reads.committed(self.group, offsets)
        spans = {tp: Span(committed[tp], offset) for tp, offset in offsets.items()}
        pending = self.transport.pending_puts
        taken = pending.taken()
        await self.transport.write(Log.commit, self.group, spans, (), taken)
        pending.committed(taken)
        return True

    @Service.task  # type: ignore[untyped-decorator]
    async def _compact(self) -> None:
        while not self.should_stop:
            await self.sleep(_COMPACTION_SECONDS)
            more = True
            while more and not self.should_stop:
                begun = self.loop.time()
                more = await self.transport.write(Log.compact)
                await self.sleep(_COMPACTION_PAUSES * (self.loop.time() - begun))

    @Service.task  # type: ignore[untyped-decorator]
    async def _tell_lag(self) -> None:
        while not self.should_stop:
            await self.sleep(LAG_SECONDS)
            together: defaultdict[str, list[TP]] = defaultdict(list)
            for reader in self._readers:
                for tp in reader.partitions:
                    together[tp.topic].append(tp)
            with self.reads.snapshot():
                lags = {topic: self.reads.lag(self.group, tps) for topic, tps in together.items()}
            self.transport.listener.behind(lags)

    # Positions

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Forget what was fetched and not delivered."""
        committed = self.reads.committed(self.group, [tp for tp in self._assignment if not self._is_changelog_tp(tp)])
        self._positions.update(committed)
        self._commits.take_back(self._readers)
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
