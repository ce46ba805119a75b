"""What a worker on Kafka hands to its agents: fetched records as batches, each when its partition is free."""

import asyncio
from bisect import bisect_right
from collections.abc import Iterable
from contextlib import suppress
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import NoOffsetForPartitionError
from faust.types import TP

from streams.transport.batches import reading_of
from streams.transport.delivery import Collector, reading_channel
from streams.transport.kafka_batch import as_kafka
from streams.transport.kafka_decoding import tolerate_header_names
from streams.transport.kafka_partitions import Partitions
from streams.transport.kafka_turns import Turns

if TYPE_CHECKING:
    from streams.transport.kafka_consumer import Consumer


# A fetch of parcels would be a batch of ten thousand messages and more.
PARCELS_BYTES = 1 << 20


class Deliveries:
    """Fetches for a consumer; `paused` from the begin of a rebalance until Faust knows the new assignment."""

    def __init__(self, consumer: "Consumer", kafka: AIOKafkaConsumer, max_records: int) -> None:
        self._consumer = consumer
        self._app = consumer.app
        self._loop = consumer.loop
        self._kafka = kafka
        self._max_records = max_records
        self._turns = Turns(max_records)
        self._rest: dict[TP, list[Any]] = {}  # of a private topic: what was fetched behind the batch that was delivered
        self._noticed = asyncio.Event()
        self._collector = Collector()
        self.paused = False

    @property
    def _partitions(self) -> Partitions:
        return self._consumer.partitions

    def notice(self) -> None:
        """Look again now: a partition has become free."""
        self._noticed.set()

    def waiting(self) -> set[TP]:
        """Of which something was fetched that is still to be delivered."""
        return self._rest.keys() | self._turns.held.keys()

    def assign(self, batched: Iterable[TP]) -> None:
        """Deliver batches of these from now on; what was fetched and not delivered has to be fetched again."""
        together = {tp for tp in batched if len(reading_channel(self._app, tp).topics) > 1}
        joints = {tp: joint for tp in together if together.issuperset(joint := self._consumer.joint(tp))}
        interval = max((reading_of(self._app, tp.topic).interval for tp in together), default=0.0)
        self._rest = {}
        self._turns.between(together, interval, joints)

    async def getmany(self, active: set[TP], timeout: float) -> dict[TP, list[Any]]:
        """Return batches, and records of topics without, of the partitions that Faust wants; {} after `timeout` s."""
        deadline = self._loop.time() + timeout
        while not self._consumer.should_stop:
            self._noticed.clear()
            remaining = deadline - self._loop.time()
            free = self._wanted(active)
            if due := self._due(free) | self._go_on(free):
                return due
            wanted = free - self._turns.full()
            found = await self._fetch(wanted, remaining) if wanted else {}
            if found:
                return found
            if remaining <= 0:
                self._collector.idle()
                return {}
            if not wanted:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._noticed.wait(), remaining)
        return {}

    def _wanted(self, active: set[TP]) -> set[TP]:
        if not self._consumer.flow_active or self.paused:
            return set()
        changelogs = {tp for tp in active if self._consumer._is_changelog_tp(tp)}
        # During a rebalance Faust resumes the partitions first and then empties the agents' queues.
        ready = set() if self._app.rebalancing else active.intersection(self._partitions.free())
        return (changelogs | ready) & self._consumer.assignment()

    async def _fetch(self, wanted: set[TP], timeout: float) -> dict[TP, list[Any]]:
        generation = self._app.consumer_generation_id
        get = asyncio.ensure_future(
            self._kafka.getmany(*map(as_kafka, wanted), timeout_ms=int(timeout * 1000), max_records=self._max_records)
        )
        noticed = asyncio.ensure_future(self._noticed.wait())
        try:
            # A partition that becomes free has to join the fetch.
            await asyncio.wait({get, noticed}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            noticed.cancel()
            if not get.done():
                get.cancel()  # between two waits: nothing that was fetched is lost
        try:
            records = {TP(*tp): found for tp, found in (await get).items()}
            if generation == self._app.consumer_generation_id and not self.paused:
                return {tp: taken for tp, found in records.items() if (taken := self._take(tp, found))}
            for tp in records.keys() & self._partitions.next.keys():
                self._partitions.passed_over(tp)
        except NoOffsetForPartitionError:
            pass  # of a fetch that outlived a rebalance: positions are set when partitions are ready
        except UnicodeDecodeError:
            tolerate_header_names()
            self._turns.held.clear()
            self._rest.clear()
            self._partitions.fetch_again()
        except asyncio.CancelledError:
            if not get.cancelled():
                raise
        return {}

    def _take(self, tp: TP, records: list[Any]) -> list[Any]:
        if self._consumer._is_changelog_tp(tp) or self._app.topics.acks_enabled_for(tp.topic):
            return records
        if tp in self._turns.tps:
            self._turns.hold(tp, records)
            return []
        rest: list[Any] = []
        if reading_of(self._app, tp.topic).private:
            records, rest = _first(records)
            if rest:
                self._rest[tp] = rest
        batch = self._partitions.fetched((tp,), {tp: (records, rest)}, self._consumer)
        return [] if batch is None else [batch]

    def _go_on(self, free: set[TP]) -> dict[TP, list[Any]]:
        """The next batches of what was fetched of private topics."""
        found = {tp: self._take(tp, self._rest.pop(tp)) for tp in free & self._rest.keys()}
        return {tp: batch for tp, batch in found.items() if batch}

    def _due(self, free: set[TP]) -> dict[TP, list[Any]]:
        """Batches of the topics that take turns, as far as it is their turn."""
        now = self._loop.time()
        if not self._turns.any_due(now):
            return {}
        busy = {
            tp: batch.records[-1].timestamp for tp, batch in self._partitions.in_flight.items() if tp in self._turns.tps
        }
        due = self._turns.due(free, busy, self._has_more)
        if due and (wait := self._turns.gather(now, self._has_batch)):
            self._loop.call_later(wait, self._noticed.set)
        batches = [self._partitions.fetched(joint, found, self._consumer) for joint, found in due.items()]
        # By its first record: Faust drops what is not behind the one before of the same partition.
        return {TP(batch.records[0].topic, batch.partition): [batch] for batch in batches if batch is not None}

    def _has_more(self, tp: TP, records: int = 1) -> bool:
        position = self._partitions.position(tp)
        return position is not None and position + records <= self._consumer.highwater(tp)

    def _has_batch(self, tp: TP) -> bool:
        """Whether it is behind: a little has always been fetched already and not been taken."""
        return self._has_more(tp, self._max_records)


def _first(records: list[Any]) -> tuple[list[Any], list[Any]]:
    """So many as a batch may have, at least one, and the rest."""
    ends = list(accumulate(len(record.value or b"") for record in records))
    count = bisect_right(ends, PARCELS_BYTES) or 1
    return records[:count], records[count:]
