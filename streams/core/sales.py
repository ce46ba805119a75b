"""From a decided, paid order to its sales and their credit entries (spec §4, §5).

A sale is published anew, as its next revision, whenever anything in it changes. The credit ledger is only added
to: a new decision reverses what stood and posts anew, a refund takes back from what remains.
"""

from collections.abc import Iterator
from hashlib import blake2b
from typing import Any, NamedTuple

from schemas.codec import encode
from schemas.values import format_time
from streams.core.buyer import Decision, Evidence, Revision, Sale, Verdict, View
from streams.core.credits import remaining_after
from streams.core.messages import Line
from streams.core.outcome import Effects, event_id
from streams.core.policy import Policy

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


def publish(view: View, buyer_id: str, policy: Policy, cause: Cause, effects: Effects) -> None:
    """Publish what has changed in the sales of a paid order."""
    claim = view.claim
    gone = dict(view.sales)
    for line, decision in zip(view.claim.lines, view.decisions, strict=True):
        sale_id = sale_id_of(claim.carrier, claim.order_id, line.line_id)
        gone.pop(sale_id, None)
        _publish_line(view, line, decision, buyer_id, policy, cause, effects)
    for sale_id, sale in gone.items():
        if sale.posted is not None:
            _withdraw(sale_id, sale, cause, effects)


def _publish_line(
    view: View, line: Line, decision: Decision, buyer_id: str, policy: Policy, cause: Cause, effects: Effects
) -> None:
    sale_id = sale_id_of(view.claim.carrier, view.claim.order_id, line.line_id)
    refunds = [fen for refund in view.refunds if (fen := refund.lines.get(line.line_id))]
    weights = {dimension: getattr(decision, plural) for dimension, plural in DIMENSIONS.items()}
    credits_ = {
        dimension: remaining_after(line.amount_fen, shares, refunds) for dimension, shares in weights.items()
    }
    data = _data(view, line, decision, buyer_id, sum(refunds), credits_, policy)
    digest = blake2b(encode(data), digest_size=16).digest()
    sale = view.sales.get(sale_id)
    if sale is not None and sale.digest == digest:
        return
    if sale is None:
        sale = view.sales[sale_id] = Sale(0, {}, b"", [])
    sale.revision += 1
    posted = (line.amount_fen, weights)
    for entry in _entries(sale, posted, credits_):
        _post(sale_id, sale.revision, cause, entry, effects)
    sale.credits, sale.digest, sale.posted = credits_, digest, posted
    revision = Revision(
        sale.revision, cause.time, cause.name, decision.live.rule, decision.store.rule, data["net_fen"]
    )
    sale.history = [*sale.history, revision][-LONGEST_HISTORY:]
    effects.sale(sale_id, sale.revision, cause.time, data | {"revision": sale.revision})


def _withdraw(sale_id: str, sale: Sale, cause: Cause, effects: Effects) -> None:
    """A line that an earlier payment does not have is no sale after all."""
    sale.revision += 1
    for dimension, credit in sale.credits.items():
        for party, fen in credit.items():
            _post(sale_id, sale.revision, cause, Entry(dimension, party, -fen, "amendment"), effects)
    sale.credits, sale.digest, sale.posted = {}, b"", None
    effects.sale(sale_id, sale.revision, cause.time, None)


class Entry(NamedTuple):
    """One posting to the ledger."""

    dimension: str
    party_id: str
    amount_fen: int
    reason: str


def _entries(
    sale: Sale, posted: tuple[int, dict[str, dict[str, int]]], credits_: dict[str, dict[str, int]]
) -> Iterator[Entry]:
    """What brings the ledger from what the sale's parties hold to `credits_`."""
    for dimension, credit in credits_.items():
        held = sale.credits.get(dimension, {})
        if sale.posted is None:
            held = remaining_after(posted[0], posted[1][dimension], ())
            yield from (Entry(dimension, party, fen, "sale") for party, fen in sorted(held.items()))
        elif (sale.posted[0], sale.posted[1][dimension]) != (posted[0], posted[1][dimension]):
            yield from (Entry(dimension, party, -fen, "amendment") for party, fen in sorted(held.items()))
            yield from (Entry(dimension, party, fen, "amendment") for party, fen in sorted(credit.items()))
            continue
        for party in sorted(held.keys() | credit.keys()):
            if difference := credit.get(party, 0) - held.get(party, 0):
                yield Entry(dimension, party, difference, "refund")


def _post(sale_id: str, revision: int, cause: Cause, entry: Entry, effects: Effects) -> None:
    sign = "-" if entry.amount_fen < 0 else "+"
    entry_id = event_id(sale_id, str(revision), entry.dimension, entry.party_id, entry.reason, sign)
    effects.credit(sale_id, entry_id, cause.time, {
        "entry_id": entry_id,
        "sale_id": sale_id,
        "revision": revision,
        "dimension": entry.dimension,
        "party_id": entry.party_id,
        "amount_fen": entry.amount_fen,
        "reason": entry.reason,
    })  # fmt: skip


def _data(
    view: View,
    line: Line,
    decision: Decision,
    buyer_id: str,
    refunded: int,
    credits_: dict[str, dict[str, int]],
    policy: Policy,
) -> dict[str, Any]:
    """The data of `sale.attributed`; the revision comes last, when it is known that there is one."""
    claim = view.claim
    return {
        "sale_id": sale_id_of(claim.carrier, claim.order_id, line.line_id),
        "order_id": claim.order_id,
        "line_id": line.line_id,
        "buyer_id": buyer_id,
        "revision": 0,
        "carrier": claim.carrier,
        "item_id": line.item_id,
        "quantity": line.quantity,
        "placed_at": format_time(claim.placed_at),
        "paid_at": format_time(claim.time),
        "amount_fen": line.amount_fen,
        "refunded_fen": refunded,
        "net_fen": line.amount_fen - refunded,
        "final_after": format_time(claim.placed_at + policy.horizon),
        "session_id": decision.session_id,
        "mode": decision.mode,
        "live": verdict(decision.live),
        "store": verdict(decision.store),
        "anchors": _shown(credits_["anchor"], "anchor_id"),
        "stores": _shown(credits_["store"], "store_id"),
        "modes": _shown(credits_["mode"], "mode"),
        "guide_id": decision.guide_id,
        "sharer_id": decision.sharer_id,
        "new_buyer": view.new_buyer,
        "considered": [
            {"decision": which, "rule": rule, "outcome": outcome}
            for which, rule, outcome in decision.considered
        ],
        "policy": policy.version,
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
