"""Buyers that become one, fall apart, or are forgotten: their parts move, and with them all that rests on them.

Each move is a release, which takes a buyer out of all figures as if it had never been, and an absorption, which
adds its parts to another buyer as if they had always been there.
"""

from collections import Counter

from streams.core import rooms
from streams.core.account import Account, room_facts
from streams.core.buyer import Buyer
from streams.core.desk import Absorbed, Desk
from streams.core.identity import buyer_id_of
from streams.core.messages import Erased, Joined, Linked, Merged, Message, Parted
from streams.core.pool import ids_of
from streams.core.sales import Cause


def joined(desk: Desk, message: Joined) -> None:
    """A set of identifiers is new or has grown."""
    account = Account(desk, message.buyer_id)
    account.buyer.identifiers = message.identifiers
    desk.buyers[message.buyer_id] = account.buyer


def linked(desk: Desk, message: Linked) -> None:
    """Make final what a merge has put behind the horizon."""
    if desk.present(message.buyer_id) is not None:
        Account(desk, message.buyer_id).close(Cause(message.time, message.type))


def merged(desk: Desk, message: Merged) -> list[Message]:
    """This buyer is part of another from now on."""
    old_id, new_id = message.buyer_id, message.into
    old = _release(desk, old_id, new_id)
    if old.parts:
        desk.touch(old_id, message.time, "buyer.merged")
        cause = (old_id, new_id, desk.version)
        data = {"buyer_id": new_id, "ids": ids_of(message.identifiers), "from": old_id, "to": new_id}
        desk.effects.pool_event("buyer.merged", cause, message.time, data)
    return [Absorbed(new_id, Buyer([], old.parts), message.time, "buyer.merged", old_id)]


def parted(desk: Desk, message: Parted) -> list[Message]:
    """A set of identifiers fell apart; a part without an event of its own is nobody yet."""
    old_id = message.buyer_id
    old = _release(desk, old_id, None)
    if old.parts:
        desk.touch(old_id, message.time, "identity.unlinked")
    moves: list[Message] = []
    for buyer_id, identifiers in message.split.parts:
        aliases = set(map(buyer_id_of, identifiers))
        parts = {alias: part for alias, part in old.parts.items() if alias in aliases}
        moved = Buyer(identifiers, parts)
        moves.append(Absorbed(buyer_id, moved, message.time, "identity.unlinked", old_id))
    return moves


def erased(desk: Desk, message: Erased) -> list[Message]:
    """Keep amounts and figures under an anonymous id; forget who it was."""
    old = _release(desk, message.buyer_id, None)
    if old.parts:
        desk.touch(message.buyer_id, message.time, "buyer.erased")
    for alias in message.aliases:
        if (before := desk.buyers.get(alias)) and before.moved_to is not None:
            del desk.buyers[alias]  # nobody need know any more who it became
    anonymous = Buyer([], anonymous=True)
    for part in old.parts.values():
        anonymous.take(message.anonymous_id, part.without_name(message.anonymous_id))
    return [Absorbed(message.anonymous_id, anonymous, message.time, "buyer.erased", message.buyer_id)]


def absorbed(desk: Desk, message: Absorbed) -> None:
    """Put the parts of another buyer, or of this one before, into this buyer."""
    other = message.buyer
    account = Account(desk, message.buyer_id)
    buyer, deltas = account.buyer, desk.deltas
    if other.identifiers:
        buyer.identifiers = other.identifiers
        desk.buyers[message.buyer_id] = buyer  # also of a set without an event of its own, for when one comes
    if not other.parts:
        return
    desk.archive.thaw(message.buyer_id, buyer)
    if not buyer.parts:
        buyer.anonymous = other.anonymous
    for session_id in other.sessions():
        deltas.stay(session_id, account.stays(session_id), [])
    _count(account, other, 1)
    for alias, part in other.parts.items():
        buyer.take(alias, part)
    for session_id in other.sessions():
        deltas.stay(session_id, [], account.stays(session_id))
    desk.buyers[message.buyer_id] = buyer
    account.hear_news()
    account.changed |= {id(view): view for view in other.paid()}
    account.recount = True
    account.close(Cause(message.time, message.cause), advance=False)


def _release(desk: Desk, buyer_id: str, moved_to: str | None) -> Buyer:
    """Take a buyer out of all figures and out of the state, also one without any event; return what it was."""
    buyer = desk.present(buyer_id)
    if buyer is None:
        return Buyer([])
    account = Account(desk, buyer_id)
    desk.archive.thaw(buyer_id, buyer)
    _count(account, buyer, -1)
    for session_id in buyer.sessions():
        desk.deltas.stay(session_id, account.stays(session_id), [])
    if moved_to is None:
        del desk.buyers[buyer_id]
    else:
        desk.buyers[buyer_id] = Buyer([], moved_to=moved_to)
    return buyer


def _count(account: Account, facts_of: Buyer, sign: int) -> None:
    """Add the facts and orders of a buyer to the figures of an account, or with -1 take them back."""
    deltas = account.desk.deltas
    for fact in facts_of.facts():
        if counted := rooms.of_fact(fact):
            deltas.count(account.buyer_id, account.buyer, *counted, sign)
    for view in facts_of.views():
        before, after = (Counter(), room_facts(view)) if sign > 0 else (room_facts(view), Counter())
        deltas.count_change(account.buyer_id, account.buyer, before, after)
