"""One order on trial: everything that may be evidence for it, at one state of knowledge (spec §4)."""

from collections.abc import Iterable
from typing import NamedTuple

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
    Evidence,
    Fact,
    latest_first,
)  # fmt: skip
from streams.core.messages import Claim, SessionStarted
from streams.core.policy import HOUR_MS, Policy
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


_EVIDENCE = frozenset((ENTERED, CLICKED, CARTED, SCANNED, SHARE_OPENED, CONTACT_ADDED, CONTACT_REMOVED))
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
            if fact.kind in _EVIDENCE and fact.time <= claim.placed_at and (cutoff is None or fact.seq <= cutoff)
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


def evidence_of(fact: Fact) -> Evidence:
    """A fact as evidence."""
    return Evidence(fact.source, fact.id, fact.time, ACTIVITY_TYPES[fact.kind])


def open_contacts(facts: Iterable[Fact], at: int | None = None) -> list[Fact]:
    """The contacts open at `at` (ms; None: by all that is known), the one added last first."""
    last: dict[str | None, Fact] = {}
    for fact in sorted(facts, key=latest_first):
        if fact.kind in (CONTACT_ADDED, CONTACT_REMOVED) and (at is None or fact.time <= at):
            last.setdefault(fact.guide_id, fact)
    return sorted((fact for fact in last.values() if fact.kind == CONTACT_ADDED), key=latest_first)


def nearer(lost: str, outcome: str) -> str:
    """Of the reasons why evidence failed, the one that came nearest to winning; of equals the first seen."""
    return (
        outcome
        if lost in (NO_EVIDENCE, OUTSIDE_WINDOW)
        and outcome != NO_EVIDENCE
        and (lost == NO_EVIDENCE or outcome != OUTSIDE_WINDOW)
        else lost
    )
