"""Why each rule won or lost, with the evidence that it looked at: the long form of a sale's `considered`.

The rules themselves stand in `attribution`; here they are gone through again without stopping at the first
evidence that wins. A finding is plain data: `code`, `evidence` (source, id, time, type; None when there is none),
and what the code speaks of. Durations are ms, times RFC 3339 texts. The codes:

    won, touch (share of the credit), superseded (by: the evidence that won)
    outside_window (by_ms before the window of hours opened), after_order (by_ms)
    unknown_session, unknown_token (known_now: it came too late), expired_token (expires_at)
    not_in_line, not_in_order (field), token_names_no (what), room_without_session (next_start)
    nothing (seen: so many events of this kind that do not speak of it)
    sharer_without_store, contact_without_store, contact_removed (removed_at)
    no_session, session_without_weights, session_stores (stores)
"""

from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from typing import Any

from schemas.values import format_time
from streams.core.case import Case, open_contacts
from streams.core.buyer import ACTIVITY_TYPES, CONTACT_ADDED, SHARE_OPENED, Decision, Evidence, Fact
from streams.core.credits import NONE
from streams.core.live_rules import qualifying
from streams.core.messages import Line, SessionStarted
from streams.core.multitouch import weigh
from streams.core.policy import HOUR_MS, MODELS, TOUCH_RULES
from streams.core.reference import Entry, Lookup, Named
from streams.core.sales import shown_evidence

Finding = dict[str, Any]


