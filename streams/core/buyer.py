"""What is kept of one buyer: facts in the order of (time, source, id), and what was made of them.

A buyer is the union of its *parts*, one per identifier that its events came with. So two buyers become one by
putting their parts together, and fall apart by dealing the parts out again, whatever has happened before.
"""

from bisect import bisect_left, insort
from collections.abc import Iterator

import msgspec

from streams.core.cold import Cold, ColdOrders, Tick
from streams.core.messages import Activity, AppliedRefund, Claim
from streams.core.packed_list import PackedList
from streams.core.packing import ItemsUnpacker
from streams.core.tally import Counted

# The kind of a fact is its place in this list.
ACTIVITY_TYPES = (
    "live.viewer.entered", "live.viewer.left", "live.viewer.commented", "live.viewer.liked",
    "live.viewer.shared", "live.viewer.followed", "live.viewer.joined_fan_club",
    "live.product.clicked", "live.product.carted",
    "scan.code.scanned", "share.opened",
    "pool.contact.added", "pool.contact.removed", "pool.group.joined", "pool.group.left",
)  # fmt: skip
ENTERED, LEFT, COMMENTED, LIKED, SHARED, FOLLOWED, FANNED, CLICKED, CARTED = range(9)
SCANNED, SHARE_OPENED, CONTACT_ADDED, CONTACT_REMOVED, GROUP_JOINED, GROUP_LEFT = range(9, 15)
KIND_OF_TYPE = {type_: kind for kind, type_ in enumerate(ACTIVITY_TYPES)}


class Fact(msgspec.Struct, array_like=True, gc=False):
    """One activity; `counted` is the session that a scan or pool join counts for. It refers to nothing but texts."""

    time: int
    source: str
    id: str
    seq: int
    kind: int
    session_id: str | None
    item_id: str | None
    count: int
    token: str | None
    sharer_id: str | None
    store_id: str | None
    guide_id: str | None
    chat_id: str | None
    counted: str | None = None

    @property
    def own(self) -> tuple[str | None, str | None, str | None, str | None]:
        """What the event itself names: session_id, store_id, guide_id, sharer_id."""
        return self.session_id, self.store_id, self.guide_id, self.sharer_id

    @staticmethod
    def of(message: Activity) -> "Fact":
        """The fact that a message tells."""
        return Fact(
            message.time, message.source, message.id, message.seq, KIND_OF_TYPE[message.type],
            message.session_id, message.item_id, message.count, message.token, message.sharer_id,
            message.store_id, message.guide_id, message.chat_id,
        )  # fmt: skip


def _time(fact: Fact) -> int:
    return fact.time


def moment(fact: Fact) -> tuple[int, str, str]:
    """Sort key of facts: (time, source, id)."""
    return fact.time, fact.source, fact.id


def latest_first(fact: Fact) -> tuple[int, str, str]:
    """Sort key of evidence: the latest time, then the smallest (source, id)."""
    return -fact.time, fact.source, fact.id


class Visit(PackedList[Fact]):
    """Viewer and product events of one identifier in one session, in order of (time, source, id)."""

    unpack = ItemsUnpacker(Fact)

    def keep(self, fact: Fact) -> None:
        """Put a fact in its place."""
        if self.last is None or moment(self.last) < moment(fact):
            self.append(fact)
        else:
            self.fill(sorted([*self, fact], key=moment))


class Clock(PackedList[Tick]):
    """The time and seq of each event that was later than all before it."""

    unpack = ItemsUnpacker(Tick)

    @property
    def time(self) -> int:
        """The latest."""
        return self.last[0] if self.last is not None else 0


class Evidence(msgspec.Struct, frozen=True, gc=False):
    """The event that decided."""

    source: str
    id: str
    time: int
    type: str


