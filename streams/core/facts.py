"""Activities as they are kept of a buyer: facts in the order of (time, source, id), and the clock of what was seen."""

from bisect import insort

import msgspec

from streams.core.cold import Tick
from streams.core.messages import Activity
from streams.core.packed_list import PackedList
from streams.core.packing import ItemsUnpacker

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


def time_of(fact: Fact) -> int:
    """Sort key of facts in one list."""
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


def keep(facts: list[Fact], fact: Fact) -> None:
    """Put a fact in its place."""
    if not facts or moment(facts[-1]) < moment(fact):
        facts.append(fact)
    else:
        insort(facts, fact, key=moment)