class Trials:
    """The rules at work on one line of an order; `entries` is the reference data as it is known today."""

    def __init__(self, case: Case, entries: Mapping[str, Entry], line: Line, decision: Decision) -> None:
        self.case = case
        self.now = Lookup(entries)
        self.line = line
        self.session = case.lookup.session(decision.session_id) if decision.session_id else None
        self.order = shown_evidence(case.order)

    def of(self, decision: str, rule: str) -> list[Finding]:
        """What one rule looked at, the latest first."""
        if rule == NONE:
            return []
        if rule in MODELS:
            return self._model()
        if decision == "live" and rule in TOUCH_RULES:
            return list(self._touches(rule)) or [_finding("nothing", None, seen=self._seen(rule))]
        return _TRIALS[decision, rule](self)

    # --- what orders, lines and tokens say -------------------------------------------------------------------

    def _order_session(self) -> list[Finding]:
        return [self._session_named_by_order(self.line.session_id, "not_in_line", field="session_id")]

    def _session_named_by_order(self, session_id: str | None, missing: str, **detail: Any) -> Finding:
        if session_id is None:
            return _finding(missing, None, **detail)
        if self.case.lookup.session(session_id) is None:
            return self._unknown_session(self.order, session_id)
        return _finding("won", self.order, session_id=session_id)

    def _order_room(self) -> list[Finding]:
        room_id, placed_at = self.line.room_id, self.case.claim.placed_at
        if room_id is None:
            return [_finding("not_in_line", None, field="room_id")]
        if session := self.case.lookup.session_in_room(room_id, placed_at):
            return [_finding("won", self.order, session_id=session.session_id, room_id=room_id)]
        starts = [start.time for start in self.now.starts_in_room(room_id) if start.time > placed_at]
        next_start = format_time(min(starts)) if starts else None
        return [_finding("room_without_session", self.order, room_id=room_id, next_start=next_start)]

    def _order_anchor(self) -> list[Finding]:
        if self.line.anchor_id is None:
            return [_finding("not_in_line", None, field="anchor_id")]
        return [_finding("won", self.order, anchor_id=self.line.anchor_id)]

    def _order_token(self) -> list[Finding]:
        if lost := self._token_of_order("session_id"):
            return [lost]
        return [self._session_named_by_order(self.case.names.session_id, "nothing")]

    def _order_token_store(self) -> list[Finding]:
        lost = self._token_of_order("store_id")
        return [lost or _finding("won", self.order, store_id=self.case.names.store_id)]

    def _token_of_order(self, what: str) -> Finding | None:
        """Why the order's token names no session or store."""
        claim, names = self.case.claim, self.case.names
        if claim.token is None:
            return _finding("not_in_order", None, field="token")
        if names.fault is not None:
            return self._bad_token(self.order, claim.token, claim.placed_at, names.fault)
        if getattr(names, what) is None:
            return _finding("token_names_no", self.order, token=claim.token, what=what)
        return None

    def _line_store(self, field: str) -> list[Finding]:
        store_id = getattr(self.line, field)
        if store_id is None:
            return [_finding("not_in_line", None, field=field)]
        return [_finding("won", self.order, store_id=store_id)]

    def _unknown_session(self, evidence: dict[str, Any], session_id: str) -> Finding:
        known_now = self.now.session(session_id) is not None
        return _finding("unknown_session", evidence, session_id=session_id, known_now=known_now)

    def _bad_token(self, evidence: dict[str, Any], token: str, time: int, fault: str) -> Finding:
        if fault == "unknown_token":
            known_now = self.now.registration(token, time) is not None
            return _finding(fault, evidence, token=token, known_now=known_now)
        registration = self.case.lookup.registration(token, time)
        expires_at = registration.expires_at if registration else None
        return _finding(
            fault, evidence, token=token, expires_at=None if expires_at is None else format_time(expires_at)
        )

    # --- what the buyer did ----------------------------------------------------------------------------------

    def _touches(self, rule: str) -> Iterator[Finding]:
        hours = self.case.policy.live.window_hours[rule]
        won: dict[str, Any] | None = None
        for fact, found, outcome in qualifying(self.case, self.line, rule):
            evidence = _shown(fact)
            session_id = self.case.named(fact).session_id
            if found is None:
                yield self._lost(fact, outcome, hours, session_id=session_id)
            elif won is None:
                won = evidence
                yield _finding("won", evidence, session_id=session_id)
            else:
                yield _finding("superseded", evidence, session_id=session_id, by=won)

    def _lost(self, fact: Fact, outcome: str, hours: float, **names: str | None) -> Finding:
        evidence = _shown(fact)
        if outcome == "outside_window":
            return self._outside(fact, hours, **names)
        if outcome == "unknown_session":
            return self._unknown_session(evidence, str(names["session_id"]))
        return self._bad_token(evidence, str(fact.token), fact.time, outcome)

    def _outside(self, fact: Fact, hours: float, **names: str | None) -> Finding:
        age = self.case.claim.placed_at - fact.time
        if age < 0:
            return _finding("after_order", _shown(fact), by_ms=-age, **names)
        return _finding("outside_window", _shown(fact), by_ms=age - int(hours * HOUR_MS), hours=hours, **names)

    def _seen(self, rule: str) -> int:
        facts = {"scan": self.case.scans, "item_click": self.case.clicks, "presence": self.case.entries}
        opened = [fact for fact in self.case.shares if fact.kind == SHARE_OPENED]
        return len(facts.get(rule, opened))

    def _model(self) -> list[Finding]:
        """Every touch of a multi-touch model with its share of the credit, and what was none."""
        lost: list[Finding] = []
        touches: dict[tuple[int, str, str], Finding] = {}
        for rule in (rule for rule in self.case.policy.live.rules if rule in TOUCH_RULES):
            hours = self.case.policy.live.window_hours[rule]
            for fact, found, outcome in qualifying(self.case, self.line, rule):
                names = {"rule": rule, "session_id": self.case.named(fact).session_id}
                if found is None:
                    lost.append({**self._lost(fact, outcome, hours, session_id=names["session_id"]), "rule": rule})
                else:
                    touches.setdefault((fact.time, fact.source, fact.id), _finding("touch", _shown(fact), **names))
        if not touches:
            return lost or [_finding("nothing", None, seen=0)]
        ordered = sorted(touches)
        weights = weigh(self.case.policy, [self.case.claim.placed_at - time for time, _, _ in ordered])
        for key, weight in zip(ordered, weights, strict=True):
            touches[key]["share"] = round(float(Fraction(weight) / sum(weights)), 6)
        return [*(touches[key] for key in reversed(ordered)), *lost]

    def _scan_store(self) -> list[Finding]:
        findings: list[Finding] = []
        hours = self.case.policy.store.window_hours["scan"]
        won = None
        for fact in self.case.scans:
            named = self.case.named(fact)
            if named.store_id is None and named.fault is None:
                continue
            if not self.case.within(fact, hours):
                findings.append(self._outside(fact, hours, store_id=named.store_id))
            elif named.store_id is None:
                findings.append(self._bad_token(_shown(fact), str(fact.token), fact.time, str(named.fault)))
            elif won is None:
                won = _shown(fact)
                findings.append(_finding("won", won, store_id=named.store_id))
            else:
                findings.append(_finding("superseded", _shown(fact), store_id=named.store_id, by=won))
        return findings or [_finding("nothing", None, seen=len(self.case.scans))]

    def _share_store(self) -> list[Finding]:
        hours = self.case.policy.store.window_hours["share"]
        counting: list[tuple[int, str, str, Evidence, Named]] = []
        lost: list[Finding] = []
        for fact in self.case.shares:
            named = self.case.named(fact)
            if named.sharer_id is None and named.fault is None:
                continue
            if not self.case.within(fact, hours):
                lost.append(self._outside(fact, hours, sharer_id=named.sharer_id))
            elif named.sharer_id is None:
                lost.append(self._bad_token(_shown(fact), str(fact.token), fact.time, str(named.fault)))
            else:
                evidence = Evidence(fact.source, fact.id, fact.time, ACTIVITY_TYPES[fact.kind])
                counting.append((-fact.time, fact.source, fact.id, evidence, named))
        if self.case.names.sharer_id is not None:
            order = self.case.order
            counting.append((-order.time, order.source, order.id, order, self.case.names))
        counting.sort(key=lambda share: share[:3])
        findings = [self._share(evidence, named, counting[0][3]) for *_, evidence, named in counting]
        return [*findings, *lost] or [_finding("nothing", None, seen=self._seen("share"))]

    def _share(self, evidence: Evidence, named: Named, latest: Evidence) -> Finding:
        sharer_id = str(named.sharer_id)
        names = {"sharer_id": sharer_id, "store_id": self.case.lookup.store_of_sharer(sharer_id, evidence.time)}
        if evidence is not latest:
            return _finding("superseded", shown_evidence(evidence), **names, by=shown_evidence(latest))
        code = "sharer_without_store" if names["store_id"] is None else "won"
        return _finding(code, shown_evidence(evidence), **names)

    def _contact_store(self) -> list[Finding]:
        open_ones = open_contacts(self.case.contacts, self.case.claim.placed_at)
        findings = [self._contact(fact, open_ones[0]) for fact in open_ones]
        guides = {fact.guide_id for fact in open_ones}
        for fact in self.case.contacts:
            names = {"guide_id": fact.guide_id, "store_id": self.case.named(fact).store_id}
            if fact.time > self.case.claim.placed_at:
                if fact.kind == CONTACT_ADDED:
                    findings.append(self._outside(fact, 0, **names))
            elif fact.guide_id not in guides and fact.kind == CONTACT_ADDED:
                removed = min(
                    other.time for other in self.case.contacts
                    if other.guide_id == fact.guide_id and other.kind != CONTACT_ADDED and other.time >= fact.time
                )  # fmt: skip
                findings.append(_finding("contact_removed", _shown(fact), **names, removed_at=format_time(removed)))
        return findings or [_finding("nothing", None, seen=0)]

    def _contact(self, fact: Fact, latest: Fact) -> Finding:
        named = self.case.named(fact)
        names = {"guide_id": fact.guide_id, "store_id": named.store_id}
        if fact is not latest:
            return _finding("superseded", _shown(fact), **names, by=_shown(latest))
        if named.store_id is not None:
            return _finding("won", _shown(fact), **names)
        if named.fault is not None:
            return self._bad_token(_shown(fact), str(fact.token), fact.time, named.fault)
        return _finding("contact_without_store", _shown(fact), **names)

    # --- what the winning session says -----------------------------------------------------------------------

    def _session_split(self) -> list[Finding]:
        if self.session is None:
            return [_finding("no_session", None)]
        if not sum(self.session.weights.values()):
            return [_finding("session_without_weights", _start(self.session), session_id=self.session.session_id)]
        return [_finding("won", _start(self.session), session_id=self.session.session_id, weights=self.session.weights)]

    def _session_store(self) -> list[Finding]:
        if self.session is None:
            return [_finding("no_session", None)]
        stores = sorted(set(self.session.stores))
        code, names = ("won", {"store_id": stores[0]}) if len(stores) == 1 else ("session_stores", {"stores": stores})
        return [_finding(code, _start(self.session), session_id=self.session.session_id, **names)]


