"""The rules of the live decision: which session was it, and through it which anchors and mode (spec §4)."""

from collections.abc import Callable, Iterable

from streams.core.case import (
    NO_EVIDENCE,
    OUTSIDE_WINDOW,
    UNKNOWN_SESSION,
    WON,
    Case,
    Found,
    Outcome,
    evidence_of,
    nearer,
)
from streams.core.chunks import ENTRIES, SCANS_OF_SESSIONS, SHARES_OF_SESSIONS, item_mark
from streams.core.facts import SHARE_OPENED, Fact
from streams.core.messages import Line
from streams.core.policy import TOUCH_RULES
from streams.core.reference import Named


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


def _of_session(_fact: Fact, named: Named) -> bool:
    return named.session_id is not None or named.fault is not None


def _share_of_session(fact: Fact, named: Named) -> bool:
    return (fact.kind == SHARE_OPENED or named.sharer_id is not None) and _of_session(fact, named)


def _touches(case: Case, line: Line, rule: str) -> Iterable[tuple[Fact, Named]]:
    """What speaks of a session and may be evidence of a touch rule, latest first: facts, and what they name."""
    if rule == "share":
        return case.telling(SHARES_OF_SESSIONS, _share_of_session)
    marks = {"scan": SCANS_OF_SESSIONS, "item_click": item_mark(line.item_id), "presence": ENTRIES}
    return case.telling(marks[rule], _of_session)


def qualifying(case: Case, line: Line, rule: str) -> Iterable[tuple[Fact, Found | None, str]]:
    """Every possible touch of a rule, latest first: its session when it qualifies, else why not."""
    hours = case.policy.live.window_hours[rule]
    for fact, named in _touches(case, line, rule):
        if not case.within(fact, hours):
            yield fact, None, OUTSIDE_WINDOW
        elif named.session_id is None:
            yield fact, None, named.fault or NO_EVIDENCE
        elif session := case.lookup.session(named.session_id):
            yield fact, Found(evidence_of(fact), named, session), WON
        else:
            yield fact, None, UNKNOWN_SESSION


def _touch_rule(rule: str) -> Callable[[Case, Line], Outcome]:
    def try_rule(case: Case, line: Line) -> Outcome:
        lost = NO_EVIDENCE
        for _, found, outcome in qualifying(case, line, rule):
            if found:
                return found, WON
            lost = nearer(lost, outcome)
            if outcome == OUTSIDE_WINDOW:
                break  # and so is all that is earlier
        return None, lost

    return try_rule


LIVE_RULES: dict[str, Callable[[Case, Line], Outcome]] = {
    "order_session": _order_session,
    "order_room": _order_room,
    "order_anchor": _order_anchor,
    "order_token": _order_token,
    **{rule: _touch_rule(rule) for rule in TOUCH_RULES},
}
