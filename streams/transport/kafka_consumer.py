"""The consumer of the Kafka transport as Faust sees it: rebalances, delivery, positions."""

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import ConsumerStoppedError
from faust.exceptions import ImproperlyConfigured
from faust.transport import base
from faust.types import TP, ConsumerMessage

from streams.transport.batches import partition_of, reading_of
from streams.transport.delivery import reading_channel, to_message
from streams.transport.kafka_batch import Joint, KafkaBatch, as_kafka, record_of
from streams.transport.kafka_commits import Commits
from streams.transport.kafka_deliveries import Deliveries
from streams.transport.kafka_partitions import Partitions
from streams.transport.kafka_rebalances import Rebalances
from streams.transport.kafka_restore import Restorer
from streams.transport.kafka_signs import Signs
from streams.transport.kafka_state import LocalState
from streams.transport.kafka_transactions import Transactions
from streams.transport.listening import Listener
from streams.transport.tables import keeps_own_state
from streams.transport.worker_lock import WorkerLock

if TYPE_CHECKING:
    from streams.transport.kafka import Transport

_DRAIN_SECONDS = 20.0
_FENCING_SECONDS = 3.0
_TAKEN_SECONDS = 0.005
_DISCOVERY_SECONDS = 0.2
_DISCOVERIES_BEFORE_JOINING = 10


class RebalancedError(RuntimeError):
    """The group did not wait for this worker."""


