"""The consumer of the embedded transport: assignment, delivery, commits, and compaction while idle."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

from faust.transport import base
from faust.types import TP, ConsumerMessage
from mode import Service

from streams.transport.batches import Record
from streams.transport.delivery import Collector, to_message
from streams.transport.handover import Commits, Handover
from streams.transport.listening import LAG_SECONDS
from streams.transport.log import Fetch, Log, OffsetConflictError, Span
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
        self._draining = False
        self._handover = Handover((), {})
        self._handed: set[Reader] = set()  # whose batch is to be delivered
        self._commits: Commits | None = None  # that are gathered
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
        if commits := self._commits:
            self._write()
            await asyncio.wait([commits.written])
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
        self._take_back(self._handed)
        while any(reader.batch for reader in self._readers):
            await self.sleep(_FIRST_POLL_SECONDS)
        self.app.on_rebalance_start()
        self._draining = False
        self._readers = []
        await self.on_partitions_revoked(self._assignment)
        self._assignment = assigned
        self.app.consumer_generation_id += 1
        tell_assignor(self.app, assigned)
        sources = [tp for tp in assigned if not self._is_changelog_tp(tp)]
        await self.transport.write(Log.join, self.group, sources)
        await self.on_partitions_assigned(assigned, self.app.consumer_generation_id)
        self._readers = assign_readers(self.app, sources)
        self._handover = self._begin_handover()
        self.transport.listener.assigned(sources)

    def _begin_handover(self) -> Handover:
        private = [reader for reader in self._readers if reader.private]
        tps = [reader.partitions[0] for reader in private]
        committed = self.reads.committed(self.group, tps)
        for reader in private:
            reader.position = committed[reader.partitions[0]]
        return Handover(private, self.reads.end_offsets(tps))

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
        if not self.flow_active or self._draining:
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
        if reader in self._handed:
            self._handed.discard(reader)
            found[first] = [reader.batch]
            return
        if reader.batch is not None or reader.drained_at == version or now < reader.due:
            return
        if reader.private and reader.position == self._handover.ends[first]:
            return
        options = self.transport
        fetch = self.reads.fetch(self.group, reader.partitions, options.max_records, options.max_bytes)
        if fetch.records:
            batch = self._give(reader, fetch)
            if len(fetch.records) < options.max_records:
                reader.due = now + reader.interval
            found[TP(*fetch.records[0][:2])] = [batch]
        else:
            reader.drained_at = version

    def _to_message(self, tp: TP, record: Any) -> ConsumerMessage:
        return to_message(self.app, tp, record)

    # Commits

    def _give(self, reader: Reader, fetch: Fetch) -> EmbeddedBatch:
        reader.batch = EmbeddedBatch(self, reader, fetch)
        if reader.private:
            reader.position = fetch.spans[reader.partitions[0]].end
        return reader.batch

    async def commit_batch(self, batch: EmbeddedBatch) -> None:
        """Commit a batch, with those that go on with what it sends, and free its reader."""
        if batch.committed:
            raise RuntimeError("this batch is committed already")
        batch.committed = True
        commits = self._commits = self._commits or Commits(self._write_batches)
        commits.batches.append(batch)
        commits.waiting.discard(batch.reader)
        for reader, records in self._handover.take(batch.outputs, self.transport.max_records):
            if not self._draining:
                self._hand(reader, records, commits)
        if commits.complete:
            self._write()
        # Shielded: what the agent wants to be told it is told, even when it is cancelled.
        await asyncio.shield(commits.written)

    def _hand(self, reader: Reader, records: list[Record], commits: Commits) -> None:
        span = Span(reader.position, reader.position + len(records))
        self._give(reader, Fetch(records, {reader.partitions[0]: span}))
        self._handed.add(reader)
        commits.waiting.add(reader)
        self.notice()

    def _take_back(self, readers: Iterable[Reader]) -> None:
        """Fetch what was not delivered from the log, later."""
        for reader in tuple(readers):
            if reader.batch is not None and not reader.batch.delivered:
                if reader.private:
                    reader.position = reader.batch.spans[reader.partitions[0]].start
                reader.batch = None
                self._handed.discard(reader)
                if self._commits:
                    self._commits.waiting.discard(reader)
        if self._commits and self._commits.complete:
            self._write()

    def _write(self) -> None:
        if self._commits:
            self._commits.close(self._handover.ends)
            self._commits = None

    async def _write_batches(self, commits: Commits) -> None:
        with self.transport.listener.commit():
            await self.transport.write(self._write_all, commits)
        for batch in commits.batches:
            batch.reader.batch = None
            batch.conclude()
        self.notice()

    def _write_all(self, log: Log, commits: Commits) -> None:
        for batch in commits.batches:
            puts = {(table, batch.partition): values for table, values in batch.puts.items()}
            log.commit(self.group, batch.spans, batch.outputs, puts)
        for tp, end in log.end_offsets(commits.ends).items():
            if end != commits.ends[tp]:
                raise OffsetConflictError(
                    f"{tp[0]}/{tp[1]} is private, but ends at {end} instead of {commits.ends[tp]}: not only agents of"
                    " this app append to it; a restarted worker goes on from its last commit"
                )

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
        self._take_back(self._readers)
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
