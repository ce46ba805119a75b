"""State tables of the embedded transport: (table, partition, key) -> value, beside the log.

The functions run inside the transaction of their caller.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from heapq import merge
from operator import itemgetter

# One statement reads this many keys; fewer statements are cached when the count is always the same.
_CHUNK = 256
_PAGE = 256
_READ_MANY = f"SELECT key, value FROM state WHERE name = ? AND partition = ? AND key IN ({','.join('?' * _CHUNK)})"


def read(database: sqlite3.Connection, table: str, partition: int, keys: Iterable[bytes]) -> dict[bytes, bytes]:
    """Return the values of `keys`; missing keys are absent."""
    wanted = list(keys)
    found: dict[bytes, bytes] = {}
    for start in range(0, len(wanted), _CHUNK):
        chunk = wanted[start : start + _CHUNK]
        chunk += [chunk[-1]] * (_CHUNK - len(chunk))
        found.update(database.execute(_READ_MANY, (table, partition, *chunk)))
    return found


def get(database: sqlite3.Connection, table: str, partition: int | None, key: bytes) -> bytes | None:
    """Return one value, or None; `partition` None looks in all of them."""
    for number in _partitions(database, table, partition):
        row = database.execute(
            "SELECT value FROM state WHERE name = ? AND partition = ? AND key = ?", (table, number, key)
        ).fetchone()
        if row:
            value: bytes = row[0]
            return value
    return None


def scan(
    database: sqlite3.Connection, table: str, partition: int | None, prefix: bytes
) -> Iterator[tuple[bytes, bytes]]:
    """Yield (key, value) with `prefix` in key order; `partition` None merges all of them."""
    streams = [_scan(database, table, number, prefix) for number in _partitions(database, table, partition)]
    return merge(*streams, key=itemgetter(0))


def _scan(database: sqlite3.Connection, table: str, partition: int, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
    # In pages, so that a slow reader does not hold a read transaction open and the WAL with it.
    start, operator = prefix, ">="
    while True:
        page = database.execute(
            f"SELECT key, value FROM state WHERE name = ? AND partition = ? AND key {operator} ?"  # noqa: S608
            f" ORDER BY key LIMIT {_PAGE}",
            (table, partition, start),
        ).fetchall()
        for key, value in page:
            if not key.startswith(prefix):
                return
            yield key, value
        if len(page) < _PAGE:
            return
        start, operator = page[-1][0], ">"


def size(database: sqlite3.Connection, table: str) -> int:
    """Return the number of keys of a table over all partitions."""
    count: int = database.execute("SELECT count(*) FROM state WHERE name = ?", (table,)).fetchone()[0]
    return count


def write(
    database: sqlite3.Connection, puts: Mapping[tuple[str, int, bytes], bytes | None]
) -> None:
    """Write the values of (table, partition, key); None deletes."""
    database.executemany(
        "INSERT INTO state VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
        ((*key, value) for key, value in puts.items() if value is not None),
    )
    database.executemany(
        "DELETE FROM state WHERE name = ? AND partition = ? AND key = ?",
        (key for key, value in puts.items() if value is None),
    )


def _partitions(database: sqlite3.Connection, table: str, partition: int | None) -> Iterable[int]:
    if partition is not None:
        return (partition,)
    # Jumps from partition to partition along the primary key; DISTINCT would read every key.
    return [
        number
        for (number,) in database.execute(
            "WITH RECURSIVE found (number) AS ("
            " SELECT min(partition) FROM state WHERE name = :table"
            " UNION ALL SELECT (SELECT min(partition) FROM state WHERE name = :table AND partition > number)"
            " FROM found WHERE number IS NOT NULL"
            ") SELECT number FROM found WHERE number IS NOT NULL",
            {"table": table},
        )
    ]
