"""Which session, and which store, earned an order line (spec §4).

Two decisions, each an ordered table of rules; the first rule that finds evidence wins, and every rule tried
before it says why it lost. Multi-touch models share the live decision out over all touches instead.
"""

from collections.abc import Callable, Iterable
from fractions import Fraction
from math import lcm
from typing import NamedTuple

from schemas.values import MODE_OF_CARRIER
from streams.core.buyer import (
    ACTIVITY_TYPES,
    CARTED,
    CLICKED,
    CONTACT_ADDED,
    CONTACT_REMOVED,
    ENTERED,
    SCANNED,
    SHARE_OPENED,
    Buyer,
    Decision,
    Evidence,
    Fact,
    Verdict,
    latest_first,
)  # fmt: skip
from streams.core.credits import NONE
from streams.core.messages import Claim, Line, SessionStarted
from streams.core.multitouch import weigh
from streams.core.policy import HOUR_MS, TIERS, TOUCH_RULES, Policy
from streams.core.reference import Lookup, Named

NO_EVIDENCE, OUTSIDE_WINDOW, SUPERSEDED = "no_evidence", "outside_window", "superseded"
UNKNOWN_SESSION, WON = "unknown_session", "won"


class Found(NamedTuple):
    """Evidence that a rule found: the event, what it names, and the session or store that it points to."""

    evidence: Evidence
    named: Named | None
    session: SessionStarted | None = None
    anchor: str | None = None
    stores: dict[str, int] | None = None


Outcome = tuple[Found | None, str]


class Case:
    """One order and everything that may be evidence for it, at one state of knowledge."""

    def __init__(
        self, claim: Claim, type_: str, buyer: Buyer, lookup: Lookup, policy: Policy, cutoff: int | None
    ) -> None:
        self.claim = claim
        self.policy = policy
        self.lookup = lookup
        self.order = Evidence(claim.source, claim.id, claim.placed_at, type_)
        self.names = lookup.named(claim.placed_at, claim.token, (None, None, None, claim.sharer_id))
        # What happened after the order is no evidence, whenever it arrives.
        facts = [
            fact
            for fact in buyer.facts()
            if fact.time <= claim.placed_at and (cutoff is None or fact.seq <= cutoff)
        ]
        facts.sort(key=latest_first)
        self.entries = [fact for fact in facts if fact.kind == ENTERED]
        self.clicks = [fact for fact in facts if fact.kind in (CLICKED, CARTED)]
        self.scans = [fact for fact in facts if fact.kind == SCANNED]
        self.shares = [fact for fact in facts if fact.kind in (SHARE_OPENED, ENTERED)]
        self.contacts = [fact for fact in facts if fact.kind in (CONTACT_ADDED, CONTACT_REMOVED)]

    def named(self, fact: Fact) -> Named:
        """What a fact names at its time."""
        return self.lookup.named(fact.time, fact.token, fact.own)

    def within(self, fact: Fact, hours: float) -> bool:
        """Does the fact lie in the window before the order; both ends included."""
        return self.claim.placed_at - fact.time <= hours * HOUR_MS


def decide(case: Case, line: Line) -> Decision:
    """Decide one line."""
    considered: list[tuple[str, str, str]] = []
    policy = case.policy
    live_rules = policy.live.rules
    if policy.live.model != "rules":
        live_rules = tuple(rule for rule in live_rules if rule not in TOUCH_RULES)
    live, found = _first(case, "live", live_rules, lambda rule: _LIVE[rule](case, line), considered)
    anchors, modes = _earned(case, found)
    if found is None and policy.live.model != "rules":
        live, found, anchors, modes = _multi_touch(case, line, considered)
    session = found.session if found else None
    store, credit = _first(
        case, "store", policy.store.rules, lambda rule: _STORE[rule](case, line, session), considered
    )
    return Decision(
        session_id=session.session_id if session else None,
        mode=MODE_OF_CARRIER[session.carrier if session else case.claim.carrier],
        live=live,
        store=store,
        anchors=anchors,
        stores=(credit and credit.stores) or {NONE: 1},
        modes=modes,
        guide_id=credit.named.guide_id if credit and credit.named else None,
        sharer_id=credit.named.sharer_id if credit and credit.named else None,
        considered=considered,
    )


