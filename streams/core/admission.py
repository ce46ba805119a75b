"""What happens to an event once, whatever it is about: is it new, whose is it, which order does it belong to.

These questions need one order of all events: a `(source, id)` may come twice on different topics, a link may
be refused because of all links before it, a refund id may return on another order. So one partition
(`arrivals`) asks them, and every answer goes on to the partition of a buyer, or of a session.
"""

from collections.abc import Callable, Mapping, MutableMapping
from hashlib import blake2b
from typing import Any, get_args

import msgspec

from schemas import events
from schemas.codec import Rejected
from streams.core import messages
from streams.core.buyer import KIND_OF_TYPE
from streams.core.identity import Identities, IdentityTooLarge, Person, buyer_id_of
from streams.core.messages import Activity, Claim, Line, Message, RoomEvent, Seen
from streams.core.orders import Order, Refund
from streams.core.sales import order_name

Origin = list[tuple[str, bytes]]  # headers of a dead letter that say where an event came from


class Arrival(msgspec.Struct, array_like=True, frozen=True):
    """A valid event on its way through `arrivals`: 16-byte digests of its (source, id) and of its canonical form."""

    key: bytes
    digest: bytes
    payload: bytes
    origin: Origin


class RefundClaim(msgspec.Struct, array_like=True, frozen=True):
    """Which order a refund id belongs to: that of its first event by (time, source, id)."""

    time: int
    source: str
    id: str
    order: str


class State(msgspec.Struct):
    """The mappings that admission keeps; all but `seen` are for ever."""

    seen: MutableMapping[bytes, bytes]  # key of an arrival -> its digest
    people: MutableMapping[str, Person]
    members: MutableMapping[str, str]
    cuts: MutableMapping[str, dict[str, int]]
    orders: MutableMapping[str, Order]
    refunds: MutableMapping[str, RefundClaim]
    erasures: MutableMapping[
        str, list[tuple[int, str]]
    ]  # alias -> (seq, anonymous id) of each deletion request


