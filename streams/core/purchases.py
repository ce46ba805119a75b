"""Orders of a buyer: the placed view for the board, the paid view from which its sales are made."""

from collections import Counter

from streams.core import pool
from streams.core.account import Account, room_facts
from streams.core.buyer import Buyer, Part
from streams.core.credits import NONE
from streams.core.desk import Absorbed, Desk
from streams.core.facts import Clock
from streams.core.messages import Claim, Handover, Message, Paid, Placed, Withdrawn
from streams.core.sales import Cause, order_name, sale_id_of
from streams.core.views import View


def placed(desk: Desk, message: Placed) -> None:
    """Take the placed view of an order, new or changed."""
    claim = message.claim
    account = Account(desk, message.buyer_id)
    view = View(claim, is_paid=False)
    _put(account, _views(account, view, is_new=message.is_new), view)
    account.close(Cause(claim.time, "order.placed"))


def paid(desk: Desk, message: Paid) -> None:
    """Take the paid view of an order, new or changed."""
    claim = message.claim
    account = Account(desk, message.buyer_id)
    view = View(claim, is_paid=True, refunds=message.refunds)
    views = _views(account, view, is_new=message.is_new)
    held = views.get(order_name(claim.carrier, claim.order_id))
    if held is not None:
        view.sales, view.new_buyer = held.sales, held.new_buyer
    account.recount = held is None or held.claim.placed_at != claim.placed_at
    _put(account, views, view)
    cause = Cause(message.time, message.cause)
    account.close(cause)
    if held is None:
        _tell(account, "buyer.purchased", (), view, cause)
    known = {refund.refund_id for refund in held.refunds} if held else set()
    for refund in message.refunds:
        if refund.refund_id not in known:
            desk.effects.tally["refunds",] += 1
            _tell(account, "buyer.refunded", (refund.refund_id,), view, cause)


def withdrawn(desk: Desk, message: Withdrawn) -> None:
    """The placed view is another's."""
    account = Account(desk, message.buyer_id)
    desk.archive.orders.thaw(message.buyer_id, account.buyer)
    account.take_back(account.buyer.parts[message.alias].placed.pop(order_name(message.carrier, message.order_id)))
    desk.buyers[message.buyer_id] = account.buyer


def handover(desk: Desk, message: Handover) -> list[Message]:
    """Take a paid order out of this buyer's journey; what was published of it goes on in the other's."""
    account, claim = Account(desk, message.buyer_id), message.claim
    name = order_name(claim.carrier, claim.order_id)
    desk.archive.orders.thaw(message.buyer_id, account.buyer)
    view = account.buyer.parts[message.alias].paid.pop(name)
    account.take_back(view)
    account.recount = True
    account.close(Cause(message.time, message.cause))
    part = Part(claim.time, Clock.of([(claim.time, claim.seq)]), paid={name: view})
    return [Absorbed(message.to, Buyer([], {claim.alias: part}), message.time, message.cause, message.buyer_id)]


def _views(account: Account, view: View, *, is_new: bool) -> dict[str, View]:
    """The placed or paid views that a view belongs to, with what was known of this order, unless it is new."""
    claim, archive = view.claim, account.desk.archive
    part = account.buyer.parts[claim.alias]
    views = part.paid if view.is_paid else part.placed
    name = order_name(claim.carrier, claim.order_id)
    if not is_new:
        archive.orders.find(account.buyer_id, account.buyer, claim.alias, name, is_paid=view.is_paid)
    if name in views and not _decided_alike(views[name].claim, claim):
        archive.orders.thaw(account.buyer_id, account.buyer)
    return views


def _put(account: Account, views: dict[str, View], view: View) -> None:
    """Put an order in the place of what was known of it, and decide it if it says something new."""
    name = order_name(view.claim.carrier, view.claim.order_id)
    held = views.get(name)
    before = room_facts(held) if held else Counter()
    if held is not None and _decided_alike(held.claim, view.claim):
        view.decisions, view.final = held.decisions, held.final
    else:
        end = view.claim.placed_at + account.desk.policy.horizon
        account.recall(end)
        passed = account.buyer.passed(end)
        view.final = passed is not None
        view.decisions = account.decide(view, passed)
    views[name] = view
    account.replace(before, view)


def _decided_alike(one: Claim, other: Claim) -> bool:
    """Are the decisions of one those of the other: only amounts may differ."""
    return (one.source, one.id, one.alias) == (other.source, other.id, other.alias)


def _tell(account: Account, type_: str, more: tuple[str, ...], view: View, cause: Cause) -> None:
    claim, decision = view.claim, view.decisions[0]
    account.tell(
        type_, (claim.carrier, claim.order_id, *more, account.desk.version), cause.time,
        session_id=decision.session_id,
        anchor_ids=sorted({party for one in view.decisions for party in one.anchors} - {NONE}),
        store_id=min(decision.stores.keys() - {NONE}, default=None),
        guide_id=decision.guide_id,
        mode=decision.mode,
        sale_ids=[sale_id_of(claim.carrier, claim.order_id, line.line_id) for line in claim.lines],
        net_fen=pool.net_of(view),
    )  # fmt: skip
