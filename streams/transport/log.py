"""The log of the embedded transport: topics, offsets, commits and state in one SQLite file.

Synchronous and without Faust: any process may append and read, one worker consumes. A `Log` is one
connection; use it from one thread at a time.
"""

import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple, Self

from streams.transport import compaction, reading, state
from streams.transport.batches import Output, Record, TopicPartition
from streams.transport.database import Synchronous, begin, begin_at_once, connect
from streams.transport.rows import MAX_ROW_RECORDS, build
from streams.transport.topics import PartitionCounts, TopicConfig, Topics, UnknownTopicError, declare

__all__ = ["Fetch", "Log", "OffsetConflictError", "Span", "TopicConfig", "UnknownTopicError"]

MAX_FETCH_BYTES = 4 << 20
# Read in C: these run once per record.
_TOPIC_PARTITION, _OFFSET, _VALUE = itemgetter(0, 1), itemgetter(2), itemgetter(5)


class Span(NamedTuple):
    """What a batch consumes of one topic-partition: offsets `start` <= offset < `end`."""

    start: int
    end: int


class Fetch(NamedTuple):
    """Records in the order of their append, and the spans for `Log.commit` when they are processed."""

    records: list[Record]
    spans: dict[TopicPartition, Span]


class OffsetConflictError(RuntimeError):
    """The committed offset is not where the batch began: another worker took over."""


class Log:
    """One connection to the log under `home`.

    `synchronous` FULL survives a power cut; NORMAL and OFF may lose the last commits in one (OFF also
    the file). All of them survive `kill -9`.
    """

    def __init__(self, home: Path, *, synchronous: Synchronous = "FULL", readonly: bool = False) -> None:
        self._database = connect(home, synchronous, readonly=readonly)
        self._topics = Topics(self._database)
        self._counts = PartitionCounts(self._topics)

    def close(self) -> None:
        """Close the connection."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def begin(self) -> None:
        """Begin a transaction that the writes up to `end` or `abort` join. May wait for other processes."""
        begin(self._database)

    def begin_at_once(self) -> bool:
        """Begin such a transaction; False when that would have to wait."""
        return begin_at_once(self._database)

    def end(self) -> None:
        """Write the transaction to disk."""
        self._database.commit()

    def abort(self) -> None:
        """Undo the transaction."""
        self._database.rollback()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        if self._database.in_transaction:
            yield self._database
            return
        self.begin()
        try:
            yield self._database
            self.end()
        except BaseException:
            self.abort()
            raise

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
            declare(database, topics)
        self._topics.load()

    def topic(self, name: str) -> TopicConfig:
        """Return a declared topic, or raise UnknownTopicError."""
        return self._topics[name]

    def topics(self) -> list[TopicConfig]:
        """Return all declared topics by name."""
        return self._topics.load()

    def partitions(self, topic: str) -> list[TopicPartition]:
        """Return the topic-partitions of a declared topic."""
        return [(topic, partition) for partition in range(self.topic(topic).partitions)]

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
            number = self._topics.partition_id(tp)
            if row.has_null_key and self.topic(tp[0]).compacted:
                raise ValueError(f"topic {tp[0]} is compacted: each record needs a key")
            end = self._take_offsets(database, tp, row.size)
            first = end - row.size
            database.execute(
                "INSERT INTO rows (position, partition_id, first, last, count, timestamp, records)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (start + row.position, number, first, end - 1, row.size, now, row.blob),
            )
            offsets.setdefault(tp, first)
            total += row.size
        database.execute("UPDATE appends SET next_position = ?", (start + total,))
        return offsets

    def _take_offsets(self, database: sqlite3.Connection, tp: TopicPartition, count: int) -> int:
        """Take the next offsets of a topic-partition; return where it ends then."""
        end: int
        (end,) = database.execute(
            "UPDATE partitions SET next_offset = next_offset + ? WHERE id = ? RETURNING next_offset",
            (count, self._topics.partition_id(tp)),
        ).fetchone()
        return end

    def join(self, group: str, tps: Iterable[TopicPartition]) -> None:
        """Make the group known, at the start of what it reads: retention waits for all known groups."""
        with self._transaction() as database:
            database.executemany(
                "INSERT OR IGNORE INTO offsets VALUES (?, ?, 0)",
                ((group, self._topics.partition_id(tp)) for tp in tps),
            )

    def leave(self, group: str) -> None:
        """Forget a group and its offsets, so that retention does not wait for it any more."""
        with self._transaction() as database:
            database.execute("DELETE FROM offsets WHERE consumer_group = ?", (group,))

    def commit(
        self,
        group: str,
        spans: Mapping[TopicPartition, Span],
        outputs: Iterable[Output] = (),
        puts: state.Puts | None = None,
        passed: Mapping[TopicPartition, int] | None = None,
    ) -> None:
        """Write input offsets, outputs and state in one transaction; all or nothing.

        `passed`: how many records of a topic-partition take their offsets without being there, since they are consumed
        in the same transaction. Raises OffsetConflictError when a committed offset is not the start of its span.
        """
        with self._transaction() as database:
            committed = self.committed(group, spans)
            for tp, span in spans.items():
                if committed[tp] != span.start:
                    raise OffsetConflictError(
                        f"{group} committed {committed[tp]} of {tp[0]}/{tp[1]}, but this batch began at"
                        f" {span.start}: another worker took over"
                    )
                number = self._topics.partition_id(tp)
                database.execute("REPLACE INTO offsets VALUES (?, ?, ?)", (group, number, span.end))
            if outputs:
                self._append(database, outputs)
            for tp, count in (passed or {}).items():
                self._take_offsets(database, tp, count)
            if puts:
                state.write(database, puts)

    def drop_state(self, group: str, table: str, tp: TopicPartition) -> None:
        """Delete a table's rows of one partition, and the group's offset in `tp`, in one transaction."""
        with self._transaction() as database:
            state.drop(database, table, tp[1])
            database.execute(
                "DELETE FROM offsets WHERE consumer_group = ? AND partition_id = ?",
                (group, self._topics.partition_id(tp)),
            )

    # Offsets

    def committed(self, group: str, tps: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """Return the next offset that the group will process; 0 when it has committed nothing."""
        query = "SELECT next_offset FROM offsets WHERE consumer_group = ? AND partition_id = ?"
        found = {tp: self._database.execute(query, (group, self._topics.partition_id(tp))).fetchone() for tp in tps}
        return {tp: row[0] if row else 0 for tp, row in found.items()}

    def end_offsets(self, tps: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """Return the offset that the next append gets."""
        query = "SELECT next_offset FROM partitions WHERE id = ?"
        return {tp: self._database.execute(query, (self._topics.partition_id(tp),)).fetchone()[0] for tp in tps}

    def lag(self, group: str, tps: Iterable[TopicPartition]) -> int:
        """Return how many offsets lie before the group; 0 means drained.

        Holes that compaction left count until a record behind them is consumed, never at the end.
        """
        query = "SELECT first FROM rows WHERE partition_id = ? AND last >= ? ORDER BY last LIMIT 1"
        committed = self.committed(group, tps)
        ends = self.end_offsets(committed)
        return sum(
            ends[tp] - max(start, first)
            for tp, start in committed.items()
            for (first,) in self._database.execute(query, (self._topics.partition_id(tp), start))
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
        for chunk in reading.chunks(self._database, self._topics, start):
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
        offsets = {tp: begin.get(tp[1], 0) for tp in self.partitions(topic)}
        for chunk in reading.chunks(self._database, self._topics, offsets):
            yield from chunk

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
