"""A record batch of one Kafka partition."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from aiokafka.structs import TopicPartition
from faust.types import TP

from streams.transport.batches import Record, RecordBatch, T

if TYPE_CHECKING:
    from streams.transport.kafka_consumer import Consumer

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


class KafkaBatch(RecordBatch):
    """A batch whose commit is one Kafka transaction; state is read from the worker's own copy."""

    __slots__ = ("consumer", "next_offset", "tp")

    def __init__(self, consumer: "Consumer", tp: TP, records: list[Record], next_offset: int, epoch: int) -> None:
        super().__init__(records, epoch)
        self.consumer = consumer
        self.tp = tp
        self.next_offset = next_offset

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
        """Write outputs, state and the input offset in one transaction; then the next batch may come."""
        await self.consumer.commits.commit(self)
