"""Commits on Kafka: outputs, changelogs and the input offsets of a batch in one transaction, then the local copy."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping
from itertools import chain
from typing import Any

from aiokafka import AIOKafkaConsumer
from faust.types import TP

from streams.transport.batches import Output, partition_of
from streams.transport.kafka_batch import Joint, KafkaBatch
from streams.transport.kafka_partitions import Partitions
from streams.transport.kafka_remembered import Remembered, Sent
from streams.transport.kafka_state import LocalState
from streams.transport.kafka_transactions import Transactions
from streams.transport.topics import UnknownTopicError

PARCEL_BYTES = 890_000  # of a record that is a parcel; brokers take 1 MiB unless they are told otherwise
Values = Mapping[bytes, bytes | None]


class TakenAwayError(RuntimeError):
    """A partition of a batch was taken away before the commit."""


class Commits:
    """The commits of a worker. `count` is how many there were."""

    def __init__(
        self,
        kafka: AIOKafkaConsumer,
        partitions: Partitions,
        transactions: Transactions,
        local: LocalState,
        changelog: Callable[[str], str],
    ) -> None:
        self._kafka = kafka
        self._partitions = partitions
        self._transactions = transactions
        self._local = local
        self._changelog = changelog  # table -> the topic that keeps it
        self.counts: dict[str, int] = {}  # partitions of each topic
        self.count = 0
        self.remembered = Remembered()

    def check_state(self, table: str, partition: int) -> None:
        """Raise RuntimeError unless this worker has the state of a table's partition."""
        topic = self._changelog(table)
        if TP(topic, partition) not in self._partitions.current:
            raise RuntimeError(
                f"this worker has no state of {table}, partition {partition}: its changelog {topic} must have as many"
                " partitions as the topic that the agent reads, and the table must be declared with the app"
            )

    async def commit(self, batch: KafkaBatch) -> None:
        """Commit a batch and free its partitions."""
        if batch.committed:
            raise RuntimeError("this batch is committed already")
        for tp in batch.joint:
            if self._partitions.in_flight.get(tp) is not batch:
                raise TakenAwayError(f"{tp} was taken away while its batch was processed")
        batch.committed = True
        # Shielded: an agent that is cancelled must not leave a transaction half done.
        await asyncio.shield(asyncio.ensure_future(self._told(batch)))

    async def _told(self, batch: KafkaBatch) -> None:
        with batch.consumer.listener.commit():
            await self._commit(batch)
        batch.conclude()

    async def _commit(self, batch: KafkaBatch) -> None:
        outputs: defaultdict[TP, list[Output]] = defaultdict(list)
        for output in batch.outputs:
            count = self.counts.get(output.topic) or await self._count(output.topic)
            number = partition_of(output.key, count) if output.partition is None else output.partition
            outputs[TP(output.topic, number)].append(output)
        parcels: defaultdict[TP, list[Sent]] = defaultdict(list)  # private topics have nothing else
        for parcel in batch.parcels:
            if parcel.topic not in self.counts:
                await self._count(parcel.topic)
            tp = TP(parcel.topic, parcel.partition)
            for output, messages in parcel.outputs(PARCEL_BYTES):
                outputs[tp].append(output)
                parcels[tp].append(Sent(output.value, messages))
        written = await self.transact(batch.joint, batch.ends, outputs, batch.puts)
        for tp in parcels.keys() & self._partitions.next.keys():
            self.remembered.keep(tp, zip(chain(*written[tp]), parcels[tp], strict=True))

    async def transact(
        self, joint: Joint, ends: Mapping[TP, int], outputs: dict[TP, list[Output]], puts: Mapping[str, Values]
    ) -> dict[TP, list[range]]:
        """Write outputs, state of the partition number and next offsets in one transaction, and note it.

        Returns the offsets of what was written, by partition.
        """
        number = joint[0].partition
        changelogs: dict[str, TP] = {}
        for table, values in puts.items():
            if values:
                self.check_state(table, number)
                target = changelogs[table] = TP(self._changelog(table), number)
                outputs[target] = [Output(target.topic, key, value) for key, value in values.items()]
        written = await self._transactions.commit(joint, ends, outputs)
        self.count += 1
        if changelogs:
            self._local.write(
                {(table, number): puts[table] for table in changelogs},
                {target: written[target][-1].stop for target in changelogs.values()},
            )
        self._partitions.committed(joint, ends)
        return written

    async def refresh_counts(self) -> None:
        """Ask the brokers how many partitions each topic has."""
        cluster: Any = await self._kafka._client.fetch_all_metadata()
        self.counts = {topic: len(cluster.partitions_for_topic(topic) or ()) for topic in cluster.topics()}

    async def _count(self, topic: str) -> int:
        await self.refresh_counts()
        if topic not in self.counts:
            raise UnknownTopicError(f"topic {topic} is not declared: `livepool topics apply` makes what is missing")
        return self.counts[topic]
