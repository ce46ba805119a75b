"""The live decision of spec §4: session, and through it anchor and mode."""

from dataclasses import replace
from fractions import Fraction

from .attribution import TIERS, Case, Decision, Evidence, Weights
from .contract import MODES
from .envelope import Event

CLICKS = ("live.product.clicked", "live.product.carted")


def decide_live(case: Case) -> Decision:
    considered: list[dict[str, str]] = []
    rules = case.policy.rules["live"]
    multi_touch = case.policy.model != "rules"
    for rule in rules:
        if multi_touch and not rule.startswith("order_"):
            continue
        winner, outcomes = case.choose("live", rule, live_evidence(case, rule))
        considered += [{"decision": "live", "rule": rule, "outcome": o} for o in outcomes]
        if winner:
            return live_decision(case, rule, [(winner, Fraction(1))], winner, considered)
    if multi_touch:
        found = touches(case, [r for r in rules if not r.startswith("order_")])
        outcome = "won" if found else "no_evidence"
        considered.append({"decision": "live", "rule": case.policy.model, "outcome": outcome})
        if found:
            weighed = list(zip(found, touch_weights(case, found), strict=True))
            shown, _ = min(weighed, key=lambda w: (-w[1], -w[0].time, w[0].event.source, w[0].event.id))
            return live_decision(case, case.policy.model, weighed, shown, considered)
    mode = MODES[case.order.data["carrier"]]
    considered.append({"decision": "live", "rule": "none", "outcome": "won"})
    weights = {"anchor": {"none": Fraction(1)}, "mode": {mode: Fraction(1)}}
    return Decision(mode=mode, weights=weights, considered=considered)


def live_decision(
    case: Case,
    rule: str,
    weighed: list[tuple[Evidence, Fraction]],
    shown: Evidence,
    considered: list[dict[str, str]],
) -> Decision:
    anchors: Weights = {}
    modes: Weights = {}
    for touch, weight in weighed:
        present, mode = on_air(case, touch)
        modes[mode] = modes.get(mode, Fraction(0)) + weight
        for anchor in present or ["none"]:
            anchors[anchor] = anchors.get(anchor, Fraction(0)) + weight / max(1, len(present))
    return Decision(
        rule=rule,
        tier=TIERS[shown.rule],
        evidence=shown,
        session_id=None if shown.rule == "order_anchor" else shown.value,
        mode=on_air(case, shown)[1],
        weights={"anchor": anchors, "mode": modes},
        considered=considered,
    )


def on_air(case: Case, touch: Evidence) -> tuple[list[str], str]:
    if touch.rule == "order_anchor":
        return [str(touch.value)], MODES[case.order.data["carrier"]]
    session = case.registry.sessions[str(touch.value)]
    return session.anchors(touch.time), session.mode


def live_evidence(case: Case, rule: str) -> list[Evidence]:
    """Return all events that the rule may look at, with the session that each names."""
    order, registry = case.order, case.registry
    if rule == "order_session":
        found = [Evidence(order, case.at, case.line.get("session_id"))]
    elif rule == "order_room":
        room = case.line.get("room_id")
        session = registry.last_session(room, case.at) if room else None
        found = [Evidence(order, case.at, session, "unknown_session" if room and not session else None)]
    elif rule == "order_anchor":
        return [Evidence(order, case.at, case.line.get("anchor_id"), rule=rule)]
    elif rule == "order_token":
        found = [Evidence(order, case.at, *registry.named(order, "session_id", case.at))]
    elif rule == "scan":
        found = [Evidence(e, e.time, *registry.named(e, "session_id", e.time)) for e in case.scans()]
    elif rule == "share":
        found = [Evidence(e, e.time, e.get("session_id"), why) for e, sharer, why in case.shares() if sharer or why]
    elif rule == "item_click":
        clicks = [e for e in case.journey if e.type in CLICKS and e.data["item_id"] == case.line["item_id"]]
        found = [Evidence(e, e.time, e.data["session_id"]) for e in clicks]
    else:
        found = [Evidence(e, e.time, e.data["session_id"]) for e in case.journey if e.type == "live.viewer.entered"]
    return [known(case, replace(f, rule=rule)) for f in found]


def known(case: Case, evidence: Evidence) -> Evidence:
    if evidence.problem or evidence.value is None or evidence.value in case.registry.sessions:
        return evidence
    return replace(evidence, problem="unknown_session")


def touches(case: Case, rules: list[str]) -> list[Evidence]:
    """Return the qualifying evidence of the rules, one per event, in order of (time, source, id)."""
    found: dict[Event, Evidence] = {}
    for rule in rules:
        for evidence in case.inside("live", rule, live_evidence(case, rule)):
            if evidence.value is not None and not evidence.problem:
                found.setdefault(evidence.event, evidence)
    return [found[e] for e in sorted(found, key=lambda e: e.order)]


def touch_weights(case: Case, touches: list[Evidence]) -> list[Fraction]:
    count, model = len(touches), case.policy.model
    last = [Fraction(0)] * (count - 1) + [Fraction(1)]
    if model == "first_touch":
        return last[::-1]
    if model == "last_touch":
        return last
    if model == "position_based" and count > 2:
        return [Fraction(2, 5), *[Fraction(1, 5 * (count - 2))] * (count - 2), Fraction(2, 5)]
    if model == "time_decay":
        ages = [Fraction(case.at - t.time) / case.policy.half_life for t in touches]
        decayed = [Fraction(round(2.0 ** -float(age) * 10**9)) for age in ages]
        return decayed if any(decayed) else last
    return [Fraction(1)] * count