class Verdict(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """The rule that won one of the two decisions."""

    rule: str
    tier: str
    evidence: Evidence | None


class Decision(msgspec.Struct, array_like=True, frozen=True):
    """Who gets the credit of one order line: integer weights per party of each dimension, and why."""

    session_id: str | None
    mode: str
    live: Verdict
    store: Verdict
    anchors: dict[str, int]
    stores: dict[str, int]
    modes: dict[str, int]
    guide_id: str | None
    sharer_id: str | None
    considered: list[tuple[str, str, str]]  # (decision, rule, outcome)


class Revision(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One line of a sale's history, for the person who asks why."""

    revision: int
    time: int  # of the event that caused it
    cause: str
    live_rule: str
    store_rule: str
    net_fen: int


# What credits come from: an amount (fen), and the weights of the parties of each dimension.
Posted = tuple[int, dict[str, dict[str, int]]]


class Sale(msgspec.Struct, array_like=True):
    """What was published of a sale: the last revision, what each party holds, and a digest to see changes."""

    revision: int
    credits: dict[str, dict[str, int]]  # dimension -> party -> fen
    digest: bytes
    history: list[Revision]
    posted: Posted | None = None
    refunds: list[int] = []  # what was taken from them since, in order
    counted: Counted | None = None  # how the metrics count it


class View(msgspec.Struct, array_like=True):
    """A placed or paid order of the buyer, with the decision for each of its lines."""

    claim: Claim
    is_paid: bool
    decisions: list[Decision] = []
    final: bool = False
    refunds: list[AppliedRefund] = []
    sales: dict[str, Sale] = {}  # sale_id -> what was published; of a placed view nothing
    new_buyer: bool = False

    @property
    def type(self) -> str:
        """The type of the event that it comes from."""
        return "order.paid" if self.is_paid else "order.placed"


class Part(msgspec.Struct, array_like=True):
    """The facts of one identifier."""

    first_seen: int
    clock: Clock
    visits: dict[str, Visit] = {}  # session_id -> viewer and product events
    loose: list[Fact] = []  # all other activities
    placed: dict[str, View] = {}
    paid: dict[str, View] = {}

    def see(self, time: int, seq: int) -> None:
        """Take the time of an accepted event."""
        self.first_seen = min(self.first_seen, time)
        if time > self.clock.time:
            self.clock.append((time, seq))

    def without_name(self, alias: str) -> "Part":
        """The part as it may be kept after a deletion request: what happened, under another alias."""
        for view in (*self.placed.values(), *self.paid.values()):
            view.claim = msgspec.structs.replace(view.claim, alias=alias)
        return self

    def merge(self, other: "Part") -> None:
        """Take everything of another part."""
        self.first_seen = min(self.first_seen, other.first_seen)
        ticks = sorted([*self.clock, *other.clock], key=lambda tick: (tick[1], tick[0]))
        self.clock = Clock.of(ticks[:1])
        for time, seq in ticks[1:]:
            self.see(time, seq)
        for session_id, visit in other.visits.items():
            self.visits[session_id] = Visit.of(sorted([*self.visits.get(session_id, ()), *visit], key=moment))
        self.loose = sorted([*self.loose, *other.loose], key=moment)
        self.placed |= other.placed
        self.paid |= other.paid


# A message that has to wait, with the seq of the last reference data before it.
Held = tuple[int, bytes]


class Buyer(msgspec.Struct, array_like=True):
    """One buyer; `tally`: session_id -> facts per sort of people (see `figures.PEOPLE`)."""

    identifiers: list[str]
    parts: dict[str, Part] = {}
    tally: dict[str, list[int]] = {}
    moved_to: str | None = None
    anonymous: bool = False
    held: list[Held] = []  # messages for later; the first is an `Await` for one who is still on the way
    cold: Cold = msgspec.field(default_factory=Cold)  # the rest is in rows of its own: see `archive`
    cold_orders: ColdOrders = msgspec.field(default_factory=ColdOrders)

    def part(self, alias: str, time: int, seq: int) -> Part:
        """The part of an identifier, which has been seen at `time`."""
        part = self.parts.get(alias)
        if part is None:
            part = self.parts[alias] = Part(time, Clock.of([(time, seq)]))
        else:
            part.see(time, seq)
        return part

    def take(self, alias: str, part: Part) -> None:
        """Take over a part."""
        if alias in self.parts:
            self.parts[alias].merge(part)
        else:
            self.parts[alias] = part

    @property
    def stream_time(self) -> int:
        """The latest event time seen of this buyer (spec §4), which is last_seen as well."""
        return max([part.clock.time for part in self.parts.values()], default=0)

    def reaches(self, time: int) -> bool:
        """Is anything of this buyer as late as `time`; an order may be placed later than all that was seen."""
        # A frozen order that has become final since is earlier than stream time.
        return (
            self.stream_time >= time
            or any(view.claim.placed_at >= time for view in self.open_views())
            or any(last >= time for _, last in self.cold_orders.open.values())
        )

    def passed(self, time: int) -> int | None:
        """The seq at which stream time became later than `time`; None when it has not."""
        return min((seq for part in self.parts.values() for at, seq in part.clock if at > time), default=None)

    def facts(self) -> Iterator[Fact]:
        """Every activity, in no order."""
        for part in self.parts.values():
            yield from part.loose
            for visit in part.visits.values():
                yield from visit

    def loose(self, since: int | None = None) -> Iterator[Fact]:
        """Every activity, from `since` on (ms; None: ever), that is no viewer or product event."""
        for part in self.parts.values():
            if part.loose:
                yield from part.loose if since is None else part.loose[bisect_left(part.loose, since, key=_time) :]

    def visit(self, session_id: str) -> list[Fact]:
        """The viewer and product events in one session, in order of (time, source, id)."""
        visits = self._visits(session_id)
        facts = [fact for visit in visits for fact in visit]
        return facts if len(visits) == 1 else sorted(facts, key=moment)

    def latest(self, session_id: str) -> Fact | None:
        """The last viewer or product event in one session."""
        return max([visit.last for visit in self._visits(session_id) if visit.last], key=moment, default=None)

    def _visits(self, session_id: str) -> list[Visit]:
        return [part.visits[session_id] for part in self.parts.values() if session_id in part.visits]

    def sessions(self) -> dict[str, None]:
        """Every session_id in its viewer and product events."""
        return {session_id: None for part in self.parts.values() for session_id in part.visits}

    def ordered_since(self, time: int) -> bool:
        """May any order, frozen ones included, have been placed at `time` (ms) or later."""
        last = self.cold_orders.last
        return (last is not None and last >= time) or any(view.claim.placed_at >= time for view in self.views())

    def views(self) -> list[View]:
        """Every placed and paid order that is at hand; of most buyers there is none: this is asked at every event."""
        found: list[View] = []
        for part in self.parts.values():
            if part.placed:
                found += part.placed.values()
            if part.paid:
                found += part.paid.values()
        return found

    def open_views(self) -> list[View]:
        """Those that later evidence may still change."""
        return [view for view in self.views() if not view.final]

    def paid(self) -> list[View]:
        """Every paid order that is at hand."""
        return [view for part in self.parts.values() for view in part.paid.values()]


def keep(facts: list[Fact], fact: Fact) -> None:
    """Put a fact in its place."""
    if not facts or moment(facts[-1]) < moment(fact):
        facts.append(fact)
    else:
        insort(facts, fact, key=moment)
