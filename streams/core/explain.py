"""Why the lines of an order were credited as they were, as data for `livepool explain` (spec §4, "explains itself").

Nothing is remembered for this but what the decisions rest on anyway: they are made once more, from what had
arrived when they were made, and it is checked that they come out as they were published (`reproduced`).
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from schemas.values import format_time
from streams.core.buyer import Buyer
from streams.core.case import Case
from streams.core.credits import NONE, after, split, take
from streams.core.facts import (
    CARTED,
    CLICKED,
    CONTACT_ADDED,
    CONTACT_REMOVED,
    ENTERED,
    SCANNED,
    SHARE_OPENED,
    Fact,
    moment,
)
from streams.core.findings import Inquiry, shown
from streams.core.live_findings import live_findings
from streams.core.messages import AppliedRefund, Claim, Line
from streams.core.orders import Order
from streams.core.policy import MODELS, TOUCH_RULES, Policy
from streams.core.reference import Entry
from streams.core.retrial import retry
from streams.core.sales import DIMENSIONS, order_name, sale_id_of, verdict
from streams.core.store_findings import store_findings
from streams.core.views import Decision, Revision, View

EVIDENCE_KINDS = (ENTERED, CLICKED, CARTED, SCANNED, SHARE_OPENED, CONTACT_ADDED, CONTACT_REMOVED)


class Known(NamedTuple):
    """What the state has of an order: the order book, its buyer (None: not there yet), all reference data."""

    order: Order
    buyer_id: str
    claim: Claim  # of the payment, else of the placed order, as its owner has it
    buyer: Buyer | None
    entries: Mapping[str, Entry]


def explain(known: Known, policy: Policy) -> dict[str, Any]:
    """The explanation; times are RFC 3339 texts, amounts fen, durations ms."""
    claim, view = known.claim, _view(known)
    applied, rejected = known.order.judge()
    told: dict[str, Any] = {
        "carrier": claim.carrier,
        "order_id": claim.order_id,
        "state": "paid" if known.order.paid else "placed",
        "buyer_id": known.buyer_id,
        "placed_at": format_time(claim.placed_at),
        "paid_at": format_time(claim.time) if known.order.paid else None,
        "event": {"source": claim.source, "id": claim.id},
        "amount_fen": sum(line.amount_fen for line in claim.lines),
        "refunded_fen": sum(sum(refund.lines.values()) for refund in applied),
        "refunds": list(_refunds(known.order, applied, {refund.refund_id for refund in rejected})),
        "amendments": [
            {"line_id": line_id, "time": format_time(time), "amount_fen": fen}
            for line_id, (time, _, _, fen) in sorted(known.order.amendments.items())
        ],
        "policy": policy.version,
        "timezone": policy.timezone,
        "processed": view is not None and view.refunds == applied and view.claim == claim,
    }
    if view is None or known.buyer is None:
        return told | {"lines": []}
    case = retry(view, known.buyer, known.entries, policy)
    return told | {
        "new_buyer": view.new_buyer,
        "final": view.final,
        "final_after": format_time(claim.placed_at + policy.horizon),
        "stream_time": format_time(known.buyer.stream_time),
        "reproduced": case is not None,
        "lines": [
            _line(view, line, decision, policy, Inquiry(case, known.entries, line, decision) if case else None)
            for line, decision in zip(view.claim.lines, view.decisions, strict=True)
        ],
        "late": [] if case is None else _facts(_late(known.buyer, case, view)),
        "afterwards": _facts(fact for fact in known.buyer.facts() if fact.time > claim.placed_at),
        "withdrawn": sorted(sale_id for sale_id, sale in view.sales.items() if sale.posted is None),
    }


def _view(known: Known) -> View | None:
    """The order as its buyer's journey has it."""
    if known.buyer is None:
        return None
    key = order_name(known.claim.carrier, known.claim.order_id)
    is_paid = known.order.paid is not None
    views = (part.paid if is_paid else part.placed for part in known.buyer.parts.values())
    return next((orders[key] for orders in views if key in orders), None)


def _late(buyer: Buyer, case: Case, view: View) -> Iterator[Fact]:
    """What came after the decision was final: counted, not used (spec §4)."""
    used = [*case.entries, *case.clicks, *case.scans, *case.shares, *case.contacts]
    known = {moment(fact) for fact in used}
    return (fact for fact in buyer.facts() if fact.time <= view.claim.placed_at and moment(fact) not in known)