def _finding(code: str, evidence: dict[str, Any] | None, **detail: Any) -> Finding:
    return {"code": code, "evidence": evidence, **{name: value for name, value in detail.items() if value is not None}}


def _shown(fact: Fact) -> dict[str, Any]:
    return shown_evidence(Evidence(fact.source, fact.id, fact.time, ACTIVITY_TYPES[fact.kind]))


def _start(session: SessionStarted) -> dict[str, Any]:
    return shown_evidence(Evidence(session.source, session.id, session.time, "live.session.started"))


_TRIALS: dict[tuple[str, str], Callable[[Trials], list[Finding]]] = {
    ("live", "order_session"): Trials._order_session,
    ("live", "order_room"): Trials._order_room,
    ("live", "order_anchor"): Trials._order_anchor,
    ("live", "order_token"): Trials._order_token,
    ("store", "order_store"): lambda trials: trials._line_store("credit_store_id"),
    ("store", "order_token"): Trials._order_token_store,
    ("store", "scan"): Trials._scan_store,
    ("store", "share"): Trials._share_store,
    ("store", "pool_contact"): Trials._contact_store,
    ("store", "session_split"): Trials._session_split,
    ("store", "seller"): lambda trials: trials._line_store("seller_store_id"),
    ("store", "session_store"): Trials._session_store,
}
