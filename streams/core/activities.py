"""Activities of buyers: viewer and product events, scans, shares, contacts, groups."""

from streams.core.account import POOL_JOINS, Account
from streams.core.buyer import Part
from streams.core.desk import Desk
from streams.core.facts import CARTED, CONTACT_REMOVED, GROUP_LEFT, Fact, Visit, keep, moment
from streams.core.identity import buyer_id_of
from streams.core.messages import Activity, Seen
from streams.core.presence import add_event, stay_of
from streams.core.reference import Lookup
from streams.core.sales import Cause

POOL_LEAVES = (CONTACT_REMOVED, GROUP_LEFT)


def activity(desk: Desk, message: Activity) -> None:
    """Take an activity: it may be evidence, presence, membership of the pool."""
    account = Account(desk, message.buyer_id, message.identifier)
    buyer = account.buyer
    part = buyer.part(buyer_id_of(message.identifier), message.time, message.seq)
    fact = Fact.of(message)
    account.recall(fact.time)
    if fact.kind <= CARTED:
        _visit(account, part, fact)
    else:
        keep(part.loose, fact)
        account.count_loose(fact.time)
        _tell_pool(account, fact)
    if buyer.ordered_since(fact.time):
        desk.late += any(
            view.final and view.claim.placed_at >= fact.time for view in buyer.views()
        ) or desk.archive.orders.has_final(account.buyer_id, buyer.cold_orders, fact.time)
        account.decide_again(since=fact.time)
    account.close(Cause(message.time, message.type))


def seen(desk: Desk, message: Seen) -> None:
    """Take the time of an event that is told otherwise."""
    account = Account(desk, message.buyer_id, message.identifier)
    account.buyer.part(buyer_id_of(message.identifier), message.time, message.seq)
    account.close(Cause(message.time, message.type))


def _visit(account: Account, part: Part, fact: Fact) -> None:
    """A viewer or product event: figures of its session, and the stay that it opens, extends or ends."""
    desk, buyer = account.desk, account.buyer
    session_id = str(fact.session_id)
    delta = desk.deltas.of(session_id)
    delta.latest = fact.time if delta.latest is None else max(delta.latest, fact.time)
    desk.deltas.count(account.buyer_id, buyer, (session_id, fact.kind, fact.time), fact.count, 1)
    timeout = desk.policy.presence_timeout
    visit, latest = part.visits.setdefault(session_id, Visit()), buyer.latest(session_id)
    if latest is None or moment(latest) < moment(fact):
        before = buyer.cold.stays.get(session_id) if latest is None else stay_of(latest, timeout)
        add_event(before, fact, timeout, delta.online, delta.watch)
        visit.append(fact)
    else:
        if moment(fact) < moment(buyer.visit(session_id)[0]):
            account.recall(fact.time - timeout)
        stays_before = account.stays(session_id)
        part.visits[session_id].keep(fact)  # another list, if older facts were recalled
        desk.deltas.stay(session_id, stays_before, account.stays(session_id))
    account.count_loose(fact.time)


def _tell_pool(account: Account, fact: Fact) -> None:
    if fact.kind not in POOL_JOINS and fact.kind not in POOL_LEAVES:
        return
    type_ = "buyer.joined_pool" if fact.kind in POOL_JOINS else "buyer.left_pool"
    named = Lookup(account.desk.entries).named(fact.time, fact.token, fact.own)
    account.tell(
        type_, (fact.source, fact.id), fact.time,
        session_id=fact.counted, store_id=named.store_id, guide_id=named.guide_id,
    )  # fmt: skip
