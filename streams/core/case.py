"""One order on trial: everything that may be evidence for it, at one state of knowledge (spec §4)."""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from streams.core.buyer import ACTIVITY_TYPES, CONTACT_ADDED, Buyer, Evidence, Fact, latest_first
from streams.core.chunks import CLICKS, CONTACTS, ENTRIES, SCANS, SHARES, marks
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


class Past(NamedTuple):
    """A buyer, and where its frozen facts with a mark are, the latest first."""

    buyer: Buyer
    older: Callable[[str], Iterable[Fact]] = lambda _: ()


class Trail:
    """Facts, the latest first; the frozen ones come last and are read when it comes to them."""

    def __init__(self, hot: Iterable[Fact], older: Callable[[], Iterable[Fact]]) -> None:
        self._hot, self._older = hot, older

    def __iter__(self) -> Iterator[Fact]:
        yield from self._hot
        yield from self._older()

    def __len__(self) -> int:
        return sum(1 for _ in self)


Outcome = tuple[Found | None, str]


class Case:
    """One order and everything that may be evidence for it, at one state of knowledge."""

    def __init__(self, claim: Claim, type_: str, past: Past, lookup: Lookup, policy: Policy) -> None:
        self.claim = claim
        self.past = past
        self.policy = policy
        self.lookup = lookup
        self.order = Evidence(claim.source, claim.id, claim.placed_at, type_)
        self.names = lookup.named(claim.placed_at, claim.token, (None, None, None, claim.sharer_id))
        facts = sorted(filter(self._may_count, past.buyer.facts()), key=latest_first)
        self._hot: dict[str, list[Fact]] = {}
        for fact in facts:
            for mark in marks(fact):
                self._hot.setdefault(mark, []).append(fact)
        self.contacts = [fact for fact in facts if fact.kind in CONTACTS]
        self.entries, self.clicks = self.trail(ENTRIES), self.trail(CLICKS)
        self.scans, self.shares = self.trail(SCANS), self.trail(SHARES)

    def _may_count(self, fact: Fact) -> bool:
        """What happened after the order is no evidence, whenever it arrives; nor what came too late."""
        cutoff = self.lookup.cutoff
        return fact.time <= self.claim.placed_at and (cutoff is None or fact.seq <= cutoff)

    def trail(self, mark: str) -> Trail:
        """The facts with a mark that may be evidence, the latest first."""
        return Trail(self._hot.get(mark, ()), lambda: filter(self._may_count, self.past.older(mark)))

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
        if fact.kind in CONTACTS and (at is None or fact.time <= at):
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
