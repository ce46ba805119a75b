"""Which session, and which store, earned an order line (spec §4).

Two decisions, each an ordered table of rules; the first rule that finds evidence wins, and every rule tried
before it says why it lost. Multi-touch models share the live decision out over all touches instead.
"""

from collections.abc import Callable, Iterable
from fractions import Fraction
from math import lcm

from schemas.values import MODE_OF_CARRIER
from streams.core.case import NO_EVIDENCE, OUTSIDE_WINDOW, WON, Case, Found, Outcome, nearer
from streams.core.credits import NONE
from streams.core.live_rules import LIVE_RULES, qualifying
from streams.core.messages import Line
from streams.core.multitouch import weigh
from streams.core.policy import TIERS, TOUCH_RULES
from streams.core.store_rules import STORE_RULES
from streams.core.views import Decision, Verdict


def decide(case: Case, line: Line) -> Decision:
    """Decide one line."""
    considered: list[tuple[str, str, str]] = []
    policy = case.policy
    live_rules = policy.live.rules
    if policy.live.model != "rules":
        live_rules = tuple(rule for rule in live_rules if rule not in TOUCH_RULES)
    live, found = _first(case, "live", live_rules, lambda rule: LIVE_RULES[rule](case, line), considered)
    anchors, modes = _earned(case, found)
    if found is None and policy.live.model != "rules":
        live, found, anchors, modes = _multi_touch(case, line, considered)
    session = found.session if found else None
    store, credit = _first(
        case, "store", policy.store.rules, lambda rule: STORE_RULES[rule](case, line, session), considered
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
            lost = nearer(lost, outcome)
            if outcome == OUTSIDE_WINDOW:
                break  # and so is all that is earlier
    model = case.policy.live.model
    if not touches:
        considered += [("live", model, lost), ("live", NONE, WON)]
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
    shown = min(zip(ordered, weights, strict=True), key=lambda touch: (-touch[1], -touch[0][0], *touch[0][1:]))[0]
    rule, found = touches[shown]
    considered.append(("live", model, WON))
    return Verdict(model, TIERS["live"][rule], found.evidence), found, _whole(anchors), _whole(modes)


def _whole(weights: dict[str, Fraction]) -> dict[str, int]:
    """The same proportions in integers."""
    scale = lcm(*(weight.denominator for weight in weights.values()))
    return {party: int(weight * scale) for party, weight in weights.items() if weight}
