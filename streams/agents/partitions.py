"""What an agent remembers of each partition between batches."""

from collections.abc import Callable
from typing import Generic, TypeVar

from streams.transport.batches import RecordBatch

T = TypeVar("T")


class Partitions(Generic[T]):
    """One `T` per partition, made by `make(partition)`; made anew when another worker may have had the partition."""

    def __init__(self, make: Callable[[int], T]) -> None:
        self._make = make
        self._kept: dict[int, tuple[int, T]] = {}

    def of(self, batch: RecordBatch) -> T:
        """The one that a batch belongs to."""
        epoch, kept = self._kept.get(batch.partition, (None, None))
        if kept is None or epoch != batch.epoch:
            kept = self._make(batch.partition)
            self._kept[batch.partition] = (batch.epoch, kept)
        return kept