class Admission:
    """Admits events one after the other. `routes`: whose partition (None: all), message."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.identities = Identities(state.people, state.members, state.cuts)
        self.begin()

    def begin(self) -> None:
        """Begin a batch: nothing done yet."""
        self.routes: list[tuple[str | None, Message]] = []
        self.letters: list[tuple[Rejected, bytes, Origin]] = []
        self.duplicates = 0
        self.accepted = 0

    def admit(self, event: events.AnyEvent, arrival: Arrival, seq: int) -> None:
        """Take a valid event; what cannot be admitted becomes a dead letter and counts for nothing."""
        digest = self.state.seen.get(arrival.key)
        if digest is not None:
            if digest == arrival.digest:
                self.duplicates += 1
            else:
                detail = f"another payload of ({event.source!r}, {event.id!r}) was accepted before"
                self.letters.append((Rejected("id_conflict", detail), arrival.payload, arrival.origin))
            return
        try:
            _ADMIT[type(event)](self, event, arrival, seq)
        except IdentityTooLarge:
            rejected = Rejected("identity_too_large", "the link would make a set of more than 32 identifiers")
            self.letters.append((rejected, arrival.payload, arrival.origin))
            return
        self.state.seen[arrival.key] = arrival.digest
        self.accepted += 1

    def _to(self, key: str | None, message: Message) -> None:
        self.routes.append((key, message))

    # --- people ----------------------------------------------------------------------------------------------

    def _person(self, event: Any) -> tuple[str, str]:
        """Link the identifiers of an event: the buyer it belongs to, and its best identifier."""
        identifiers: list[str] = event.data.ids.pairs()
        if len(identifiers) > 1:
            for change in self.identities.link(identifiers, event.time):
                self._to(change.buyer_id, messages.Joined(change.buyer_id, change, event.time))
        return self.identities.buyer_of(buyer_id_of(identifiers[0])), identifiers[0]

    def _activity(self, event: Any, _arrival: Arrival, seq: int) -> None:
        buyer_id, identifier = self._person(event)
        data = event.data
        fields = {name: getattr(data, name, None) for name in _ACTIVITY_FIELDS}
        self._to(buyer_id, Activity(
            buyer_id, identifier, event.type, event.time, event.source, event.id, seq,
            count=getattr(data, "count", None) or 1, **fields,
        ))  # fmt: skip

    def _unlinked(self, event: events.IdentityUnlinked, _arrival: Arrival, _seq: int) -> None:
        data = event.data
        for split in self.identities.unlink(data.ids_a.pairs(), data.ids_b.pairs(), event.time):
            self._to(split.buyer_id, messages.Parted(split.buyer_id, split, event.time))

    def _erased(self, event: events.BuyerErased, _arrival: Arrival, seq: int) -> None:
        for identifier in event.data.ids.pairs():
            buyer_id, aliases = self.identities.erase(buyer_id_of(identifier))
            name = "\x00".join((event.source, event.id, buyer_id)).encode()
            anonymous_id = "a" + blake2b(name, digest_size=8).hexdigest()
            for alias in aliases:
                before = self.state.erasures.get(alias) or []
                self.state.erasures[alias] = [*before, (seq, anonymous_id)]
            self._to(buyer_id, messages.Erased(buyer_id, anonymous_id, event.time))

    # --- reference data and sessions -------------------------------------------------------------------------

    def _started(self, event: events.SessionStarted, _arrival: Arrival, seq: int) -> None:
        data = event.data
        self._to(None, messages.SessionStarted(
            data.session_id, data.room_id, data.carrier, data.anchor_ids, data.store_ids or [],
            data.store_weights or {}, event.time, event.source, event.id, seq,
        ))  # fmt: skip
        self._room_event(event, started=True)

    def _ended(self, event: events.SessionEnded, _arrival: Arrival, _seq: int) -> None:
        self._room_event(event, ended=True)

    def _anchors_changed(self, event: events.AnchorsChanged, _arrival: Arrival, seq: int) -> None:
        data = event.data
        self._to(None, messages.AnchorsChanged(
            data.session_id, data.anchor_ids, event.time, event.source, event.id, seq
        ))  # fmt: skip
        self._room_event(event)

    def _explained(self, event: events.ProductExplained, _arrival: Arrival, _seq: int) -> None:
        self._room_event(event)

    def _room_event(self, event: Any, *, started: bool = False, ended: bool = False) -> None:
        session_id = event.data.session_id
        self._to(session_id, RoomEvent(session_id, event.time, event.source, event.id, started, ended))

    def _registered(self, event: events.TokenRegistered, _arrival: Arrival, seq: int) -> None:
        data = event.data
        self._to(None, messages.TokenRegistered(
            data.token, data.store_id, data.guide_id, data.session_id, data.sharer_id, data.expires_at,
            event.time, event.source, event.id, seq,
        ))  # fmt: skip

    # --- orders ----------------------------------------------------------------------------------------------

    def _placed(self, event: events.OrderPlaced, _arrival: Arrival, seq: int) -> None:
        claim = self._claim(event, seq)
        key, order = self._order(event.data)
        before = order.placed_view()
        self.duplicates += order.placed is not None
        order.place(claim)
        self._show_placed(key, order, before)

    def _paid(self, event: events.OrderPaid, _arrival: Arrival, seq: int) -> None:
        claim = self._claim(event, seq)
        key, order = self._order(event.data)
        before, paid = order.placed_view(), order.paid
        self.duplicates += paid is not None
        if not order.pay(claim):
            return
        self._show_placed(key, order, before)
        self._show_paid(order, event, paid)

    def _amended(self, event: events.OrderAmended, _arrival: Arrival, _seq: int) -> None:
        key, order = self._order(event.data)
        before = order.placed_view()
        for line in event.data.lines:
            order.amend(line.line_id, (event.time, event.source, event.id), line.amount_fen)
        self._show_placed(key, order, before)

    def _cancelled(self, event: events.OrderCancelled, _arrival: Arrival, _seq: int) -> None:
        """A cancelled order stays what it was (spec §6, settled points "Sales")."""

    def _refunded(self, event: events.RefundSucceeded, arrival: Arrival, _seq: int) -> None:
        data = event.data
        key, order = self._order(data)
        refund = Refund(
            data.refund_id, event.time, event.source, event.id, data.amount_fen, data.line_id,
            arrival.payload, arrival.origin,
        )  # fmt: skip
        name = _refund_key(data)
        held = self.state.refunds.get(name)
        if held is not None:
            self.duplicates += 1
            if (held.time, held.source, held.id) <= refund.evidence:
                return
            other = self.state.orders[held.order]
            applied, _ = other.judge()
            del other.refunds[data.refund_id]
            self.state.orders[held.order] = other
            if held.order != key:
                self._judge(other, event, applied)
                applied, _ = order.judge()
        else:
            applied, _ = order.judge()
        self.state.refunds[name] = RefundClaim(event.time, event.source, event.id, key)
        order.refunds[data.refund_id] = refund
        self.state.orders[key] = order
        self._judge(order, event, applied)

    def _claim(self, event: Any, seq: int) -> Claim:
        buyer_id, identifier = self._person(event)
        self._to(buyer_id, Seen(buyer_id, identifier, event.type, event.time, seq))
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

    def _order(self, data: Any) -> tuple[str, Order]:
        key = _order_key(data)
        return key, self.state.orders.get(key) or Order()

    def _owner(self, claim: Claim) -> tuple[str, Claim]:
        return owner_of(claim, self.state.erasures, self.state.members)

    def _show_placed(self, key: str, order: Order, before: Claim | None) -> None:
        """Give the placed view to its buyer, if it has changed."""
        self.state.orders[key] = order
        view = order.placed_view()
        if view is None or view == before:
            return
        buyer_id, view = self._owner(view)
        if before is not None:
            old_id, before = self._owner(before)
            if (old_id, before.alias) != (buyer_id, view.alias):
                self._to(old_id, messages.Withdrawn(old_id, before.carrier, before.order_id))
        self._to(buyer_id, messages.Placed(buyer_id, view))

    def _show_paid(self, order: Order, event: Any, before: Claim | None) -> None:
        """Give the paid view to its buyer; if the order was thought another's, by way of that one."""
        if order.paid is None:
            return None
        buyer_id, claim = self._owner(order.paid)
        applied, rejected = order.judge()
        paid = messages.Paid(buyer_id, claim, applied, event.time, event.type)
        if before is not None:
            old_id, before = self._owner(before)
            if (old_id, before.alias) != (buyer_id, claim.alias):
                self._to(old_id, messages.Handover(old_id, paid))
                return self._letter(order, rejected)
        self._to(buyer_id, paid)
        return self._letter(order, rejected)

    def _judge(self, order: Order, event: Any, before: list[messages.AppliedRefund]) -> None:
        """Judge the refunds of an order again; tell its buyer if others stand now."""
        applied, rejected = order.judge()
        if applied != before:
            self._show_paid(order, event, order.paid)
        else:
            self._letter(order, rejected)

    def _letter(self, order: Order, rejected: list[Refund]) -> None:
        """A refund above what remains is a dead letter, whenever it is found to be one after it was none."""
        for refund in order.refunds.values():
            if refund not in rejected:
                refund.lettered = False
        for refund in rejected:
            if not refund.lettered:
                refund.lettered = True
                detail = f"refund {refund.refund_id} of {refund.amount_fen} fen is above what remains"
                self.letters.append((Rejected("refund_exceeds_paid", detail), refund.payload, refund.origin))


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


_ACTIVITY_FIELDS = ("session_id", "item_id", "token", "sharer_id", "store_id", "guide_id", "chat_id")
_ADMIT: dict[type, Callable[[Admission, Any, Arrival, int], None]] = {
    events.IdentityUnlinked: Admission._unlinked,
    events.BuyerErased: Admission._erased,
    events.SessionStarted: Admission._started,
    events.SessionEnded: Admission._ended,
    events.AnchorsChanged: Admission._anchors_changed,
    events.ProductExplained: Admission._explained,
    events.TokenRegistered: Admission._registered,
    events.OrderPlaced: Admission._placed,
    events.OrderPaid: Admission._paid,
    events.OrderAmended: Admission._amended,
    events.OrderCancelled: Admission._cancelled,
    events.RefundSucceeded: Admission._refunded,
    **{event: Admission._activity for event in get_args(events.AnyEvent) if event.type in KIND_OF_TYPE},
}
