"""The original bytes of what could not be accepted, and why (spec §5, §8)."""

from schemas.codec import Rejected
from streams.core.origin import Origin
from streams.transport.batches import Record, RecordBatch

LONGEST_DETAIL = 500
UNKNOWN_TYPE = "livepool-unknown-type"  # header of the sender: no topic followed from the type
LINE = "livepool-line"  # header of the sender: the line number over all input


def origin_of(record: Record) -> Origin:
    """Where an event came from; what the sender knew is kept."""
    return Origin(record.topic, record.partition, record.offset, record.timestamp, record.headers)


def letter(batch: RecordBatch, rejected: Rejected, payload: bytes, origin: Origin) -> None:
    """Write a dead letter."""
    reason = ("reason", rejected.reason.encode())
    detail = ("detail", rejected.detail[:LONGEST_DETAIL].encode("utf-8", "replace"))
    batch.send("dead-letters", None, payload, (reason, detail, *origin.headers()))
