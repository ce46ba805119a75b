"""Transactions on Kafka: one transactional producer per input partition.

aiokafka commits offsets with the first version of the request, which names no member of the group: a worker that
lost a partition is not recognised by it. It is recognised by its transactional id instead. There is one per input
partition, and `fence` takes it over before anything of the partition is read: what the former owner has not
committed by then, it cannot commit any more (KIP-98; Kafka Streams did the same before KIP-447). `settle` ends what
the brokers have left open of the transaction before.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import starmap, zip_longest
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.client import AIOKafkaClient, ConnectionGroup, CoordinationType
from aiokafka.errors import KafkaError, ProducerFenced
from aiokafka.structs import OffsetAndMetadata, TopicPartition
from faust.types import TP

from streams.transport.batches import Output
from streams.transport.kafka_outcomes import was_committed

log = logging.getLogger("livepool.transactions")

_ABORT_SECONDS = 5.0


class FencedError(RuntimeError):
    """Another worker has the partition."""


class CommitError(RuntimeError):
    """It is not known whether the transaction was committed, or it was not."""


class Transactions:
    """The transactional producers of the input partitions that this worker has.

    `client` is one that is connected; `reach` tells where a batch of an input partition may be written to.
    """

    def __init__(
        self,
        group: str,
        new_producer: Callable[[str], AIOKafkaProducer],
        client: Callable[[], AIOKafkaClient],
        reach: Callable[[TP], Iterable[TP]],
    ) -> None:
        self._group = group
        self._new_producer = new_producer
        self._client = client
        self._reach = reach
        self._producers: dict[TP, AIOKafkaProducer] = {}
        self._committed: dict[TP, bool | None] = {}  # whether the last transaction before `fence` was
        self._links: dict[TP, object] = {}  # the connection to the coordinator at the last commit

    async def fence(self, tps: Iterable[TP]) -> None:
        """Take these partitions over: when this returns, no other worker can commit anything of them."""
        await asyncio.gather(*map(self._fence, tps))

    async def _fence(self, tp: TP) -> None:
        await self.release([tp])
        self._committed[tp] = await was_committed(self._client(), self._id_of(tp))
        await self._start(tp)

    def _id_of(self, tp: TP) -> str:
        return f"{self._group}-{tp.topic}-{tp.partition}"

    async def _start(self, tp: TP) -> None:
        self._links.pop(tp, None)
        producer = self._new_producer(self._id_of(tp))
        self._producers[tp] = producer  # before it has started, so that it is stopped if that breaks off
        await producer.start()

    async def settle(self, tps: Iterable[TP]) -> None:
        """End what the brokers have left open of the transactions of these partitions, as the coordinator had decided.

        For partitions that are fenced and whose offsets are unstable nevertheless (KAFKA-20734).
        """
        await asyncio.gather(*map(self._settle, tps))

    async def _settle(self, tp: TP) -> None:
        committed = self._committed.pop(tp, None)
        name = f"{tp.topic}/{tp.partition}"
        if committed is None:
            log.error(
                "%s: brokers have left a transaction open (KAFKA-20734), and do not say how it ended."
                " `kafka-transactions.sh find-hanging` shows where, `kafka-transactions.sh abort` ends it: what it had"
                " processed is then processed once more",
                name,
            )
            return
        await self._end_before(self._producers[tp], tp, committed=committed)
        # The brokers have said that they will tell everybody; who takes over waits until they have.
        await self.release([tp])
        await self._start(tp)
        log.warning(
            "%s: brokers had left a transaction open (KAFKA-20734); it was %s, as they had decided",
            name,
            "committed" if committed else "aborted",
        )

    async def _end_before(self, producer: AIOKafkaProducer, tp: TP, *, committed: bool) -> None:
        """End all that hangs of transactions before, by one that writes nothing and reaches all that they may have."""
        await producer.begin_transaction()
        while not await producer._sender._do_add_offsets_to_txn(self._group):
            pass
        for target in self._reach(tp):
            producer._txn_manager.maybe_add_partition_to_txn(TopicPartition(*target))
        await (producer.commit_transaction() if committed else producer.abort_transaction())

    async def release(self, tps: Iterable[TP] | None = None) -> None:
        """Stop the producers of partitions (None: all); an open transaction is aborted if the broker answers."""
        wanted = self._producers if tps is None else self._producers.keys() & set(tps)
        stopping = [self._producers.pop(tp) for tp in list(wanted)]
        # Shielded: who is cancelled must not leave connections behind.
        await asyncio.shield(asyncio.gather(*map(_stop, stopping)))

    def owned(self) -> list[TP]:
        """Return the partitions that this worker can commit records of."""
        return list(self._producers)

    async def commit(self, tp: TP, next_offset: int, outputs: Mapping[TP, list[Output]]) -> dict[TP, list[range]]:
        """Write `outputs` and the next offset of `tp` in one transaction.

        Returns for each partition that was written to the offsets of its records, in their order. Raises when the
        transaction was not committed, or when it is not known whether it was: then the worker has to end.
        FencedError when the reason is that another worker has the partition.
        """
        try:
            return await self._commit(self._producers[tp], tp, next_offset, outputs)
        except ProducerFenced:
            raise FencedError(
                f"another worker has taken over {tp.topic}/{tp.partition}: this one was not heard of for too long. It"
                " ends, has lost nothing, and may be started again"
            ) from None
        except KafkaError as error:
            raise CommitError(
                f"the brokers did not take a batch of {tp.topic}/{tp.partition}, or did not say so ({error}). This"
                " worker ends, has lost nothing, and may be started again"
            ) from error

    async def _commit(
        self, producer: AIOKafkaProducer, tp: TP, next_offset: int, outputs: Mapping[TP, list[Output]]
    ) -> dict[TP, list[range]]:
        if self._links.get(tp, link := _link(producer)) is not link:
            # With the connection the coordinator may have lost what it had to tell of the last commit. By itself: what
            # becomes of this batch must not decide about that one.
            await self._end_before(producer, tp, committed=True)
        await producer.begin_transaction()
        written: defaultdict[TP, list[tuple[asyncio.Future[Any], int]]] = defaultdict(list)
        # A partition takes its next batch when the one before is on its way, so: first one of each.
        for turn in zip_longest(*(wire_batches(producer, *item) for item in outputs.items())):
            for target, batch in filter(None, turn):
                future = await producer.send_batch(batch, target.topic, partition=target.partition)
                written[target].append((future, batch.record_count()))
        offsets = {TopicPartition(*tp): OffsetAndMetadata(next_offset, "")}
        await asyncio.gather(
            producer.send_offsets_to_transaction(offsets, self._group),
            *(future for futures in written.values() for future, _ in futures),
        )
        await producer.commit_transaction()
        self._links[tp] = _link(producer) if link is None else link  # one that was lost meanwhile is missed next time
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
