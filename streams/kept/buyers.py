"""What is kept of one buyer, as data: profile, identifiers, orders with who got the credit, journey."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from schemas.values import NAMESPACES, format_time
from streams.core import pool
from streams.core.archive import Archive, Row
from streams.core.buyer import Buyer
from streams.core.cold import RowDict, Stay, rows_of
from streams.core.facts import ACTIVITY_TYPES, Fact, moment
from streams.core.identity import buyer_id_of
from streams.core.packing import Unpacker
from streams.core.policy import Policy
from streams.core.presence import stays
from streams.core.reference import Lookup
from streams.core.sales import DIMENSIONS, sale_id_of, verdict
from streams.core.views import View
from streams.kept.source import Entries, Source

_BUYER: Unpacker[Buyer] = Unpacker(Buyer)
_ROW: Unpacker[Row] = Unpacker(Row)
_MEMBER: Unpacker[str] = Unpacker(str)
_ERASURES: Unpacker[list[tuple[int, str]]] = Unpacker(list[tuple[int, str]])
_ALIAS = re.compile(r"[ab][0-9a-f]{16}")


class Found(NamedTuple):
    """A buyer by today's id."""

    buyer_id: str
    buyer: Buyer


def find(log: Source, name: str) -> Found | None:
    """The buyer of a buyer_id, also a former one, or of an identifier `namespace:value`; None if there is none."""
    alias = name
    if name.partition(":")[0] in NAMESPACES:
        alias = buyer_id_of(name)
    elif not _ALIAS.fullmatch(name):
        return None
    member = log.state_get("members", None, alias.encode())
    buyer_id = alias if member is None else _MEMBER(member)
    while (buyer := whole(log, buyer_id)) is not None:
        if buyer.moved_to is None:
            return Found(buyer_id, buyer)
        buyer_id = buyer.moved_to
    return None


def whole(log: Source, buyer_id: str) -> Buyer | None:
    """What is kept under a buyer_id, with all that was put away; None: nothing."""
    value = log.state_get("buyers", None, buyer_id.encode())
    if value is None:
        return None
    buyer = _BUYER(value)
    archived = log.state_scan("archive", None, rows_of(buyer_id).encode())
    Archive(RowDict((key.decode(), _ROW(row)) for key, row in archived)).thaw(buyer_id, buyer)
    return buyer


def was_erased(log: Source, name: str) -> bool:
    """Did a deletion request name this identifier or buyer_id."""
    alias = buyer_id_of(name) if ":" in name else name
    value = log.state_get("erasures", None, alias.encode())
    return value is not None and bool(_ERASURES(value))


def as_data(log: Source, found: Found, policy: Policy) -> dict[str, Any]:
    """Everything about a buyer as plain data; times as in events, money in fen."""
    buyer = found.buyer
    lookup = Lookup(Entries(log))
    profile = None
    if buyer.parts and not buyer.anonymous:
        profile = pool.profile(found.buyer_id, buyer, lookup, "")
        del profile["reason"]  # it tells what changed, and nothing has
    orders = sorted(_orders(buyer), key=lambda view: (-view.claim.placed_at, view.claim.carrier, view.claim.order_id))
    return {
        "buyer_id": found.buyer_id,
        "anonymous": buyer.anonymous,
        "identifiers": list(buyer.identifiers),
        "profile": profile,
        "orders": [_order(view, policy) for view in orders],
        "visits": sorted(_visits(buyer, policy), key=lambda visit: str(visit["first"]), reverse=True),
        "touchpoints": [_touchpoint(fact, lookup) for fact in sorted(buyer.loose(), key=moment, reverse=True)],
    }


def _orders(buyer: Buyer) -> Iterator[View]:
    """Each order once: as it was paid, else as it was placed."""
    for part in buyer.parts.values():
        yield from part.paid.values()
    paid = {(view.claim.carrier, view.claim.order_id) for view in buyer.paid()}
    for part in buyer.parts.values():
        for view in part.placed.values():
            if (view.claim.carrier, view.claim.order_id) not in paid:
                yield view


