"""Retention and compaction of the log, in steps that hold the write lock for some milliseconds.

Compaction keeps the last record of each key. It works like Kafka's cleaner, with an index (`latest`)
instead of a pass over the log: indexing a row counts the records that it supersedes as dead in their
rows, and a row is rewritten when half of it is dead. So each record costs a constant amount of work.
A dead record is gone after `max_dead_ms` at the latest: a deletion request must reach the disk.
Records that a consumer group has not committed yet are never touched.
"""

import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from streams.transport.rows import absolute, decode, encode

_HOUR_MS = 3_600_000
_KEYS = 256


class Policy(NamedTuple):
    """How long dead records and tombstones may stay, and how many records one step may look at."""

    max_dead_ms: int = _HOUR_MS
    tombstone_ms: int = 24 * _HOUR_MS  # readers that are slower than this may miss a deletion, as in Kafka
    max_records: int = 100  # as many take some 2 ms, a row of more up to 15, in which no agent works


DEFAULT = Policy()


class _Row(NamedTuple):
    position: int
    partition_id: int
    first: int
    last: int
    size: int
    tombstones_since: int | None
    records: bytes


# The offset up to which every group has committed; all of the log when no group reads it.
_CONSUMED = "coalesce((SELECT min(next_offset) FROM offsets WHERE offsets.partition_id = partitions.id), next_offset)"


def step(database: sqlite3.Connection, policy: Policy) -> bool:
    """Do one bounded step inside the caller's transaction; True when there may be more to do."""
    now = time.time_ns() // 1_000_000
    return (
        _expire(database, now, policy)
        or _index(database, now, policy)
        or _rewrite_dead(database, now, policy)
        or _drop_tombstones(database, now, policy)
    )


def _expire(database: sqlite3.Connection, now: int, policy: Policy) -> bool:
    partitions = database.execute(
        f"SELECT id, {_CONSUMED}, retention_ms FROM partitions JOIN topics ON name = topic"  # noqa: S608
        " WHERE retention_ms IS NOT NULL"
    ).fetchall()
    for number, consumed, retention_ms in partitions:
        # The subquery reads the oldest rows only, and no records: else a late one would be sought in all of the log.
        expired = _pick(
            database,
            "(SELECT position, count, last, timestamp FROM rows WHERE partition_id = ? ORDER BY last LIMIT 100)"
            " WHERE last < ? AND timestamp < ?",
            (number, consumed, now - retention_ms),
            policy,
        )
        if expired:
            for position in expired:
                _forget(database, "decay", position)
                _forget(database, "rows", position)
            return True
    return False


def _index(database: sqlite3.Connection, now: int, policy: Policy) -> bool:
    partitions = database.execute(
        f"SELECT id, indexed, {_CONSUMED} AS consumed FROM partitions JOIN topics ON name = topic"  # noqa: S608
        " WHERE compacted AND indexed < consumed"
    ).fetchall()
    for partition in partitions:
        positions = _pick(
            database, "rows WHERE partition_id = ? AND last >= ? AND last < ? ORDER BY last", partition, policy
        )
        for position in positions:
            _index_row(database, _load(database, position), now)
        if positions:
            return True
    return False


def _pick(database: sqlite3.Connection, source: str, parameters: tuple[int, ...], policy: Policy) -> list[int]:
    """Return the first positions of `source` that one step may take: at least one, if there are any."""
    picked: list[int] = []
    records = 0
    rows = database.execute(
        f"SELECT position, count FROM {source} LIMIT ?",  # noqa: S608
        (*parameters, policy.max_records),
    ).fetchall()
    for position, count in rows:
        if picked and records + count > policy.max_records:
            break
        picked.append(position)
        records += count
    return picked


def _load(database: sqlite3.Connection, position: int) -> _Row:
    return _Row(
        *database.execute(
            "SELECT position, rows.partition_id, first, last, rows.count, tombstones_since, records"
            " FROM rows LEFT JOIN decay USING (position) WHERE position = ?",
            (position,),
        ).fetchone()
    )


