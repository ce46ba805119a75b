"""The consumer of the Kafka transport: assignment, delivery and commits.

A partition is delivered from only after these steps, in this order: its transactional id is taken over, so that
nobody else can commit any more; then its state is restored to the end of its changelogs; then its committed offset
is read. A partition that stays with this worker from one generation of the group to the next needs none of them.
"""

import asyncio
import gc
import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener
from aiokafka.errors import ConsumerStoppedError, KafkaError
from faust.exceptions import ImproperlyConfigured
from faust.transport import base
from faust.types import TP, ConsumerMessage
from mode import Service

from streams.transport.batches import Output, partition_of
from streams.transport.delivery import reading_channel, to_message
from streams.transport.kafka_batch import KafkaBatch, as_kafka, record_of
from streams.transport.kafka_restore import Restorer
from streams.transport.kafka_state import LocalState
from streams.transport.kafka_transactions import Transactions
from streams.transport.tables import keeps_own_state
from streams.transport.topics import UnknownTopicError
from streams.transport.watchdog import Pulse, Watchdog
from streams.transport.worker_lock import WorkerLock

if TYPE_CHECKING:
    from streams.transport.kafka import Transport

log = logging.getLogger("livepool.partitions")

_DRAIN_SECONDS = 20.0
_NO_GENERATION = -2
_BEAT_SECONDS = 0.5
_LOOK_SECONDS = 5.0


class RecordsLostError(RuntimeError):
    """Retention has deleted records that nobody processed."""


class RebalancedError(RuntimeError):
    """The group did not wait for this worker."""


