"""The store decision of spec §4: who gets the credit, which need not be who ships."""

from dataclasses import replace
from fractions import Fraction

from .attribution import TIERS, Case, Decision, Evidence, open_contact
from .registry import Session


def decide_store(case: Case, live: Decision) -> Decision:
    considered: list[dict[str, str]] = []
    session = case.registry.sessions.get(live.session_id) if live.session_id else None
    for rule in case.policy.rules["store"]:
        winner, outcomes = case.choose("store", rule, store_evidence(case, rule, session))
        considered += [{"decision": "store", "rule": rule, "outcome": o} for o in outcomes]
        if winner:
            weights = {str(winner.value): Fraction(1)}
            if rule == "session_split" and session:
                weights = {s: Fraction(w) for s, w in session.start.data["store_weights"].items()}
            own = not rule.startswith("session_")
            guide, sharer = (
                case.registry.named(winner.event, f, winner.time)[0] if own else None for f in ("guide_id", "sharer_id")
            )
            return Decision(rule, TIERS[rule], winner, None, "", guide, sharer, {"store": weights}, considered)
    considered.append({"decision": "store", "rule": "none", "outcome": "won"})
    return Decision(weights={"store": {"none": Fraction(1)}}, considered=considered)


def store_evidence(case: Case, rule: str, session: Session | None) -> list[Evidence]:
    """Return all events that the rule may look at, with the store that each names."""
    order, registry = case.order, case.registry
    if rule == "order_store":
        return [Evidence(order, case.at, case.line.get("credit_store_id"))]
    if rule == "seller":
        return [Evidence(order, case.at, case.line.get("seller_store_id"))]
    if rule == "order_token":
        return [Evidence(order, case.at, *registry.named(order, "store_id", case.at))]
    if rule == "scan":
        return [Evidence(e, e.time, *registry.named(e, "store_id", e.time)) for e in case.scans()]
    if rule == "share":
        return latest_share(case)
    if rule == "pool_contact":
        contact = open_contact(case.journey, case.at)
        return [Evidence(contact, contact.time, *registry.named(contact, "store_id", contact.time))] if contact else []
    if session is None:
        return []
    weights, stores = session.start.get("store_weights") or {}, set(session.start.get("store_ids") or [])
    if rule == "session_split":
        return [Evidence(session.start, session.start.time, "weights" if sum(weights.values()) else None)]
    return [Evidence(session.start, session.start.time, min(stores) if len(stores) == 1 else None)]


def latest_share(case: Case) -> list[Evidence]:
    """Return only the latest share within the window, with or without a store; without one, those outside."""
    own = case.registry.named(case.order, "sharer_id", case.at)[0]
    shares = [Evidence(e, e.time, sharer) for e, sharer, _ in case.shares() if sharer]
    shares += [Evidence(case.order, case.at, own)] if own else []
    latest = case.inside("store", "share", shares)[:1] or shares
    return [replace(s, value=case.registry.store_of_sharer(str(s.value), s.time)) for s in latest]
