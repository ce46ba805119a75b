"""Everything that Livepool publishes in one place (spec §5, §6).

Times are RFC 3339 texts in UTC with milliseconds, amounts are fen, `None` becomes null. Build with keywords;
the order of the fields is the order on the wire.
"""

from typing import get_args

from schemas.envelope import Output, Published
from schemas.pool import (
    BuyerJoinedPool,
    BuyerLeftPool,
    BuyerMerged,
    BuyerProfile,
    BuyerPurchased,
    BuyerRefunded,
    MergedData,
    PoolData,
    ProfileData,
)
from schemas.rooms import RoomSnapshot, SnapshotData, Window
from schemas.sales import (
    AnchorCredit,
    Considered,
    CreditData,
    CreditPosted,
    Evidence,
    LiveDecision,
    ModeCredit,
    SaleAttributed,
    SaleData,
    StoreCredit,
    StoreDecision,
)
from schemas.values import Number, Reason, UtcText

__all__ = [
    "OUTPUT_TYPES",
    "TOPIC_OF_OUTPUT",
    "AnchorCredit",
    "AnyOutput",
    "BuyerJoinedPool",
    "BuyerLeftPool",
    "BuyerMerged",
    "BuyerProfile",
    "BuyerPurchased",
    "BuyerRefunded",
    "Considered",
    "CreditData",
    "CreditPosted",
    "DeadLetterHeaders",
    "DeadLetterLine",
    "Evidence",
    "LiveDecision",
    "MergedData",
    "ModeCredit",
    "Output",
    "PoolData",
    "PoolEvent",
    "ProfileData",
    "Published",
    "RoomSnapshot",
    "SaleAttributed",
    "SaleData",
    "SnapshotData",
    "StoreCredit",
    "StoreDecision",
    "Window",
]


class DeadLetterHeaders(Published):
    """The record headers of a dead letter, each as UTF-8 text; the record's value are the original bytes.

    `topic`, `partition`, `offset` and `time` (its timestamp) are those of the input record.
    """

    reason: Reason
    detail: str
    topic: str
    partition: str
    offset: str
    time: UtcText


class DeadLetterLine(Published):
    """A dead letter in the files of `livepool replay`; `offset` is the line number over all input."""

    reason: Reason
    detail: str
    topic: str | None
    offset: Number
    payload: str


PoolEvent = BuyerJoinedPool | BuyerLeftPool | BuyerPurchased | BuyerRefunded | BuyerMerged
AnyOutput = SaleAttributed | CreditPosted | BuyerProfile | PoolEvent | RoomSnapshot

OUTPUT_TYPES: dict[str, type[Output[Published]]] = {}
"""The Struct of each output type."""
TOPIC_OF_OUTPUT: dict[str, str] = {}
"""The output topic of each output type."""
for _topic, _outputs in {
    "attributed-sales": (SaleAttributed,),
    "credit-ledger": (CreditPosted,),
    "pool-feedback": (BuyerProfile,),
    "pool-events": get_args(PoolEvent),
    "room-metrics": (RoomSnapshot,),
}.items():
    for _output in _outputs:
        _output.type = str(_output.__struct_config__.tag)
        OUTPUT_TYPES[_output.type] = _output
        TOPIC_OF_OUTPUT[_output.type] = _topic
