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
from streams.core.desk import Absorbed, Desk
from streams.core.messages import (
    Activity,
    AnchorsChanged,
    Erased,
    Handover,
    Joined,
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

JourneyMessage = (
    Activity | Placed | Paid | Withdrawn | Handover | Seen | Joined | Parted | Erased | Absorbed
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
    Parted: people.parted,
    Erased: people.erased,
    Absorbed: people.absorbed,
    SessionStarted: news.session_started,
    AnchorsChanged: news.anchors_changed,
    TokenRegistered: news.token_registered,
    RoomEvent: news.room_event,
}


class Journeys(Desk):
    """The buyers of one partition."""

    def apply(self, message: Message, version: str) -> None:
        """Take one message; `version` names it among all messages of the partition."""
        self.version = version
        self._apply(message)

    def _apply(self, message: Message) -> None:
        for following in _APPLY[type(message)](self, message) or ():
            buyer_id: str = following.buyer_id  # type: ignore[attr-defined]
            if self.at_home(buyer_id):
                self._apply(following)
            else:
                self.elsewhere.append((buyer_id, following))
