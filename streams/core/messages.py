"""What travels between the agents, `identity` → journeys → `journey` → room-deltas → `board`, and → room-details.

Everything about one buyer goes to the partition of its buyer_id; reference data (sessions, tokens) goes
to every partition. `seq` is the event's place in the one order of all valid events (its number in
`arrivals`); times are UTC ms, money is fen. `source`, `id` are those of the input event.
"""

import msgspec

from streams.core.identity import Split

Evidence = tuple[int, str, str]  # (time, source, id): what orders events everywhere


class Message(msgspec.Struct, array_like=True, tag=True, tag_field="message", frozen=True, gc=False):
    """Base of all messages on `journeys`."""

    @property
    def moves(self) -> list[tuple[str, str]]:
        """The buyers that it makes move, each (from, to), perhaps to another partition."""
        return []


class Activity(Message, frozen=True):
    """One event of a buyer that is no order: viewer, product, scan, share, contact, group."""

    buyer_id: str
    identifier: str  # the best of the event, `namespace:value`
    type: str
    time: int
    source: str
    id: str
    seq: int
    session_id: str | None = None
    item_id: str | None = None
    count: int = 1
    token: str | None = None
    sharer_id: str | None = None
    store_id: str | None = None
    guide_id: str | None = None
    chat_id: str | None = None


class Line(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One order line as `order.placed` or `order.paid` gave it (placed: with its amendments)."""

    line_id: str
    item_id: str
    quantity: int
    amount_fen: int
    seller_store_id: str | None = None
    credit_store_id: str | None = None
    session_id: str | None = None
    room_id: str | None = None
    anchor_id: str | None = None


class Claim(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What one `order.placed` or `order.paid` says."""

    carrier: str
    order_id: str
    alias: str  # of the best identifier of the event
    time: int
    source: str
    id: str
    seq: int
    placed_at: int
    token: str | None
    sharer_id: str | None
    lines: list[Line]

    @property
    def evidence(self) -> Evidence:
        """(time, source, id)."""
        return self.time, self.source, self.id


class AppliedRefund(msgspec.Struct, array_like=True, frozen=True):
    """A refund that stands: what it takes from each line."""

    refund_id: str
    time: int
    source: str
    id: str
    lines: dict[str, int]  # line_id -> fen


class Placed(Message, frozen=True):
    """The placed view of an order, for the board: whole and anew at every change; `is_new`: no buyer has had it."""

    buyer_id: str
    claim: Claim
    is_new: bool = False


class Paid(Message, frozen=True):
    """The paid view of an order, from which its sales are made: whole and anew at every change; `is_new` as above."""

    buyer_id: str
    claim: Claim
    refunds: list[AppliedRefund]
    time: int  # of the event that changed it
    cause: str  # and its type
    is_new: bool = False


class Withdrawn(Message, frozen=True):
    """The placed view of an order is no longer this buyer's."""

    buyer_id: str
    alias: str  # under which it was
    carrier: str
    order_id: str


class Handover(Message, frozen=True):
    """The paid order of this buyer turns out to be another's: what was published of its sales goes on there."""

    buyer_id: str
    alias: str  # under which it was
    to: str
    claim: Claim  # as the other buyer will have it
    time: int
    cause: str

    @property
    def moves(self) -> list[tuple[str, str]]:
        """The order goes to the other buyer."""
        return [(self.buyer_id, self.to)]


class Seen(Message, frozen=True):
    """An accepted order event with this identifier: for first_seen, last_seen and stream time."""

    buyer_id: str
    identifier: str
    type: str
    time: int
    seq: int


class Joined(Message, frozen=True):
    """A set of identifiers is new or has grown."""

    buyer_id: str
    identifiers: list[str]


class Merged(Message, frozen=True):
    """This buyer is part of another from now on, which has these identifiers."""

    buyer_id: str
    into: str
    identifiers: list[str]
    time: int

    @property
    def moves(self) -> list[tuple[str, str]]:
        """All of it goes to the other."""
        return [(self.buyer_id, self.into)]


class Linked(Message, frozen=True):
    """All that an event brought to this buyer is there, and the event itself is another's."""

    buyer_id: str
    time: int
    type: str


class Parted(Message, frozen=True):
    """A set fell apart."""

    buyer_id: str
    split: Split
    time: int

    @property
    def moves(self) -> list[tuple[str, str]]:
        """The old set goes to its parts."""
        return [(self.buyer_id, part_id) for part_id, _ in self.split.parts]


class Erased(Message, frozen=True):
    """A deletion request: the buyer goes on without a name as `anonymous_id`."""

    buyer_id: str
    anonymous_id: str
    aliases: list[str]  # the identifiers that it had
    time: int

    @property
    def moves(self) -> list[tuple[str, str]]:
        """What is kept goes to the anonymous one."""
        return [(self.buyer_id, self.anonymous_id)]


class Await(Message, frozen=True):
    """`sender` is on its way to this buyer: it takes this place among its messages, and what comes later waits."""

    buyer_id: str
    sender: str


class SessionStarted(Message, frozen=True):
    """Reference data: a live session."""

    session_id: str
    room_id: str
    carrier: str
    anchors: list[str]
    stores: list[str]
    weights: dict[str, int]
    time: int
    source: str
    id: str
    seq: int


class AnchorsChanged(Message, frozen=True):
    """Reference data: who is on air in a session from `time` on."""

    session_id: str
    anchors: list[str]
    time: int
    source: str
    id: str
    seq: int


class TokenRegistered(Message, frozen=True):
    """Reference data: what a token stands for."""

    token: str
    store_id: str | None
    guide_id: str | None
    session_id: str | None
    sharer_id: str | None
    expires_at: int | None
    time: int
    source: str
    id: str
    seq: int


class RoomEvent(Message, frozen=True):
    """A live-room event that has no buyer: it moves the session's latest event, and may start or end it."""

    session_id: str
    time: int
    source: str
    id: str
    started: bool = False
    ended: bool = False


class RoomDelta(msgspec.Struct, array_like=True):
    """What changed in one session since the last delta of this partition; everything in it adds up.

    facts: (kind, time, buyer_id, amount), amount negative when taken back; see `figures.KINDS`.
    people: how many people more (or fewer) of each sort, over the whole show; see `figures.PEOPLE`.
    online: (whole minute in ms, how many stays more from it on); watch: (ms, how many stays more since it).
    """

    session_id: str
    facts: list[tuple[int, int, str, int]]
    people: list[int]
    online: dict[int, int]
    watch: dict[int, int]
    changes: int = 0
    latest: int | None = None
    started: Evidence | None = None
    ended: Evidence | None = None
    reference: list[SessionStarted | AnchorsChanged] = []  # of this session, as it came


class RoomCard(Message, frozen=True):
    """What a session is, beside its numbers; anchors: who is on air at its latest event, by id."""

    session_id: str
    room_id: str
    carrier: str
    anchors: list[str]
    stores: list[str]
    started: int
    ended: int | None
    latest: int


class RoomOnline(Message, frozen=True):
    """By how much the number online changes at a whole minute (ms), over all stays; what holds is the last said."""

    session_id: str
    minute: int
    change: int


RoomDetail = RoomCard | RoomOnline
