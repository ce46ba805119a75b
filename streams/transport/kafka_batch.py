"""A record batch of a Kafka partition, or of one partition number of all topics that its agent reads."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from aiokafka.structs import TopicPartition
from faust.types import TP

from streams.transport.batches import Record, RecordBatch, T

if TYPE_CHECKING:
    from streams.transport.kafka_consumer import Consumer

# Input partitions that are delivered together, and committed by one transaction: of all topics that an agent reads
# the partition of one number, or one alone. In the order of their names.
Joint = tuple[TP, ...]
Taken = tuple[list[Any], list[Any]]  # of what was fetched of a partition: the records of a batch, those that come later

_fields = attrgetter("topic", "partition", "offset", "timestamp", "key", "value", "headers")


def record_of(record: Any) -> Record:
    """Return aiokafka's record as ours; a header without a value, which Kafka allows, has an empty one."""
    found = Record(*_fields(record))
    if found.headers and any(value is None for _, value in found.headers):
        return found._replace(headers=tuple((name, value or b"") for name, value in found.headers))
    return found


def as_kafka(tp: TP) -> TopicPartition:
    """Return Faust's topic-partition as aiokafka's, which takes no other."""
    return TopicPartition(*tp)


def names(tps: Iterable[TP]) -> str:
    """Return what people call topic-partitions: `checkout/0, live-room/0`."""
    return ", ".join(f"{tp.topic}/{tp.partition}" for tp in tps)


class KafkaBatch(RecordBatch):
    """A batch whose commit is one Kafka transaction; state is read from the worker's own copy.

    `ends`: the next offset of each partition that it has records of.
    """

    __slots__ = ("consumer", "ends", "joint")

    def __init__(
        self, consumer: "Consumer", joint: Joint, records: list[Record], ends: Mapping[TP, int], epoch: int
    ) -> None:
        super().__init__(records, epoch)
        self.consumer = consumer
        self.joint = joint
        self.ends = ends

    def messages(self, unpack: Callable[[bytes], Sequence[T]]) -> list[T]:
        """All that came in parcels; what this worker has sent itself is not unpacked (`kafka_remembered`)."""
        found: list[T] = []
        for record in self.records:
            messages = self.consumer.commits.remembered.take(record)
            found += unpack(record.value or b"") if messages is None else messages
        return found

    def read(self, table: str, keys: Iterable[bytes]) -> dict[bytes, bytes]:
        """Return the committed values of `keys` in this partition; missing keys are absent."""
        self.consumer.commits.check_state(table, self.partition)
        return self.consumer.local.read(table, self.partition, keys)

    def scan(self, table: str, prefix: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        """Yield the committed (key, value) pairs of this partition whose key has `prefix`, by key."""
        self.consumer.commits.check_state(table, self.partition)
        return self.consumer.local.scan(table, self.partition, prefix)

    async def commit(self) -> None:
        """Write outputs, state and the input offsets in one transaction; then the next batch may come."""
        await self.consumer.commits.commit(self)
