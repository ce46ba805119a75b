"""The topics: what is in them, by which key, for how long, who writes and who reads (spec §2, §5)."""

import zlib
from typing import Literal

from msgspec import Struct

from schemas.events import TOPIC_OF_TYPE
from schemas.outputs import TOPIC_OF_OUTPUT

DAY_MS = 86_400_000
DEFAULT_PARTITIONS = 8


class Topic(Struct, frozen=True, kw_only=True):
    """One topic. `key` says in words what the record key is; `retention_ms` is None for ever."""

    name: str
    kind: Literal["input", "internal", "output"]
    description: str
    key: str | None
    producers: tuple[str, ...]
    consumers: tuple[str, ...]
    retention_ms: int | None
    partitions: int = DEFAULT_PARTITIONS
    compacted: bool = False

    @property
    def event_types(self) -> tuple[str, ...]:
        """The CloudEvents types in this topic; none for internal topics and dead letters."""
        topics = TOPIC_OF_TYPE | TOPIC_OF_OUTPUT
        return tuple(name for name, topic in topics.items() if topic == self.name)


_INPUTS = (
    Topic(
        name="live-room",
        kind="input",
        description="What happens in live rooms: sessions, anchors, viewers, products.",
        key="session_id",
        producers=("platform adapters",),
        consumers=("intake",),
        retention_ms=7 * DAY_MS,
    ),
    Topic(
        name="qr-scan",
        kind="input",
        description="Scans, opened shares, the token registry, contacts and groups of the private pool.",
        key="the best identifier of the buyer; the token for token.registered",
        producers=("platform adapters", "token registry"),
        consumers=("intake",),
        retention_ms=7 * DAY_MS,
    ),
    Topic(
        name="checkout",
        kind="input",
        description="Orders, their payment, amendment and cancellation, and refunds.",
        key="carrier:order_id",
        producers=("platform adapters", "order import"),
        consumers=("intake",),
        retention_ms=7 * DAY_MS,
    ),
    Topic(
        name="commands",
        kind="input",
        description="Orders of the merchant: withdrawn identity links and deletion requests.",
        key="the best identifier of the buyer",
        producers=("livepool CLI",),
        consumers=("intake",),
        retention_ms=7 * DAY_MS,
    ),
)
_INTERNALS = (
    Topic(
        name="arrivals",
        kind="internal",
        description="Every valid event in one order, before it has a buyer; a record holds many.",
        key=None,
        producers=("intake",),
        consumers=("identity",),
        retention_ms=DAY_MS,
        partitions=1,
    ),
    Topic(
        name="journeys",
        kind="internal",
        description="The events of each buyer, and reference data, in one order; a record holds many, by partition.",
        key="none; the partition is that of the buyer_id",
        producers=("identity",),
        consumers=("journey",),
        retention_ms=DAY_MS,
    ),
    Topic(
        name="room-deltas",
        kind="internal",
        description="What buyers add to the numbers of sessions; a record holds many, by partition.",
        key="none; the partition is that of the session_id",
        producers=("journey",),
        consumers=("board",),
        retention_ms=DAY_MS,
    ),
    Topic(
        name="room-details",
        kind="internal",
        description="What a live board shows of a session beside its numbers, as long as these are kept.",
        key="session_id, and for who was online a minute",
        producers=("board",),
        consumers=("read models",),
        retention_ms=None,
        compacted=True,
    ),
)
_OUTPUTS = (
    Topic(
        name="attributed-sales",
        kind="output",
        description="Every paid order line with its store, anchors and mode; the last revision holds.",
        key="sale_id",
        producers=("journey",),
        consumers=("SCRM", "finance", "analysts"),
        retention_ms=None,
        compacted=True,
    ),
    Topic(
        name="credit-ledger",
        kind="output",
        description="Every fen credited or reversed, kept for ever.",
        key="sale_id",
        producers=("journey",),
        consumers=("finance",),
        retention_ms=None,
    ),
    Topic(
        name="pool-feedback",
        kind="output",
        description="The profile of every buyer; a tombstone deletes a merged or erased one.",
        key="buyer_id",
        producers=("journey",),
        consumers=("SCRM",),
        retention_ms=None,
        compacted=True,
    ),
    Topic(
        name="pool-events",
        kind="output",
        description="Who joined or left the private pool, bought, was refunded or turned out to be another.",
        key="buyer_id",
        producers=("journey",),
        consumers=("SCRM",),
        retention_ms=30 * DAY_MS,
    ),
    Topic(
        name="room-metrics",
        kind="output",
        description="The numbers of each session; the last snapshot holds.",
        key="session_id",
        producers=("board",),
        consumers=("dashboard", "Prometheus"),
        retention_ms=None,
        compacted=True,
    ),
    Topic(
        name="dead-letters",
        kind="output",
        description="The original bytes of every refused event; headers say why and whence.",
        key=None,
        producers=("intake", "identity", "journey"),
        consumers=("SRE", "livepool dlq"),
        retention_ms=30 * DAY_MS,
        partitions=1,
    ),
)
TOPICS: dict[str, Topic] = {topic.name: topic for topic in (*_INPUTS, *_INTERNALS, *_OUTPUTS)}


def partition_of(key: bytes | None, partitions: int) -> int:
    """Return the partition of a key; no key: 0. CRC-32 is the same in every process and language."""
    return zlib.crc32(key) % partitions if key is not None and partitions > 1 else 0