def _facts(facts: Iterable[Fact]) -> list[dict[str, Any]]:
    return [shown(fact) for fact in sorted(facts, key=moment) if fact.kind in EVIDENCE_KINDS]


def _refunds(order: Order, applied: list[AppliedRefund], rejected: set[str]) -> Iterator[dict[str, Any]]:
    """Every refund that has arrived, in order of (time, refund_id), and what became of it."""
    lines = {refund.refund_id: refund.lines for refund in applied}
    for refund in sorted(order.refunds.values(), key=lambda refund: (refund.time, refund.refund_id)):
        outcome = "applied" if refund.refund_id in lines else "exceeds" if refund.refund_id in rejected else "waiting"
        yield {
            "refund_id": refund.refund_id,
            "time": format_time(refund.time),
            "amount_fen": refund.amount_fen,
            "line_id": refund.line_id,
            "outcome": outcome,
            "lines": lines.get(refund.refund_id, {}),
        }


# --- one line ------------------------------------------------------------------------------------------------


def _line(view: View, line: Line, decision: Decision, policy: Policy, inquiry: Inquiry | None) -> dict[str, Any]:
    sale_id = sale_id_of(view.claim.carrier, view.claim.order_id, line.line_id)
    sale = view.sales.get(sale_id)
    refunds = [refund for refund in view.refunds if refund.lines.get(line.line_id)]
    refunded = sum(refund.lines[line.line_id] for refund in refunds)
    return {
        "line_id": line.line_id,
        "sale_id": sale_id,
        "item_id": line.item_id,
        "quantity": line.quantity,
        "amount_fen": line.amount_fen,
        "refunded_fen": refunded,
        "net_fen": line.amount_fen - refunded,
        "revision": sale.revision if sale else None,
        "session_id": decision.session_id,
        "mode": decision.mode,
        "guide_id": decision.guide_id,
        "sharer_id": decision.sharer_id,
        "live": verdict(decision.live) | _considered("live", decision, policy, inquiry),
        "store": verdict(decision.store) | _considered("store", decision, policy, inquiry),
        "credits": _credits(line, decision, [refund.lines[line.line_id] for refund in refunds]),
        "refunds": list(_spread(line, decision, refunds)),
        "history": [_revision(revision) for revision in sale.history] if sale else [],
    }


def _considered(which: str, decision: Decision, policy: Policy, inquiry: Inquiry | None) -> dict[str, Any]:
    """The rules tried, with what they looked at, and those that were not."""
    look = live_findings if which == "live" else store_findings
    tried = [
        {"rule": rule, "outcome": outcome, "findings": look(inquiry, rule) if inquiry else []}
        for of, rule, outcome in decision.considered
        if of == which and rule != NONE
    ]
    done = {trial["rule"] for trial in tried}
    if done & set(MODELS):
        done |= set(TOUCH_RULES)
    rules = policy.live.rules if which == "live" else policy.store.rules
    return {"tried": tried, "not_tried": [rule for rule in rules if rule not in done]}


def _credits(line: Line, decision: Decision, refunds: list[int]) -> dict[str, list[dict[str, Any]]]:
    """By dimension: what each party got of the payment, and what it keeps after the refunds."""
    found = {}
    for dimension, plural in DIMENSIONS.items():
        shares: dict[str, int] = getattr(decision, plural)
        kept = after(split(line.amount_fen, shares), refunds)
        found[dimension] = [
            {"party_id": party, "weight": shares[party], "credited_fen": fen, "net_fen": kept.get(party, 0)}
            for party, fen in sorted(split(line.amount_fen, shares).items())
        ]
    return found


def _spread(line: Line, decision: Decision, refunds: list[AppliedRefund]) -> Iterator[dict[str, Any]]:
    """How each refund was taken from the parties of each dimension."""
    remaining = {
        dimension: split(line.amount_fen, getattr(decision, plural)) for dimension, plural in DIMENSIONS.items()
    }
    for refund in refunds:
        fen = refund.lines[line.line_id]
        taken = {dimension: take(credit, fen) for dimension, credit in remaining.items()}
        yield {
            "refund_id": refund.refund_id,
            "time": format_time(refund.time),
            "amount_fen": fen,
            **{dimension: {party: part for party, part in parts.items() if part} for dimension, parts in taken.items()},
        }


def _revision(revision: Revision) -> dict[str, Any]:
    return {
        "revision": revision.revision,
        "time": format_time(revision.time),
        "cause": revision.cause,
        "live_rule": revision.live_rule,
        "store_rule": revision.store_rule,
        "net_fen": revision.net_fen,
    }
