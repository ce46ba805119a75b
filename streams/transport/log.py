"""The log of the embedded transport: topics, offsets, commits and state in one SQLite file.

Synchronous and without Faust: any process may append and read, one worker consumes. A `Log` is one
connection; use it from one thread at a time.
"""

import sqlite3
import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from heapq import merge
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple, Self

from streams.transport import compaction, state
from streams.transport.batches import Output, Record, TopicPartition
from streams.transport.database import Synchronous, connect
from streams.transport.rows import MAX_ROW_RECORDS, Row, absolute, build, decode, unpack

MAX_FETCH_BYTES = 4 << 20
_PAGE = 64
# Read in C: these run once per record.
_TOPIC_PARTITION, _OFFSET, _VALUE = itemgetter(0, 1), itemgetter(2), itemgetter(5)


class TopicConfig(NamedTuple):
    """A topic. `compacted` keeps the last record of each key; `retention_ms` None keeps for ever."""

    name: str
    partitions: int = 1
    compacted: bool = False
    retention_ms: int | None = None


class Span(NamedTuple):
    """What a batch consumes of one topic-partition: offsets `start` <= offset < `end`."""

    start: int
    end: int


class Fetch(NamedTuple):
    """Records in the order of their append, and the spans for `Log.commit` when they are processed."""

    records: list[Record]
    spans: dict[TopicPartition, Span]


class UnknownTopicError(LookupError):
    """A topic or partition that nobody declared."""


class OffsetConflictError(RuntimeError):
    """The committed offset is not where the batch began: another worker took over."""


