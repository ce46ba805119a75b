"""What both consumers tell Faust: who reads a topic, and what a message is."""

import gc
from typing import Any

from faust.exceptions import ImproperlyConfigured
from faust.types import TP, ConsumerMessage

from streams.transport.batches import Record, RecordBatch


def reading_channel(app: Any, tp: TP) -> Any:
    """Return the channel that reads `tp`; ImproperlyConfigured when there are several."""
    channels = app.topics._tp_index[tp]
    if len(channels) != 1:
        raise ImproperlyConfigured(f"topic {tp.topic} is read by {len(channels)} agents: a batch has one commit")
    (channel,) = channels
    return channel


def spare_the_collector() -> None:
    """Let Python look for cycles less often.

    Batches are thousands of small tuples without any. With the default threshold (700) the garbage collector walks
    them again and again: a third of the time of a fetch.
    """
    gc.set_threshold(50_000, 20, 50)


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
