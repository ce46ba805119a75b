"""The two decisions of spec §4 for one order line, from what had arrived."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from .envelope import Event, iso
from .policy import Policy
from .registry import Registry

TIERS = {
    "order_session": "certain", "order_room": "certain", "order_anchor": "certain",
    "order_store": "certain",
    "order_token": "strong", "scan": "strong", "share": "medium", "item_click": "medium",
    "pool_contact": "medium", "session_split": "medium", "presence": "weak", "seller": "weak",
    "session_store": "weak", "none": "none",
}  # fmt: skip
Weights = dict[str, Fraction]


@dataclass
class Evidence:
    """One event that a rule looks at: what it names, or why it names nothing."""

    event: Event
    time: int
    value: str | None
    problem: str | None = None
    rule: str = ""

    def shown(self) -> dict[str, Any]:
        return {
            "source": self.event.source,
            "id": self.event.id,
            "time": iso(self.time),
            "type": self.event.type,
        }


@dataclass
class Decision:
    """What was decided: the winner's value is a session_id, an anchor_id (`order_anchor`) or a store_id."""

    rule: str = "none"
    tier: str = "none"
    evidence: Evidence | None = None
    session_id: str | None = None
    mode: str = "none"
    guide_id: str | None = None
    sharer_id: str | None = None
    weights: dict[str, Weights] = field(default_factory=dict)  # by dimension
    considered: list[dict[str, str]] = field(default_factory=list)

    def shown(self) -> dict[str, Any]:
        evidence = self.evidence.shown() if self.evidence else None
        return {"rule": self.rule, "tier": self.tier, "evidence": evidence}


@dataclass
class Case:
    """One line of an order and all that may bear on it."""

    order: Event
    line: dict[str, Any]
    journey: list[Event]  # the events of the order's buyer that had arrived
    registry: Registry
    policy: Policy

    @property
    def at(self) -> int:
        return int(self.order.data["placed_at"])

    def scans(self) -> list[Event]:
        return [e for e in self.journey if e.type == "scan.code.scanned"]

    def shares(self) -> Iterable[tuple[Event, str | None, str | None]]:
        """Yield opened shares and entries with their sharer, or why their token names none."""
        for event in self.journey:
            if event.type in ("share.opened", "live.viewer.entered"):
                yield (event, *self.registry.named(event, "sharer_id", event.time))

    def inside(self, decision: str, rule: str, evidence: list[Evidence]) -> list[Evidence]:
        """Return the evidence within the window, the latest first, then the smallest (source, id)."""
        window = self.policy.windows[decision].get(rule)
        found = [e for e in evidence if window is None or 0 <= self.at - e.time <= window]
        return sorted(found, key=lambda e: (-e.time, e.event.source, e.event.id))

    def choose(self, decision: str, rule: str, evidence: list[Evidence]) -> tuple[Evidence | None, list[str]]:
        """Return the winner of a rule, and its outcome with one `superseded` for each that lost."""
        # What a session itself says (its weights, its one store) is no touchpoint: it may start after the order.
        in_time = [e for e in evidence if e.time <= self.at or rule.startswith("session_")]
        telling = [e for e in in_time if e.value is not None or e.problem]
        inside = self.inside(decision, rule, telling)
        good = [e for e in inside if not e.problem]
        if good:
            return good[0], ["won"] + ["superseded"] * (len(good) - 1)
        if inside:
            return None, [str(inside[0].problem)]
        return None, ["outside_window" if telling else "no_evidence"]


def open_contact(journey: list[Event], at: float) -> Event | None:
    """Return the contact that was open at the moment, the one added last."""
    latest: dict[str, Event] = {}
    for event in journey:
        if event.type in ("pool.contact.added", "pool.contact.removed") and event.time <= at:
            kept = latest.get(event.data["guide_id"])
            if kept is None or (-event.time, event.source, event.id) < (-kept.time, kept.source, kept.id):
                latest[event.data["guide_id"]] = event
    added = [e for e in latest.values() if e.type == "pool.contact.added"]
    return min(added, key=lambda e: (-e.time, e.source, e.id), default=None)
