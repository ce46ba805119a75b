"""What admission keeps, and what comes of admitting one batch of events."""

from collections import defaultdict
from collections.abc import MutableMapping
from typing import Any

import msgspec

from schemas.codec import Rejected
from streams.core import messages
from streams.core.identity import Identities, Person, buyer_id_of
from streams.core.messages import Message
from streams.core.orders import Order
from streams.core.origin import Origin
from streams.core.tally import Tally


class Arrival(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A valid event on its way through `arrivals`."""

    key: bytes  # see `intake.key_of`
    digest: bytes  # 16 bytes, of its canonical form
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
    erasures: MutableMapping[str, list[tuple[int, str]]]  # alias -> (seq, anonymous id) of each deletion request


class Register:
    """State and outcome. `routes`: whose partition (None: all), message; `letters`: dead letters with their bytes."""

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
        self.tally: Tally = defaultdict(int)

    def duplicate(self, kind: str) -> None:
        """Count what has been said before: a delivery, an order placed or paid, a refund."""
        self.duplicates += 1
        self.tally["duplicates", kind] += 1

    def letter(self, rejected: Rejected, payload: bytes, origin: Origin) -> None:
        """Write a dead letter."""
        self.letters.append((rejected, payload, origin))
        self.tally["dead_letters", origin.topic, rejected.reason] += 1

    def to(self, key: str | None, message: Message) -> None:
        """Send a message to the partition of a buyer or a session, or to all."""
        self.routes.append((key, message))

    def person(self, event: Any) -> tuple[str, str]:
        """Link the identifiers of an event: the buyer it belongs to, and its best identifier."""
        identifiers: list[str] = event.data.ids.pairs()
        changed: list[str] = []
        if len(identifiers) > 1:
            for change in self.identities.link(identifiers, event.time):
                self.to(change.buyer_id, messages.Joined(change.buyer_id, change.identifiers))
                for old_id in change.absorbed:
                    merged = messages.Merged(old_id, change.buyer_id, change.identifiers, event.time)
                    self.to(old_id, merged)
                changed.append(change.buyer_id)
        owner = self.identities.buyer_of(buyer_id_of(identifiers[0]))
        for buyer_id in changed:
            if buyer_id != owner:  # a withdrawn link stands between: the event is not this buyer's
                self.to(buyer_id, messages.Linked(buyer_id, event.time, event.type))
        return owner, identifiers[0]
