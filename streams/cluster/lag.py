"""How far the agents are behind, per topic-partition: what is committed against what is to be read.

A transaction leaves a marker at an offset of its own, and what was aborted stays in the log. So offsets that are
not committed need not be records: the first of them is read to know.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple, Self, TypeVar

from kafka import TopicPartition
from kafka.admin import OffsetSpec
from kafka.errors import KafkaError, UnknownBrokerIdError

from streams import topology
from streams.cluster.connection import ClusterError, Connection
from streams.cluster.session import admin_client, cluster_errors, reading_consumer
from streams.cluster.topics import GROUP

_T = TypeVar("_T")
_PATIENCE_SECONDS = 20.0
_PAUSE_SECONDS = 0.2
_POLL_MS = 50
_LONGEST_READ_SECONDS = 30.0
_READ_BYTES = 4 << 20  # of each partition: one record would do, but a batch comes whole


class PartitionLag(NamedTuple):
    """One topic-partition of an agent. Offsets as Kafka counts them; the lag is 0 when no record is left."""

    agent: str
    topic: str
    partition: int
    committed: int | None  # None: never; then all of the log is ahead
    end: int  # of what is readable: the first offset of an open transaction, else the end of the log
    lag: int  # records at most: markers in between are counted
    seconds: float | None  # age of the oldest record that is not committed; None when there is none
    pending: int  # offsets of transactions that are still open
    expired: int  # offsets that retention deleted before they were read


class _Offsets(NamedTuple):
    committed: int | None
    first: int
    stable: int
    high: int

    @property
    def start(self) -> int:
        return max(self.committed if self.committed is not None else self.first, self.first)


class Lag:
    """A reader of lags that keeps its connections: for a test or a screen that asks again and again."""

    def __init__(self, connection: Connection, group: str = GROUP) -> None:
        self._connection = connection
        self._group = group
        with cluster_errors(connection):
            self._open()

    def _open(self) -> None:
        self._admin = admin_client(self._connection)
        self._consumer = reading_consumer(
            self._connection, max_partition_fetch_bytes=_READ_BYTES, fetch_max_wait_ms=_POLL_MS
        )
        self._broken = False

    def close(self) -> None:
        """Close the connections."""
        self._consumer.close()
        self._admin.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def partitions(self) -> list[PartitionLag]:
        """The lag of every topic-partition that the agents read, in the order of the topology."""
        return self._patiently(self._partitions)

    def _partitions(self) -> list[PartitionLag]:
        readers = self._readers()
        offsets = self._offsets(readers)
        oldest = self._oldest(offsets)
        now = time.time()
        return [_lag(readers[tp], tp, found, oldest.get(tp), now) for tp, found in offsets.items()]

    def drained(self) -> bool:
        """Is everything that was sent before this call processed, through all agents?

        The group's offsets are read first, all at one moment. What was still to be processed then lies behind
        them in the log, readable or in an open transaction, however far the agents are when its ends are read.
        """
        return self._patiently(self._drained)

    def _drained(self) -> bool:
        offsets = self._offsets(self._readers())
        return not any(found.high > found.stable for found in offsets.values()) and not self._oldest(offsets)

    def _patiently(self, look: Callable[[], _T]) -> _T:
        """Look until it works, while the cluster is on the move: a new group, a broker that went down or came up."""
        until = time.monotonic() + _PATIENCE_SECONDS
        with cluster_errors(self._connection):
            while True:
                try:
                    if self._broken:  # the admin client keeps a coordinator that is none any more
                        self.close()
                        self._open()
                    return look()
                except KafkaError as error:
                    self._broken = True
                    # A partition without a leader is said to be led by broker -1, which kafka-python does not know.
                    on_the_move = error.retriable or isinstance(error, UnknownBrokerIdError)
                    if not on_the_move or time.monotonic() > until:
                        raise
                time.sleep(_PAUSE_SECONDS)

    def _readers(self) -> dict[TopicPartition, str]:
        """The agent that reads each topic-partition. ClusterError when a topic is not there."""
        agents = {topic: agent.name for agent in topology.AGENTS for topic in agent.reads}
        described = {topic["name"]: topic for topic in self._admin.describe_topics(list(agents))}
        missing = [name for name in agents if not described.get(name, {}).get("partitions")]
        if missing:
            raise ClusterError(f"no topic {', '.join(missing)}: make them with `livepool topics apply`")
        return {
            TopicPartition(name, partition): agent
            for name, agent in agents.items()
            for partition in range(len(described[name]["partitions"]))
        }

    def _offsets(self, tps: Iterable[TopicPartition]) -> dict[TopicPartition, _Offsets]:
        partitions = list(tps)
        # Committed offsets first: what is written afterwards makes a lag, it cannot hide one.
        committed = self._admin.list_group_offsets({self._group: partitions})[self._group]
        latest = dict.fromkeys(partitions, OffsetSpec.LATEST)
        stable = self._admin.list_partition_offsets(latest, "read_committed")
        high = self._admin.list_partition_offsets(latest)
        first = self._admin.list_partition_offsets(dict.fromkeys(partitions, OffsetSpec.EARLIEST))
        return {
            tp: _Offsets(
                committed[tp].offset if tp in committed and committed[tp].offset >= 0 else None,
                first[tp].offset,
                stable[tp].offset,
                high[tp].offset,
            )
            for tp in partitions
        }

    def _oldest(self, offsets: Mapping[TopicPartition, _Offsets]) -> dict[TopicPartition, tuple[int, int]]:
        """Offset and time (ms) of the first record that is not committed, where there is one before `stable`."""
        # One partition at a time: with several that are paused in turn, kafka-python starves the others.
        found = {tp: self._first(tp, place) for tp, place in offsets.items() if place.start < place.stable}
        return {tp: place for tp, place in found.items() if place is not None}

    def _first(self, tp: TopicPartition, place: _Offsets) -> tuple[int, int] | None:
        self._consumer.assign([tp])
        self._consumer.seek(tp, place.start)
        until = time.monotonic() + _LONGEST_READ_SECONDS
        # Without records the position moves over markers and aborted records, up to the end.
        while self._consumer.position(tp) < place.stable:
            for records in self._consumer.poll(timeout_ms=_POLL_MS, max_records=1).values():
                record = records[0]
                return (record.offset, record.timestamp) if record.offset < place.stable else None
            if time.monotonic() > until:
                raise ClusterError(f"no answer about {tp.topic}/{tp.partition}")
        return None


def _lag(agent: str, tp: TopicPartition, found: _Offsets, oldest: tuple[int, int] | None, now: float) -> PartitionLag:
    return PartitionLag(
        agent,
        tp.topic,
        tp.partition,
        found.committed,
        found.stable,
        found.stable - oldest[0] if oldest else 0,
        max(0.0, now - oldest[1] / 1000) if oldest else None,
        found.high - found.stable,
        max(0, found.first - found.committed) if found.committed is not None else 0,
    )


def lag(connection: Connection, group: str = GROUP) -> list[PartitionLag]:
    """Look once: the lag of every topic-partition that the agents read. ClusterError when brokers or topics lack."""
    with Lag(connection, group) as reader:
        return reader.partitions()


def drained(connection: Connection, group: str = GROUP) -> bool:
    """Look once: has the group processed everything? A test that asks again and again keeps a `Lag` instead."""
    with Lag(connection, group) as reader:
        return reader.drained()