def _first(
    case: Case,
    decision: str,
    rules: Iterable[str],
    try_rule: Callable[[str], Outcome],
    considered: list[tuple[str, str, str]],
) -> tuple[Verdict, Found | None]:
    for rule in rules:
        found, outcome = try_rule(rule)
        considered.append((decision, rule, outcome))
        if found:
            return Verdict(rule, TIERS[decision][rule], found.evidence), found
    if decision == "store" or case.policy.live.model == "rules":
        considered.append((decision, NONE, WON))
    return Verdict(NONE, NONE, None), None


def _earned(case: Case, found: Found | None) -> tuple[dict[str, int], dict[str, int]]:
    """Weights of anchors and modes when one session, or one anchor, or nothing was found."""
    mode = MODE_OF_CARRIER[found.session.carrier if found and found.session else case.claim.carrier]
    if found is None:
        return {NONE: 1}, {mode: 1}
    if found.session is None:
        return {found.anchor or NONE: 1}, {mode: 1}
    return dict.fromkeys(_on_air(case, found), 1), {mode: 1}


def _on_air(case: Case, found: Found) -> list[str]:
    assert found.session is not None  # noqa: S101 - callers have a session
    return sorted(set(case.lookup.anchors(found.session, found.evidence.time))) or [NONE]


# --- live decision -------------------------------------------------------------------------------------------


def _in_session(case: Case, session_id: str | None, fault: str | None, named: Named | None) -> Outcome:
    """Evidence of the order itself that names a session."""
    if session_id is None:
        return None, fault or NO_EVIDENCE
    session = case.lookup.session(session_id)
    return (Found(case.order, named, session), WON) if session else (None, UNKNOWN_SESSION)


def _order_session(case: Case, line: Line) -> Outcome:
    return _in_session(case, line.session_id, None, case.names)


def _order_room(case: Case, line: Line) -> Outcome:
    if line.room_id is None:
        return None, NO_EVIDENCE
    session = case.lookup.session_in_room(line.room_id, case.claim.placed_at)
    return (Found(case.order, case.names, session), WON) if session else (None, UNKNOWN_SESSION)


def _order_anchor(case: Case, line: Line) -> Outcome:
    if line.anchor_id is None:
        return None, NO_EVIDENCE
    return Found(case.order, case.names, None, line.anchor_id), WON


def _order_token(case: Case, _line: Line) -> Outcome:
    return _in_session(case, case.names.session_id, case.names.fault, case.names)


def _touches(case: Case, line: Line, rule: str) -> Iterable[tuple[Fact, Named]]:
    """What may be evidence of a touch rule, latest first: facts, and what they name."""
    if rule == "scan":
        return ((fact, case.named(fact)) for fact in case.scans)
    if rule == "share":
        return (
            (fact, named) for fact in case.shares for named in (case.named(fact),) if _is_share(fact, named)
        )
    if rule == "item_click":
        return ((fact, case.named(fact)) for fact in case.clicks if fact.item_id == line.item_id)
    return ((fact, case.named(fact)) for fact in case.entries)


def _is_share(fact: Fact, named: Named) -> bool:
    return fact.kind == SHARE_OPENED or named.sharer_id is not None


def qualifying(case: Case, line: Line, rule: str) -> Iterable[tuple[Fact, Found | None, str]]:
    """Every possible touch of a rule, latest first: its session when it qualifies, else why not."""
    hours = case.policy.live.window_hours[rule]
    for fact, named in _touches(case, line, rule):
        if named.session_id is None and named.fault is None:
            continue  # it does not speak of a session at all
        if not case.within(fact, hours):
            yield fact, None, OUTSIDE_WINDOW
        elif named.session_id is None:
            yield fact, None, named.fault or NO_EVIDENCE
        elif session := case.lookup.session(named.session_id):
            evidence = Evidence(fact.source, fact.id, fact.time, ACTIVITY_TYPES[fact.kind])
            yield fact, Found(evidence, named, session), WON
        else:
            yield fact, None, UNKNOWN_SESSION


