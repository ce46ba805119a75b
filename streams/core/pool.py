"""What SCRM is told: the profile of a buyer, and what happened to it (spec §5, settled points "People")."""

from collections.abc import Iterable
from typing import Any

from schemas.values import format_time
from streams.core.buyer import Buyer
from streams.core.case import open_contacts
from streams.core.cold import Cold
from streams.core.credits import NONE
from streams.core.facts import GROUP_JOINED, GROUP_LEFT, SHARE_OPENED, Fact, latest_first, moment
from streams.core.figures import VIEWER
from streams.core.reference import Lookup
from streams.core.views import View

REPEAT_ORDERS = 2


def profile(buyer_id: str, buyer: Buyer, lookup: Lookup, reason: str) -> dict[str, Any]:
    """The data of `buyer.profile`."""
    cold = buyer.cold_orders
    loose, paid = list(buyer.loose()), buyer.paid()
    contacts, groups = (open_contacts(loose), open_groups(loose)) if loose else ([], [])
    named = lookup.named(contacts[0].time, contacts[0].token, contacts[0].own) if contacts else None
    net = [net_of(view) for view in paid]
    bought = cold.bought + sum([fen > 0 for fen in net])
    placed = [view.claim.placed_at for view in paid] + ([] if cold.last_order is None else [cold.last_order])
    return {
        "buyer_id": buyer_id,
        "ids": ids_of(buyer.identifiers),
        "stage": _stage(bought, bool(contacts or groups)),
        "tags": sorted({*cold.tags, *tags_of(*paid)} if paid else cold.tags),
        "home_store_id": named.store_id if named else None,
        "guide_id": named.guide_id if named else None,
        "groups": groups,
        "sessions_seen": buyer.cold.sessions + sum([people[VIEWER] > 0 for people in buyer.tally.values()]),
        "first_seen": format_time(min([part.first_seen for part in buyer.parts.values()])),
        "last_seen": format_time(buyer.stream_time),
        "last_session_id": _last_session(buyer),
        "orders": cold.orders + len(paid),
        "net_fen": cold.net_fen + sum(net),
        "last_order_at": format_time(max(placed)) if placed else None,
        "sharer_id": _first_sharer(loose, buyer.cold),
        "reason": reason,
    }


def _last_session(buyer: Buyer) -> str | None:
    """That of the latest viewer or product event; of several at one moment the one with the smallest (source, id)."""
    lasts = [(visit.last.time, visit) for part in buyer.parts.values() for visit in part.visits.values() if visit.last]
    latest = max([time for time, _ in lasts], default=0)
    visits = [visit for time, visit in lasts if time == latest]
    cold = buyer.cold.last_visit
    if len(visits) == 1 and (cold is None or -cold[0] < latest):
        (visit,) = visits  # no need to look into it
        return visit.last.session_id if visit.last else None
    facts = (fact for visit in visits for fact in visit if fact.time == latest)
    found = [(-fact.time, fact.source, fact.id, str(fact.session_id)) for fact in facts]
    return min([*found, cold] if cold else found, default=(None,))[-1]


def _first_sharer(loose: Iterable[Fact], cold: Cold) -> str | None:
    """That of the first share opened."""
    shares = [(*moment(fact), fact.sharer_id) for fact in loose if fact.kind == SHARE_OPENED]
    if cold.first_share:
        shares.append(cold.first_share)
    return min(shares, key=lambda share: share[:3])[-1] if shares else None


def _stage(bought: int, member: bool) -> str:
    if bought:
        return "repeat_buyer" if bought >= REPEAT_ORDERS else "buyer"
    return "member" if member else "visitor"


def ids_of(identifiers: list[str]) -> dict[str, list[str]]:
    """Identifiers by namespace."""
    ids: dict[str, list[str]] = {}
    for identifier in identifiers:
        namespace, _, value = identifier.partition(":")
        ids.setdefault(namespace, []).append(value)
    return ids


def open_groups(loose: Iterable[Fact]) -> list[str]:
    """The chats that a buyer is in, sorted."""
    last: dict[str, Fact] = {}
    for fact in sorted(loose, key=latest_first):
        if fact.kind in (GROUP_JOINED, GROUP_LEFT):
            last.setdefault(str(fact.chat_id), fact)
    return sorted(chat_id for chat_id, fact in last.items() if fact.kind == GROUP_JOINED)


def net_of(view: View) -> int:
    """Net amount of a paid order in fen."""
    paid = sum(line.amount_fen for line in view.claim.lines)
    return paid - sum(fen for refund in view.refunds for fen in refund.lines.values())


def tags_of(*views: View) -> list[str]:
    """Modes and stores of sales with a net amount above 0, as they are credited; nobody's credit is no tag."""
    modes: set[str] = set()
    stores: set[str] = set()
    for view in views:
        for sale in view.sales.values():
            modes.update(sale.credits.get("mode", ()))
            stores.update(sale.credits.get("store", ()))
    return [f"mode:{party}" for party in modes - {NONE}] + [f"store:{party}" for party in stores - {NONE}]


def first_order(view: View) -> tuple[int, str, str]:
    """Sort key of orders: the first one that is paid makes a new buyer."""
    return view.claim.placed_at, view.claim.carrier, view.claim.order_id
