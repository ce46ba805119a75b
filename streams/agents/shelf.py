"""State as the core sees it, a mapping of live objects, over a table of bytes.

Reads go through to the table once and are then kept; writes are kept until `flush` puts them into the batch, so a
buyer that ten events of a batch touch is read, encoded and written once.
"""

from collections.abc import Iterable, Iterator, MutableMapping
from itertools import islice
from typing import Any, Generic, TypeVar

from streams.core.packing import Unpacker, pack
from streams.transport.batches import RecordBatch

T = TypeVar("T")


def row_prefix(name: str) -> bytes:
    """How the keys of all rows of one name begin, in a table that has several of each; no other name's begin so."""
    encoded = name.encode()
    return len(encoded).to_bytes(4, "big") + encoded


class Shelf(MutableMapping[str, T], Generic[T]):
    """One table of one partition. An object that was changed in place has to be set again.

    At most `capacity` objects are kept between batches; None: the whole table, read once, for small tables.
    """

    def __init__(self, table: str, type_: Any, capacity: int | None) -> None:
        self._table = table
        self._unpack: Unpacker[T] = Unpacker(type_)
        self._capacity = capacity
        self._kept: dict[str, T | None] = {}  # None: known to be absent
        self._dirty: dict[str, None] = {}
        self._whole = False  # what is not kept is not there
        self._batch: RecordBatch

    def open(self, batch: RecordBatch, keys: Iterable[str] = ()) -> None:
        """Begin a batch that will ask for `keys`, among others: they are read in one go."""
        self._batch = batch
        if self._capacity is None:
            self._read_all()
            return
        missing = [key for key in dict.fromkeys(keys) if key not in self._kept]
        if missing:
            found = batch.read(self._table, [key.encode() for key in missing])
            for key in missing:
                value = found.get(key.encode())
                self._kept[key] = None if value is None else self._unpack(value)

    def _read_all(self) -> None:
        if not self._whole:
            rows = self._batch.scan(self._table)
            self._kept = {key.decode(): self._unpack(value) for key, value in rows}
            self._whole = True

    def flush(self) -> None:
        """Put what has changed into the batch."""
        changed = ((key.encode(), self._kept[key]) for key in self._dirty)
        self._batch.put_all(self._table, {key: None if value is None else pack(value) for key, value in changed})
        self._dirty.clear()
        if self._capacity is None:
            return
        # The oldest go first; what is needed again is read again.
        for key in list(islice(self._kept, max(0, len(self._kept) - self._capacity))):
            del self._kept[key]

    def __getitem__(self, key: str) -> T:
        value = self._kept[key] if key in self._kept else self._read(key)
        if value is None:
            raise KeyError(key)
        return value

    def get(self, key: str, default: Any = None) -> Any:
        """The value of a key, or `default`."""
        value = self._kept[key] if key in self._kept else self._read(key)
        return default if value is None else value

    def _read(self, key: str) -> T | None:
        if not self._whole:
            self.open(self._batch, [key])
        return self._kept.get(key)

    def under(self, prefix: str) -> list[str]:
        """Every key that begins so, what this batch has changed included."""
        found = {}
        for row, value in self._batch.scan(self._table, prefix.encode()):
            key = row.decode()
            found[key] = self._kept[key] if key in self._kept else self._unpack(value)
        self._kept |= found
        changed = (key for key in self._dirty if key.startswith(prefix))
        return [key for key in dict.fromkeys((*found, *changed)) if self._kept[key] is not None]

    def __setitem__(self, key: str, value: T) -> None:
        self._kept[key] = value
        self._dirty[key] = None

    def __delitem__(self, key: str) -> None:
        self._kept[key] = None
        self._dirty[key] = None

    def __iter__(self) -> Iterator[str]:
        raise TypeError("a shelf holds what was asked for, not everything: it is not iterated over")

    def __len__(self) -> int:
        raise TypeError("a shelf holds what was asked for, not everything: it has no length")
