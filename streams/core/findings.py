"""What a rule found and did not find, with the concrete evidence: the long form of a sale's `considered`.

A finding is plain data: `code`, `evidence` (source, id, time, type; None when there is none) and what the code
speaks of. Durations are ms, times RFC 3339 texts; what is not known is left out. The codes:

    won; touch (rule, share of the credit); superseded (by: the evidence that won)
    outside_window (by_ms: how long before the window of `hours` opened)
    unknown_session; unknown_token (known_now: it came too late); expired_token (expires_at)
    not_in_line, not_in_order (field); token_names_no (what); room_without_session (next_start)
    nothing (seen: so many events of the kind that do not speak of it)
    sharer_without_store; contact_without_store; contact_removed (removed_at)
    no_session; session_without_weights; session_stores (stores)
"""

from collections.abc import Mapping
from typing import Any

from schemas.values import format_time
from streams.core.case import Case, evidence_of
from streams.core.facts import Fact
from streams.core.messages import Line
from streams.core.policy import HOUR_MS
from streams.core.reference import Entry, Lookup
from streams.core.sales import shown_evidence
from streams.core.views import Decision

Finding = dict[str, Any]


def finding(code: str, evidence: dict[str, Any] | None, **detail: Any) -> Finding:
    """A finding without what is not known."""
    return {"code": code, "evidence": evidence, **{name: value for name, value in detail.items() if value is not None}}


def shown(fact: Fact) -> dict[str, Any]:
    """A fact as evidence is shown."""
    return shown_evidence(evidence_of(fact))


class Inquiry:
    """One decided line: the case as it was decided, and `now`, the reference data as they are known today."""

    def __init__(self, case: Case, entries: Mapping[str, Entry], line: Line, decision: Decision) -> None:
        self.case = case
        self.now = Lookup(entries)
        self.line = line
        self.session = case.lookup.session(decision.session_id) if decision.session_id else None
        self.order = shown_evidence(case.order)

    def session_of_order(self, session_id: str | None, missing: Finding) -> Finding:
        """A session that the order itself names, or not."""
        if session_id is None:
            return missing
        if self.case.lookup.session(session_id) is None:
            return self.unknown_session(self.order, session_id)
        return finding("won", self.order, session_id=session_id)

    def token_of_order(self, what: str) -> Finding | None:
        """Why the order's token names no `session_id` or `store_id`; None when it does."""
        claim, names = self.case.claim, self.case.names
        if claim.token is None:
            return finding("not_in_order", None, field="token")
        if names.fault is not None:
            return self.bad_token(self.order, claim.token, claim.placed_at, names.fault)
        if getattr(names, what) is None:
            return finding("token_names_no", self.order, token=claim.token, what=what)
        return None

    def unknown_session(self, evidence: dict[str, Any], session_id: str) -> Finding:
        """Evidence that names a session of which no start has arrived (in time)."""
        known_now = self.now.session(session_id) is not None
        return finding("unknown_session", evidence, session_id=session_id, known_now=known_now)

    def bad_token(self, evidence: dict[str, Any], token: str, time: int, fault: str) -> Finding:
        """Evidence at `time` (ms) whose token is not known, or expired."""
        if fault == "unknown_token":
            known_now = self.now.registration(token, time) is not None
            return finding(fault, evidence, token=token, known_now=known_now)
        registration = self.case.lookup.registration(token, time)
        expires_at = None if registration is None or registration.expires_at is None else registration.expires_at
        return finding(fault, evidence, token=token, expires_at=expires_at and format_time(expires_at))

    def outside(self, fact: Fact, hours: float, **names: str | None) -> Finding:
        """Evidence from before the window opened."""
        by = self.case.claim.placed_at - fact.time - round(hours * HOUR_MS)
        return finding("outside_window", shown(fact), by_ms=by, hours=hours, **names)
