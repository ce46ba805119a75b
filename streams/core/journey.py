"""The journey of each buyer: facts in, sales, profiles, pool events and room deltas out (spec §4-§6).

Every message changes the facts of one buyer, or what is known of a session or token; then whatever rests on
them is made again and the difference goes out. What rests on what:

    facts of the buyer ──► decisions of its open orders ──► sales, ledger, room figures
    viewer events ──► stays ──► the session that a scan or pool join counts for
    sessions, tokens, sharers ──► all decisions that asked for them (`Dependents`)

A decision is open until the buyer's stream time has passed placed_at + horizon; then it is kept as it is.
"""

from collections import Counter
from collections.abc import Callable, Iterable, MutableMapping
from typing import Any, Protocol

from streams.core import pool, rooms
from streams.core.attribution import Case, decide
from streams.core.buyer import (
    CARTED, CONTACT_ADDED, CONTACT_REMOVED, GROUP_JOINED, GROUP_LEFT, SCANNED,
    Buyer, Decision, Fact, Part, View, keep, moment,
)  # fmt: skip
from streams.core.identity import buyer_id_of
from streams.core.messages import (
    Activity, AnchorsChanged, Claim, Erased, Handover, Joined, Message, Paid, Parted, Placed, RoomEvent, Seen,
    SessionStarted, TokenRegistered, Withdrawn,
)  # fmt: skip
from streams.core.outcome import Effects
from streams.core.policy import Policy
from streams.core.presence import Stay, add_event, stays
from streams.core.reference import Entry, Lookup, References
from streams.core.rooms import Deltas, RoomFact
from streams.core.sales import Cause, escaped, publish, sale_id_of

POOL_JOINS = (CONTACT_ADDED, GROUP_JOINED)
POOL_LEAVES = (CONTACT_REMOVED, GROUP_LEFT)


class Absorbed(Message, frozen=True):
    """The parts of a buyer that are another's from now on; with identifiers, they are all that it has."""

    buyer_id: str
    buyer: Buyer
    time: int
    cause: str


JourneyMessage = (
    Activity | Placed | Paid | Withdrawn | Handover | Seen | Joined | Parted | Erased | Absorbed
    | SessionStarted | AnchorsChanged | TokenRegistered | RoomEvent
)  # fmt: skip


class Dependents(Protocol):
    """Which buyers asked for which reference data."""

    def add(self, key: str, buyer_id: str) -> None:
        """Note that a result of this buyer rests on `key`."""

    def of(self, key: str) -> Iterable[str]:
        """The buyers with a result that rests on `key`."""