class Rebalances(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka is untyped here
    """Tells the consumer; aiokafka would only log what its callbacks raise."""

    def __init__(self, consumer: "Consumer") -> None:
        self._consumer = consumer

    async def on_partitions_revoked(self, revoked: Iterable[Any]) -> None:
        """Partitions are about to be taken."""
        try:
            await self._consumer.revoke({TP(*tp) for tp in revoked})
        except Exception as error:
            await self._consumer.crash(error)

    async def on_partitions_assigned(self, assigned: Iterable[Any]) -> None:
        """Partitions were given."""
        try:
            await self._consumer.assign({TP(*tp) for tp in assigned})
        except Exception as error:
            await self._consumer.crash(error)


class Consumer(base.Consumer):  # type: ignore[misc]  # Faust is untyped
    """Delivers record batches to agents, and single records where Faust needs them."""

    consumer_stopped_errors = (ConsumerStoppedError,)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        transport = cast("Transport", self.transport)
        self._options = transport
        self._lock: WorkerLock | None = None
        self._kafka: AIOKafkaConsumer = None
        self._counts: dict[str, int] = {}
        self.transactions = Transactions(self.app.conf.id, transport.transactional_producer)
        self._generation = _NO_GENERATION
        self._preparing: asyncio.Future[None] | None = None
        self._prepared = asyncio.Event()
        self._draining = False
        self._current: set[TP] = set()  # changelogs whose local copy is what is committed
        self._next: dict[TP, int] = {}  # of partitions that are ready: the offset after the last commit
        self._fetched: dict[TP, int] = {}  # where the last fetch of a partition has ended
        self._epochs: dict[TP, int] = {}
        self._in_flight: dict[TP, KafkaBatch] = {}
        self._noticed = asyncio.Event()
        self._commits = self._beats = 0
        self._behind = False

    async def on_start(self) -> None:
        """Connect."""
        # Batches are thousands of small objects without cycles: with the default threshold (700) the garbage
        # collector walks them again and again.
        gc.set_threshold(50_000, 20, 50)
        options = self._options
        self._lock = WorkerLock(options.home)
        self._kafka = options.group_consumer()
        await self._kafka.start()
        # Records of one partition that wait for their agent must not hold up fetches for the others.
        self._kafka._fetcher._prefetch_backoff = 0
        await self._refresh_counts()
        self.local = LocalState(options.home)
        self.local.declare({topic: self._counts[topic] for topic in self._own_changelogs() if topic in self._counts})
        self.restorer = Restorer(
            self.local, self._own_changelogs, options.lone_consumer, loop=self.loop, beacon=self.beacon
        )
        await self.add_runtime_dependency(self.restorer)
        self._watchdog = Watchdog(options.watchdog_seconds, self._pulse)
        self._watchdog.start()

    async def on_stop(self) -> None:
        """Commit what Faust tracks, leave the group, and free the partitions."""
        self._watchdog.stop()
        await super().on_stop()
        await self._cancel_preparation()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._drained(committing=True), _DRAIN_SECONDS)
        await self.transactions.release()
        if self._kafka is not None:
            await self._kafka.stop()
        if self._lock is not None:
            self._lock.release()

    def notice(self) -> None:
        """Look for records now: a partition has become free."""
        self._noticed.set()

    # Assignment

    async def subscribe(self, topics: Iterable[str]) -> None:
        """Join the group for `topics`."""
        self._kafka.subscribe(list(topics), listener=Rebalances(self))

    async def revoke(self, revoked: set[TP]) -> None:
        """Let the agents finish what they hold, then hand over to Faust."""
        self._draining = True
        self._prepared.clear()
        await self._cancel_preparation()
        try:
            await asyncio.wait_for(self._drained(), _DRAIN_SECONDS)
        except TimeoutError:
            raise RebalancedError(f"a batch took more than {_DRAIN_SECONDS:.0f} s during a rebalance") from None
        # From here to the end of the flow nothing is awaited: what is fetched and not delivered stays so.
        self.stop_flow()
        self._in_flight.clear()
        self._draining = False
        self.app.on_rebalance_start()
        await self.on_partitions_revoked(revoked)

    async def _drained(self, *, committing: bool = False) -> None:
        while any(batch.committed if committing else batch.delivered for batch in self._in_flight.values()):
            if self.app.crash_reason or self.crash_reason:
                return
            await asyncio.sleep(0.005)

    async def _cancel_preparation(self) -> None:
        if self._preparing is not None and not self._preparing.done():
            self._preparing.cancel()
            with suppress(asyncio.CancelledError):
                await self._preparing

    async def assign(self, assigned: set[TP]) -> None:
        """Take the partitions that stayed on at once, and prepare the others."""
        generation = self._kafka._coordinator.generation
        stayed = generation == self._generation + 1  # else another worker may have had any of them meanwhile
        self._generation = self.app.consumer_generation_id = generation
        sources = {tp for tp in assigned if not self._is_changelog_tp(tp)}
        own = {tp for tp in self.app.assignor.assigned_actives() if keeps_own_state(self.app, tp.topic)}
        self._current = self._current & own if stayed else set()
        self._next = {tp: offset for tp, offset in self._next.items() if stayed and tp in sources}
        self._fetched = {}
        self._kafka.pause(*map(as_kafka, assigned))
        for tp in assigned - sources:
            self._kafka.seek(as_kafka(tp), 0)  # the restorer reads them; aiokafka wants a position
        await self.on_partitions_assigned(assigned, generation)
        for tp in sources:
            if not self.app.topics.acks_enabled_for(tp.topic):
                reading_channel(self.app, tp)
        self._preparing = self.add_future(self._prepare(sources, own))

    async def _prepare(self, sources: set[TP], own: set[TP]) -> None:
        self._resume(self._next)
        new = sources - set(self._next)
        await self.transactions.release(tp for tp in self.transactions.owned() if tp not in sources)
        await self.transactions.fence(new)
        await self.restorer.restore(own - self._current)
        self._current = own
        standbys = self.app.assignor.assigned_standbys()
        self.restorer.follow(tp for tp in standbys if keeps_own_state(self.app, tp.topic))
        starts = await self._starts(new)
        for tp in new:
            self._epochs[tp] = self._epochs.get(tp, 0) + 1
        self._next.update(starts)
        self._resume(starts)
        self._prepared.set()
        log.info("ready: %s", ", ".join(sorted(f"{tp.topic}/{tp.partition}" for tp in self._next)) or "no partitions")

    async def _starts(self, tps: set[TP]) -> dict[TP, int]:
        if not tps:
            return {}
        firsts = await self._kafka.beginning_offsets(list(map(as_kafka, tps)))
        committed = dict(
            zip(tps, await asyncio.gather(*(self._kafka.committed(as_kafka(tp)) for tp in tps)), strict=True)
        )
        for tp, offset in committed.items():
            if offset is not None and offset < firsts[tp]:
                raise RecordsLostError(
                    f"{tp.topic}/{tp.partition}: retention has deleted offsets {offset} to {firsts[tp] - 1}, which no"
                    f" worker has processed. Raise the topic's retention. To go on without them, set the offset of"
                    f" group {self.app.conf.id} to {firsts[tp]} (kafka-consumer-groups --reset-offsets)"
                )
        return {tp: firsts[tp] if offset is None else offset for tp, offset in committed.items()}

    def _resume(self, starts: Mapping[TP, int]) -> None:
        for tp, offset in starts.items():
            self._kafka.seek(as_kafka(tp), offset)
            self._fetched[tp] = offset
            self._kafka.resume(as_kafka(tp))
        self.notice()

    def assignment(self) -> set[TP]:
        """Return what this worker reads."""
        return set() if self._kafka is None else {TP(*tp) for tp in self._kafka.assignment()}

    def _own_changelogs(self) -> dict[str, str]:
        changelogs = self.app.tables._changelogs
        return {topic: table.name for topic, table in changelogs.items() if keeps_own_state(self.app, topic)}

    # Delivery

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> Mapping[TP, list[Any]]:
        deadline = self.loop.time() + timeout
        while not self.should_stop:
            self._noticed.clear()
            remaining = deadline - self.loop.time()
            wanted = self._wanted(active_partitions or set())
            found = await self._fetch(wanted, remaining) if wanted else {}
            if found or remaining <= 0:
                return found
            if not wanted:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._noticed.wait(), remaining)
        return {}

    def _wanted(self, active: set[TP]) -> set[TP]:
        if not self.flow_active or self._draining:
            return set()
        changelogs = {tp for tp in active if self._is_changelog_tp(tp)}
        # During a rebalance Faust resumes the partitions first and then empties the agents' queues.
        ready = set() if self.app.rebalancing else active & self._next.keys() - self._in_flight.keys()
        return (changelogs | ready) & self.assignment()

    async def _fetch(self, wanted: set[TP], timeout: float) -> dict[TP, list[Any]]:
        generation = self.app.consumer_generation_id
        get = asyncio.ensure_future(
            self._kafka.getmany(
                *map(as_kafka, wanted), timeout_ms=int(timeout * 1000), max_records=self._options.max_records
            )
        )
        noticed = asyncio.ensure_future(self._noticed.wait())
        try:
            # A partition that becomes free has to join the fetch.
            await asyncio.wait({get, noticed}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            noticed.cancel()
            if not get.done():
                get.cancel()  # between two waits: nothing that was fetched is lost
        with suppress(asyncio.CancelledError):
            records = await get
            if generation == self.app.consumer_generation_id and not self._draining:
                return {TP(*tp): self._take(TP(*tp), found) for tp, found in records.items()}
        return {}

    def _take(self, tp: TP, records: list[Any]) -> list[Any]:
        if self._is_changelog_tp(tp) or self.app.topics.acks_enabled_for(tp.topic):
            return records
        position = self._position(tp)
        start, self._fetched[tp] = self._fetched[tp], position
        if start != self._next[tp] or records[0].offset < start:
            raise RuntimeError(f"{tp}: fetched from {start}, but {self._next[tp]} comes next: the position was moved")
        batch = KafkaBatch(self, tp, list(map(record_of, records)), position, self._epochs[tp])
        self._in_flight[tp] = batch
        return [batch]

    def _position(self, tp: Any) -> int:
        position: int = self._kafka._subscription.subscription.assignment.state_value(as_kafka(tp)).position
        return position

    def _to_message(self, tp: TP, record: Any) -> ConsumerMessage:
        if isinstance(record, KafkaBatch):
            record.delivered = True
            first = record.records[0]
            return to_message(self.app, tp, first._replace(key=None, headers=()), record)
        return to_message(self.app, tp, record_of(record), record.value)

    # Commits

    def check_state(self, table: str, partition: int) -> None:
        """Raise RuntimeError unless this worker has the state of a table's partition."""
        topic = self._changelog(table)
        if TP(topic, partition) not in self._current:
            raise RuntimeError(
                f"this worker has no state of {table}, partition {partition}: its changelog {topic} must have as many"
                " partitions as the topic that the agent reads, and the table must be declared with the app"
            )

    def _changelog(self, table: str) -> str:
        declared = self.app.tables.get(table)
        return declared.changelog_topic_name if declared is not None else f"{self.app.conf.id}-{table}-changelog"

    async def commit_batch(self, batch: KafkaBatch) -> None:
        """Commit a batch and free its partition."""
        if batch.committed:
            raise RuntimeError("this batch is committed already")
        if self._in_flight.get(batch.tp) is not batch:
            raise RebalancedError(f"{batch.tp} was taken away while its batch was processed")
        batch.committed = True
        # Shielded: an agent that is cancelled must not leave a transaction half done.
        await asyncio.shield(asyncio.ensure_future(self._commit_batch(batch)))

    async def _commit_batch(self, batch: KafkaBatch) -> None:
        outputs: defaultdict[TP, list[Output]] = defaultdict(list)
        for output in batch.outputs:
            count = self._counts.get(output.topic) or await self._count(output.topic)
            number = partition_of(output.key, count) if output.partition is None else output.partition
            outputs[TP(output.topic, number)].append(output)
        await self._transact(batch.tp, batch.next_offset, outputs, batch.puts, batch.partition)
        self._next[batch.tp] = batch.next_offset
        self._in_flight.pop(batch.tp, None)
        self.notice()

    async def _transact(
        self,
        tp: TP,
        next_offset: int,
        outputs: dict[TP, list[Output]],
        puts: Mapping[str, Mapping[bytes, bytes | None]],
        partition: int,
    ) -> None:
        changelogs = {}
        for table, values in puts.items():
            if values:
                self.check_state(table, partition)
                target = changelogs[table] = TP(self._changelog(table), partition)
                outputs[target] = [Output(target.topic, key, value) for key, value in values.items()]
        ends = await self.transactions.commit(tp, next_offset, outputs)
        self._commits += 1
        if changelogs:
            self.local.write(
                {(table, partition): puts[table] for table in changelogs},
                {target: ends[target] for target in changelogs.values()},
            )

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        pending = self._options.pending_puts
        for tp, offset in offsets.items():
            written = {table: dict(values) for (table, number), values in pending.items() if number == tp.partition}
            await self._transact(tp, offset, {}, written, tp.partition)
            # Only now: until the commit agents read their writes here. Later writes stay for the next one.
            for table, values in written.items():
                for key, value in values.items():
                    if pending[table, tp.partition].get(key) is value:
                        pending[table, tp.partition].pop(key, None)
        return True

    # Signs of life

    def _pulse(self) -> Pulse:
        return Pulse(self._beats, (self._commits, self._generation, self.restorer.progress.done), self._behind)

    @Service.task  # type: ignore[untyped-decorator]
    async def _beat(self) -> None:
        while not self.should_stop:
            self._beats += 1
            await self.sleep(_BEAT_SECONDS)

    @Service.task  # type: ignore[untyped-decorator]
    async def _look_for_work(self) -> None:
        while not self.should_stop:
            await self.sleep(_LOOK_SECONDS)
            preparing = self._preparing is not None and not self._preparing.done()
            if preparing or self.app.rebalancing or self._in_flight:
                self._behind = True
                continue
            # While the brokers do not answer nothing can be done, and another process could not do it either.
            with suppress(KafkaError, TimeoutError):
                tps = list(map(as_kafka, self._next))
                ends = await self._kafka.end_offsets(tps) if tps else {}
                self._behind = any(self._position(tp) < end for tp, end in ends.items())

    # Positions

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Tell Faust where the topics that it commits stand, when all partitions are prepared.

        Faust calls its recovery complete after this. Batches know their positions themselves.
        """
        await self._prepared.wait()
        return {tp: offset for tp, offset in self._next.items() if self.app.topics.acks_enabled_for(tp.topic)}

    async def _seek(self, partition: TP, offset: int) -> None:
        self._kafka.seek(as_kafka(partition), offset)

    async def seek_wait(self, partitions: Mapping[TP, int]) -> None:
        """Seek changelogs that Faust recovers."""
        for tp, offset in partitions.items():
            if not keeps_own_state(self.app, tp.topic):
                self._kafka.seek(as_kafka(tp), offset)
                self._kafka.resume(as_kafka(tp))
                self._read_offset[tp] = offset or None

    async def position(self, tp: TP) -> int | None:
        """Return the next offset to fetch."""
        return cast("int | None", await self._kafka.position(as_kafka(tp)))

    def highwater(self, tp: TP) -> int:
        """Return the offset up to which records can be read, as of the last fetch."""
        return self._kafka.last_stable_offset(as_kafka(tp)) or 0

    async def highwaters(self, *partitions: TP) -> Mapping[TP, int]:
        """Return the ends of changelogs that Faust recovers; 0, nothing, for those that it does not."""
        return await self._offsets(partitions, "end_offsets")

    async def earliest_offsets(self, *partitions: TP) -> Mapping[TP, int]:
        """Return the starts of changelogs that Faust recovers; 0 for those that it does not."""
        return await self._offsets(partitions, "beginning_offsets")

    async def _offsets(self, tps: Iterable[TP], which: str) -> dict[TP, int]:
        found = dict.fromkeys(tps, 0)
        asked = [as_kafka(tp) for tp in found if not keeps_own_state(self.app, tp.topic)]
        if asked:
            found.update({TP(*tp): offset for tp, offset in (await getattr(self._kafka, which)(asked)).items()})
        return found

    # Topics

    async def _refresh_counts(self) -> None:
        cluster = await self._kafka._client.fetch_all_metadata()
        self._counts = {topic: len(cluster.partitions_for_topic(topic) or ()) for topic in cluster.topics()}

    async def _count(self, topic: str) -> int:
        await self._refresh_counts()
        if topic not in self._counts:
            raise UnknownTopicError(f"topic {topic} is not declared: `livepool topics apply` makes what is missing")
        return self._counts[topic]

    def _new_topicpartition(self, topic: str, partition: int) -> TP:
        return TP(topic, partition)

    def topic_partitions(self, topic: str) -> int | None:
        """Return the partition count of a topic."""
        return self._counts.get(topic)

    def key_partition(self, topic: str, key: bytes | None, partition: int | None = None) -> int | None:
        """Return the partition that a record goes to."""
        return partition if partition is not None else partition_of(key, self._counts[topic])

    async def create_topic(self, topic: str, partitions: int, replication: int, **options: Any) -> None:
        """Refuse: topics are made by `livepool topics apply`."""
        if topic not in self._counts:
            raise ImproperlyConfigured(f"topic {topic} is missing: `livepool topics apply` makes it")
