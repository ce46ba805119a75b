"""One order on trial: everything that may be evidence for it, at one state of knowledge (spec §4)."""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from streams.core.buyer import Buyer
from streams.core.chunks import CLICKS, CONTACTS, ENTRIES, EVIDENCE, SCANS, SHARES, marks
from streams.core.facts import ACTIVITY_TYPES, CONTACT_ADDED, Fact, latest_first
from streams.core.messages import Claim, SessionStarted
from streams.core.policy import HOUR_MS, Policy
from streams.core.reference import Lookup, Named
from streams.core.views import Evidence

NO_EVIDENCE, OUTSIDE_WINDOW, SUPERSEDED = "no_evidence", "outside_window", "superseded"
UNKNOWN_SESSION, WON = "unknown_session", "won"


class Found(NamedTuple):
    """Evidence that a rule found: the event, what it names, and the session or store that it points to."""

    evidence: Evidence
    named: Named | None
    session: SessionStarted | None = None
    anchor: str | None = None
    stores: dict[str, int] | None = None


Older = Callable[[str, Callable[[Fact], bool], bool], Iterable[Fact]]


class Past(NamedTuple):
    """A buyer, and where its frozen facts are: see `ChunkStack.walk`."""

    buyer: Buyer
    older: Older = lambda _mark, _tells, _for_all: ()


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
        evidence = (fact for fact in past.buyer.facts() if fact.kind in EVIDENCE and self._may_count(fact))
        facts = sorted(evidence, key=latest_first)
        self._hot: dict[str, list[Fact]] = {}
        for fact in facts:
            for mark in marks(fact):
                self._hot.setdefault(mark, []).append(fact)
        self.contacts = [fact for fact in facts if fact.kind in CONTACTS]
        # All there are, when nothing is frozen.
        self.entries, self.clicks = self._hot.get(ENTRIES, []), self._hot.get(CLICKS, [])
        self.scans, self.shares = self._hot.get(SCANS, []), self._hot.get(SHARES, [])

    def _may_count(self, fact: Fact) -> bool:
        """What happened after the order is no evidence, whenever it arrives; nor what came too late."""
        cutoff = self.lookup.cutoff
        return fact.time <= self.claim.placed_at and (cutoff is None or fact.seq <= cutoff)

    def telling(self, mark: str, tells: Callable[[Fact, Named], bool]) -> Iterator[tuple[Fact, Named]]:
        """The facts with a mark that may be evidence and tell something, by what they name; the latest first.

        A mark has to be asked for the same thing always: what tells nothing is not looked at again.
        """
        for fact in self._hot.get(mark, ()):
            if tells(fact, named := self.named(fact)):
                yield fact, named
        before, cutoff = self.past.buyer.cold.before, self.lookup.cutoff
        for_all = cutoff is None and (before is None or self.claim.placed_at >= before)
        tells_now = lambda fact: self._may_count(fact) and tells(fact, self.named(fact))  # noqa: E731
        for fact in self.past.older(mark, tells_now, for_all):
            yield fact, self.named(fact)

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
