"""The rules of the store decision: who gets the credit, which need not be who ships (spec §4)."""

from collections.abc import Callable

from streams.core.case import (
    NO_EVIDENCE,
    OUTSIDE_WINDOW,
    SUPERSEDED,
    WON,
    Case,
    Found,
    Outcome,
    evidence_of,
    nearer,
    open_contacts,
)
from streams.core.chunks import SCANS_OF_STORES, SHARES
from streams.core.facts import Fact
from streams.core.messages import Line, SessionStarted
from streams.core.reference import Named
from streams.core.views import Evidence


def _for_store(found: Evidence, named: Named | None, store_id: str) -> Outcome:
    return Found(found, named, stores={store_id: 1}), WON


def _line_store(attribute: str) -> Callable[[Case, Line, SessionStarted | None], Outcome]:
    def try_rule(case: Case, line: Line, _session: SessionStarted | None) -> Outcome:
        store_id: str | None = getattr(line, attribute)
        return _for_store(case.order, case.names, store_id) if store_id is not None else (None, NO_EVIDENCE)

    return try_rule


def _token_store(case: Case, _line: Line, _session: SessionStarted | None) -> Outcome:
    store_id = case.names.store_id
    return (
        _for_store(case.order, case.names, store_id)
        if store_id is not None
        else (None, case.names.fault or NO_EVIDENCE)
    )


def _of_store(_fact: Fact, named: Named) -> bool:
    return named.store_id is not None or named.fault is not None


def _of_sharer(_fact: Fact, named: Named) -> bool:
    return named.sharer_id is not None or named.fault is not None


def _scan_store(case: Case, _line: Line, _session: SessionStarted | None) -> Outcome:
    lost = NO_EVIDENCE
    for fact, named in case.telling(SCANS_OF_STORES, _of_store):
        if not case.within(fact, case.policy.store.window_hours["scan"]):
            lost = nearer(lost, OUTSIDE_WINDOW)
            break  # and so is all that is earlier
        if named.store_id is None:
            lost = nearer(lost, named.fault or NO_EVIDENCE)
        else:
            return _for_store(evidence_of(fact), named, named.store_id)
    return None, lost


def _share_store(case: Case, _line: Line, _session: SessionStarted | None) -> Outcome:
    """Only the latest share counts, with or without a store."""
    shares: list[tuple[int, str, str, Evidence, Named]] = []
    lost = NO_EVIDENCE
    for fact, named in case.telling(SHARES, _of_sharer):
        if not case.within(fact, case.policy.store.window_hours["share"]):
            lost = nearer(lost, OUTSIDE_WINDOW)
            break  # and so is all that is earlier
        if named.sharer_id is None:
            lost = nearer(lost, named.fault or NO_EVIDENCE)
            continue
        shares.append((-fact.time, fact.source, fact.id, evidence_of(fact), named))
    if case.names.sharer_id is not None:
        order = case.order
        shares.append((-order.time, order.source, order.id, order, case.names))
    stores: list[str | None] = []
    for _, _, _, evidence, named in sorted(shares, key=lambda share: share[:3]):
        store_id = case.lookup.store_of_sharer(named.sharer_id or "", evidence.time)
        if store_id is not None and not stores:
            return _for_store(evidence, named, store_id)
        stores.append(store_id)
    return None, SUPERSEDED if any(stores) else (lost if not shares else NO_EVIDENCE)


def _contact_store(case: Case, _line: Line, _session: SessionStarted | None) -> Outcome:
    """Only the open contact added last counts, with or without a store."""
    lost = NO_EVIDENCE
    for place, fact in enumerate(open_contacts(case.contacts, case.claim.placed_at)):
        named = case.named(fact)
        if place == 0 and named.store_id is not None:
            return _for_store(evidence_of(fact), named, named.store_id)
        if place == 0:
            lost = named.fault or NO_EVIDENCE
        elif named.store_id is not None:
            lost = SUPERSEDED
    return None, lost


def _session_split(_case: Case, _line: Line, session: SessionStarted | None) -> Outcome:
    if session is None or not sum(session.weights.values()):
        return None, NO_EVIDENCE
    return Found(_start(session), None, stores=session.weights), WON


def _session_store(_case: Case, _line: Line, session: SessionStarted | None) -> Outcome:
    if session is None or len(set(session.stores)) != 1:
        return None, NO_EVIDENCE
    return _for_store(_start(session), None, session.stores[0])


def _start(session: SessionStarted) -> Evidence:
    return Evidence(session.source, session.id, session.time, "live.session.started")


STORE_RULES: dict[str, Callable[[Case, Line, SessionStarted | None], Outcome]] = {
    "order_store": _line_store("credit_store_id"),
    "order_token": _token_store,
    "scan": _scan_store,
    "share": _share_store,
    "pool_contact": _contact_store,
    "session_split": _session_split,
    "seller": _line_store("seller_store_id"),
    "session_store": _session_store,
}
