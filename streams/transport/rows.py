"""Rows of the log: how the records of one topic-partition are packed into one SQLite row.

A row holds columns, not records: msgspec decodes five lists and one C-level loop makes the records.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain, repeat
from typing import NamedTuple
from zlib import crc32

import msgspec

from streams.transport.batches import Headers, Output, Record, TopicPartition

MAX_ROW_BYTES = 1 << 20
# As many as one fetch delivers by default, so that a batch is a whole row and no row is decoded twice.
MAX_ROW_RECORDS = 2000


class Columns(msgspec.Struct, array_like=True):
    """The packed records. Offsets and positions are relative to the row's first; None: without holes."""

    offsets: list[int] | None
    positions: list[int] | None
    keys: Sequence[bytes | None]
    values: Sequence[bytes | None]
    headers: Sequence[Headers] | None

    def keep(self, wanted: Sequence[int]) -> "Columns":
        """Return the columns with only the records at the indices `wanted`."""
        return Columns(
            [self.offsets[i] if self.offsets else i for i in wanted],
            [self.positions[i] if self.positions else i for i in wanted],
            [self.keys[i] for i in wanted],
            [self.values[i] for i in wanted],
            [self.headers[i] for i in wanted] if self.headers else None,
        )


class Row(NamedTuple):
    """A row without its blob. `position` is its first record's place in the order of all appends."""

    position: int
    topic: str
    partition: int
    first: int  # offset of the first record; compaction keeps it, so offsets stay relative to it
    last: int
    size: int
    timestamp: int


encode = msgspec.msgpack.Encoder().encode
decode = msgspec.msgpack.Decoder(Columns).decode
_new_record = partial(tuple.__new__, Record)


def unpack(row: Row, columns: Columns) -> list[Record]:
    """Return the records of a row."""
    count = len(columns.keys)
    return list(
        map(
            _new_record,
            zip(
                repeat(row.topic, count),
                repeat(row.partition, count),
                absolute(row.first, columns.offsets, count),
                repeat(row.timestamp, count),
                columns.keys,
                columns.values,
                columns.headers or repeat((), count),
                strict=True,
            ),
        )
    )


def absolute(start: int, relative: list[int] | None, count: int) -> Sequence[int]:
    """Return the offsets or positions of a row that starts at `start`."""
    return range(start, start + count) if relative is None else [start + delta for delta in relative]


class Packed(NamedTuple):
    """A row to insert; `position` counts from the first record of the append."""

    position: int
    size: int
    has_null_key: bool
    blob: bytes


def build(outputs: Iterable[Output], partitions: Mapping[str, int]) -> Iterator[tuple[TopicPartition, Packed]]:
    """Group `outputs` into rows of one topic-partition each, within the limits, in order.

    `partitions` is the number of partitions of each topic. Raises TypeError when a key or value is not
    bytes, or a header not (str, bytes).
    """
    groups: defaultdict[TopicPartition, tuple[list[int], list[Output]]]
    groups = defaultdict(lambda: ([], []))
    for position, output in enumerate(outputs):
        topic, key, _, _, partition = output
        if partition is None:  # as `partition_of`, without a call per record
            partition = 0 if key is None else crc32(key) % partitions[topic]
        target = (topic, partition)
        positions, group = groups[target]
        positions.append(position)
        group.append(output)
        if len(group) == MAX_ROW_RECORDS:
            yield from zip(repeat(target), _pack(*groups.pop(target)))
    for target, gathered in groups.items():
        yield from zip(repeat(target), _pack(*gathered))


def _pack(positions: list[int], outputs: list[Output]) -> Iterator[Packed]:
    count = len(outputs)
    keys, values, headers = checked(outputs)
    if count > 1 and sum(map(len, filter(None, chain(keys, values)))) > MAX_ROW_BYTES:
        yield from _pack(positions[: count // 2], outputs[: count // 2])
        yield from _pack(positions[count // 2 :], outputs[count // 2 :])
        return
    start = positions[0]
    without_holes = positions[-1] - start == count - 1
    columns = Columns(
        None,
        None if without_holes else [position - start for position in positions],
        keys,
        values,
        headers,
    )
    yield Packed(start, count, None in keys, encode(columns))


def checked(
    outputs: Iterable[Output],
) -> tuple[Sequence[bytes | None], Sequence[bytes | None], Sequence[Headers] | None]:
    """Return keys, values and headers (None: there are none). Raises TypeError for other types than `Output` has."""
    _, keys, values, headers, _ = zip(*outputs, strict=True)
    if not {*map(type, keys), *map(type, values)} <= {bytes, type(None)}:
        raise TypeError("keys and values must be bytes or None")
    try:
        return keys, values, msgspec.convert(headers, list[Headers]) if any(headers) else None
    except msgspec.ValidationError as error:
        raise TypeError(f"headers must be tuples of (str, bytes): {error}") from error
