"""What happens to an event once, whatever it is about: is it new, whose is it, which order does it belong to.

These questions need one order of all events: a `(source, id)` may come twice on different topics, a link may
be refused because of all links before it, a refund id may return on another order. So one partition
(`arrivals`) asks them, and every answer goes on to the partition of a buyer, or of a session.
"""

from collections.abc import Callable
from functools import cache
from hashlib import blake2b
from typing import Any, get_args

from schemas import events
from schemas.codec import Rejected
from streams.core import messages, order_events
from streams.core.facts import KIND_OF_TYPE
from streams.core.identity import IdentityTooLarge, buyer_id_of
from streams.core.messages import Activity, RoomEvent
from streams.core.register import Arrival, Register


class Admission(Register):
    """Admits events one after the other."""

    def admit(self, event: events.AnyEvent, arrival: Arrival, seq: int) -> None:
        """Take a valid event; what cannot be admitted becomes a dead letter and counts for nothing."""
        digest = self.state.seen.get(arrival.key)
        if digest is not None:
            if digest == arrival.digest:
                self.duplicate("delivery")
                self.tally["events", event.type, "duplicate"] += 1
            else:
                detail = f"another payload of ({event.source!r}, {event.id!r}) was accepted before"
                self._refuse(event, Rejected("id_conflict", detail), arrival)
            return
        try:
            _ADMIT[type(event)](self, event, arrival, seq)
        except IdentityTooLarge:
            detail = "the link would make a set of more than 32 identifiers"
            self._refuse(event, Rejected("identity_too_large", detail), arrival)
            return
        self.state.seen[arrival.key] = arrival.digest
        self.accepted += 1
        self.tally["events", event.type, "accepted"] += 1

    def _refuse(self, event: events.AnyEvent, rejected: Rejected, arrival: Arrival) -> None:
        self.letter(rejected, arrival.payload, arrival.origin)
        self.tally["events", event.type, "dead_letter"] += 1


def _activity(register: Register, event: Any, _arrival: Arrival, seq: int) -> None:
    buyer_id, identifier = register.person(event)
    data = event.data
    fields = {name: value for name in _fields_of(data.__struct_fields__) if (value := getattr(data, name)) is not None}
    register.to(buyer_id, Activity(
        buyer_id, identifier, event.type, event.time, event.source, event.id, seq, **fields
    ))  # fmt: skip


@cache
def _fields_of(names: tuple[str, ...]) -> list[str]:
    """Those of an activity among those of an event."""
    return [name for name in _ACTIVITY_FIELDS if name in names]


def _unlinked(register: Register, event: events.IdentityUnlinked, _arrival: Arrival, _seq: int) -> None:
    data = event.data
    for split in register.identities.unlink(data.ids_a.pairs(), data.ids_b.pairs(), event.time):
        register.to(split.buyer_id, messages.Parted(split.buyer_id, split, event.time))


def _erased(register: Register, event: events.BuyerErased, _arrival: Arrival, seq: int) -> None:
    for identifier in event.data.ids.pairs():
        buyer_id, aliases = register.identities.erase(buyer_id_of(identifier))
        name = "\x00".join((event.source, event.id, buyer_id)).encode()
        anonymous_id = "a" + blake2b(name, digest_size=8).hexdigest()
        for alias in aliases:
            before = register.state.erasures.get(alias) or []
            register.state.erasures[alias] = [*before, (seq, anonymous_id)]
        register.to(buyer_id, messages.Erased(buyer_id, anonymous_id, aliases, event.time))


def _started(register: Register, event: events.SessionStarted, _arrival: Arrival, seq: int) -> None:
    data = event.data
    register.to(None, messages.SessionStarted(
        data.session_id, data.room_id, data.carrier, data.anchor_ids, data.store_ids or [],
        data.store_weights or {}, event.time, event.source, event.id, seq,
    ))  # fmt: skip
    _room_event(register, event, started=True)


def _ended(register: Register, event: events.SessionEnded, _arrival: Arrival, _seq: int) -> None:
    _room_event(register, event, ended=True)


def _anchors_changed(register: Register, event: events.AnchorsChanged, _arrival: Arrival, seq: int) -> None:
    data = event.data
    register.to(None, messages.AnchorsChanged(
        data.session_id, data.anchor_ids, event.time, event.source, event.id, seq
    ))  # fmt: skip
    _room_event(register, event)


def _explained(register: Register, event: events.ProductExplained, _arrival: Arrival, _seq: int) -> None:
    _room_event(register, event)


def _room_event(register: Register, event: Any, *, started: bool = False, ended: bool = False) -> None:
    session_id = event.data.session_id
    register.to(session_id, RoomEvent(session_id, event.time, event.source, event.id, started, ended))


def _registered(register: Register, event: events.TokenRegistered, _arrival: Arrival, seq: int) -> None:
    data = event.data
    register.to(None, messages.TokenRegistered(
        data.token, data.store_id, data.guide_id, data.session_id, data.sharer_id, data.expires_at,
        event.time, event.source, event.id, seq,
    ))  # fmt: skip


_ACTIVITY_FIELDS = ("session_id", "item_id", "count", "token", "sharer_id", "store_id", "guide_id", "chat_id")
_ADMIT: dict[type, Callable[[Register, Any, Arrival, int], None]] = {
    events.IdentityUnlinked: _unlinked,
    events.BuyerErased: _erased,
    events.SessionStarted: _started,
    events.SessionEnded: _ended,
    events.AnchorsChanged: _anchors_changed,
    events.ProductExplained: _explained,
    events.TokenRegistered: _registered,
    events.OrderPlaced: order_events.placed,
    events.OrderPaid: order_events.paid,
    events.OrderAmended: order_events.amended,
    events.OrderCancelled: order_events.cancelled,
    events.RefundSucceeded: order_events.refunded,
    **{event: _activity for event in get_args(events.AnyEvent) if event.type in KIND_OF_TYPE},
}
