"""The topics that people watch, read from a cluster by one consumer that stays."""

from collections.abc import Mapping
from typing import Self

from kafka import TopicPartition as Partition

from streams.cluster.connection import Connection
from streams.cluster.lag import Lag
from streams.cluster.log_reader import partitions_of, polled
from streams.cluster.session import cluster_errors, reading_consumer
from streams.topology import VIEWED
from streams.transport.batches import Record, TopicPartition
from streams.views.feeds import Seldom

_LAG_SECONDS = 5.0  # asks the brokers several questions
_MORE_MS = 20  # for what else is on its way


class ClusterFeed:
    """Committed records only. All of it raises ClusterError when brokers or topics lack."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._at: dict[TopicPartition, int] = {}  # what the next poll brings, by what was read
        self._lag = Lag(connection)
        self.lag = Seldom(_LAG_SECONDS, lambda: sum(each.lag + each.pending for each in self._lag.partitions()))
        with cluster_errors(connection):
            self._consumer = reading_consumer(connection, fetch_max_wait_ms=100)
            self._consumer.assign([tp for topic in VIEWED for tp in partitions_of(self._consumer, topic)])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._lag.close()
        self._consumer.close()

    def ends(self) -> dict[TopicPartition, int]:
        """Where each topic-partition ends, as far as transactions are done."""
        with cluster_errors(self._connection):
            ends = self._consumer.end_offsets(list(self._consumer.assignment()))
        return {(tp.topic, tp.partition): end for tp, end in ends.items()}

    def read(self, start: Mapping[TopicPartition, int], most: int) -> list[Record]:
        """What the brokers have sent; an empty list only when everything has been read."""
        with cluster_errors(self._connection):
            for tp in self._consumer.assignment():
                wanted = start.get((tp.topic, tp.partition), 0)
                if self._at.get((tp.topic, tp.partition)) != wanted:
                    self._seek(tp, wanted)
            while not (records := polled(self._consumer, most)):
                # Positions move over markers and aborted records, too.
                ends = self._consumer.end_offsets(list(self._consumer.assignment()))
                if all(self._consumer.position(tp) >= end for tp, end in ends.items()):
                    return []
            while len(records) < most and (more := polled(self._consumer, most - len(records), _MORE_MS)):
                records += more
        self._at |= {(record.topic, record.partition): record.offset + 1 for record in records}
        return records

    def _seek(self, tp: Partition, offset: int) -> None:
        self._at[tp.topic, tp.partition] = offset
        if offset:
            self._consumer.seek(tp, offset)
        else:
            self._consumer.seek_to_beginning(tp)
