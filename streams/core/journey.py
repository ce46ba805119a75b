"""The journey of each buyer: facts in, sales, profiles, pool events and room deltas out (spec §4-§6).

Every message changes the facts of one buyer, or what is known of a session or token; then whatever rests on
them is made again and the difference goes out. What rests on what:

    facts of the buyer ──► decisions of its open orders ──► sales, ledger, room figures
    viewer events ──► stays ──► the session that a scan or pool join counts for
    sessions, tokens, sharers ──► all decisions that asked for them (`Dependents`)

A decision is open until the buyer's stream time has passed placed_at + horizon; then it is kept as it is.

Buyers become others, perhaps of another partition, which may be ahead or behind. One rule makes any number of
partitions end as one does:

    A buyer takes its messages in the order in which admission wrote them, each with the reference data
    that was written before it. What comes from another buyer (`Absorbed`) has its place in that order where it
    was announced (`Await`), whenever it arrives.

So `held` begins with an empty place, and all that is written for its buyer afterwards stands behind it: messages,
further empty places, and what came for those meanwhile. An empty place is always filled in the end: who is to
fill it waits only for messages that were written earlier. Of one sender the first to arrive belongs to its first
place, since a sender, too, keeps the order, and so does the topic.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, get_args

from streams.core import activities, news, people, purchases
from streams.core.account import Account
from streams.core.buyer import Buyer, Held
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
from streams.core.reference import Entry
from streams.core.sales import Cause

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
        self.version, self.places = version, 0
        todo = deque(self._deliver(message))
        while todo:
            todo.extend(self._deliver(todo.popleft()))
        if isinstance(message, _REFERENCES):
            self.entries[_LATEST] = _entry([message])

    def now(self, buyer_id: str) -> str:
        """Who a buyer is by now; nobody while it waits: it hears the news when it goes on."""
        buyer_id = super().now(buyer_id)
        buyer = self.buyers.get(buyer_id)
        return "" if buyer is not None and buyer.held else buyer_id

    def _deliver(self, message: Message) -> list[Message]:
        """Let a buyer take a message, or keep it until its turn; return what follows for this partition."""
        buyer_id: str = getattr(message, "buyer_id", "")
        buyer = self.buyers.get(buyer_id)
        held = buyer.held if buyer is not None else []
        if isinstance(message, Absorbed) and (place := _place_of(message, held)) is not None:
            if place == 0:
                return self._go_on(message, held)
            held[place] = held[place][0], pack(message)
        elif held or isinstance(message, Await):
            held.append((self._latest(), pack(message)))
        else:
            return self._take(buyer_id, message)
        self._hold(buyer_id, held)
        # Whom a held message moves is late, too. Other partitions have been told.
        return [Await(new_id, old_id) for old_id, new_id in message.moves if new_id != old_id and self.at_home(new_id)]

    def _take(self, buyer_id: str, message: Message, *, waiting: bool = False) -> list[Message]:
        """Do what a message says; whom it moves to another partition goes there through the topic."""
        following: list[Message] = []
        for moved in _APPLY[type(message)](self, message) or ():
            receiver: str = moved.buyer_id  # type: ignore[attr-defined]
            if receiver == buyer_id and waiting:
                self._take(buyer_id, moved)  # before what is held behind it
            elif self.at_home(receiver):
                following.append(moved)
            else:
                self.elsewhere.append((receiver, moved))
        return following

    def _go_on(self, awaited: Absorbed, held: list[Held]) -> list[Message]:
        """Take the one for whom a buyer waited, then what was held, up to the next empty place."""
        buyer_id, cause = awaited.buyer_id, Cause(awaited.time, awaited.cause)
        following: list[Message] = []
        known = held[0][0]
        self._hold(buyer_id, [])
        for place, (seq, payload) in enumerate(held):
            message = _unpack(payload) if place else awaited
            with self._as_of(seq):
                if seq != known:
                    self._hear_news(buyer_id, cause)
                known = seq
                if isinstance(message, Await):
                    self._hold(buyer_id, held[place:])
                    return following
                following += self._take(buyer_id, message, waiting=True)
        if known != self._latest():
            self._hear_news(buyer_id, cause)
        return following

    def _hold(self, buyer_id: str, held: list[Held]) -> None:
        buyer = self.present(buyer_id) or Buyer([])  # no longer another, who might be erased before this one comes
        buyer.held = held
        self.buyers[buyer_id] = buyer

    def _hear_news(self, buyer_id: str, cause: Cause) -> None:
        """Make again what rests on reference data, some of which came while the buyer waited."""
        if self.present(buyer_id) is not None:
            account = Account(self, buyer_id)
            account.hear_news()
            account.close(cause)

    @contextmanager
    def _as_of(self, seq: int) -> Iterator[None]:
        """Know what was known when a message was held, and give it a version of its own."""
        entries, version = self.entries, self.version
        self.places += 1
        self.entries, self.version = _Known(entries, seq), f"{version}.{self.places}"
        try:
            yield
        finally:
            self.entries, self.version = entries, version

    def _latest(self) -> int:
        """The seq of the last reference data that this partition was given; -1: none yet."""
        entry = self.entries.get(_LATEST)
        return -1 if entry is None else max(message.seq for message in _messages(entry))


Reference = SessionStarted | AnchorsChanged | TokenRegistered
_REFERENCES = get_args(Reference)  # of a union Python asks more slowly
_LATEST = "latest:"  # the key of an entry with the reference data that came last, and no more


def _messages(entry: Entry) -> list[Reference]:
    return [*entry.starts, *entry.changes, *entry.registrations]


def _entry(messages: Iterable[Reference]) -> Entry:
    entry = Entry()
    for message in messages:
        if isinstance(message, SessionStarted):
            entry.starts.append(message)
        elif isinstance(message, AnchorsChanged):
            entry.changes.append(message)
        else:
            entry.registrations.append(message)
    return entry


class _Known(dict[str, Entry]):
    """Reference data up to a seq; it is looked up and not changed."""

    def __init__(self, entries: Mapping[str, Entry], seq: int) -> None:
        self._entries, self._seq = entries, seq

    def get(self, key: str, default: Any = None) -> Any:
        """What was known of a key."""
        entry = self._entries.get(key)
        return default if entry is None else _entry(one for one in _messages(entry) if one.seq <= self._seq)


def _place_of(message: Absorbed, held: list[Held]) -> int | None:
    """Which of the places that are held is kept for a message."""
    announced = pack(Await(message.buyer_id, message.sender)) if held else b""
    return next((place for place, (_, payload) in enumerate(held) if payload == announced), None)