def _touch_rule(rule: str) -> Callable[[Case, Line], Outcome]:
    def try_rule(case: Case, line: Line) -> Outcome:
        lost = NO_EVIDENCE
        for _, found, outcome in qualifying(case, line, rule):
            if found:
                return found, WON
            lost = _nearer(lost, outcome)
        return None, lost

    return try_rule


def _nearer(lost: str, outcome: str) -> str:
    """Of the reasons why evidence failed, the one that came nearest to winning; of equals the first seen."""
    return (
        outcome
        if lost in (NO_EVIDENCE, OUTSIDE_WINDOW)
        and outcome != NO_EVIDENCE
        and (lost == NO_EVIDENCE or outcome != OUTSIDE_WINDOW)
        else lost
    )


_LIVE: dict[str, Callable[[Case, Line], Outcome]] = {
    "order_session": _order_session,
    "order_room": _order_room,
    "order_anchor": _order_anchor,
    "order_token": _order_token,
    **{rule: _touch_rule(rule) for rule in TOUCH_RULES},
}


def _multi_touch(
    case: Case, line: Line, considered: list[tuple[str, str, str]]
) -> tuple[Verdict, Found | None, dict[str, int], dict[str, int]]:
    """Share the live decision out over all touches; the one shown is the heaviest, then the latest."""
    touches: dict[tuple[int, str, str], tuple[str, Found]] = {}
    rules = [rule for rule in case.policy.live.rules if rule in TOUCH_RULES]
    lost = NO_EVIDENCE
    for rule in rules:
        for fact, found, outcome in qualifying(case, line, rule):
            if found:
                touches.setdefault((fact.time, fact.source, fact.id), (rule, found))
            lost = _nearer(lost, outcome)
    model = case.policy.live.model
    if not touches:
        considered += [("live", model, NO_EVIDENCE if lost == WON else lost), ("live", NONE, WON)]
        return Verdict(NONE, NONE, None), None, *_earned(case, None)
    ordered = sorted(touches)
    weights = weigh(case.policy, [case.claim.placed_at - time for time, _, _ in ordered])
    anchors: dict[str, Fraction] = {}
    modes: dict[str, Fraction] = {}
    for key, weight in zip(ordered, weights, strict=True):
        found = touches[key][1]
        assert found.session is not None  # noqa: S101 - qualifying touches have one
        on_air = _on_air(case, found)
        for anchor in on_air:
            anchors[anchor] = anchors.get(anchor, Fraction(0)) + weight / len(on_air)
        mode = MODE_OF_CARRIER[found.session.carrier]
        modes[mode] = modes.get(mode, Fraction(0)) + weight
    shown = min(
        zip(ordered, weights, strict=True), key=lambda touch: (-touch[1], -touch[0][0], *touch[0][1:])
    )[0]
    rule, found = touches[shown]
    considered.append(("live", model, WON))
    return Verdict(model, TIERS["live"][rule], found.evidence), found, _whole(anchors), _whole(modes)


def _whole(weights: dict[str, Fraction]) -> dict[str, int]:
    """The same proportions in integers."""
    scale = lcm(*(weight.denominator for weight in weights.values()))
    return {party: int(weight * scale) for party, weight in weights.items() if weight}


# --- store decision ------------------------------------------------------------------------------------------


def _for_store(found: Evidence, named: Named | None, store_id: str) -> Outcome:
    return Found(found, named, stores={store_id: 1}), WON


def _line_store(attribute: str) -> Callable[[Case, Line, SessionStarted | None], Outcome]:
    def try_rule(case: Case, line: Line, _session: SessionStarted | None) -> Outcome:
        store_id: str | None = getattr(line, attribute)
        return _for_store(case.order, case.names, store_id) if store_id is not None else (None, NO_EVIDENCE)

    return try_rule


def _token_store(case: Case, _line: Line, _session: SessionStarted | None) -> Outcome:
    store_id = case.names.store_id
    return (
        _for_store(case.order, case.names, store_id)
        if store_id is not None
        else (None, case.names.fault or NO_EVIDENCE)
    )