class Consumer(base.Consumer):  # type: ignore[misc]  # Faust is untyped
    """Delivers record batches to agents, and single records where Faust needs them."""

    consumer_stopped_errors = (ConsumerStoppedError,)
    _kafka: AIOKafkaConsumer
    local: LocalState
    commits: Commits
    partitions: Partitions
    restorer: Restorer
    deliveries: Deliveries

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._options = cast("Transport", self.transport)
        self._transactions = Transactions(
            self.app.conf.id, self._options.transactional_producer, lambda: self._kafka._client, self.joint, self._reach
        )
        self._connected = False
        self._preparing: asyncio.Future[None] | None = None

    @property
    def listener(self) -> Listener:
        """Who is told what happens here."""
        return self._options.listener

    async def on_start(self) -> None:
        """Connect."""
        options, group = self._options, self.app.conf.id
        self._lock = WorkerLock(options.home)
        self.local = LocalState(options.home)
        self._kafka = options.group_consumer()
        await self._kafka.start()
        self._connected = True
        self.deliveries = Deliveries(self, self._kafka, options.max_records)
        # So long aiokafka waits until what came is taken, since its next request to that broker leaves those partitions
        # out. Not longer: records of one that wait for their agent must not hold up fetches for the others.
        self._kafka._fetcher._prefetch_backoff = _TAKEN_SECONDS
        self.restorer = Restorer(self.local, self._tables, options.lone_consumer, loop=self.loop, beacon=self.beacon)
        self.partitions = Partitions(group, self._kafka, self._transactions, self.restorer, self.deliveries.notice)
        self.commits = Commits(self._kafka, self.partitions, self._transactions, self.local, self._changelog)
        await self.commits.refresh_counts()
        await self.add_runtime_dependency(self.restorer)
        self._signs = Signs(self, options.watchdog_seconds, loop=self.loop, beacon=self.beacon)
        await self.add_runtime_dependency(self._signs)

    async def on_stop(self) -> None:
        """Commit what Faust tracks, leave the group, and free the partitions."""
        if not self._connected:
            return
        await super().on_stop()
        await self._cancel_preparation()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._drained(committing=True), _DRAIN_SECONDS)
        self.local.flush()
        await self._transactions.release()
        with suppress(asyncio.CancelledError):  # aiokafka's own, when a fetch was waiting for a broker
            await self._kafka.stop()
        self._lock.release()
        self._signs.end()

    # Rebalances

    async def subscribe(self, topics: Iterable[str]) -> None:
        """Join the group for `topics`; those that the brokers do not tell of within two seconds come later."""
        wanted = set(topics)
        # The leader of a group assigns what it knows of: sources without their changelogs, if it came too early.
        for _ in range(_DISCOVERIES_BEFORE_JOINING):
            if wanted <= self.commits.counts.keys():
                break
            await self.sleep(_DISCOVERY_SECONDS)
            await self.commits.refresh_counts()
        self._kafka.subscribe(list(wanted), listener=Rebalances(self))
        self.add_future(self._discover(wanted))

    async def _discover(self, topics: set[str]) -> None:
        """Ask until the brokers tell of all `topics`.

        They do not yet when a topic was made a moment ago. The group assigns nothing of it then, and aiokafka would
        ask again after five minutes; the answer makes the group assign anew.
        """
        client = self._kafka._client
        while not all(map(client.cluster.partitions_for_topic, topics)):
            await self.sleep(_DISCOVERY_SECONDS)
            if self.should_stop:  # a client that is closed would never answer
                return
            await client.force_metadata_update()

    async def revoke(self, revoked: set[TP]) -> None:
        """Let the agents finish what they hold, then hand over to Faust."""
        self.deliveries.paused = True
        await self._cancel_preparation()
        self.partitions.prepared.clear()
        try:
            await asyncio.wait_for(self._drained(), _DRAIN_SECONDS)
        except TimeoutError:
            raise RebalancedError(f"a batch took more than {_DRAIN_SECONDS:.0f} s during a rebalance") from None
        # From here to the end of the flow nothing is awaited: what is fetched and not delivered stays so.
        self.stop_flow()
        self.partitions.in_flight.clear()
        self.deliveries.assign(())
        self.app.on_rebalance_start()
        await self.on_partitions_revoked(revoked)

    async def _drained(self, *, committing: bool = False) -> None:
        flying = self.partitions.in_flight
        while any(batch.committed if committing else batch.delivered for batch in flying.values()):
            if self.app.crash_reason or self.crash_reason:
                return
            await asyncio.sleep(0.005)

    async def _cancel_preparation(self) -> None:
        if self._preparing is not None and not self._preparing.done():
            with suppress(TimeoutError):  # the next owner could not settle what this one has fenced
                await asyncio.wait_for(self.partitions.fenced.wait(), _FENCING_SECONDS)
            self._preparing.cancel()
            with suppress(asyncio.CancelledError):
                await self._preparing

    async def assign(self, assigned: set[TP]) -> None:
        """Take what the group has assigned, and begin to prepare it."""
        app = self.app
        if app.should_stop:
            return  # the agents are gone already
        app.consumer_generation_id = self._kafka._coordinator.generation
        changelogs = {tp for tp in assigned if self._is_changelog_tp(tp)}
        sources = assigned - changelogs
        own = {tp for tp in app.assignor.assigned_actives() if keeps_own_state(app, tp.topic)}
        standbys = {tp for tp in app.assignor.assigned_standbys() if keeps_own_state(app, tp.topic)}
        self.partitions.assign(sources, changelogs, own, app.consumer_generation_id)
        self.commits.remembered.forget()
        await self.on_partitions_assigned(assigned, app.consumer_generation_id)
        # Recovery of the generation before may have ended a moment ago, and with it what it took for its rebalance.
        app.rebalancing = bool(sources)
        self.deliveries.paused = False
        batched = [tp for tp in sources if not app.topics.acks_enabled_for(tp.topic)]
        self.deliveries.assign(batched)
        self.listener.assigned(sources)
        self.listener.recovering()
        self._preparing = self.add_future(self._prepare(sources, own, standbys))

    async def _prepare(self, sources: set[TP], own: set[TP], standbys: set[TP]) -> None:
        changelogs = {tp.topic for tp in own | standbys}
        await self._discover(changelogs)
        if self.should_stop:
            return
        cluster = self._kafka._client.cluster
        self.local.declare({topic: len(cluster.partitions_for_topic(topic)) for topic in changelogs})
        await self.partitions.prepare(sources, own, standbys)
        self.listener.recovered()

    def check_errors(self) -> None:
        """Raise what made the worker leave the group, if anything did."""
        self._kafka._coordinator.check_errors()

    def assignment(self) -> set[TP]:
        """Return what this worker reads."""
        return {TP(*tp) for tp in self._kafka.assignment()} if self._connected else set()

    def _tables(self) -> dict[str, str]:
        changelogs = self.app.tables._changelogs
        return {topic: table.name for topic, table in changelogs.items() if keeps_own_state(self.app, topic)}

    def joint(self, tp: TP) -> Joint:
        """Return what may be committed together with a partition."""
        if self.app.topics.acks_enabled_for(tp.topic):
            return (tp,)  # read record by record, maybe by several agents
        return tuple(sorted(TP(topic, tp.partition) for topic in reading_channel(self.app, tp).topics))

    def _reach(self, joint: Joint) -> set[TP]:
        """All partitions that a batch may be written to."""
        tp = joint[0]
        counts = self.commits.counts
        topics = reading_of(self.app, tp.topic).writes
        sent = {TP(topic, number) for topic in topics for number in range(counts.get(topic, 0))}
        return sent | {TP(topic, tp.partition) for topic in self._tables() if tp.partition < counts.get(topic, 0)}

    def _changelog(self, table: str) -> str:
        declared = self.app.tables.get(table)
        return declared.changelog_topic_name if declared is not None else f"{self.app.conf.id}-{table}-changelog"

    # Delivery

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> Mapping[TP, list[Any]]:
        return await self.deliveries.getmany(active_partitions or set(), timeout)

    def _to_message(self, tp: TP, record: Any) -> ConsumerMessage:
        return to_message(self.app, tp, record if isinstance(record, KafkaBatch) else record_of(record))

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        pending = self._options.pending_puts
        for tp, offset in offsets.items():
            if tp not in self.partitions.next:
                continue  # it was taken away: the next owner does it again
            taken = pending.taken(tp.partition)
            puts = {table: values for (table, _), values in taken.items()}
            await self.commits.transact((tp,), {tp: offset}, {}, puts)
            pending.committed(taken)
        return True

    # Positions

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Tell Faust where the topics that it commits stand, when all partitions are prepared.

        Faust calls its recovery complete after this. Batches know their positions themselves.
        """
        # Faust's recovery ends for good when this takes longer than `broker_request_timeout`.
        with suppress(TimeoutError):
            await asyncio.wait_for(self.partitions.prepared.wait(), self.app.conf.broker_request_timeout / 2)
        return {tp: offset for tp, offset in self.partitions.next.items() if self.app.topics.acks_enabled_for(tp.topic)}

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

    def _new_topicpartition(self, topic: str, partition: int) -> TP:
        return TP(topic, partition)

    def topic_partitions(self, topic: str) -> int | None:
        """Return the partition count of a topic."""
        return self.commits.counts.get(topic)

    def key_partition(self, topic: str, key: bytes | None, partition: int | None = None) -> int | None:
        """Return the partition that a record goes to."""
        return partition if partition is not None else partition_of(key, self.commits.counts[topic])

    async def create_topic(self, topic: str, partitions: int, replication: int, **options: Any) -> None:
        """Refuse: topics are made by `livepool topics apply`."""
        if topic not in self.commits.counts:
            raise ImproperlyConfigured(f"topic {topic} is missing: `livepool topics apply` makes it")
