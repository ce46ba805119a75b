"""What is fed back about each buyer (spec §5 `buyer.profile`, "People")."""

from collections import defaultdict
from typing import Any

from .attribution import open_contact
from .envelope import Event, iso
from .identity import Buyer
from .registry import Registry
from .sales import Sale


def profile(buyer: Buyer, sales: list[Sale], registry: Registry) -> dict[str, Any]:
    """Return the data of `buyer.profile`, without its reason."""
    net_of: dict[tuple[str, str], int] = defaultdict(int)
    for sale in sales:
        net_of[sale.order] += sale.net
    contact, groups = open_contact(buyer.events, float("inf")), open_groups(buyer.events)
    shares = [e for e in buyer.events if e.type == "share.opened"]
    watched = [e for e in buyer.events if e.type.startswith(("live.viewer.", "live.product."))]
    last_watched = min(watched, key=lambda e: (-e.time, e.source, e.id), default=None)
    return {
        "buyer_id": buyer.buyer_id,
        "ids": buyer.ids,
        "stage": stage(sum(net > 0 for net in net_of.values()), contact is not None or bool(groups)),
        "tags": tags(sales),
        "home_store_id": registry.named(contact, "store_id", contact.time)[0] if contact else None,
        "guide_id": contact.data["guide_id"] if contact else None,
        "groups": groups,
        "sessions_seen": len({e.data["session_id"] for e in watched}),
        "first_seen": iso(min(e.time for e in buyer.events)),
        "last_seen": iso(buyer.stream_time),
        "last_session_id": last_watched.data["session_id"] if last_watched else None,
        "orders": len(net_of),
        "net_fen": sum(net_of.values()),
        "last_order_at": iso(max((s.paid.data["placed_at"] for s in sales), default=None)),
        "sharer_id": min(shares, key=lambda e: e.order).data["sharer_id"] if shares else None,
    }


def stage(bought: int, in_pool: bool) -> str:
    if bought:
        return "buyer" if bought == 1 else "repeat_buyer"
    return "member" if in_pool else "visitor"


def open_groups(events: list[Event]) -> list[str]:
    """Return the chats joined last rather than left; of several at one moment the smallest holds."""
    latest: dict[str, Event] = {}
    for event in sorted(events, key=lambda e: (-e.time, e.source, e.id)):
        if event.type in ("pool.group.joined", "pool.group.left"):
            latest.setdefault(event.data["chat_id"], event)
    return sorted(chat for chat, event in latest.items() if event.type == "pool.group.joined")


def tags(sales: list[Sale]) -> list[str]:
    found = {
        f"{dimension}:{party}"
        for sale in sales
        for dimension in ("mode", "store")
        for party, fen in sale.remains[dimension].items()
        if sale.net > 0 and fen > 0 and party != "none"
    }
    return sorted(found)
