"""State tables of the embedded transport: (table, partition, key) -> value, beside the log.

The functions run inside the transaction of their caller, if there is one.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from heapq import merge
from itertools import chain, islice
from operator import itemgetter

# The writes of a transaction: (table, partition) -> key -> value; None deletes.
Puts = Mapping[tuple[str, int], Mapping[bytes, bytes | None]]

# Keys per statement: fewer statements, and so fewer hand-overs of the interpreter lock between threads.
_READ_KEYS = (1, 16, 256)
_WRITE_KEYS = 64
_PAGE = 256
_READ = {
    keys: f"SELECT key, value FROM state WHERE table_id = ? AND key IN ({','.join('?' * keys)})"  # noqa: S608
    for keys in _READ_KEYS
}
_WRITE = "INSERT INTO state (table_id, key, value) VALUES {} ON CONFLICT DO UPDATE SET value = excluded.value"
_WRITE_ONE, _WRITE_MANY = _WRITE.format("(?, ?, ?)"), _WRITE.format(",".join(["(?, ?, ?)"] * _WRITE_KEYS))


def read(database: sqlite3.Connection, table: str, partition: int, keys: Iterable[bytes]) -> dict[bytes, bytes]:
    """Return the values of `keys`; missing keys are absent."""
    found: dict[bytes, bytes] = {}
    for table_id in _ids(database, table, partition):
        wanted = iter(keys)
        while some := list(islice(wanted, _READ_KEYS[-1])):
            length = next(keys for keys in _READ_KEYS if keys >= len(some))
            some += some[-1:] * (length - len(some))  # few lengths, few prepared statements
            found.update(database.execute(_READ[length], (table_id, *some)))
    return found


def get(database: sqlite3.Connection, table: str, partition: int | None, key: bytes) -> bytes | None:
    """Return one value, or None; `partition` None looks in all of them."""
    query = "SELECT value FROM state WHERE table_id = ? AND key = ?"
    for table_id in _ids(database, table, partition):
        for (value,) in database.execute(query, (table_id, key)):
            found: bytes = value
            return found
    return None


def scan(
    database: sqlite3.Connection, table: str, partition: int | None, prefix: bytes
) -> Iterator[tuple[bytes, bytes]]:
    """Yield (key, value) with `prefix` in key order; `partition` None merges all of them."""
    tables = _ids(database, table, partition)
    return merge(*(_scan(database, table_id, prefix) for table_id in tables), key=itemgetter(0))


def _scan(database: sqlite3.Connection, table_id: int, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
    # In pages, so that a slow reader does not hold a read transaction open and the WAL with it.
    start, inclusive = prefix, True
    while True:
        page = database.execute(
            "SELECT key, value FROM state WHERE table_id = ? AND key >= ? AND (? OR key > ?) ORDER BY key LIMIT ?",
            (table_id, start, inclusive, start, _PAGE),
        ).fetchall()
        for key, value in page:
            if not key.startswith(prefix):
                return
            yield key, value
        if len(page) < _PAGE:
            return
        start, inclusive = page[-1][0], False


def size(database: sqlite3.Connection, table: str) -> int:
    """Return the number of keys of a table over all partitions."""
    query = "SELECT count(*) FROM state WHERE table_id = ?"
    counts = (database.execute(query, (number,)).fetchone()[0] for number in _ids(database, table, None))
    return sum(counts)


def write(database: sqlite3.Connection, puts: Puts) -> None:
    """Write or delete values; in a transaction of the caller."""
    for (table, partition), values in puts.items():
        database.execute("INSERT OR IGNORE INTO tables (name, partition) VALUES (?, ?)", (table, partition))
        (table_id,) = _ids(database, table, partition)
        kept = iter([(table_id, key, value) for key, value in values.items() if value is not None])
        while some := list(islice(kept, _WRITE_KEYS)):
            if len(some) == _WRITE_KEYS:
                database.execute(_WRITE_MANY, tuple(chain.from_iterable(some)))
            else:
                database.executemany(_WRITE_ONE, some)
        database.executemany(
            "DELETE FROM state WHERE table_id = ? AND key = ?",
            [(table_id, key) for key, value in values.items() if value is None],
        )


def drop(database: sqlite3.Connection, table: str, partition: int) -> None:
    """Delete all values of a table in one partition."""
    for table_id in _ids(database, table, partition):
        database.execute("DELETE FROM state WHERE table_id = ?", (table_id,))


def _ids(database: sqlite3.Connection, table: str, partition: int | None) -> list[int]:
    found = database.execute(
        "SELECT id FROM tables WHERE name = ?1 AND partition = coalesce(?2, partition)", (table, partition)
    )
    return [number for (number,) in found]
