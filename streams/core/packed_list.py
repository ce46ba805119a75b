"""A list that stays packed, but for its last item, until somebody looks: adding costs the same at any length."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, ClassVar, Generic, Self, TypeVar

import msgspec

from streams.core.packing import ItemsUnpacker, pack_item

T = TypeVar("T")


class PackedList(msgspec.Struct, Generic[T], array_like=True, gc=False):
    """One list. What is in it, once there, does not change. A subclass says how its items are read."""

    size: int = 0
    last: T | None = None  # None: the list is empty
    packed: bytes = b""  # the others, one after the other
    unpack: ClassVar[ItemsUnpacker[Any]]

    @classmethod
    def of(cls, items: Iterable[T]) -> Self:
        """The list of these items."""
        found = cls()
        found.fill(list(items))
        return found

    def fill(self, items: Sequence[T]) -> None:
        """Let these be what is in the list."""
        self.size, self.last = len(items), items[-1] if items else None
        self.packed = b"".join(map(pack_item, items[:-1]))

    def append(self, item: T) -> None:
        """Add an item at the end."""
        if self.last is not None:
            self.packed += pack_item(self.last)
        self.size, self.last = self.size + 1, item

    def items(self) -> list[T]:
        """Look into the list."""
        return [] if self.last is None else [*self.unpack(self.packed, self.size - 1), self.last]

    def __len__(self) -> int:
        return self.size

    def __iter__(self) -> Iterator[T]:
        return iter(self.items())
