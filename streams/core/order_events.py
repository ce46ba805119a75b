"""Order events on their way to the buyers: each changes the book of its order, and whom it concerns is told."""

from collections.abc import Mapping
from typing import Any

import msgspec

from schemas import events
from schemas.codec import Rejected
from streams.core import messages
from streams.core.identity import buyer_id_of
from streams.core.messages import Claim, Line, Seen
from streams.core.orders import Order, Refund
from streams.core.register import Arrival, RefundClaim, Register
from streams.core.sales import order_name


def placed(register: Register, event: events.OrderPlaced, _arrival: Arrival, seq: int) -> None:
    """What was placed: for the board, and for the sale's buyer only until the payment is known."""
    claim = _claim(register, event, seq)
    key, order = _order(register, event.data)
    before = order.placed_view()
    if order.placed is not None:
        register.duplicate("order_placed")
    order.place(claim)
    _show_placed(register, key, order, before)


def paid(register: Register, event: events.OrderPaid, _arrival: Arrival, seq: int) -> None:
    """The payment: its lines are the sales."""
    claim = _claim(register, event, seq)
    key, order = _order(register, event.data)
    before, paid = order.placed_view(), order.paid
    if paid is not None:
        register.duplicate("order_paid")
    if not order.pay(claim):
        return
    _show_placed(register, key, order, before)
    _show_paid(register, order, event, paid)


def amended(register: Register, event: events.OrderAmended, _arrival: Arrival, _seq: int) -> None:
    """Other amounts hold for what was placed."""
    key, order = _order(register, event.data)
    before = order.placed_view()
    for line in event.data.lines:
        order.amend(line.line_id, (event.time, event.source, event.id), line.amount_fen)
    _show_placed(register, key, order, before)


def cancelled(register: Register, event: events.OrderCancelled, _arrival: Arrival, _seq: int) -> None:
    """A cancelled order stays what it was (spec §6, settled points "Sales")."""


def refunded(register: Register, event: events.RefundSucceeded, arrival: Arrival, _seq: int) -> None:
    """Money went back; of several events with one refund id the first stands, on whatever order."""
    data = event.data
    key, order = _order(register, data)
    refund = Refund(
        data.refund_id, event.time, event.source, event.id, data.amount_fen, data.line_id,
        arrival.payload, arrival.origin,
    )  # fmt: skip
    name = _refund_key(data)
    held = register.state.refunds.get(name)
    if held is not None:
        register.duplicate("refund")
        if (held.time, held.source, held.id) <= refund.evidence:
            return
        other = register.state.orders[held.order]
        applied, _ = other.judge()
        del other.refunds[data.refund_id]
        register.state.orders[held.order] = other
        if held.order != key:
            _judge(register, other, event, applied)
            applied, _ = order.judge()
    else:
        applied, _ = order.judge()
    register.state.refunds[name] = RefundClaim(event.time, event.source, event.id, key)
    order.refunds[data.refund_id] = refund
    register.state.orders[key] = order
    _judge(register, order, event, applied)


def _claim(register: Register, event: Any, seq: int) -> Claim:
    buyer_id, identifier = register.person(event)
    register.to(buyer_id, Seen(buyer_id, identifier, event.type, event.time, seq))
    data = event.data
    lines = [
        Line(
            line.line_id, line.item_id, line.quantity, line.amount_fen, line.seller_store_id,
            line.credit_store_id, line.session_id, line.room_id, line.anchor_id,
        )
        for line in data.lines
    ]  # fmt: skip
    return Claim(
        data.carrier, data.order_id, buyer_id_of(identifier), event.time, event.source, event.id, seq,
        data.placed_at, data.token, data.sharer_id, lines,
    )  # fmt: skip


def _order(register: Register, data: Any) -> tuple[str, Order]:
    key = _order_key(data)
    return key, register.state.orders.get(key) or Order()


def _owner(register: Register, claim: Claim) -> tuple[str, Claim]:
    return owner_of(claim, register.state.erasures, register.state.members)


def _show_placed(register: Register, key: str, order: Order, before: Claim | None) -> None:
    """Give the placed view to its buyer, if it has changed."""
    register.state.orders[key] = order
    view = order.placed_view()
    if view is None or view == before:
        return
    buyer_id, view = _owner(register, view)
    if before is not None:
        old_id, before = _owner(register, before)
        if (old_id, before.alias) != (buyer_id, view.alias):
            register.to(old_id, messages.Withdrawn(old_id, before.alias, before.carrier, before.order_id))
    register.to(buyer_id, messages.Placed(buyer_id, view, is_new=before is None))


def _show_paid(register: Register, order: Order, event: Any, before: Claim | None) -> None:
    """Give the paid view to its buyer; if the order was thought another's, by way of that one."""
    if order.paid is None:
        return
    buyer_id, claim = _owner(register, order.paid)
    applied, rejected = order.judge()
    paid = messages.Paid(buyer_id, claim, applied, event.time, event.type, is_new=before is None)
    old_id, old = (buyer_id, claim) if before is None else _owner(register, before)
    if (old_id, old.alias) != (buyer_id, claim.alias):
        register.to(old_id, messages.Handover(old_id, old.alias, buyer_id, claim, event.time, event.type))
    register.to(buyer_id, paid)
    _letter(register, order, rejected)


def _judge(register: Register, order: Order, event: Any, before: list[messages.AppliedRefund]) -> None:
    """Judge the refunds of an order again; tell its buyer if others stand now."""
    applied, rejected = order.judge()
    if applied != before:
        _show_paid(register, order, event, order.paid)
    else:
        _letter(register, order, rejected)


def _letter(register: Register, order: Order, rejected: list[Refund]) -> None:
    """A refund above what remains is a dead letter, whenever it is found to be one after it was none."""
    for refund in order.refunds.values():
        if refund not in rejected:
            refund.lettered = False
    for refund in rejected:
        if not refund.lettered:
            refund.lettered = True
            detail = f"refund {refund.refund_id} of {refund.amount_fen} fen is above what remains"
            register.letter(Rejected("refund_exceeds_paid", detail), refund.payload, refund.origin)


def owner_of(
    claim: Claim, erasures: Mapping[str, list[tuple[int, str]]], members: Mapping[str, str]
) -> tuple[str, Claim]:
    """Whose an order is now; after a deletion request nobody's that has a name."""
    for seq, anonymous_id in erasures.get(claim.alias) or ():
        if claim.seq < seq:
            return anonymous_id, msgspec.structs.replace(claim, alias=anonymous_id)
    return members.get(claim.alias, claim.alias), claim


def _order_key(data: Any) -> str:
    return order_name(data.carrier, data.order_id)


def _refund_key(data: Any) -> str:
    return order_name(data.carrier, data.refund_id)


def order_key(event: events.AnyEvent) -> str | None:
    """The key in `orders` that an event will ask for."""
    return _order_key(event.data) if hasattr(event.data, "order_id") else None


def refund_key(event: events.AnyEvent) -> str | None:
    """The key in `refunds` that an event will ask for."""
    return _refund_key(event.data) if hasattr(event.data, "refund_id") else None
