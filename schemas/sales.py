"""Sales and the ledger: output topics `attributed-sales` and `credit-ledger` (spec §5)."""

from schemas.envelope import Output, Published
from schemas.values import (
    CheckoutCarrier,
    Count,
    CreditReason,
    Decision,
    Dimension,
    Fen,
    Id,
    LiveRule,
    Mode,
    Outcome,
    Rule,
    StoreRule,
    Tier,
    UtcText,
)


class Evidence(Published):
    """The input event that a decision rests on."""

    source: Id
    id: Id
    time: UtcText
    type: Id


class LiveDecision(Published):
    """Which rule found the session, or the multi-touch model that shared the credit (spec §4)."""

    rule: LiveRule
    tier: Tier
    evidence: Evidence | None


class StoreDecision(Published):
    """Which rule found the store (spec §4)."""

    rule: StoreRule
    tier: Tier
    evidence: Evidence | None


class AnchorCredit(Published):
    """What remains credited to an anchor, or to `none`."""

    anchor_id: Id
    amount_fen: Fen


class StoreCredit(Published):
    """What remains credited to a store, or to `none`."""

    store_id: Id
    amount_fen: Fen


class ModeCredit(Published):
    """What remains credited to a mode, or to `none`."""

    mode: Mode
    amount_fen: Fen


class Considered(Published):
    """A rule that was tried, and why it won or lost."""

    decision: Decision
    rule: Rule
    outcome: Outcome


class SaleData(Published):
    """One paid order line; `sale_id` is `carrier:order_id:line_id`. A revision replaces the one before."""

    sale_id: Id
    order_id: Id
    line_id: Id
    buyer_id: Id
    revision: Count
    carrier: CheckoutCarrier
    item_id: Id
    quantity: Count
    placed_at: UtcText
    paid_at: UtcText
    amount_fen: Fen
    refunded_fen: Fen
    net_fen: Fen
    final_after: UtcText
    session_id: Id | None
    mode: Mode
    live: LiveDecision
    store: StoreDecision
    anchors: list[AnchorCredit]
    stores: list[StoreCredit]
    modes: list[ModeCredit]
    guide_id: Id | None
    sharer_id: Id | None
    new_buyer: bool
    considered: list[Considered]
    policy: Id


class SaleAttributed(Output[SaleData], tag="sale.attributed"):
    """A sale was decided, or decided again; the last revision of a `sale_id` holds."""


class CreditData(Published):
    """A ledger entry; the entries of a sale sum to its net amount in each dimension."""

    entry_id: Id
    sale_id: Id
    revision: Count
    dimension: Dimension
    party_id: Id
    amount_fen: int
    reason: CreditReason


class CreditPosted(Output[CreditData], tag="credit.posted"):
    """An amount was credited; negative when it reverses an earlier entry."""