def _index_row(database: sqlite3.Connection, row: _Row, now: int) -> None:
    columns = decode(row.records)
    offsets = absolute(row.first, columns.offsets, row.size)
    newest = dict(zip(columns.keys, offsets, strict=True))
    dead = Counter({row.position: row.size - len(newest)})
    dead.update(position for _, _, position in _latest(database, row.partition_id, [*newest]))
    database.executemany(
        "INSERT INTO latest VALUES (?, ?, ?, ?)"
        " ON CONFLICT DO UPDATE SET offset = excluded.offset, position = excluded.position",
        ((row.partition_id, key, offset, row.position) for key, offset in newest.items()),
    )
    database.executemany(
        "INSERT INTO decay SELECT position, partition_id, count, ?, ?, NULL FROM rows WHERE position = ?"
        " ON CONFLICT DO UPDATE SET dead = dead + excluded.dead,"
        " dead_since = coalesce(dead_since, excluded.dead_since)",
        ((count, now, position) for position, count in dead.items() if count),
    )
    if None in columns.values:
        _note_tombstones(database, row, row.size, now)
    database.execute("UPDATE partitions SET indexed = ? WHERE id = ?", (row.last + 1, row.partition_id))


def _latest(
    database: sqlite3.Connection, partition_id: int, keys: list[bytes | None]
) -> Iterator[tuple[bytes | None, int, int]]:
    for start in range(0, len(keys), _KEYS):
        chunk = keys[start : start + _KEYS]
        marks = ",".join("?" * len(chunk))
        yield from database.execute(
            f"SELECT key, offset, position FROM latest WHERE partition_id = ? AND key IN ({marks})",  # noqa: S608
            (partition_id, *chunk),
        )


def _rewrite_dead(database: sqlite3.Connection, now: int, policy: Policy) -> bool:
    positions = _pick(database, "decay WHERE dead > 0 AND dead * 2 >= count", (), policy)
    positions = positions or _pick(database, "decay WHERE dead_since < ?", (now - policy.max_dead_ms,), policy)
    for position in positions:
        _rewrite(database, _load(database, position), drop_tombstones=False)
    return bool(positions)


def _drop_tombstones(database: sqlite3.Connection, now: int, policy: Policy) -> bool:
    # A tombstone goes after what it deletes, or a reader from the start would see the key alive again.
    # What it deletes was marked dead when it was indexed, so no such row is left when none is as old.
    positions = _pick(
        database,
        "decay AS tombstones WHERE tombstones_since < ? AND NOT EXISTS (SELECT 1 FROM decay WHERE"
        " decay.partition_id = tombstones.partition_id AND decay.dead_since <= tombstones.tombstones_since"
        " AND decay.position != tombstones.position)",
        (now - policy.tombstone_ms,),
        policy,
    )
    for position in positions:
        _rewrite(database, _load(database, position), drop_tombstones=True)
    return bool(positions)


def _rewrite(database: sqlite3.Connection, row: _Row, *, drop_tombstones: bool) -> None:
    """Keep the records that are the last of their key; with `drop_tombstones` only those with a value."""
    columns = decode(row.records)
    offsets = absolute(row.first, columns.offsets, row.size)
    last = {key: offset for key, offset, _ in _latest(database, row.partition_id, [*set(columns.keys)])}
    wanted = [i for i, key in enumerate(columns.keys) if last.get(key) == offsets[i]]
    if drop_tombstones:
        database.executemany(
            "DELETE FROM latest WHERE partition_id = ? AND key = ?",
            ((row.partition_id, columns.keys[i]) for i in wanted if columns.values[i] is None),
        )
        wanted = [i for i in wanted if columns.values[i] is not None]
    _forget(database, "decay", row.position)
    if not wanted:
        _forget(database, "rows", row.position)
        return
    kept = columns.keep(wanted)
    database.execute(
        "UPDATE rows SET last = ?, count = ?, records = ? WHERE position = ?",
        (offsets[wanted[-1]], len(wanted), encode(kept), row.position),
    )
    if None in kept.values and row.tombstones_since is not None:
        _note_tombstones(database, row, len(wanted), row.tombstones_since)


def _note_tombstones(database: sqlite3.Connection, row: _Row, count: int, since: int) -> None:
    database.execute(
        "INSERT INTO decay VALUES (?, ?, ?, 0, NULL, ?) ON CONFLICT DO UPDATE SET tombstones_since = ?",
        (row.position, row.partition_id, count, since, since),
    )


def _forget(database: sqlite3.Connection, table: str, position: int) -> None:
    database.execute(f"DELETE FROM {table} WHERE position = ?", (position,))  # noqa: S608
