"""The journey of each buyer: facts in, sales, profiles, pool events and room deltas out (spec §4-§6).

Every message changes the facts of one buyer, or what is known of a session or token; then whatever rests on
them is made again and the difference goes out. What rests on what:

    facts of the buyer ──► decisions of its open orders ──► sales, ledger, room figures
    viewer events ──► stays ──► the session that a scan or pool join counts for
    sessions, tokens, sharers ──► all decisions that asked for them (`Dependents`)

A decision is open until the buyer's stream time has passed placed_at + horizon; then it is kept as it is.
"""

from collections.abc import Callable, Iterable
from typing import Any

from streams.core import activities, news, people, purchases
from streams.core.buyer import Buyer
from streams.core.desk import Absorbed, Desk
from streams.core.messages import (
    Activity,
    AnchorsChanged,
    Await,
    Erased,
    Handover,
    Joined,
    Linked,
    Merged,
    Message,
    Paid,
    Parted,
    Placed,
    RoomEvent,
    Seen,
    SessionStarted,
    TokenRegistered,
    Withdrawn,
)
from streams.core.packing import Unpacker, pack

JourneyMessage = (
    Activity | Seen | Placed | Paid | Withdrawn | Handover
    | Joined | Linked | Merged | Parted | Erased | Absorbed | Await
    | SessionStarted | AnchorsChanged | TokenRegistered | RoomEvent
)  # fmt: skip

# What a message does; it may return messages that follow from it, to buyers of any partition.
_APPLY: dict[type, Callable[[Desk, Any], Iterable[Message] | None]] = {
    Activity: activities.activity,
    Seen: activities.seen,
    Placed: purchases.placed,
    Paid: purchases.paid,
    Withdrawn: purchases.withdrawn,
    Handover: purchases.handover,
    Joined: people.joined,
    Linked: people.linked,
    Merged: people.merged,
    Parted: people.parted,
    Erased: people.erased,
    Absorbed: people.absorbed,
    SessionStarted: news.session_started,
    AnchorsChanged: news.anchors_changed,
    TokenRegistered: news.token_registered,
    RoomEvent: news.room_event,
}


_unpack: Unpacker[JourneyMessage] = Unpacker(JourneyMessage)


class Journeys(Desk):
    """The buyers of one partition."""

    def apply(self, message: Message, version: str) -> None:
        """Take one message; `version` names it among all messages of the partition."""
        self.version = version
        self._apply(message)

    def _apply(self, message: Message) -> None:
        buyer_id: str = getattr(message, "buyer_id", "")
        buyer = self.buyers.get(buyer_id)
        if buyer is not None and buyer.awaits and not isinstance(message, Absorbed):
            self._hold(buyer_id, buyer, message)
        elif isinstance(message, Await):
            buyer = self.present(buyer_id) or Buyer([])
            buyer.awaits.append(message.sender)
            self.buyers[buyer_id] = buyer
        else:
            for following in _APPLY[type(message)](self, message) or ():
                self._pass_on(following)
            if isinstance(message, Absorbed):
                self._arrived(message)

    def _hold(self, buyer_id: str, buyer: Buyer, message: Message) -> None:
        """Keep a message until the buyers are there that are on their way; whoever it moves is late, too."""
        buyer.held.append(pack(message))
        self.buyers[buyer_id] = buyer
        for old_id, new_id in message.moves:
            if self.at_home(new_id) and new_id != old_id:
                self._apply(Await(new_id, old_id))

    def _pass_on(self, message: Message) -> None:
        """Give a message to another buyer: now when it is of this partition, else through the topic."""
        buyer_id: str = message.buyer_id  # type: ignore[attr-defined]
        if self.at_home(buyer_id):
            self._apply(message)
        else:
            self.elsewhere.append((buyer_id, message))

    def _arrived(self, message: Absorbed) -> None:
        """Somebody is there: go on with what was held, up to the next one who is not."""
        buyer = self.buyers.get(message.buyer_id)
        if buyer is None or not buyer.awaits:
            return
        if message.sender in buyer.awaits:
            buyer.awaits.remove(message.sender)
        else:
            announced = pack(Await(message.buyer_id, message.sender))
            if announced in buyer.held:
                buyer.held.remove(announced)
        self.buyers[message.buyer_id] = buyer
        if not buyer.awaits:
            held, buyer.held = buyer.held, []
            self._go_on(message.buyer_id, held)

    def _go_on(self, buyer_id: str, held: list[bytes]) -> None:
        for place, payload in enumerate(held):
            buyer = self.buyers.get(buyer_id)
            if buyer is not None and buyer.awaits:
                buyer.held = held[place:]
                self.buyers[buyer_id] = buyer
                return
            self._apply(_unpack(payload))
