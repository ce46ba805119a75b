"""What the private pool learns: output topics `pool-feedback` and `pool-events` (spec §5)."""

from msgspec import field

from schemas.envelope import Output, Published
from schemas.values import Fen, Id, Mode, Namespace, Number, Stage, UtcText


class ProfileData(Published):
    """What the private pool knows about a buyer. `ids` has the values of each namespace, sorted."""

    buyer_id: Id
    ids: dict[Namespace, list[Id]]
    stage: Stage
    tags: list[Id]
    home_store_id: Id | None
    guide_id: Id | None
    groups: list[Id]
    sessions_seen: Number
    first_seen: UtcText
    last_seen: UtcText
    last_session_id: Id | None
    orders: Number
    net_fen: Fen
    last_order_at: UtcText | None
    sharer_id: Id | None
    reason: Id


class BuyerProfile(Output[ProfileData], tag="buyer.profile"):
    """A buyer's profile changed; the last one of a `buyer_id` holds, a tombstone deletes it."""


class PoolData(Published, omit_defaults=True):
    """What happened to a buyer, and where; what does not apply is null or absent."""

    buyer_id: Id
    ids: dict[Namespace, list[Id]]
    session_id: Id | None = None
    anchor_ids: list[Id] | None = None
    store_id: Id | None = None
    guide_id: Id | None = None
    mode: Mode | None = None
    sale_ids: list[Id] | None = None
    net_fen: int | None = None


class BuyerJoinedPool(Output[PoolData], tag="buyer.joined_pool"):
    """A buyer became a contact or joined a group."""


class BuyerLeftPool(Output[PoolData], tag="buyer.left_pool"):
    """A contact ended or a buyer left a group."""


class BuyerPurchased(Output[PoolData], tag="buyer.purchased"):
    """A buyer paid an order."""


class BuyerRefunded(Output[PoolData], tag="buyer.refunded"):
    """Money went back to a buyer."""


class MergedData(Published):
    """`from` is the buyer_id that is no more; `buyer_id` and `ids` are those of `to`."""

    buyer_id: Id
    ids: dict[Namespace, list[Id]]
    from_: Id = field(name="from")
    to: Id


class BuyerMerged(Output[MergedData], tag="buyer.merged"):
    """Two buyers turned out to be one."""
