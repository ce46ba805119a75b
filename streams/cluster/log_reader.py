"""Topics and state of a cluster, read as `Log` reads them on one machine: for commands that look at what is there.

Only committed records are seen. State is read from the changelogs, each table as a whole: that takes memory for all of
it, and seconds for some million records.
"""

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self

from kafka import KafkaConsumer
from kafka import TopicPartition as Partition

from streams.cluster.connection import ClusterError, Connection
from streams.cluster.lag import Lag
from streams.cluster.session import cluster_errors, reading_consumer
from streams.cluster.topics import changelog
from streams.transport.batches import Record, TopicPartition

_POLL_MS = 200
_MAX_RECORDS = 5000
_FETCH_BYTES = 4 << 20  # of one partition
_LONGEST_SILENCE_SECONDS = 75.0  # a worker that died may leave a transaction open for a minute


class LogReader:
    """Reads of a cluster with the methods of `Log`. All of them raise ClusterError when brokers or topics lack."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._tables: dict[str, dict[bytes, bytes]] = {}
        with cluster_errors(connection):
            self._places = self._consumer("read_uncommitted")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._places.close()

    def _consumer(self, isolation: str = "read_committed") -> KafkaConsumer:
        return reading_consumer(
            self._connection, isolation, max_partition_fetch_bytes=_FETCH_BYTES, fetch_max_wait_ms=_POLL_MS
        )

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Read each table once inside the block. Topics are read up to their ends at the time of the read."""
        self._tables.clear()
        yield

    # Topics

    def partitions(self, topic: str) -> list[TopicPartition]:
        """Return the topic-partitions of a topic."""
        with cluster_errors(self._connection):
            return [(tp.topic, tp.partition) for tp in partitions_of(self._places, topic)]

    def end_offsets(self, tps: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """Return the offset that the next record gets."""
        with cluster_errors(self._connection):
            ends = self._places.end_offsets([Partition(*tp) for tp in tps])
        return {(tp.topic, tp.partition): end for tp, end in ends.items()}

    def lag(self, group: str, tps: Iterable[TopicPartition]) -> int:
        """Return how many records the group has not processed of these partitions; 0 means drained."""
        wanted = set(tps)
        with Lag(self._connection, group) as reader:
            found = reader.partitions()
        return sum(each.lag + each.pending for each in found if (each.topic, each.partition) in wanted)

    def read(self, topic: str, start: Mapping[int, int] | None = None) -> Iterator[Record]:
        """Yield the records of a topic, each partition in order, in constant memory.

        `start` maps a partition to its first offset (default 0). All that was committed before the call is there; what
        is being written at the moment is waited for.
        """
        with cluster_errors(self._connection), self._reading(topic, start or {}) as consumer:
            yield from read_until(consumer, self._places.end_offsets(list(consumer.assignment())))

    def follow(self, topic: str) -> Iterator[list[Record]]:
        """Yield the records of a topic as they come, for ever; empty lists while there are none."""
        with cluster_errors(self._connection), self._reading(topic, {}) as consumer:
            while True:
                yield polled(consumer, _MAX_RECORDS)

    @contextmanager
    def _reading(self, topic: str, start: Mapping[int, int]) -> Iterator[KafkaConsumer]:
        with self._consumer() as consumer:
            tps = partitions_of(consumer, topic)
            consumer.assign(tps)
            for tp in tps:
                if tp.partition in start:
                    consumer.seek(tp, start[tp.partition])
                else:
                    consumer.seek_to_beginning(tp)
            yield consumer

    # State

    def _table(self, name: str) -> dict[bytes, bytes]:
        if name not in self._tables:
            kept: dict[bytes, bytes] = {}
            for record in self.read(changelog(name)):
                if record.value is None:
                    kept.pop(record.key or b"", None)
                else:
                    kept[record.key or b""] = record.value
            self._tables[name] = kept
        return self._tables[name]

    def state_get(self, table: str, partition: int | None, key: bytes) -> bytes | None:
        """Return one value or None; a key is in one partition, so all of them are looked at."""
        return self._table(table).get(key)

    def state_scan(
        self,
        table: str,
        partition: int | None = None,
        prefix: bytes = b"",
    ) -> Iterator[tuple[bytes, bytes]]:
        """Yield (key, value) with `prefix` in key order."""
        kept = self._table(table)
        return ((key, kept[key]) for key in sorted(kept) if key.startswith(prefix))

    def state_size(self, table: str) -> int:
        """Return the number of keys of a table."""
        return len(self._table(table))


def partitions_of(consumer: KafkaConsumer, topic: str) -> list[Partition]:
    """Return the partitions of a topic; ClusterError when there is none of this name."""
    partitions = consumer.partitions_for_topic(topic)
    if not partitions:
        raise ClusterError(f"no topic {topic}: make it with `livepool topics apply`")
    return [Partition(topic, partition) for partition in sorted(partitions)]


def read_until(consumer: KafkaConsumer, ends: Mapping[Any, int]) -> Iterator[Record]:
    """Yield the records before the offsets `ends` of what a consumer is assigned; ClusterError after a long silence."""
    heard = time.monotonic()
    # The position moves over markers and aborted records, so it reaches the end without a record there, too.
    while waiting := [tp for tp, end in ends.items() if consumer.position(tp) < end]:
        polled = _poll(consumer)
        if polled:
            heard = time.monotonic()
        elif time.monotonic() > heard + _LONGEST_SILENCE_SECONDS:
            raise ClusterError(f"no answer from the brokers about {', '.join(sorted({tp.topic for tp in waiting}))}")
        for tp, records in polled.items():
            yield from (_record(record) for record in records if record.offset < ends[tp])


def polled(consumer: KafkaConsumer, most: int, wait_ms: int = _POLL_MS) -> list[Record]:
    """Return what has come, at most so many records, of each partition in order; empty after a short wait."""
    return [_record(record) for records in _poll(consumer, most, wait_ms).values() for record in records]


def _poll(consumer: KafkaConsumer, most: int = _MAX_RECORDS, wait_ms: int = _POLL_MS) -> dict[Partition, list[Any]]:
    found: dict[Partition, list[Any]] = consumer.poll(timeout_ms=wait_ms, max_records=most)
    return found


def _record(record: Any) -> Record:
    headers = tuple((name, value or b"") for name, value in record.headers or ())
    return Record(record.topic, record.partition, record.offset, record.timestamp, record.key, record.value, headers)
