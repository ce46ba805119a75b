"""What the rules of the store decision looked at (`store_rules`), without stopping at the first that wins."""

from collections.abc import Callable, Iterator
from typing import Any

from schemas.values import format_time
from streams.core.case import evidence_of, open_contacts
from streams.core.facts import CONTACT_ADDED, SHARE_OPENED, Fact
from streams.core.findings import Finding, Inquiry, finding, shown
from streams.core.messages import SessionStarted
from streams.core.reference import Named
from streams.core.sales import shown_evidence
from streams.core.views import Evidence


def store_findings(inquiry: Inquiry, rule: str) -> list[Finding]:
    """What one rule looked at, the latest first."""
    return _RULES[rule](inquiry)


def _line(field: str) -> Callable[[Inquiry], list[Finding]]:
    def look(inquiry: Inquiry) -> list[Finding]:
        store_id = getattr(inquiry.line, field)
        if store_id is None:
            return [finding("not_in_line", None, field=field)]
        return [finding("won", inquiry.order, store_id=store_id)]

    return look


def _token(inquiry: Inquiry) -> list[Finding]:
    lost = inquiry.token_of_order("store_id")
    return [lost or finding("won", inquiry.order, store_id=inquiry.case.names.store_id)]


def _scan(inquiry: Inquiry) -> list[Finding]:
    case = inquiry.case
    hours = case.policy.store.window_hours["scan"]
    findings: list[Finding] = []
    won: dict[str, Any] | None = None
    for fact in case.scans:
        named = case.named(fact)
        if named.store_id is None and named.fault is None:
            continue
        if not case.within(fact, hours):
            findings.append(inquiry.outside(fact, hours, store_id=named.store_id))
        elif named.store_id is None:
            findings.append(inquiry.bad_token(shown(fact), str(fact.token), fact.time, str(named.fault)))
        elif won is None:
            won = shown(fact)
            findings.append(finding("won", won, store_id=named.store_id))
        else:
            findings.append(finding("superseded", shown(fact), store_id=named.store_id, by=won))
    return findings or [finding("nothing", None, seen=len(case.scans))]


def _share(inquiry: Inquiry) -> list[Finding]:
    case = inquiry.case
    hours = case.policy.store.window_hours["share"]
    counting: list[tuple[int, str, str, Evidence, Named]] = []
    lost: list[Finding] = []
    for fact in case.shares:
        named = case.named(fact)
        if named.sharer_id is None and named.fault is None:
            continue
        if not case.within(fact, hours):
            lost.append(inquiry.outside(fact, hours, sharer_id=named.sharer_id))
        elif named.sharer_id is None:
            lost.append(inquiry.bad_token(shown(fact), str(fact.token), fact.time, str(named.fault)))
        else:
            counting.append((-fact.time, fact.source, fact.id, evidence_of(fact), named))
    if case.names.sharer_id is not None:
        order = case.order
        counting.append((-order.time, order.source, order.id, order, case.names))
    counting.sort(key=lambda share: share[:3])
    findings = [_sharer(inquiry, evidence, named, counting[0][3]) for *_, evidence, named in counting]
    opened = sum(fact.kind == SHARE_OPENED for fact in case.shares)
    return [*findings, *lost] or [finding("nothing", None, seen=opened)]


def _sharer(inquiry: Inquiry, evidence: Evidence, named: Named, latest: Evidence) -> Finding:
    sharer_id = str(named.sharer_id)
    store_id = inquiry.case.lookup.store_of_sharer(sharer_id, evidence.time)
    names = {"sharer_id": sharer_id, "store_id": store_id}
    if evidence is not latest:
        return finding("superseded", shown_evidence(evidence), **names, by=shown_evidence(latest))
    return finding("sharer_without_store" if store_id is None else "won", shown_evidence(evidence), **names)


def _contact(inquiry: Inquiry) -> list[Finding]:
    contacts = inquiry.case.contacts
    still_open = open_contacts(contacts)
    findings = [_open_contact(inquiry, fact, still_open[0]) for fact in still_open]
    findings += _removed(inquiry, {fact.guide_id for fact in still_open})
    return findings or [finding("nothing", None, seen=0)]


def _open_contact(inquiry: Inquiry, fact: Fact, latest: Fact) -> Finding:
    named = inquiry.case.named(fact)
    names = {"guide_id": fact.guide_id, "store_id": named.store_id}
    if fact is not latest:
        return finding("superseded", shown(fact), **names, by=shown(latest))
    if named.store_id is None and named.fault is not None:
        return inquiry.bad_token(shown(fact), str(fact.token), fact.time, named.fault)
    return finding("contact_without_store" if named.store_id is None else "won", shown(fact), **names)


def _removed(inquiry: Inquiry, open_guides: set[str | None]) -> Iterator[Finding]:
    """The last time that each other guide was added: it was removed before the order."""
    removals: dict[str | None, Fact] = {}
    for fact in inquiry.case.contacts:  # the latest first
        if fact.guide_id in open_guides:
            continue
        if fact.kind != CONTACT_ADDED:
            removals.setdefault(fact.guide_id, fact)
        elif removal := removals.get(fact.guide_id):
            names = {"guide_id": fact.guide_id, "store_id": inquiry.case.named(fact).store_id}
            yield finding("contact_removed", shown(fact), **names, removed_at=format_time(removal.time))
            open_guides = {*open_guides, fact.guide_id}


def _session_split(inquiry: Inquiry) -> list[Finding]:
    session = inquiry.session
    if session is None:
        return [finding("no_session", None)]
    if not sum(session.weights.values()):
        return [finding("session_without_weights", _start(session), session_id=session.session_id)]
    return [finding("won", _start(session), session_id=session.session_id, weights=session.weights)]


def _session_store(inquiry: Inquiry) -> list[Finding]:
    session = inquiry.session
    if session is None:
        return [finding("no_session", None)]
    stores = sorted(set(session.stores))
    if len(stores) != 1:
        return [finding("session_stores", _start(session), session_id=session.session_id, stores=stores)]
    return [finding("won", _start(session), session_id=session.session_id, store_id=stores[0])]


def _start(session: SessionStarted) -> dict[str, Any]:
    return shown_evidence(Evidence(session.source, session.id, session.time, "live.session.started"))


_RULES: dict[str, Callable[[Inquiry], list[Finding]]] = {
    "order_store": _line("credit_store_id"),
    "order_token": _token,
    "scan": _scan,
    "share": _share,
    "pool_contact": _contact,
    "session_split": _session_split,
    "seller": _line("seller_store_id"),
    "session_store": _session_store,
}
