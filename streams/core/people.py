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
from streams.core.messages import Erased, Joined, Message, Parted
from streams.core.sales import Cause


def joined(desk: Desk, message: Joined) -> list[Message]:
    """Two or more sets of identifiers became one."""
    change = message.change
    if desk.at_home(change.buyer_id):
        account = Account(desk, change.buyer_id)
        account.buyer.identifiers = change.identifiers
        desk.buyers[change.buyer_id] = account.buyer
    moves: list[Message] = []
    for old_id in change.absorbed:
        old = desk.present(old_id)
        if old is None or not old.parts:
            continue
        _release(desk, old_id, change.buyer_id)
        desk.touch(old_id, message.time, "buyer.merged")
        winner = Account(desk, change.buyer_id)
        winner.buyer = Buyer(change.identifiers)
        cause = (old_id, change.buyer_id, desk.version)
        winner.tell("buyer.merged", cause, message.time, **{"from": old_id, "to": change.buyer_id})
        moves.append(Absorbed(change.buyer_id, Buyer([], old.parts), message.time, "buyer.merged"))
    return moves


def parted(desk: Desk, message: Parted) -> list[Message]:
    """A set of identifiers fell apart; a part without an event of its own is nobody yet."""
    old_id = message.split.buyer_id
    old = desk.present(old_id)
    if old is None:
        return []
    _release(desk, old_id, None)
    desk.touch(old_id, message.time, "identity.unlinked")
    moves: list[Message] = []
    for buyer_id, identifiers in message.split.parts:
        aliases = set(map(buyer_id_of, identifiers))
        if parts := {alias: part for alias, part in old.parts.items() if alias in aliases}:
            moves.append(Absorbed(buyer_id, Buyer(identifiers, parts), message.time, "identity.unlinked"))
    return moves


def erased(desk: Desk, message: Erased) -> list[Message]:
    """Keep amounts and figures under an anonymous id; forget who it was."""
    old = desk.present(message.buyer_id)
    if old is None:
        return []
    _release(desk, message.buyer_id, None)
    desk.touch(message.buyer_id, message.time, "buyer.erased")
    anonymous = Buyer([], anonymous=True)
    for part in old.parts.values():
        anonymous.take(message.anonymous_id, part.without_name(message.anonymous_id))
    return [Absorbed(message.anonymous_id, anonymous, message.time, "buyer.erased")]


def absorbed(desk: Desk, message: Absorbed) -> list[Message]:
    """Put the parts of another buyer, or of this one before, into this buyer."""
    known, other = desk.buyers.get(message.buyer_id), message.buyer
    if known is not None and known.moved_to is not None and not other.identifiers:
        return [Absorbed(known.moved_to, other, message.time, message.cause)]  # it has become another meanwhile
    account = Account(desk, message.buyer_id)
    buyer, deltas = account.buyer, desk.deltas
    if not buyer.parts:
        buyer.anonymous = other.anonymous
    buyer.identifiers = other.identifiers or buyer.identifiers
    for session_id in other.sessions():
        deltas.stay(session_id, account.stays(session_id), [])
    _count(account, other, 1)
    for alias, part in other.parts.items():
        buyer.take(alias, part)
    for session_id in other.sessions():
        deltas.stay(session_id, [], account.stays(session_id))
    desk.buyers[message.buyer_id] = buyer
    account.count_loose()
    account.decide_again()
    account.changed |= {id(view): view for view in other.paid()}
    account.recount = True
    account.close(Cause(message.time, message.cause), advance=False)
    return []


def _release(desk: Desk, buyer_id: str, moved_to: str | None) -> None:
    """Take a buyer out of all figures, and out of the state."""
    account = Account(desk, buyer_id)
    _count(account, account.buyer, -1)
    for session_id in account.buyer.sessions():
        desk.deltas.stay(session_id, account.stays(session_id), [])
    if moved_to is None:
        del desk.buyers[buyer_id]
    else:
        desk.buyers[buyer_id] = Buyer([], moved_to=moved_to)


def _count(account: Account, facts_of: Buyer, sign: int) -> None:
    """Add the facts and orders of a buyer to the figures of an account, or with -1 take them back."""
    deltas = account.desk.deltas
    for fact in facts_of.facts():
        if counted := rooms.of_fact(fact):
            deltas.count(account.buyer_id, account.buyer, *counted, sign)
    for view in facts_of.views():
        before, after = (Counter(), room_facts(view)) if sign > 0 else (room_facts(view), Counter())
        deltas.count_change(account.buyer_id, account.buyer, before, after)