def _order(view: View, policy: Policy) -> dict[str, Any]:
    claim = view.claim
    return {
        "carrier": claim.carrier,
        "order_id": claim.order_id,
        "placed_at": format_time(claim.placed_at),
        "paid_at": format_time(claim.time) if view.is_paid else None,
        "net_fen": pool.net_of(view) if view.is_paid else None,
        "new_buyer": view.new_buyer,
        "final": view.final,
        "final_after": format_time(claim.placed_at + policy.horizon),
        "refunds": [
            {
                "refund_id": refund.refund_id,
                "time": format_time(refund.time),
                "amount_fen": sum(refund.lines.values()),
            }
            for refund in view.refunds
        ],
        "lines": list(_lines(view)),
    }


def _lines(view: View) -> Iterator[dict[str, Any]]:
    claim = view.claim
    for line, decision in zip(claim.lines, view.decisions, strict=True):
        sale_id = sale_id_of(claim.carrier, claim.order_id, line.line_id)
        sale = view.sales.get(sale_id)
        yield {
            "line_id": line.line_id,
            "item_id": line.item_id,
            "quantity": line.quantity,
            "amount_fen": line.amount_fen,
            "refunded_fen": sum(refund.lines.get(line.line_id, 0) for refund in view.refunds),
            "sale_id": sale_id if sale else None,
            "revision": sale.revision if sale else None,
            "session_id": decision.session_id,
            "live": verdict(decision.live),
            "store": verdict(decision.store),
            # What each party holds after refunds; of an order that is not paid, who would get it.
            "credits": {dimension: dict(sorted(sale.credits[dimension].items())) for dimension in DIMENSIONS}
            if sale
            else None,
            "parties": {dimension: sorted(getattr(decision, plural)) for dimension, plural in DIMENSIONS.items()},
        }


def _visits(buyer: Buyer, policy: Policy) -> Iterator[dict[str, Any]]:
    """One per stay in a session: from the first to the last event, what was done how often, with which items."""
    for session_id in buyer.sessions():
        facts = buyer.visit(session_id)
        for stay, during in _by_stay(facts, stays(facts, policy.presence_timeout)):
            done: Counter[str] = Counter()
            for fact in during:
                done[ACTIVITY_TYPES[fact.kind].rpartition(".")[2]] += fact.count
            yield {
                "session_id": session_id,
                "first": format_time(stay.first),
                "last": format_time(stay.last),
                "events": dict(sorted(done.items())),
                "items": sorted({fact.item_id for fact in during if fact.item_id}),
                "sharers": sorted({fact.sharer_id for fact in during if fact.sharer_id}),
                "tokens": sorted({fact.token for fact in during if fact.token}),
            }


def _by_stay(facts: list[Fact], found: Iterable[Stay]) -> Iterator[tuple[Stay, list[Fact]]]:
    """Deal the facts, in their order, out to the stays that they make."""
    rest = iter(facts)
    fact = next(rest, None)
    for stay in found:
        during = []
        while fact is not None and fact.time <= stay.last:
            during.append(fact)
            fact = next(rest, None)
        yield stay, during


def _touchpoint(fact: Fact, lookup: Lookup) -> dict[str, Any]:
    """A scan, an opened share, a contact or a group; `named` by itself or its token, `counted` for which session."""
    named = lookup.named(fact.time, fact.token, fact.own)._asdict()
    fault = named.pop("fault")
    return {
        "time": format_time(fact.time),
        "type": ACTIVITY_TYPES[fact.kind],
        "source": fact.source,
        "id": fact.id,
        "token": fact.token,
        "token_fault": fault,
        "named": {name: value for name, value in named.items() if value is not None},
        "chat_id": fact.chat_id,
        "counted": fact.counted,
    }
