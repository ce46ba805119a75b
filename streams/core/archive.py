"""The hot and the cold part of a buyer: what happened long ago is put away, and taken out again when it is asked for.

A buyer is read and written whole at every touch, so it must not grow with its history. At the end of a batch the
older facts and ticks of a buyer that has become large are *frozen*: they go into a chunk, a row of its own that is
written once. Chunks are a stack, each later than those below it, and

    `cold.before` is a time B: every fact and every tick of B or later is hot. Of the earlier ones those are hot
    that are the last word: per contact and group the latest fact before B, per part the latest tick.

So what a question needs can be said by a time. `recall(since)` takes chunks off the stack until all from `since` on
is hot; then the buyer is what it was before they were frozen, and the rest of the core need not know that it ever was
otherwise. It is enough for

    an event before others of its session       to go back a presence timeout: an older one changes no stay
    an event after them; a scan or join at t    t: of what was before, `Cold.stays` tells the stays that go on
    `passed(t)`, contacts at t                  t, if any of these is later than t and earlier than B
    what news of t may change                   t, if everything earlier keeps its meaning; else to recall everything
    merging, parting, forgetting                nothing less than everything, and no row is left (`thaw`)

Nothing is taken out for looking only: see `ChunkStack.walk`. What is known by heart (`Cold.last_visit`, `first_share`)
is known of facts that have ever been frozen: it stays true when they are recalled.
"""

from sys import maxsize
from typing import NamedTuple

import msgspec

from streams.core.buyer import Buyer
from streams.core.chunk_stack import ChunkStack, Newest
from streams.core.chunks import CONTACTS, Chunk, boundary, cut, put_back
from streams.core.cold import Cold, RowDict, Rows, rows_of
from streams.core.facts import CARTED, SHARE_OPENED, moment
from streams.core.figures import VIEWER
from streams.core.order_archive import OrderArchive
from streams.core.order_rows import FrozenView, NearOrders, OpenView
from streams.core.presence import last_stay


class Tally(msgspec.Struct, array_like=True, tag="tally"):
    """What a buyer is to a session of which nothing is hot: see `Buyer.tally`."""

    people: list[int]


Row = Chunk | Newest | Tally | FrozenView | OpenView | NearOrders


class Limits(NamedTuple):
    """Facts and ticks that stay hot, at least; how many of them are worth a chunk; see `OrderArchive`."""

    keep: int = 32
    least: int = 64
    views: int | None = 4


ALL_HOT = Limits(maxsize, 1, None)


class Archive:
    """The cold parts of the buyers of one partition."""

    def __init__(self, rows: Rows | None = None, limits: Limits = ALL_HOT) -> None:
        self._rows: Rows = RowDict() if rows is None else rows
        self._limits = limits
        self.chunks = ChunkStack(self._rows)
        self.orders = OrderArchive(self._rows, limits.views)

    def freeze(self, buyer_id: str, buyer: Buyer, timeout: int) -> bool:
        """Put away every order and what is too much else; was there any. `timeout` is that of presence (ms)."""
        frozen = self.orders.freeze(buyer_id, buyer)
        while (before := boundary(buyer, self._limits.keep, self._limits.least)) is not None:
            self._freeze(buyer_id, buyer, before, timeout)
            frozen = True
        return frozen

    def _freeze(self, buyer_id: str, buyer: Buyer, before: int, timeout: int) -> None:
        chunk, cold = cut(buyer, before), buyer.cold
        _learn(cold, chunk)
        stays = cold.stays | {
            session_id: last_stay(cold.stays.get(session_id), visit, timeout)
            for session_id, visit in chunk.visits().items()
        }
        cold.stays = {session_id: stay for session_id, stay in stays.items() if stay.end >= before}
        self.chunks.push(buyer_id, cold, chunk)
        cold.before = before
        hot = buyer.sessions().keys() | {fact.counted for fact in buyer.loose()}
        for session_id in [session_id for session_id in buyer.tally if session_id not in hot]:
            people = buyer.tally.pop(session_id)
            self._rows[_tally(buyer_id, session_id)] = Tally(people)
            cold.tallies += 1
            cold.sessions += people[VIEWER] > 0

    def recall(self, buyer_id: str, buyer: Buyer, since: int | None) -> None:
        """Make everything hot from `since` on (ms; None: everything)."""
        cold = buyer.cold
        while cold.has(since):
            chunk = self.chunks.pop(buyer_id, cold)
            cold.before, cold.stays = chunk.since, chunk.stays
            put_back(buyer, chunk)

    def recall_contacts(self, buyer_id: str, buyer: Buyer, at: int, cutoff: int | None) -> None:
        """Make the contacts hot that there were at `at` (ms), as known up to `cutoff` (seq; None: to all)."""
        before = buyer.cold.before
        if before is None:
            return
        last_words = [fact for fact in buyer.loose() if fact.kind in CONTACTS and fact.time < before]
        if any(cutoff is not None or fact.time > at for fact in last_words):
            self.recall(buyer_id, buyer, at if cutoff is None else None)

    def thaw(self, buyer_id: str, buyer: Buyer) -> None:
        """Make all of a buyer hot; no row of it is left."""
        self.recall(buyer_id, buyer, None)
        self.orders.thaw(buyer_id, buyer)
        if buyer.cold.tallies:
            prefix = _tally(buyer_id, "")
            for key in list(self._rows.under(prefix)):
                self.tally(buyer_id, buyer, key.removeprefix(prefix))
        buyer.cold = Cold()

    def tally(self, buyer_id: str, buyer: Buyer, session_id: str) -> list[int] | None:
        """What a buyer is to a session, hot from now on; None: nothing."""
        found = buyer.tally.get(session_id)
        if found is None and buyer.cold.tallies and (row := self._rows.get(_tally(buyer_id, session_id))):
            assert isinstance(row, Tally)  # noqa: S101 - so its key says
            del self._rows[_tally(buyer_id, session_id)]
            buyer.cold.tallies -= 1
            buyer.cold.sessions -= row.people[VIEWER] > 0
            found = buyer.tally[session_id] = row.people
        return found


def _learn(cold: Cold, chunk: Chunk) -> None:
    """Know the latest visit and the first share by heart."""
    for fact in chunk.all():
        if fact.kind <= CARTED:
            visit = (-fact.time, fact.source, fact.id, str(fact.session_id))
            cold.last_visit = min(cold.last_visit or visit, visit)
        elif fact.kind == SHARE_OPENED and (cold.first_share is None or moment(fact) < cold.first_share[:3]):
            cold.first_share = *moment(fact), fact.sharer_id


def _tally(buyer_id: str, session_id: str) -> str:
    return f"{rows_of(buyer_id)}tally {session_id}"