class Journeys:
    """The buyers of one partition."""

    def __init__(
        self,
        policy: Policy,
        buyers: MutableMapping[str, Buyer],
        entries: MutableMapping[str, Entry],
        dependents: Dependents,
        at_home: Callable[[str], bool] = lambda _: True,
    ) -> None:
        self.policy = policy
        self.buyers = buyers
        self.entries = entries
        self.references = References(entries)
        self.dependents = dependents
        self.at_home = at_home
        self.begin()

    def begin(self) -> None:
        """Begin a batch: nothing done yet."""
        self.effects = Effects()
        self.deltas = Deltas()
        self.elsewhere: list[tuple[str, JourneyMessage]] = []  # (buyer_id, message) for other partitions
        self.touched: dict[str, tuple[str, int, str]] = {}  # buyer_id -> (version, time, reason)
        self.late = 0  # activities that would have been evidence for an order that was final already
        self.version = ""
        self.changed: dict[int, View] = {}  # paid orders to be published anew at the end of the message
        self.recount = False  # the buyer's first order may be another

    def apply(self, message: JourneyMessage, version: str) -> None:
        """Take one message; `version` names it among all messages of the partition."""
        self.version = version
        _APPLY[type(message)](self, message)

    def profiles(self) -> None:
        """End a batch: publish the profile of every buyer that it touched, once."""
        for buyer_id, (version, time, reason) in self.touched.items():
            buyer = self.buyers.get(buyer_id)
            data = None
            if buyer is not None and buyer.anonymous:
                continue
            if buyer is not None and buyer.moved_to is None:
                lookup = Lookup(self.entries)
                data = pool.profile(buyer_id, buyer, lookup, reason)
                self._rests_on(lookup, buyer_id)
            self.effects.profile(buyer_id, version, time, data)

    # --- buyers ----------------------------------------------------------------------------------------------

    def _buyer(self, buyer_id: str, identifier: str) -> Buyer:
        buyer = self.buyers.get(buyer_id)
        if buyer is None or buyer.moved_to is not None:
            buyer = Buyer([identifier])
        return buyer

    def _touch(self, buyer_id: str, time: int, reason: str) -> None:
        self.touched[buyer_id] = (self.version, time, reason)

    def _done(self, buyer_id: str, buyer: Buyer, cause: Cause) -> None:
        """A buyer has changed: publish its sales; what is past the horizon is final; feed the profile back."""
        self.buyers[buyer_id] = buyer
        if self.recount:
            self._find_first_order(buyer_id, buyer)
        for view in self.changed.values():
            publish(view, buyer_id, self.policy, cause, self.effects)
        self.changed, self.recount = {}, False
        now = buyer.stream_time - self.policy.horizon
        for view in buyer.open_views():
            if view.claim.placed_at < now:
                view.final = True
        self._touch(buyer_id, *cause)

    def _rests_on(self, lookup: Lookup, buyer_id: str) -> None:
        for key in lookup.asked:
            self.dependents.add(key, buyer_id)

    # --- activities ------------------------------------------------------------------------------------------

    def _activity(self, message: Activity) -> None:
        buyer = self._buyer(message.buyer_id, message.identifier)
        part = buyer.part(buyer_id_of(message.identifier), message.time, message.seq)
        fact = Fact.of(message)
        cause = Cause(message.time, message.type)
        if fact.kind <= CARTED:
            self._visit(message.buyer_id, buyer, part, fact)
        else:
            keep(part.loose, fact)
            self._count_loose(message.buyer_id, buyer, [fact])
            self._tell_pool(message.buyer_id, buyer, fact)
        self.late += any(view.final and view.claim.placed_at >= fact.time for view in buyer.views())
        self._decide_again(message.buyer_id, buyer, since=fact.time)
        self._done(message.buyer_id, buyer, cause)

    def _visit(self, buyer_id: str, buyer: Buyer, part: Part, fact: Fact) -> None:
        session_id = str(fact.session_id)
        delta = self.deltas.of(session_id)
        delta.latest = fact.time if delta.latest is None else max(delta.latest, fact.time)
        self.deltas.count(buyer_id, buyer, (session_id, fact.kind, fact.time), fact.count, 1)
        visit = buyer.visit(session_id)
        if not visit or moment(visit[-1]) < moment(fact):
            before = visit[-1] if visit else None
            add_event(before, fact, self.policy.presence_timeout, delta.online, delta.watch)
            keep(part.visits.setdefault(session_id, []), fact)
        else:
            stays_before = self._stays(buyer, session_id)
            keep(part.visits.setdefault(session_id, []), fact)
            self.deltas.stay(session_id, stays_before, self._stays(buyer, session_id))
        self._count_loose(buyer_id, buyer, buyer.loose())

    def _stays(self, buyer: Buyer, session_id: str) -> list[Stay]:
        return stays(buyer.visit(session_id), self.policy.presence_timeout)

    def _count_loose(self, buyer_id: str, buyer: Buyer, facts: Iterable[Fact]) -> None:
        """Let scans and pool joins count for the session that they name, else for the one that their buyer was in."""
        counting = [fact for fact in facts if fact.kind == SCANNED or fact.kind in POOL_JOINS]
        if not counting:
            return
        lookup = Lookup(self.entries)
        for fact in counting:
            session_id = self._session_of(buyer, fact, lookup)
            if session_id == fact.counted:
                continue
            for counted, sign in ((fact.counted, -1), (session_id, 1)):
                fact.counted = counted
                if room_fact := rooms.of_fact(fact):
                    self.deltas.count(buyer_id, buyer, *room_fact, sign)
        self._rests_on(lookup, buyer_id)

    def _session_of(self, buyer: Buyer, fact: Fact, lookup: Lookup) -> str | None:
        named = lookup.named(fact.time, fact.token, fact.own)
        if named.session_id is not None:
            return named.session_id if lookup.session(named.session_id) else None
        begun = [
            (-stay.first, session_id)
            for session_id in buyer.sessions()
            for stay in self._stays(buyer, session_id)
            if stay.first <= fact.time < stay.end
        ]
        return min(begun)[1] if begun else None

    def _tell_pool(self, buyer_id: str, buyer: Buyer, fact: Fact) -> None:
        if fact.kind not in POOL_JOINS and fact.kind not in POOL_LEAVES:
            return
        type_ = "buyer.joined_pool" if fact.kind in POOL_JOINS else "buyer.left_pool"
        named = Lookup(self.entries).named(fact.time, fact.token, fact.own)
        self._pool_event(
            type_, (fact.source, fact.id), fact.time, buyer_id, buyer,
            session_id=fact.counted, store_id=named.store_id, guide_id=named.guide_id,
        )  # fmt: skip

    def _pool_event(
        self, type_: str, cause: tuple[str, ...], time: int, buyer_id: str, buyer: Buyer, **more: Any
    ) -> None:
        if not buyer.anonymous:
            data = {"buyer_id": buyer_id, "ids": pool.ids_of(buyer), **more}
            self.effects.pool_event(type_, cause, time, data)

    # --- decisions -------------------------------------------------------------------------------------------

    def _decide(self, buyer_id: str, buyer: Buyer, view: View, cutoff: int | None) -> list[Decision]:
        lookup = Lookup(self.entries, cutoff)
        case = Case(view.claim, view.type, buyer, lookup, self.policy, cutoff)
        decisions = [decide(case, line) for line in view.claim.lines]
        if cutoff is None:
            self._rests_on(lookup, buyer_id)
        return decisions

    def _decide_again(self, buyer_id: str, buyer: Buyer, since: int | None = None) -> None:
        """Make the open decisions again that something at `since` (ms; None: anything) may change."""
        for view in buyer.open_views():
            if since is not None and since > view.claim.placed_at:
                continue
            before = self._room_facts(view)
            view.decisions = self._decide(buyer_id, buyer, view, None)
            self._changes(buyer_id, buyer, view, before)

    def _changes(self, buyer_id: str, buyer: Buyer, view: View, before: Counter[RoomFact]) -> None:
        """An order is not what it was: correct the sessions' figures, note it for publishing."""
        self.deltas.count_change(buyer_id, buyer, before, self._room_facts(view))
        if view.is_paid:
            self.changed[id(view)] = view

    @staticmethod
    def _room_facts(view: View) -> Counter[RoomFact]:
        if not view.decisions:
            return Counter()
        return rooms.of_paid(view) if view.is_paid else rooms.of_placed(view)

    # --- orders ----------------------------------------------------------------------------------------------

    def _placed(self, message: Placed) -> None:
        claim = message.claim
        buyer = self._buyer(message.buyer_id, "")
        self._put(message.buyer_id, buyer, buyer.parts[claim.alias].placed, View(claim, is_paid=False))
        self._done(message.buyer_id, buyer, Cause(claim.time, "order.placed"))

    def _paid(self, message: Paid) -> None:
        claim = message.claim
        buyer = self._buyer(message.buyer_id, "")
        paid = buyer.parts[claim.alias].paid
        held = paid.get(_key(claim))
        known = {refund.refund_id for refund in held.refunds} if held else set()
        view = View(claim, is_paid=True, refunds=message.refunds)
        if held is not None:
            view.sales, view.new_buyer = held.sales, held.new_buyer
        self.recount = held is None or held.claim.placed_at != claim.placed_at
        self._put(message.buyer_id, buyer, paid, view)
        cause = Cause(message.time, message.cause)
        self._done(message.buyer_id, buyer, cause)
        if held is None:
            self._tell_of_order("buyer.purchased", (), message.buyer_id, buyer, view, cause)
        for refund in message.refunds:
            if refund.refund_id not in known:
                self._tell_of_order(
                    "buyer.refunded", (refund.refund_id,), message.buyer_id, buyer, view, cause
                )

    def _put(self, buyer_id: str, buyer: Buyer, views: dict[str, View], view: View) -> None:
        """Put an order in the place of what was known of it, and decide it if it says something new."""
        key = _key(view.claim)
        held = views.get(key)
        before = self._room_facts(held) if held else Counter()
        if held is not None and _decided_alike(held.claim, view.claim):
            view.decisions, view.final = held.decisions, held.final
        else:
            passed = buyer.passed(view.claim.placed_at + self.policy.horizon)
            view.final = passed is not None
            view.decisions = self._decide(buyer_id, buyer, view, passed)
        views[key] = view
        self._changes(buyer_id, buyer, view, before)

    def _find_first_order(self, buyer_id: str, buyer: Buyer) -> None:
        """A new buyer's order is its first paid one, by placed_at, then carrier, order_id."""
        first = min(
            buyer.paid(),
            key=lambda view: (view.claim.placed_at, view.claim.carrier, view.claim.order_id),
            default=None,
        )
        for view in buyer.paid():
            if view.new_buyer != (view is first):
                before = self._room_facts(view)
                view.new_buyer = view is first
                self._changes(buyer_id, buyer, view, before)

    def _tell_of_order(
        self, type_: str, more: tuple[str, ...], buyer_id: str, buyer: Buyer, view: View, cause: Cause
    ) -> None:
        claim, decision = view.claim, view.decisions[0]
        self._pool_event(
            type_, (claim.carrier, claim.order_id, *more), cause.time, buyer_id, buyer,
            session_id=decision.session_id,
            anchor_ids=sorted({party for one in view.decisions for party in one.anchors} - {"none"}),
            store_id=min(decision.stores.keys() - {"none"}, default=None), guide_id=decision.guide_id, mode=decision.mode,
            sale_ids=[sale_id_of(claim.carrier, claim.order_id, line.line_id) for line in claim.lines],
            net_fen=pool.net_of(view),
        )  # fmt: skip

    def _withdrawn(self, message: Withdrawn) -> None:
        buyer = self.buyers[message.buyer_id]
        key = f"{message.carrier}:{escaped(message.order_id)}"
        for part in buyer.parts.values():
            if view := part.placed.pop(key, None):
                self.deltas.count_change(message.buyer_id, buyer, self._room_facts(view), Counter())
        self.buyers[message.buyer_id] = buyer

    def _handover(self, message: Handover) -> None:
        """Take the order out of this buyer's journey and hand what was published of it to the other's."""
        buyer, paid = self.buyers[message.buyer_id], message.paid
        key = _key(paid.claim)
        cause = Cause(message.paid.time, message.paid.cause)
        part = next(part for part in buyer.parts.values() if key in part.paid)
        view = part.paid.pop(key)
        self.deltas.count_change(message.buyer_id, buyer, self._room_facts(view), Counter())
        self.recount = True
        self._done(message.buyer_id, buyer, cause)
        claim = paid.claim
        moved = Buyer([], {claim.alias: Part(claim.time, [(claim.time, claim.seq)], paid={key: view})})
        self._send(paid.buyer_id, Absorbed(paid.buyer_id, moved, cause.time, cause.name))
        self._send(paid.buyer_id, paid)

    def _seen(self, message: Seen) -> None:
        buyer = self._buyer(message.buyer_id, message.identifier)
        buyer.part(buyer_id_of(message.identifier), message.time, message.seq)
        self._done(message.buyer_id, buyer, Cause(message.time, message.type))

    # --- people ----------------------------------------------------------------------------------------------

    def _joined(self, message: Joined) -> None:
        change = message.change
        if self.at_home(change.buyer_id):
            buyer = self._buyer(change.buyer_id, "")
            buyer.identifiers = change.identifiers
            self.buyers[change.buyer_id] = buyer
        for old_id in change.absorbed:
            old = self.buyers.get(old_id)
            if old is None or old.moved_to is not None or not old.parts:
                continue
            self._release(old_id, old, change.buyer_id)
            self._pool_event(
                "buyer.merged", (old_id, change.buyer_id, self.version), message.time, change.buyer_id,
                Buyer(change.identifiers), **{"from": old_id, "to": change.buyer_id},
            )  # fmt: skip
            self._touch(old_id, message.time, "buyer.merged")
            moved = Buyer([], old.parts)
            self._send(change.buyer_id, Absorbed(change.buyer_id, moved, message.time, "buyer.merged"))

    def _parted(self, message: Parted) -> None:
        old_id = message.split.buyer_id
        old = self.buyers.get(old_id)
        if old is None or old.moved_to is not None:
            return
        self._release(old_id, old, None)
        self._touch(old_id, message.time, "identity.unlinked")
        for buyer_id, identifiers in message.split.parts:
            aliases = set(map(buyer_id_of, identifiers))
            parts = {alias: part for alias, part in old.parts.items() if alias in aliases}
            if parts:  # else no event of its own: it is nobody yet
                moved = Buyer(identifiers, parts)
                self._send(buyer_id, Absorbed(buyer_id, moved, message.time, "identity.unlinked"))

    def _erased(self, message: Erased) -> None:
        """Keep amounts and figures under an anonymous id; forget who it was."""
        old = self.buyers.get(message.buyer_id)
        if old is None or old.moved_to is not None:
            return
        self._release(message.buyer_id, old, None)
        self._touch(message.buyer_id, message.time, "buyer.erased")
        anonymous = Buyer([], anonymous=True)
        for part in old.parts.values():
            anonymous.take(message.anonymous_id, part.without_name(message.anonymous_id))
        self._send(
            message.anonymous_id, Absorbed(message.anonymous_id, anonymous, message.time, "buyer.erased")
        )

    def _release(self, buyer_id: str, buyer: Buyer, moved_to: str | None) -> None:
        """Take a buyer out of all figures, and out of the state."""
        for room_fact, amount in _counted(buyer):
            self.deltas.count(buyer_id, buyer, room_fact, amount, -1)
        for view in buyer.views():
            self.deltas.count_change(buyer_id, buyer, self._room_facts(view), Counter())
        for session_id in buyer.sessions():
            self.deltas.stay(session_id, self._stays(buyer, session_id), [])
        if moved_to is None:
            del self.buyers[buyer_id]
        else:
            self.buyers[buyer_id] = Buyer([], moved_to=moved_to)

    def _absorbed(self, message: Absorbed) -> None:
        """Put the parts of another buyer, or of this one before, into this buyer."""
        buyer_id, other = message.buyer_id, message.buyer
        buyer = self.buyers.get(buyer_id)
        if buyer is not None and buyer.moved_to is not None and not other.identifiers:
            self._send(buyer.moved_to, Absorbed(buyer.moved_to, other, message.time, message.cause))
            return
        if buyer is None or buyer.moved_to is not None:
            buyer = Buyer([], anonymous=other.anonymous)
        buyer.identifiers = other.identifiers or buyer.identifiers
        for session_id in other.sessions():
            self.deltas.stay(session_id, self._stays(buyer, session_id), [])
        for room_fact, amount in _counted(other):
            self.deltas.count(buyer_id, buyer, room_fact, amount, 1)
        for view in other.views():
            self.deltas.count_change(buyer_id, buyer, Counter(), self._room_facts(view))
        for alias, part in other.parts.items():
            buyer.take(alias, part)
        for session_id in other.sessions():
            self.deltas.stay(session_id, [], self._stays(buyer, session_id))
        cause = Cause(message.time, message.cause)
        self.buyers[buyer_id] = buyer
        self._count_loose(buyer_id, buyer, buyer.loose())
        self._decide_again(buyer_id, buyer)
        self.changed |= {id(view): view for view in other.views() if view.is_paid}
        self.recount = True
        self._done(buyer_id, buyer, cause)

    def _send(self, buyer_id: str, message: JourneyMessage) -> None:
        """Give a message to another buyer: now when it is of this partition, else through the topic."""
        if self.at_home(buyer_id):
            _APPLY[type(message)](self, message)
        else:
            self.elsewhere.append((buyer_id, message))

    # --- reference data --------------------------------------------------------------------------------------

    def _session_started(self, message: SessionStarted) -> None:
        self._known_better(
            self.references.start(message), Cause(message.time, "live.session.started"), new=True
        )

    def _anchors_changed(self, message: AnchorsChanged) -> None:
        keys = self.references.change_anchors(message)
        self._known_better(keys, Cause(message.time, "live.anchors.changed"), new=False)

    def _token_registered(self, message: TokenRegistered) -> None:
        first = self.references.is_first(message)
        self._known_better(
            self.references.register(message), Cause(message.time, "token.registered"), new=first
        )

    def _known_better(self, keys: list[str], cause: Cause, *, new: bool) -> None:
        """Make again whatever rests on reference data that has just arrived.

        What was known before (not `new`) keeps its meaning for everything earlier than the news.
        """
        buyers = dict.fromkeys(self._now(buyer_id) for key in keys for buyer_id in self.dependents.of(key))
        for buyer_id in buyers:
            buyer = self.buyers.get(buyer_id)
            if buyer is None or buyer.moved_to is not None or not (new or buyer.reaches(cause.time)):
                continue
            self._count_loose(buyer_id, buyer, buyer.loose())
            self._decide_again(buyer_id, buyer)
            self._done(buyer_id, buyer, cause)

    def _now(self, buyer_id: str) -> str:
        """Who a buyer is by now."""
        while (buyer := self.buyers.get(buyer_id)) and buyer.moved_to is not None:
            buyer_id = buyer.moved_to
        return buyer_id

    def _room_event(self, message: RoomEvent) -> None:
        delta = self.deltas.of(message.session_id)
        delta.changes += 1
        delta.latest = message.time if delta.latest is None else max(delta.latest, message.time)
        evidence = (message.time, message.source, message.id)
        if message.started:
            delta.started = min(delta.started or evidence, evidence)
        if message.ended:
            delta.ended = min(delta.ended or evidence, evidence)


def _key(claim: Claim) -> str:
    return f"{claim.carrier}:{escaped(claim.order_id)}"


def _decided_alike(one: Claim, other: Claim) -> bool:
    """Are the decisions of one those of the other: only amounts may differ."""
    return (one.source, one.id, one.alias) == (other.source, other.id, other.alias)


def _counted(buyer: Buyer) -> Iterable[tuple[RoomFact, int]]:
    return [counted for fact in buyer.facts() if (counted := rooms.of_fact(fact))]


_APPLY: dict[type, Callable[[Journeys, Any], None]] = {
    Activity: Journeys._activity,
    Placed: Journeys._placed,
    Paid: Journeys._paid,
    Withdrawn: Journeys._withdrawn,
    Handover: Journeys._handover,
    Seen: Journeys._seen,
    Joined: Journeys._joined,
    Parted: Journeys._parted,
    Erased: Journeys._erased,
    Absorbed: Journeys._absorbed,
    SessionStarted: Journeys._session_started,
    AnchorsChanged: Journeys._anchors_changed,
    TokenRegistered: Journeys._token_registered,
    RoomEvent: Journeys._room_event,
}
