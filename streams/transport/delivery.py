"""What both consumers tell Faust: who reads a topic, and what a message is."""

from typing import Any

from faust.exceptions import ImproperlyConfigured
from faust.types import TP, ConsumerMessage

from streams.transport.batches import Record


def reading_channel(app: Any, tp: TP) -> Any:
    """Return the channel that reads `tp`; ImproperlyConfigured when there are several."""
    channels = app.topics._tp_index[tp]
    if len(channels) != 1:
        raise ImproperlyConfigured(f"topic {tp.topic} is read by {len(channels)} agents: a batch has one commit")
    (channel,) = channels
    return channel


def to_message(app: Any, tp: TP, record: Record, value: Any) -> ConsumerMessage:
    """Return a record, or with a batch as `value` its first one, as Faust's message."""
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
