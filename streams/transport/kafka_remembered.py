"""What a worker on Kafka has sent to itself: it reads these records as any others, but need not unpack them.

Agents of one worker send each other parcels through Kafka. To make the messages out of the bytes again takes longer
than to fetch them, and they are in memory still. What is read is what the log has, byte by byte: messages are only
taken for a value that is equal to the one they were packed as.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from faust.types import TP

from streams.transport.batches import Record

# Those of the batches of an agent that reads many partitions; what is not read by then is unpacked as ever.
MOST_MESSAGES = 30_000


class Sent(NamedTuple):
    """A record that is a parcel, as it was written, and the messages in it."""

    value: bytes | None
    messages: Sequence[Any]


class Remembered:
    """Parcels that were sent and not read yet, at most `most` messages: old ones are forgotten first."""

    def __init__(self, most: int = MOST_MESSAGES) -> None:
        self._most = most
        self._count = 0
        self._sent: dict[TP, dict[int, Sent]] = {}  # by offset

    def keep(self, tp: TP, parcels: Iterable[tuple[int, Sent]]) -> None:
        """Remember parcels that are committed, each with its offset."""
        for offset, parcel in parcels:
            if offset in self._sent.get(tp, ()):
                self._drop(tp, offset)  # of a log that was cut
            self._sent.setdefault(tp, {})[offset] = parcel
            self._count += len(parcel.messages)
        while self._count > self._most:
            oldest = next(iter(self._sent))
            self._drop(oldest, next(iter(self._sent[oldest])))

    def take(self, record: Record) -> Sequence[Any] | None:
        """Return the messages of a record, and forget those before it; None when they are not at hand."""
        tp = TP(record.topic, record.partition)
        found = None
        while tp in self._sent and (offset := next(iter(self._sent[tp]))) <= record.offset:
            sent = self._drop(tp, offset)
            found = sent.messages if offset == record.offset and sent.value == record.value else None
        return found

    def _drop(self, tp: TP, offset: int) -> Sent:
        sent = self._sent[tp].pop(offset)
        self._count -= len(sent.messages)
        if not self._sent[tp]:
            del self._sent[tp]
        return sent

    def forget(self) -> None:
        """Remember nothing: what this worker reads has changed."""
        self._sent.clear()
        self._count = 0
