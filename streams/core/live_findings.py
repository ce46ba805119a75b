"""What the rules of the live decision looked at (`live_rules`), without stopping at the first that wins."""

from collections.abc import Callable, Iterator, Sized
from fractions import Fraction
from typing import Any

from schemas.values import format_time
from streams.core.facts import SHARE_OPENED, Fact
from streams.core.findings import Finding, Inquiry, finding, shown
from streams.core.live_rules import qualifying
from streams.core.multitouch import weigh
from streams.core.policy import MODELS, TOUCH_RULES


def live_findings(inquiry: Inquiry, rule: str) -> list[Finding]:
    """What one rule, or the multi-touch model, looked at, the latest first."""
    if rule in MODELS:
        return _model(inquiry)
    if rule in TOUCH_RULES:
        return list(_touches(inquiry, rule)) or [finding("nothing", None, seen=_seen(inquiry, rule))]
    return [_ORDER[rule](inquiry)]


def _order_session(inquiry: Inquiry) -> Finding:
    return inquiry.session_of_order(inquiry.line.session_id, finding("not_in_line", None, field="session_id"))


def _order_room(inquiry: Inquiry) -> Finding:
    case, room_id = inquiry.case, inquiry.line.room_id
    if room_id is None:
        return finding("not_in_line", None, field="room_id")
    if session := case.lookup.session_in_room(room_id, case.claim.placed_at):
        return finding("won", inquiry.order, session_id=session.session_id, room_id=room_id)
    later = [start.time for start in inquiry.now.starts_in_room(room_id) if start.time > case.claim.placed_at]
    next_start = format_time(min(later)) if later else None
    return finding("room_without_session", inquiry.order, room_id=room_id, next_start=next_start)


def _order_anchor(inquiry: Inquiry) -> Finding:
    anchor_id = inquiry.line.anchor_id
    if anchor_id is None:
        return finding("not_in_line", None, field="anchor_id")
    return finding("won", inquiry.order, anchor_id=anchor_id)


def _order_token(inquiry: Inquiry) -> Finding:
    lost = inquiry.token_of_order("session_id")
    return lost or inquiry.session_of_order(inquiry.case.names.session_id, finding("nothing", None))


_ORDER: dict[str, Callable[[Inquiry], Finding]] = {
    "order_session": _order_session,
    "order_room": _order_room,
    "order_anchor": _order_anchor,
    "order_token": _order_token,
}


def _touches(inquiry: Inquiry, rule: str) -> Iterator[Finding]:
    won: dict[str, Any] | None = None
    for fact, found, outcome in qualifying(inquiry.case, inquiry.line, rule):
        session_id = inquiry.case.named(fact).session_id
        if found is None:
            yield _lost(inquiry, rule, fact, outcome)
        elif won is None:
            won = shown(fact)
            yield finding("won", won, session_id=session_id)
        else:
            yield finding("superseded", shown(fact), session_id=session_id, by=won)


def _lost(inquiry: Inquiry, rule: str, fact: Fact, outcome: str) -> Finding:
    session_id = inquiry.case.named(fact).session_id
    if outcome == "outside_window":
        return inquiry.outside(fact, inquiry.case.policy.live.window_hours[rule], session_id=session_id)
    if outcome == "unknown_session":
        return inquiry.unknown_session(shown(fact), str(session_id))
    return inquiry.bad_token(shown(fact), str(fact.token), fact.time, outcome)


def _seen(inquiry: Inquiry, rule: str) -> int:
    """How many events there are of the kind that a rule looks for; for a click, of whatever item."""
    case = inquiry.case
    opened = [fact for fact in case.shares if fact.kind == SHARE_OPENED]
    seen: dict[str, Sized] = {"scan": case.scans, "share": opened, "item_click": case.clicks, "presence": case.entries}
    return len(seen[rule])


def _model(inquiry: Inquiry) -> list[Finding]:
    """Every touch of a multi-touch model with its share of the credit, then what was none."""
    case = inquiry.case
    lost: list[Finding] = []
    touches: dict[tuple[int, str, str], Finding] = {}
    for rule in (rule for rule in case.policy.live.rules if rule in TOUCH_RULES):
        for fact, found, outcome in qualifying(case, inquiry.line, rule):
            if found is None:
                lost.append({**_lost(inquiry, rule, fact, outcome), "rule": rule})
            else:
                touch = finding("touch", shown(fact), rule=rule, session_id=case.named(fact).session_id)
                touches.setdefault((fact.time, fact.source, fact.id), touch)
    if not touches:
        return lost or [finding("nothing", None, seen=0)]
    ordered = sorted(touches)
    weights = weigh(case.policy, [case.claim.placed_at - time for time, _, _ in ordered])
    for key, weight in zip(ordered, weights, strict=True):
        touches[key]["share"] = round(float(Fraction(weight) / sum(weights)), 6)
    return [*(touches[key] for key in reversed(ordered)), *lost]
