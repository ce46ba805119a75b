"""Reading the rows of the embedded log back as records, over several topic-partitions in append order."""

import sqlite3
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from heapq import merge
from operator import itemgetter

from streams.transport.batches import Record, TopicPartition
from streams.transport.rows import Row, absolute, decode, unpack
from streams.transport.topics import Topics

_PAGE = 64
_POSITION, _OFFSET = itemgetter(0), itemgetter(2)


def chunks(database: sqlite3.Connection, topics: Topics, start: Mapping[TopicPartition, int]) -> Iterator[list[Record]]:
    """Yield the records from the offsets `start` on, in the order of their appends.

    That order is total: SQLite has one writer at a time, so each record of the log has a position. In
    constant memory; ends at the present end of the log.
    """
    # Each topic-partition is listed by a statement of its own: without this bound a later one could show
    # an append that an earlier one has missed, and so deliver it out of order.
    (end,) = database.execute("SELECT next_position FROM appends").fetchone()
    if len(start) == 1:
        ((tp, offset),) = start.items()
        for row in rows(database, topics, tp, offset, end):
            yield _records(database, row, offset)[1]
        return
    # A row's records may stand between those of other rows of the same append, so a record is passed
    # on when no row is left that begins before it.
    waiting: list[tuple[int, Record]] = []
    for row in merge(*(rows(database, topics, *item, end) for item in start.items()), key=_POSITION):
        ready = bisect_left(waiting, row.position, key=_POSITION)
        if ready:
            yield [record for _, record in waiting[:ready]]
            del waiting[:ready]
        waiting += zip(*_records(database, row, start[row.topic, row.partition]), strict=True)
        waiting.sort(key=_POSITION)
    if waiting:
        yield [record for _, record in waiting]


def rows(database: sqlite3.Connection, topics: Topics, tp: TopicPartition, offset: int, end: int) -> Iterator[Row]:
    """Yield the rows of a topic-partition from `offset` up to position `end`, without their blobs."""
    # In pages, so that a slow reader does not hold a read transaction open and the WAL with it.
    query = (
        "SELECT position, first, last, count, timestamp FROM rows WHERE partition_id = ? AND last >= ?"
        " AND position < ? ORDER BY last LIMIT ?"
    )
    number = topics.partition_id(tp)
    while True:
        page = database.execute(query, (number, offset, end, _PAGE)).fetchall()
        for position, *fields in page:
            yield Row(position, *tp, *fields)
        if len(page) < _PAGE:
            return
        offset = page[-1][2] + 1


def _records(database: sqlite3.Connection, row: Row, start: int) -> tuple[Sequence[int], list[Record]]:
    """Return the positions and the records of a row from offset `start` on."""
    blob = database.execute("SELECT records FROM rows WHERE position = ?", (row.position,)).fetchone()
    if blob is None:  # compaction has deleted the row since it was listed
        return [], []
    columns = decode(blob[0])
    records = unpack(row, columns)
    positions = absolute(row.position, columns.positions, len(records))
    skipped = bisect_left(records, start, key=_OFFSET)
    return positions[skipped:], records[skipped:]
