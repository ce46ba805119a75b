"""From a decided, paid order to its sales and their credit entries (spec §4, §5).

A sale is published anew, as its next revision, whenever anything in it changes. The credit ledger is only added
to: a new decision reverses what stood and posts anew, a refund takes back from what remains.
"""

from collections.abc import Iterator
from hashlib import blake2b
from typing import Any, NamedTuple

from schemas.codec import encode
from schemas.values import format_time
from streams.core.credits import NONE, after, split
from streams.core.messages import Line
from streams.core.outcome import Effects, event_id
from streams.core.policy import Policy
from streams.core.tally import Counted, Tally, count_refund, count_sale, count_unattributed, reverse_sale
from streams.core.views import Decision, Evidence, Posted, Revision, Sale, Verdict, View

DIMENSIONS = {"store": "stores", "anchor": "anchors", "mode": "modes"}  # of the ledger -> of a decision
LONGEST_HISTORY = 50  # revisions remembered for `livepool explain`


class Cause(NamedTuple):
    """The event that made it necessary to look again."""

    time: int
    name: str


def sale_id_of(carrier: str, order_id: str, line_id: str) -> str:
    """`carrier:order_id:line_id`, with `:` and `%` of the ids percent-encoded."""
    return f"{order_name(carrier, order_id)}:{escaped(line_id)}"


def order_name(carrier: str, order_id: str) -> str:
    """`carrier:order_id`: what an order is called wherever it is kept."""
    return f"{carrier}:{escaped(order_id)}"


def escaped(id_: str) -> str:
    """An id that is part of a name with colons."""
    return id_.replace("%", "%25").replace(":", "%3A")


class Occasion(NamedTuple):
    """Why, for whom, and by which policy sales are published; `version` is the policy's."""

    buyer_id: str
    cause: Cause
    policy: Policy
    version: str
    effects: Effects


def publish(view: View, occasion: Occasion) -> None:
    """Publish what has changed in the sales of a paid order."""
    gone = dict(view.sales)
    taken: dict[str, list[int]] = {}  # line_id -> what each refund took, in order
    for refund in view.refunds:
        for line_id, fen in refund.lines.items():
            taken.setdefault(line_id, []).append(fen)
    for line, decision in zip(view.claim.lines, view.decisions, strict=True):
        gone.pop(_publish_line(view, line, decision, taken.get(line.line_id, []), occasion), None)
    for sale_id, sale in gone.items():
        if sale.posted is not None:
            _withdraw(sale_id, sale, occasion)


def _publish_line(view: View, line: Line, decision: Decision, refunds: list[int], occasion: Occasion) -> str:
    sale_id = sale_id_of(view.claim.carrier, view.claim.order_id, line.line_id)
    sale = view.sales.get(sale_id)
    posted = (line.amount_fen, {dimension: getattr(decision, plural) for dimension, plural in DIMENSIONS.items()})
    held = _held(sale, posted, refunds)
    data = (
        _order_data(view, line, sale_id, occasion)
        | {"refunded_fen": sum(refunds), "net_fen": line.amount_fen - sum(refunds)}
        | _credit_data(decision, held)
    )
    digest = blake2b(encode(data), digest_size=16).digest()
    if sale is not None and sale.digest == digest:
        return sale_id
    if sale is None:
        sale = view.sales[sale_id] = Sale(0, {}, b"", [])
    sale.revision += 1
    for entry in _entries(sale, posted, held):
        _post(sale_id, sale.revision, entry, occasion)
    _count(sale, _counted(decision), (line.amount_fen, sum(refunds)), occasion.effects.tally)
    sale.credits, sale.digest, sale.posted, sale.refunds = held, digest, posted, refunds
    cause = occasion.cause
    revision = Revision(sale.revision, cause.time, cause.name, decision.live.rule, decision.store.rule, data["net_fen"])
    sale.history = [*sale.history, revision][-LONGEST_HISTORY:]
    occasion.effects.sale(sale_id, sale.revision, cause.time, data | {"revision": sale.revision})
    return sale_id


def _held(sale: Sale | None, posted: Posted, refunds: list[int]) -> dict[str, dict[str, int]]:
    """What each party of each dimension keeps after the refunds: dimension -> party -> fen."""
    amount, weights = posted
    if sale is not None and sale.posted == posted and refunds[: len(sale.refunds)] == sale.refunds:
        rest = refunds[len(sale.refunds) :]
        return {dimension: after(credit, rest) for dimension, credit in sale.credits.items()}
    return {dimension: after(split(amount, shares), refunds) for dimension, shares in weights.items()}


def _withdraw(sale_id: str, sale: Sale, occasion: Occasion) -> None:
    """A line that an earlier payment does not have is no sale after all."""
    sale.revision += 1
    for dimension, credit in sale.credits.items():
        for party, fen in credit.items():
            _post(sale_id, sale.revision, Entry(dimension, party, -fen, "amendment"), occasion)
    _count(sale, None, (0, 0), occasion.effects.tally)
    sale.credits, sale.digest, sale.posted, sale.refunds = {}, b"", None, []
    occasion.effects.sale(sale_id, sale.revision, occasion.cause.time, None)


