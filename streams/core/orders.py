"""What is known of an order, from whatever events, in whatever arrival order (spec §4 and its settled points).

`order.placed`, `order.paid`, `order.amended` and `refund.succeeded` name an order, most of them no buyer. The
order book puts them together and hands each buyer whole, ordered views: the first claim by (time, source, id)
stands, refunds are judged over all that have arrived.
"""

import msgspec

from streams.core.credits import take
from streams.core.messages import AppliedRefund, Claim, Evidence, Line
from streams.core.origin import Origin


class Refund(msgspec.Struct, array_like=True):
    """A `refund.succeeded` as it arrived; `payload` and `origin` are for its dead letter."""

    refund_id: str
    time: int
    source: str
    id: str
    amount_fen: int
    line_id: str | None
    payload: bytes
    origin: Origin
    lettered: bool = False

    @property
    def evidence(self) -> Evidence:
        """(time, source, id)."""
        return self.time, self.source, self.id


class Order(msgspec.Struct, array_like=True):
    """The book of one order of one carrier."""

    placed: Claim | None = None
    paid: Claim | None = None
    amendments: dict[str, tuple[int, str, str, int]] = {}  # line_id -> (time, source, id, amount_fen)
    refunds: dict[str, Refund] = {}

    def place(self, claim: Claim) -> None:
        """Take an `order.placed`, unless an earlier one stands."""
        if self.placed is None or claim.evidence < self.placed.evidence:
            self.placed = claim

    def pay(self, claim: Claim) -> bool:
        """Take an `order.paid`; False when an earlier one stands."""
        if self.paid and self.paid.evidence <= claim.evidence:
            return False
        self.paid = claim
        return True

    def amend(self, line_id: str, evidence: Evidence, amount_fen: int) -> None:
        """Take one line of an `order.amended`: the latest holds, at one moment the smallest (source, id)."""
        time, source, id_ = evidence
        held = self.amendments.get(line_id)
        if held is None or (-time, source, id_) < (-held[0], held[1], held[2]):
            self.amendments[line_id] = (time, source, id_, amount_fen)

    def placed_view(self) -> Claim | None:
        """What was placed, with its amendments; an order of which only the payment is known counts as placed."""
        claim = self.placed or self.paid
        if claim is None or not self.amendments:
            return claim
        return msgspec.structs.replace(claim, lines=[self._amended(line) for line in claim.lines])

    def _amended(self, line: Line) -> Line:
        held = self.amendments.get(line.line_id)
        return line if held is None else msgspec.structs.replace(line, amount_fen=held[3])

    def judge(self) -> tuple[list[AppliedRefund], list[Refund]]:
        """The refunds that stand, in order of (time, refund_id), and those above what remains; none before payment."""
        if self.paid is None:
            return [], []
        remaining = {line.line_id: line.amount_fen for line in self.paid.lines}
        applied, rejected = [], []
        for refund in sorted(self.refunds.values(), key=lambda refund: (refund.time, refund.refund_id)):
            scope = remaining if refund.line_id is None else _only(remaining, refund.line_id)
            if refund.amount_fen > sum(scope.values()):
                rejected.append(refund)
                continue
            taken = {line: fen for line, fen in take(scope, refund.amount_fen).items() if fen}
            if refund.line_id is not None:
                remaining.update(scope)
            applied.append(AppliedRefund(refund.refund_id, refund.time, refund.source, refund.id, taken))
        return applied, rejected


def _only(remaining: dict[str, int], line_id: str) -> dict[str, int]:
    return {line_id: remaining[line_id]} if line_id in remaining else {}
