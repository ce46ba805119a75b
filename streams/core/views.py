"""Placed and paid orders as they are kept of a buyer: what was decided for each line, and what was published."""

import msgspec

from streams.core.messages import AppliedRefund, Claim
from streams.core.tally import Counted


class Evidence(msgspec.Struct, frozen=True, gc=False):
    """The event that decided."""

    source: str
    id: str
    time: int
    type: str


class Verdict(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """The rule that won one of the two decisions."""

    rule: str
    tier: str
    evidence: Evidence | None


class Decision(msgspec.Struct, array_like=True, frozen=True):
    """Who gets the credit of one order line: integer weights per party of each dimension, and why."""

    session_id: str | None
    mode: str
    live: Verdict
    store: Verdict
    anchors: dict[str, int]
    stores: dict[str, int]
    modes: dict[str, int]
    guide_id: str | None
    sharer_id: str | None
    considered: list[tuple[str, str, str]]  # (decision, rule, outcome)


class Revision(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One line of a sale's history, for the person who asks why."""

    revision: int
    time: int  # of the event that caused it
    cause: str
    live_rule: str
    store_rule: str
    net_fen: int


# What credits come from: an amount (fen), and the weights of the parties of each dimension.
Posted = tuple[int, dict[str, dict[str, int]]]


class Sale(msgspec.Struct, array_like=True):
    """What was published of a sale: the last revision, what each party holds, and a digest to see changes."""

    revision: int
    credits: dict[str, dict[str, int]]  # dimension -> party -> fen
    digest: bytes
    history: list[Revision]
    posted: Posted | None = None
    refunds: list[int] = []  # what was taken from them since, in order
    counted: Counted | None = None  # how the metrics count it


class View(msgspec.Struct, array_like=True):
    """A placed or paid order of the buyer, with the decision for each of its lines."""

    claim: Claim
    is_paid: bool
    decisions: list[Decision] = []
    final: bool = False
    refunds: list[AppliedRefund] = []
    sales: dict[str, Sale] = {}  # sale_id -> what was published; of a placed view nothing
    new_buyer: bool = False

    @property
    def type(self) -> str:
        """The type of the event that it comes from."""
        return "order.paid" if self.is_paid else "order.placed"
