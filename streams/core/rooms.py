"""What a buyer adds to the sessions of the board: facts, people, stays (spec §6).

Everything is a sum over buyers: each change of a buyer becomes a `RoomDelta` that the board adds up, and taking
back is adding with the opposite sign.
"""

from collections import Counter

from streams.core.archive import Archive
from streams.core.buyer import Buyer
from streams.core.cold import Stay
from streams.core.facts import CARTED, SCANNED, Fact
from streams.core.figures import (
    JOIN,
    KINDS,
    MADE_FEN,
    NEW,
    ORDER_PAID,
    ORDER_PLACED,
    PAID_FEN,
    PEOPLE,
    REFUNDED_FEN,
    SCAN,
    UNITS,
)
from streams.core.messages import RoomDelta
from streams.core.presence import add_stays
from streams.core.views import View

RoomFact = tuple[str, int, int]  # (session_id, kind, time)
COUNTED = {SCANNED: SCAN}  # kinds of facts that count for a session otherwise than by happening in it; rest: JOIN


class Deltas:
    """The changes of one batch, per session."""

    def __init__(self, archive: Archive) -> None:
        self.by_session: dict[str, RoomDelta] = {}
        self._archive = archive

    def of(self, session_id: str) -> RoomDelta:
        """The delta of a session."""
        delta = self.by_session.get(session_id)
        if delta is None:
            delta = self.by_session[session_id] = RoomDelta(session_id, [], [0] * len(PEOPLE), {}, {})
        return delta

    def count(self, buyer_id: str, buyer: Buyer, fact: RoomFact, amount: int, sign: int) -> None:
        """Add (or with -1 take back) one fact of a buyer."""
        session_id, kind, time = fact
        delta = self.of(session_id)
        delta.changes += 1
        if amount:
            delta.facts.append((kind, time, buyer_id, sign * amount))
        sorts = KINDS[kind].people
        if not sorts:
            return
        tally = self._archive.tally(buyer_id, buyer, session_id)
        if tally is None:
            tally = buyer.tally[session_id] = [0] * len(PEOPLE)
        for sort in sorts:
            before = tally[sort]
            tally[sort] = before + sign
            if before == 0:
                delta.people[sort] += 1
            elif tally[sort] == 0:
                delta.people[sort] -= 1
        if not any(tally):
            del buyer.tally[session_id]

    def count_change(self, buyer_id: str, buyer: Buyer, before: Counter[RoomFact], after: Counter[RoomFact]) -> None:
        """Replace some facts of a buyer by others."""
        for fact in before.keys() | after.keys() if before else after:
            difference = after[fact] - before[fact]
            if difference:
                self.count(buyer_id, buyer, fact, abs(difference), 1 if difference > 0 else -1)

    def stay(self, session_id: str, before: list[Stay], after: list[Stay]) -> None:
        """Replace the stays of one buyer in one session by others."""
        if before == after:
            return
        delta = self.of(session_id)
        common = 0
        for one, other in zip(before, after, strict=False):
            if one != other:
                break
            common += 1
        add_stays(before[common:], -1, delta.online, delta.watch)
        add_stays(after[common:], 1, delta.online, delta.watch)


def of_fact(fact: Fact) -> tuple[RoomFact, int] | None:
    """What an activity is to the session in which it happened, or which it counts for."""
    if fact.kind <= CARTED:
        return (str(fact.session_id), fact.kind, fact.time), fact.count
    if fact.counted is None:
        return None
    return (fact.counted, COUNTED.get(fact.kind, JOIN), fact.time), 1


def of_placed(view: View) -> Counter[RoomFact]:
    """What a placed order is to the sessions that won its lines."""
    facts: Counter[RoomFact] = Counter()
    at = view.claim.placed_at
    for line, decision in zip(view.claim.lines, view.decisions, strict=True):
        if decision.session_id is not None:
            facts[decision.session_id, ORDER_PLACED, at] = 1
            facts[decision.session_id, MADE_FEN, at] += line.amount_fen
    return facts


def of_paid(view: View) -> Counter[RoomFact]:
    """What a paid order, with its refunds, is to the sessions that won its lines."""
    facts: Counter[RoomFact] = Counter()
    at = view.claim.placed_at
    for line, decision in zip(view.claim.lines, view.decisions, strict=True):
        session_id = decision.session_id
        if session_id is None:
            continue
        facts[session_id, ORDER_PAID, at] = 1
        if view.new_buyer:
            facts[session_id, NEW, at] = 1
        facts[session_id, UNITS, at] += line.quantity
        facts[session_id, PAID_FEN, at] += line.amount_fen
        for refund in view.refunds:
            if fen := refund.lines.get(line.line_id):
                facts[session_id, REFUNDED_FEN, refund.time] += fen
    return facts
