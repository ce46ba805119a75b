"""What comes out again when its time has come: kept packed, moment by moment, since there may be millions of it."""

from heapq import heappop, heappush
from typing import Any, Generic, TypeVar

from streams.core.packing import ItemsUnpacker, pack_item

T = TypeVar("T", bound=tuple[Any, ...])
MOMENT_MS = 100  # about the pace in which it is asked for: seldom is one taken out in two parts


class Timeline(Generic[T]):
    """Tuples that begin with a time (ms), put in and taken out in any order of time."""

    def __init__(self, type_: Any) -> None:
        self._unpack: ItemsUnpacker[T] = ItemsUnpacker(type_)
        self._packed: dict[int, bytearray] = {}  # moment -> its items
        self._counts: dict[int, int] = {}
        self._moments: list[int] = []  # a heap

    def __bool__(self) -> bool:
        return bool(self._moments)

    def put(self, item: T) -> None:
        """Put an item in."""
        moment = item[0] // MOMENT_MS
        if moment not in self._counts:
            heappush(self._moments, moment)
            self._packed[moment], self._counts[moment] = bytearray(), 0
        self._packed[moment] += pack_item(item)
        self._counts[moment] += 1

    def take(self, until: int) -> list[T]:
        """Take the items up to `until` (ms) out, in no order."""
        found: list[T] = []
        while self._moments and self._moments[0] * MOMENT_MS <= until:
            moment = heappop(self._moments)
            items = self._unpack(bytes(self._packed.pop(moment)), self._counts.pop(moment))
            if (moment + 1) * MOMENT_MS > until:
                later = [item for item in items if item[0] > until]
                found += [item for item in items if item[0] <= until]
                for item in later:
                    self.put(item)
                break
            found += items
        return found
