"""What the core wants done: outputs as CloudEvents with deterministic ids, to be carried by an agent (spec §5)."""

from collections import defaultdict
from hashlib import blake2b
from typing import Any, NamedTuple

from schemas.codec import encode
from schemas.values import format_time
from streams.core.tally import Tally


class Output(NamedTuple):
    """One record for an output topic; `value` None is a tombstone."""

    topic: str
    key: bytes
    value: bytes | None


def event_id(*parts: str) -> str:
    """An id that is the same whenever the same thing is said: 32 hex digits of what it is about."""
    # With their lengths, so that no two lists of parts read the same.
    return blake2b("".join([f"{len(part)}:{part}" for part in parts]).encode(), digest_size=16).hexdigest()


def cloud_event(topic: str, id_: str, type_: str, time: int, data: dict[str, Any]) -> bytes:
    """The envelope of every output; `time` is that of the input event that caused it (UTC ms)."""
    return encode({
        "specversion": "1.0",
        "id": id_,
        "source": f"livepool/{topic}",
        "type": type_,
        "time": format_time(time),
        "data": data,
    })  # fmt: skip


class Effects:
    """The outputs of one batch, in order, and what they add to the metrics."""

    def __init__(self) -> None:
        self.outputs: list[Output] = []
        self.tally: Tally = defaultdict(int)

    def sale(self, sale_id: str, revision: int, time: int, data: dict[str, Any] | None) -> None:
        """Publish a revision of a sale, or that there is no such sale."""
        value = data and cloud_event(
            "attributed-sales", event_id(sale_id, str(revision)), "sale.attributed", time, data
        )
        self.outputs.append(Output("attributed-sales", sale_id.encode(), value or None))
        self.tally["sale_revisions",] += 1

    def credit(self, sale_id: str, entry_id: str, time: int, data: dict[str, Any]) -> None:
        """Post to the credit ledger."""
        value = cloud_event("credit-ledger", entry_id, "credit.posted", time, data)
        self.outputs.append(Output("credit-ledger", sale_id.encode(), value))

    def pool_event(self, type_: str, cause: tuple[str, ...], time: int, data: dict[str, Any]) -> None:
        """Tell the private pool what happened; `cause` names it, so that it is told once."""
        buyer_id: str = data["buyer_id"]
        value = cloud_event("pool-events", event_id(type_, *cause), type_, time, data)
        self.outputs.append(Output("pool-events", buyer_id.encode(), value))
        self.tally["pool_events", type_] += 1

    def profile(self, buyer_id: str, version: str, time: int, data: dict[str, Any] | None) -> None:
        """Feed a buyer back, or delete a profile."""
        value = data and cloud_event("pool-feedback", event_id(buyer_id, version), "buyer.profile", time, data)
        self.outputs.append(Output("pool-feedback", buyer_id.encode(), value or None))
        self.tally["pool_feedback", "profile" if value else "deletion"] += 1

    def snapshot(self, session_id: str, changes: int, time: int, data: dict[str, Any]) -> None:
        """Publish the metrics of a session after so many changes."""
        value = cloud_event("room-metrics", event_id(session_id, str(changes)), "room.snapshot", time, data)
        self.outputs.append(Output("room-metrics", session_id.encode(), value))
        self.tally["room_snapshots",] += 1
