"""One buyer at work: what rests on its facts is made again, and the difference goes out."""

from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import Any

from streams.core import pool, rooms
from streams.core.attribution import decide
from streams.core.buyer import Buyer
from streams.core.case import Case, Past
from streams.core.cold import Stay
from streams.core.desk import Desk
from streams.core.facts import CONTACT_ADDED, GROUP_JOINED, SCANNED, Fact
from streams.core.presence import stay_at, stays
from streams.core.reference import Lookup
from streams.core.rooms import RoomFact
from streams.core.sales import Cause, Occasion, publish
from streams.core.views import Decision, View

POOL_JOINS = (CONTACT_ADDED, GROUP_JOINED)


class Account:
    """A buyer on the desk, from the first change that a message makes to `close`."""

    def __init__(self, desk: Desk, buyer_id: str, identifier: str = "") -> None:
        self.desk = desk
        self.buyer_id = buyer_id
        self.buyer = desk.present(buyer_id) or Buyer([])
        if identifier and not self.buyer.identifiers:
            self.buyer.identifiers = [identifier]
        self.changed: dict[int, View] = {}  # paid orders to be published anew
        self.recount = False  # the first order may be another

    def close(self, cause: Cause, *, advance: bool = True) -> None:
        """Publish the sales that changed; make final what is past the horizon; have the profile fed back.

        `advance` is False when more of the same event follows: it may still be evidence (spec §4).
        """
        desk, buyer = self.desk, self.buyer
        desk.buyers[self.buyer_id] = buyer
        if self.recount:
            self._find_first_order()
        for view in self.changed.values():
            publish(view, Occasion(self.buyer_id, cause, desk.policy, desk.policy_version, desk.effects))
        views = buyer.open_views()
        if advance and (views or buyer.cold_orders.open):  # most events find no open order
            now = buyer.stream_time - desk.policy.horizon
            desk.archive.orders.close(buyer.cold_orders, now)
            for view in views:
                if view.claim.placed_at < now:
                    view.final = True
        desk.touch(self.buyer_id, *cause)

    # --- sessions --------------------------------------------------------------------------------------------

    def recall(self, since: int | None) -> None:
        """Have everything at hand from `since` on (ms; None: everything)."""
        self.desk.archive.recall(self.buyer_id, self.buyer, since)

    def stays(self, session_id: str) -> list[Stay]:
        """The stays in one session."""
        return stays(self.buyer.visit(session_id), self.desk.policy.presence_timeout)

    def count_loose(self, since: int | None = None) -> None:
        """Let scans and pool joins count for the session that they name, else for the one that their buyer was in.

        Those from `since` on (ms); None: all.
        """
        self.recall(since)
        counting = [fact for fact in self.buyer.loose(since) if fact.kind == SCANNED or fact.kind in POOL_JOINS]
        if not counting:
            return
        lookup = Lookup(self.desk.entries)
        for fact in counting:
            session_id = self._session_of(fact, lookup)
            if session_id == fact.counted:
                continue
            for counted, sign in ((fact.counted, -1), (session_id, 1)):
                fact.counted = counted
                if room_fact := rooms.of_fact(fact):
                    self.desk.deltas.count(self.buyer_id, self.buyer, *room_fact, sign)
        self.desk.rests_on(lookup, self.buyer_id)

    def _session_of(self, fact: Fact, lookup: Lookup) -> str | None:
        named = lookup.named(fact.time, fact.token, fact.own)
        if named.session_id is not None:
            return named.session_id if lookup.session(named.session_id) else None
        _, session_id = min(self._stays_at(fact.time), default=(None, None))
        return session_id

    def _stays_at(self, time: int) -> Iterator[tuple[int, str]]:
        """The stays that the buyer is in at `time`, from which on all is hot: minus when each began; its session."""
        buyer, timeout = self.buyer, self.desk.policy.presence_timeout
        for session_id in buyer.cold.stays.keys() | buyer.sessions():
            first = stay_at(buyer.cold.stays.get(session_id), buyer.visit(session_id), time, timeout)
            if first is not None:
                yield -first, session_id

    # --- orders ----------------------------------------------------------------------------------------------

    def decide(self, view: View, cutoff: int | None) -> list[Decision]:
        """Decide the lines of an order from what had arrived up to `cutoff` (seq; None: all)."""
        archive, buyer_id, buyer = self.desk.archive, self.buyer_id, self.buyer
        archive.recall_contacts(buyer_id, buyer, view.claim.placed_at, cutoff)
        lookup = Lookup(self.desk.entries, cutoff)
        older = partial(archive.chunks.walk, buyer_id, buyer.cold)
        case = Case(view.claim, view.type, Past(buyer, older), lookup, self.desk.policy)
        decisions = [decide(case, line) for line in view.claim.lines]
        if cutoff is None:
            self.desk.rests_on(lookup, self.buyer_id)
        return decisions

    def hear_news(self, since: int | None = None) -> None:
        """Make again what rests on what is known, as far as something at `since` (ms; None: anything) may change it."""
        self.count_loose(since)
        self.decide_again(since)

    def decide_again(self, since: int | None = None) -> None:
        """Make the open decisions again that something at `since` (ms; None: anything) may change."""
        self.desk.archive.orders.find_open(self.buyer_id, self.buyer, since=since)
        for view in self.buyer.open_views():
            if since is None or since <= view.claim.placed_at:
                before = room_facts(view)
                view.decisions = self.decide(view, None)
                self.replace(before, view)

    def replace(self, before: Counter[RoomFact], view: View) -> None:
        """An order is not what it was: correct the sessions' figures, note it for publishing."""
        self.desk.deltas.count_change(self.buyer_id, self.buyer, before, room_facts(view))
        if view.is_paid:
            self.changed[id(view)] = view

    def take_back(self, view: View) -> None:
        """An order is no longer this buyer's: take it out of the sessions' figures."""
        self.desk.deltas.count_change(self.buyer_id, self.buyer, room_facts(view), Counter())

    def _find_first_order(self) -> None:
        """A new buyer's order is its first paid one, by placed_at, then carrier, order_id."""
        first = min(self.buyer.paid(), key=pool.first_order, default=None)
        frozen = self.buyer.cold_orders.first
        if frozen is not None:
            if first is None or frozen < pool.first_order(first):
                return  # and it has been known since it was frozen
            if not first.new_buyer:
                self.desk.archive.orders.thaw(self.buyer_id, self.buyer)
        for view in self.buyer.paid():
            if view.new_buyer != (view is first):
                before = room_facts(view)
                view.new_buyer = view is first
                self.replace(before, view)

    # --- the private pool ------------------------------------------------------------------------------------

    def tell(self, type_: str, cause: tuple[str, ...], time: int, **more: Any) -> None:
        """Tell the private pool what happened to this buyer, unless it has no name any more."""
        if not self.buyer.anonymous:
            data = {"buyer_id": self.buyer_id, "ids": pool.ids_of(self.buyer.identifiers), **more}
            self.desk.effects.pool_event(type_, cause, time, data)


def room_facts(view: View) -> Counter[RoomFact]:
    """What an order is to the sessions that won its lines."""
    if not view.decisions:
        return Counter()
    return rooms.of_paid(view) if view.is_paid else rooms.of_placed(view)
