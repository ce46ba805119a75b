"""Transactions on Kafka: a transactional producer per input partition, and per joint of them.

aiokafka commits offsets with the first version of the request, which names no member of the group: a worker that
lost a partition is not recognised by it. It is recognised by its transactional id instead. There is one per input
partition, and one for all partitions of a number that one agent reads (`Joint`), which only a worker uses that has all
of them. `fence` takes both over before anything of the partition is read: what the former owner has not committed by
then, it cannot commit any more (KIP-98; Kafka Streams did the same before KIP-447). `settle` ends what the brokers have
left open of the transactions before.

Two ids fence as one does while topics of one agent have equal partition counts: then Faust gives a number of all of
them to one worker. Where counts differ, whoever takes a part of a joint over fences both ids before it reads an offset;
but what `settle` has to know of the joint's last transaction may be gone with the first who takes a part. All workers
of a group have to read the same topics.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import starmap, zip_longest
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.client import AIOKafkaClient, ConnectionGroup, CoordinationType
from aiokafka.errors import KafkaError, ProducerFenced
from aiokafka.structs import OffsetAndMetadata, TopicPartition
from faust.types import TP

from streams.transport.batches import Output
from streams.transport.kafka_batch import Joint, names
from streams.transport.kafka_outcomes import was_committed

log = logging.getLogger("livepool.transactions")

_ABORT_SECONDS = 5.0


class FencedError(RuntimeError):
    """Another worker has the partition."""


class CommitError(RuntimeError):
    """It is not known whether the transaction was committed, or it was not."""


class Transactions:
    """The transactional producers of the input partitions that this worker has.

    `client` is one that is connected; `joint` tells what a partition may be committed together with, `reach` where a
    batch may be written to.
    """

    def __init__(
        self,
        group: str,
        new_producer: Callable[[str], AIOKafkaProducer],
        client: Callable[[], AIOKafkaClient],
        joint: Callable[[TP], Joint],
        reach: Callable[[Joint], Iterable[TP]],
    ) -> None:
        self._group = group
        self._new_producer = new_producer
        self._client = client
        self._joint = joint
        self._reach = reach
        self._producers: dict[Joint, AIOKafkaProducer] = {}
        self._committed: dict[Joint, bool | None] = {}  # whether the last transaction before `fence` was
        self._links: dict[Joint, object] = {}  # the connection to the coordinator at the last commit

    async def fence(self, tps: Iterable[TP]) -> None:
        """Take these partitions over: when this returns, no other worker can commit anything of them."""
        await asyncio.gather(*map(self._fence, self._joints(tps)))

    def _joints(self, tps: Iterable[TP]) -> set[Joint]:
        """All that these partitions may be committed with."""
        return {joint for tp in tps for joint in ((tp,), self._joint(tp))}

    async def _fence(self, joint: Joint) -> None:
        self._committed[joint] = await was_committed(self._client(), self._id_of(joint))
        await self._start(joint)

    def _id_of(self, joint: Joint) -> str:
        # No name of a topic has a `+`.
        more = "+" if len(joint) > 1 else ""
        return f"{self._group}-{joint[0].topic}{more}-{joint[0].partition}"

    async def _start(self, joint: Joint) -> None:
        await self._stop([joint])
        self._links.pop(joint, None)
        producer = self._new_producer(self._id_of(joint))
        self._producers[joint] = producer  # before it has started, so that it is stopped if that breaks off
        await producer.start()

    async def settle(self, tps: Collection[TP]) -> None:
        """End what the brokers have left open of the transactions of these partitions, as the coordinator had decided.

        For partitions that are fenced and whose offsets are unstable nevertheless (KAFKA-20734). What it did not tell
        stays open.
        """
        known = [joint for joint in self._joints(tps) if self._committed.get(joint) is not None]
        await asyncio.gather(*map(self._settle, known))

    async def _settle(self, joint: Joint) -> None:
        committed = bool(self._committed.pop(joint))
        await self._end_before(self._producers[joint], joint, committed=committed)
        # The brokers have said that they will tell everybody; who takes over waits until they have.
        await self._start(joint)
        log.warning(
            "brokers had left a transaction open (KAFKA-20734); that of %s was %s, as they had decided",
            self._id_of(joint),
            "committed" if committed else "aborted",
        )

    async def _end_before(self, producer: AIOKafkaProducer, joint: Joint, *, committed: bool) -> None:
        """End all that hangs of transactions before, by one that writes nothing and reaches all that they may have."""
        await producer.begin_transaction()
        while not await producer._sender._do_add_offsets_to_txn(self._group):
            pass
        for target in self._reach(joint):
            producer._txn_manager.maybe_add_partition_to_txn(TopicPartition(*target))
        await (producer.commit_transaction() if committed else producer.abort_transaction())

    async def release(self, keep: Collection[TP] = ()) -> None:
        """Stop the producers of what is not wholly in `keep`; an open transaction is aborted if the broker answers."""
        kept = set(keep)
        await self._stop([joint for joint in self._producers if not kept.issuperset(joint)])

    async def _stop(self, joints: Iterable[Joint]) -> None:
        stopping = [self._producers.pop(joint) for joint in joints if joint in self._producers]
        # Shielded: who is cancelled must not leave connections behind.
        await asyncio.shield(asyncio.gather(*map(_stop, stopping)))

    async def commit(
        self, joint: Joint, ends: Mapping[TP, int], outputs: Mapping[TP, list[Output]]
    ) -> dict[TP, list[range]]:
        """Write `outputs` and the next offsets of partitions of a joint that this worker has, in one transaction.

        Returns for each partition that was written to the offsets of its records, in their order. Raises when the
        transaction was not committed, or when it is not known whether it was: then the worker has to end.
        FencedError when the reason is that another worker has the partition.
        """
        try:
            return await self._commit(self._producers[joint], joint, ends, outputs)
        except ProducerFenced:
            raise FencedError(
                f"another worker has taken over {names(joint)}: this one was not heard of for too long. It ends, has"
                " lost nothing, and may be started again"
            ) from None
        except KafkaError as error:
            raise CommitError(
                f"the brokers did not take a batch of {names(ends)}, or did not say so ({error}). This worker ends,"
                " has lost nothing, and may be started again"
            ) from error

    async def _commit(
        self,
        producer: AIOKafkaProducer,
        joint: Joint,
        ends: Mapping[TP, int],
        outputs: Mapping[TP, list[Output]],
    ) -> dict[TP, list[range]]:
        if self._links.get(joint, link := _link(producer)) is not link:
            # With the connection the coordinator may have lost what it had to tell of the last commit. By itself: what
            # becomes of this batch must not decide about that one.
            await self._end_before(producer, joint, committed=True)
        await producer.begin_transaction()
        written: defaultdict[TP, list[tuple[asyncio.Future[Any], int]]] = defaultdict(list)
        # A partition takes its next batch when the one before is on its way, so: first one of each.
        for turn in zip_longest(*(wire_batches(producer, *item) for item in outputs.items())):
            for target, batch in filter(None, turn):
                future = await producer.send_batch(batch, target.topic, partition=target.partition)
                written[target].append((future, batch.record_count()))
        offsets = {TopicPartition(*tp): OffsetAndMetadata(offset, "") for tp, offset in ends.items()}
        await asyncio.gather(
            producer.send_offsets_to_transaction(offsets, self._group),
            *(future for futures in written.values() for future, _ in futures),
        )
        await producer.commit_transaction()
        # One that was lost meanwhile is missed next time.
        self._links[joint] = _link(producer) if link is None else link
        return {target: list(starmap(_offsets, futures)) for target, futures in written.items()}


def _link(producer: AIOKafkaProducer) -> object:
    """The connection to the coordinator of its transactions; None while there is none."""
    node = producer._sender._coordinators.get(CoordinationType.TRANSACTION)
    connection = producer.client._conns.get((node, ConnectionGroup.COORDINATION))
    return connection if connection is not None and connection.connected() else None


def _offsets(sent: asyncio.Future[Any], count: int) -> range:
    first: int = sent.result().offset
    return range(first, first + count)


def wire_batches(producer: AIOKafkaProducer, target: TP, records: list[Output]) -> Iterator[tuple[TP, Any]]:
    """Yield the records as wire batches, none larger than the producer's batch size, but for a single record."""
    batch = producer.create_batch()
    for record in records:
        fields = {"timestamp": None, "key": record.key, "value": record.value, "headers": list(record.headers)}
        if batch.append(**fields) is None:
            yield target, batch
            batch = producer.create_batch()
            batch.append(**fields)
    if batch.record_count():
        yield target, batch


async def _stop(producer: AIOKafkaProducer) -> None:
    # The next owner of the partition aborts what is left open here, so none of this has to succeed.
    with suppress(Exception):
        async with asyncio.timeout(_ABORT_SECONDS):
            if producer._txn_manager.is_in_transaction():
                await producer.abort_transaction()
    try:
        async with asyncio.timeout(_ABORT_SECONDS):
            await producer.stop()
    except Exception:  # of a producer that was fenced: it does not get to closing its connections
        producer._closed = True
        with suppress(Exception):
            await producer.client.close()
