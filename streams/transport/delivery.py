"""What both consumers do: who reads a topic, what a message is to Faust, when Python looks for cycles."""

import gc
import time
from typing import Any

from faust.exceptions import ImproperlyConfigured
from faust.types import TP, ConsumerMessage

from streams.transport.batches import Record, RecordBatch

_NEW_OBJECTS, _NEVER = 50_000, 1_000_000
_COLLECTION_SECONDS = 600.0


def reading_channel(app: Any, tp: TP) -> Any:
    """Return the channel that reads `tp`; ImproperlyConfigured when there are several."""
    channels = app.topics._tp_index[tp]
    if len(channels) != 1:
        raise ImproperlyConfigured(f"topic {tp.topic} is read by {len(channels)} agents: a batch has one commit")
    (channel,) = channels
    return channel


class Collector:
    """Lets Python look for cycles among what is new, seldom, and among all objects only when there is nothing to do.

    Batches are thousands of small tuples without any. With the default threshold (700) the garbage collector walks
    them again and again: a third of the time of a fetch. And all that is kept of 20,000 buyers takes it half a second,
    in which no agent works; of agents at work it found nothing there.
    """

    def __init__(self) -> None:
        gc.set_threshold(_NEW_OBJECTS, _NEVER, _NEVER)
        self._collected = time.monotonic()

    def idle(self) -> None:
        """Nothing has come for some time."""
        now = time.monotonic()
        if now > self._collected + _COLLECTION_SECONDS:
            self._collected = now
            gc.collect()


def to_message(app: Any, tp: TP, found: Record | RecordBatch) -> ConsumerMessage:
    """Return a record, or a batch, which is delivered now and stands at its first record, as Faust's message."""
    record: Record
    value: Any
    if isinstance(found, RecordBatch):
        found.delivered = True
        record, value = found.records[0]._replace(key=None, headers=()), found
    else:
        record, value = found, found.value
    return ConsumerMessage(
        *tp,
        offset=record.offset,
        timestamp=record.timestamp / 1000,
        timestamp_type=1,  # the time of the append
        headers=list(record.headers),
        key=record.key,
        value=value,
        checksum=None,
        serialized_key_size=len(record.key or b""),
        serialized_value_size=len(value) if isinstance(value, bytes) else 0,
        tp=tp,
        generation_id=app.consumer_generation_id,
    )