def _scan_store(case: Case, _line: Line, _session: SessionStarted | None) -> Outcome:
    lost = NO_EVIDENCE
    for fact in case.scans:
        named = case.named(fact)
        if named.store_id is None and named.fault is None:
            continue
        if not case.within(fact, case.policy.store.window_hours["scan"]):
            lost = _nearer(lost, OUTSIDE_WINDOW)
        elif named.store_id is None:
            lost = _nearer(lost, named.fault or NO_EVIDENCE)
        else:
            return _for_store(_evidence(fact), named, named.store_id)
    return None, lost


def _share_store(case: Case, _line: Line, _session: SessionStarted | None) -> Outcome:
    """Only the latest share counts, with or without a store."""
    shares: list[tuple[int, str, str, Evidence, Named]] = []
    lost = NO_EVIDENCE
    for fact in case.shares:
        named = case.named(fact)
        if named.sharer_id is None:
            if named.fault:
                lost = _nearer(
                    lost,
                    named.fault
                    if case.within(fact, case.policy.store.window_hours["share"])
                    else OUTSIDE_WINDOW,
                )
            continue
        if not case.within(fact, case.policy.store.window_hours["share"]):
            lost = _nearer(lost, OUTSIDE_WINDOW)
            continue
        shares.append((-fact.time, fact.source, fact.id, _evidence(fact), named))
    if case.names.sharer_id is not None:
        order = case.order
        shares.append((-order.time, order.source, order.id, order, case.names))
    stores: list[str | None] = []
    for _, _, _, evidence, named in sorted(shares, key=lambda share: share[:3]):
        store_id = case.lookup.store_of_sharer(named.sharer_id or "", evidence.time)
        if store_id is not None and not stores:
            return _for_store(evidence, named, store_id)
        stores.append(store_id)
    return None, SUPERSEDED if any(stores) else (lost if not shares else NO_EVIDENCE)


def _contact_store(case: Case, _line: Line, _session: SessionStarted | None) -> Outcome:
    """Only the open contact added last counts, with or without a store."""
    lost = NO_EVIDENCE
    for place, fact in enumerate(open_contacts(case.contacts, case.claim.placed_at)):
        named = case.named(fact)
        if place == 0 and named.store_id is not None:
            return _for_store(_evidence(fact), named, named.store_id)
        if place == 0:
            lost = named.fault or NO_EVIDENCE
        elif named.store_id is not None:
            lost = SUPERSEDED
    return None, lost


def open_contacts(facts: Iterable[Fact], at: int | None = None) -> list[Fact]:
    """The contacts open at `at` (ms; None: by all that is known), the one added last first."""
    last: dict[str | None, Fact] = {}
    for fact in sorted(facts, key=latest_first):
        if fact.kind in (CONTACT_ADDED, CONTACT_REMOVED) and (at is None or fact.time <= at):
            last.setdefault(fact.guide_id, fact)
    return sorted((fact for fact in last.values() if fact.kind == CONTACT_ADDED), key=latest_first)


def _session_split(_case: Case, _line: Line, session: SessionStarted | None) -> Outcome:
    if session is None or not sum(session.weights.values()):
        return None, NO_EVIDENCE
    return Found(_start(session), None, stores=session.weights), WON


def _session_store(_case: Case, _line: Line, session: SessionStarted | None) -> Outcome:
    if session is None or len(set(session.stores)) != 1:
        return None, NO_EVIDENCE
    return _for_store(_start(session), None, session.stores[0])


def _evidence(fact: Fact) -> Evidence:
    return Evidence(fact.source, fact.id, fact.time, ACTIVITY_TYPES[fact.kind])


def _start(session: SessionStarted) -> Evidence:
    return Evidence(session.source, session.id, session.time, "live.session.started")


_STORE: dict[str, Callable[[Case, Line, SessionStarted | None], Outcome]] = {
    "order_store": _line_store("credit_store_id"),
    "order_token": _token_store,
    "scan": _scan_store,
    "share": _share_store,
    "pool_contact": _contact_store,
    "session_split": _session_split,
    "seller": _line_store("seller_store_id"),
    "session_store": _session_store,
}