class Log:
    """One connection to the log under `home`.

    `synchronous` FULL survives a power cut; NORMAL and OFF may lose the last commits in one (OFF also
    the file). All of them survive `kill -9`.
    """

    def __init__(self, home: Path, *, synchronous: Synchronous = "FULL", readonly: bool = False) -> None:
        self._database = connect(home, synchronous, readonly=readonly)
        self._topics: dict[str, TopicConfig] = {}
        self._ids: dict[TopicPartition, int] = {}
        self._counts = _PartitionCounts(self.topic)
        self._load_topics()

    def close(self) -> None:
        """Close the connection."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._database as database:  # commits, or rolls back and raises
            database.execute("BEGIN IMMEDIATE")
            yield database

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Read log and state as of one moment inside the block, whatever is written meanwhile."""
        self._database.execute("BEGIN")
        try:
            # The snapshot is taken by the first read, not by BEGIN.
            self._database.execute("SELECT next_position FROM appends").fetchone()
            yield
        finally:
            self._database.execute("COMMIT")

    def version(self) -> int:
        """Return a number that changes when another connection, of any process, has committed."""
        version: int = self._database.execute("PRAGMA data_version").fetchone()[0]
        return version

    # Topics

    def declare(self, topics: Iterable[TopicConfig]) -> None:
        """Create topics, or change their compaction and retention. Another partition count: ValueError."""
        with self._transaction() as database:
            for topic in topics:
                _declare(database, topic)
        self._load_topics()

    def topic(self, name: str) -> TopicConfig:
        """Return a declared topic, or raise UnknownTopicError."""
        if name not in self._topics:
            self._load_topics()
        try:
            return self._topics[name]
        except KeyError:
            raise UnknownTopicError(f"topic {name} is not declared") from None

    def topics(self) -> list[TopicConfig]:
        """Return all declared topics by name."""
        self._load_topics()
        return sorted(self._topics.values())

    def partitions(self, topic: str) -> list[TopicPartition]:
        """Return the topic-partitions of a declared topic."""
        return [(topic, partition) for partition in range(self.topic(topic).partitions)]

    def _load_topics(self) -> None:
        for name, partitions, compacted, retention_ms in self._database.execute("SELECT * FROM topics"):
            self._topics[name] = TopicConfig(name, partitions, bool(compacted), retention_ms)
        for number, topic, partition in self._database.execute("SELECT id, topic, partition FROM partitions"):
            self._ids[topic, partition] = number

    def _id(self, tp: TopicPartition) -> int:
        if tp not in self._ids and tp[1] not in range(self.topic(tp[0]).partitions):
            raise UnknownTopicError(f"topic {tp[0]} has no partition {tp[1]}")
        return self._ids[tp]

    # Appends and commits

    def append(self, records: Iterable[Output]) -> dict[TopicPartition, int]:
        """Append records in one transaction, in the given order across topics.

        Returns the offset of the first record that each topic-partition got.
        """
        with self._transaction() as database:
            return self._append(database, records)

    def _append(self, database: sqlite3.Connection, records: Iterable[Output]) -> dict[TopicPartition, int]:
        now = time.time_ns() // 1_000_000
        (start,) = database.execute("SELECT next_position FROM appends").fetchone()
        offsets: dict[TopicPartition, int] = {}
        total = 0
        for tp, row in build(records, self._counts):
            number = self._id(tp)
            if row.has_null_key and self.topic(tp[0]).compacted:
                raise ValueError(f"topic {tp[0]} is compacted: each record needs a key")
            (end,) = database.execute(
                "UPDATE partitions SET next_offset = next_offset + ? WHERE id = ? RETURNING next_offset",
                (row.count, number),
            ).fetchone()
            first = end - row.count
            database.execute(
                "INSERT INTO rows (position, partition_id, first, last, count, timestamp, records)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (start + row.position, number, first, end - 1, row.count, now, row.blob),
            )
            offsets.setdefault(tp, first)
            total += row.count
        database.execute("UPDATE appends SET next_position = ?", (start + total,))
        return offsets

    def join(self, group: str, tps: Iterable[TopicPartition]) -> None:
        """Make the group known, at the start of what it reads: retention waits for all known groups."""
        with self._transaction() as database:
            database.executemany("INSERT OR IGNORE INTO offsets VALUES (?, ?, 0)", ((group, self._id(tp)) for tp in tps))

    def commit(
        self,
        group: str,
        spans: Mapping[TopicPartition, Span],
        outputs: Iterable[Output] = (),
        puts: state.Puts | None = None,
    ) -> None:
        """Write input offsets, outputs and state in one transaction; all or nothing.

        Raises OffsetConflictError when a committed offset is not the start of its span.
        """
        with self._transaction() as database:
            for tp, span in spans.items():
                committed = self.committed(group, [tp])[tp]
                if committed != span.start:
                    raise OffsetConflictError(
                        f"{group} committed {committed} of {tp[0]}/{tp[1]}, but this batch began at {span.start}:"
                        " another worker took over"
                    )
                database.execute("REPLACE INTO offsets VALUES (?, ?, ?)", (group, self._id(tp), span.end))
            if outputs:
                self._append(database, outputs)
            if puts:
                state.write(database, puts)

    # Offsets

    def committed(self, group: str, tps: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """Return the next offset that the group will process; 0 when it has committed nothing."""
        query = "SELECT next_offset FROM offsets WHERE consumer_group = ? AND partition_id = ?"
        found = {tp: self._database.execute(query, (group, self._id(tp))).fetchone() for tp in tps}
        return {tp: row[0] if row else 0 for tp, row in found.items()}

    def end_offsets(self, tps: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """Return the offset that the next append gets."""
        query = "SELECT next_offset FROM partitions WHERE id = ?"
        return {tp: self._database.execute(query, (self._id(tp),)).fetchone()[0] for tp in tps}

    def lag(self, group: str, tps: Iterable[TopicPartition]) -> int:
        """Return how many offsets lie before the group; 0 means drained.

        Holes that compaction left count until a record behind them is consumed, never at the end.
        """
        committed = self.committed(group, tps)
        ends = self.end_offsets(committed)
        return sum(
            ends[tp] - max(start, row.first)
            for tp, start in committed.items()
            for row in self._rows(tp, start, limit=1)
        )

    # Records

    def fetch(
        self,
        group: str,
        tps: Iterable[TopicPartition],
        max_records: int = MAX_ROW_RECORDS,
        max_bytes: int = MAX_FETCH_BYTES,
    ) -> Fetch:
        """Return the next records that the group has not committed; empty when there are none.

        Records of several topic-partitions come in the order of their appends. `max_bytes` is exceeded by
        at most one row of each topic-partition.
        """
        committed = self.committed(group, tps)
        records = self.records_from(committed, max_records, max_bytes)
        last = dict(zip(map(_TOPIC_PARTITION, records), map(_OFFSET, records), strict=True))
        return Fetch(records, {tp: Span(committed[tp], offset + 1) for tp, offset in last.items()})

    def records_from(
        self, start: Mapping[TopicPartition, int], max_records: int, max_bytes: int = MAX_FETCH_BYTES
    ) -> list[Record]:
        """Return the records from the offsets `start` on, in the order of their appends."""
        found: list[Record] = []
        size = 0
        for chunk in self._chunks(start):
            found += chunk
            size += sum(map(len, filter(None, map(_VALUE, chunk))))
            if len(found) >= max_records or size >= max_bytes:
                break
        return found[:max_records]

    def read(self, topic: str, start: Mapping[int, int] | None = None) -> Iterator[Record]:
        """Yield the records of a topic in the order of their appends, in constant memory.

        `start` maps a partition to its first offset (default 0). Ends at the present end of the log.
        """
        begin = start or {}
        for chunk in self._chunks({tp: begin.get(tp[1], 0) for tp in self.partitions(topic)}):
            yield from chunk

    def _chunks(self, start: Mapping[TopicPartition, int]) -> Iterator[list[Record]]:
        if len(start) == 1:
            ((tp, offset),) = start.items()
            for row in self._rows(tp, offset):
                yield self._unpack(row, offset)[1]
            return
        # A row's records may stand between those of other rows of the same append, so a record is
        # passed on when no row that begins before it is left.
        waiting: list[tuple[int, Record]] = []
        for row in merge(*(self._rows(tp, offset) for tp, offset in start.items()), key=itemgetter(0)):
            ready = [record for position, record in waiting if position < row.position]
            if ready:
                yield ready
                del waiting[: len(ready)]
            waiting += zip(*self._unpack(row, start[row.topic, row.partition]), strict=True)
            waiting.sort(key=itemgetter(0))
        if waiting:
            yield [record for _, record in waiting]

    def _rows(self, tp: TopicPartition, offset: int, limit: int = _PAGE) -> Iterator[Row]:
        # In pages, so that a slow reader does not hold a read transaction open and the WAL with it.
        query = (
            "SELECT position, first, last, count, timestamp FROM rows WHERE partition_id = ? AND last >= ?"
            " ORDER BY last LIMIT ?"
        )
        while True:
            page = self._database.execute(query, (self._id(tp), offset, limit)).fetchall()
            for position, *fields in page:
                yield Row(position, *tp, *fields)
            if len(page) < _PAGE:
                return
            offset = page[-1][2] + 1

    def _unpack(self, row: Row, start: int) -> tuple[Sequence[int], list[Record]]:
        """Return the positions and the records of a row from offset `start` on."""
        blob = self._database.execute("SELECT records FROM rows WHERE position = ?", (row.position,)).fetchone()
        if blob is None:  # compaction has deleted the row since it was listed
            return [], []
        columns = decode(blob[0])
        records = unpack(row, columns)
        positions = absolute(row.position, columns.positions, len(records))
        skipped = bisect_left(records, start, key=_OFFSET)
        return positions[skipped:], records[skipped:]

    # State

    def state_read(self, table: str, partition: int, keys: Iterable[bytes]) -> dict[bytes, bytes]:
        """Return the values of `keys` in one partition; missing keys are absent."""
        return state.read(self._database, table, partition, keys)

    def state_get(self, table: str, partition: int | None, key: bytes) -> bytes | None:
        """Return one value or None; `partition` None looks in all of them."""
        return state.get(self._database, table, partition, key)

    def state_scan(
        self, table: str, partition: int | None = None, prefix: bytes = b""
    ) -> Iterator[tuple[bytes, bytes]]:
        """Yield (key, value) with `prefix` in key order; `partition` None merges all of them."""
        return state.scan(self._database, table, partition, prefix)

    def state_size(self, table: str) -> int:
        """Return the number of keys of a table over all partitions."""
        return state.size(self._database, table)

    # Retention

    def compact(self, policy: compaction.Policy = compaction.DEFAULT) -> bool:
        """Do one bounded step of retention and compaction; True when there may be more to do."""
        with self._transaction() as database:
            return compaction.step(database, policy)


class _PartitionCounts(dict[str, int]):
    """Partitions per topic, asked once."""

    def __init__(self, topic: Callable[[str], TopicConfig]) -> None:
        super().__init__()
        self._topic = topic

    def __missing__(self, name: str) -> int:
        count = self[name] = self._topic(name).partitions
        return count


def _declare(database: sqlite3.Connection, topic: TopicConfig) -> None:
    known = database.execute("SELECT partitions FROM topics WHERE name = ?", (topic.name,)).fetchone()
    if known and known[0] != topic.partitions:
        raise ValueError(
            f"topic {topic.name} has {known[0]} partitions, not {topic.partitions}: the count cannot change,"
            " because keys would move away from their state"
        )
    database.execute("REPLACE INTO topics VALUES (?, ?, ?, ?)", topic)
    database.executemany(
        "INSERT OR IGNORE INTO partitions (topic, partition) VALUES (?, ?)",
        ((topic.name, partition) for partition in range(topic.partitions)),
    )