def _counted(decision: Decision) -> Counted:
    live, store = decision.live, decision.store
    return decision.mode, live.rule, live.tier, store.rule, store.tier


def _count(sale: Sale, counted: Counted | None, fen: tuple[int, int], tally: Tally) -> None:
    """Count how a sale changes: to `counted` (None: it is none any more), with these fen paid and refunded."""
    amount, refunded = fen
    if sale.posted is not None and sale.counted is not None:
        before = sale.posted[0], sum(sale.refunds)
        if (before[0], sale.counted) == (amount, counted):
            count_refund(tally, sale.counted, refunded - before[1])
            return
        reverse_sale(tally, sale.counted, *before)
    if counted is not None:
        count_sale(tally, counted, amount, refunded)
    sale.counted = counted


class Entry(NamedTuple):
    """One posting to the ledger."""

    dimension: str
    party_id: str
    amount_fen: int
    reason: str


def _entries(sale: Sale, posted: Posted, credits_: dict[str, dict[str, int]]) -> Iterator[Entry]:
    """What brings the ledger from what the sale's parties hold to `credits_`."""
    for dimension, credit in credits_.items():
        held = sale.credits.get(dimension, {})
        if sale.posted is None:
            held = after(split(posted[0], posted[1][dimension]), ())
            yield from (Entry(dimension, party, fen, "sale") for party, fen in sorted(held.items()))
        elif (sale.posted[0], sale.posted[1][dimension]) != (posted[0], posted[1][dimension]):
            yield from (Entry(dimension, party, -fen, "amendment") for party, fen in sorted(held.items()))
            yield from (Entry(dimension, party, fen, "amendment") for party, fen in sorted(credit.items()))
            continue
        for party in sorted(held.keys() | credit.keys()):
            if difference := credit.get(party, 0) - held.get(party, 0):
                yield Entry(dimension, party, difference, "refund")


def _post(sale_id: str, revision: int, entry: Entry, occasion: Occasion) -> None:
    sign = "-" if entry.amount_fen < 0 else "+"
    entry_id = event_id(sale_id, str(revision), entry.dimension, entry.party_id, entry.reason, sign)
    data = {
        "entry_id": entry_id,
        "sale_id": sale_id,
        "revision": revision,
        "dimension": entry.dimension,
        "party_id": entry.party_id,
        "amount_fen": entry.amount_fen,
        "reason": entry.reason,
    }
    occasion.effects.credit(sale_id, entry_id, occasion.cause.time, data)
    if entry.party_id == NONE:
        count_unattributed(occasion.effects.tally, entry.dimension, entry.amount_fen)


def _order_data(view: View, line: Line, sale_id: str, occasion: Occasion) -> dict[str, Any]:
    """What a sale says of its order; the revision is filled in when it is known that there is a new one."""
    claim = view.claim
    return {
        "sale_id": sale_id,
        "order_id": claim.order_id,
        "line_id": line.line_id,
        "buyer_id": occasion.buyer_id,
        "revision": 0,
        "carrier": claim.carrier,
        "item_id": line.item_id,
        "quantity": line.quantity,
        "placed_at": format_time(claim.placed_at),
        "paid_at": format_time(claim.time),
        "amount_fen": line.amount_fen,
        "refunded_fen": 0,
        "net_fen": 0,
        "final_after": format_time(claim.placed_at + occasion.policy.horizon),
        "new_buyer": view.new_buyer,
        "policy": occasion.version,
    }


def _credit_data(decision: Decision, held: dict[str, dict[str, int]]) -> dict[str, Any]:
    """What a sale says of its credit: what each party holds (fen), and why."""
    return {
        "session_id": decision.session_id,
        "mode": decision.mode,
        "live": verdict(decision.live),
        "store": verdict(decision.store),
        "anchors": _shown(held["anchor"], "anchor_id"),
        "stores": _shown(held["store"], "store_id"),
        "modes": _shown(held["mode"], "mode"),
        "guide_id": decision.guide_id,
        "sharer_id": decision.sharer_id,
        "considered": [
            {"decision": which, "rule": rule, "outcome": outcome} for which, rule, outcome in decision.considered
        ],
    }


def verdict(won: Verdict) -> dict[str, Any]:
    """`live` and `store` of a sale."""
    return {"rule": won.rule, "tier": won.tier, "evidence": won.evidence and shown_evidence(won.evidence)}


def shown_evidence(evidence: Evidence) -> dict[str, Any]:
    """The event that decided, as it is shown."""
    return {
        "source": evidence.source,
        "id": evidence.id,
        "time": format_time(evidence.time),
        "type": evidence.type,
    }


def _shown(credit: dict[str, int], name: str) -> list[dict[str, Any]]:
    return [{name: party, "amount_fen": fen} for party, fen in sorted(credit.items())]
