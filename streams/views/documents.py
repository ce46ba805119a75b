"""A session as the board shows it: one document, made for a scope (`reads`), and the row of a list.

whole     the scope is everything, or has every store that the session links, and no other was credited with a sale
in part   the session links one of its stores, or one of them has a part of a sale: no numbers of the session, and
          of its sales what these stores were credited
"""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import msgspec

from schemas.values import MODE_OF_CARRIER, format_time
from streams.core.credits import NONE
from streams.core.messages import RoomCard
from streams.core.policy import MINUTE_MS
from streams.core.windows import Online
from streams.views.reads import Json, Reads, SaleRow, Scope, Session
from streams.views.sales import DIMENSIONS, Sum, seen_by

LONGEST_SERIES = 48 * 60  # minutes, the last ones: a wrong clock may start a session years ago
_FUNNEL = {
    "views": "views",
    "clicks": "product_clicks",
    "orders_placed": "orders_placed",
    "orders_paid": "orders_paid",
    "pool_joins": "pool_joins",
}
_HEADLINE = ("views", "viewers", "online", "peak_online", "orders_paid", "gmv_paid_fen", "gmv_net_fen")
_MONEY = ("amount_fen", "refunded_fen", "net_fen")

Sums = Mapping[str, Mapping[str, Sum]]
Sight = Literal["whole", "part"]


class Situation(NamedTuple):
    """How things are at the moment, of the whole installation."""

    as_of: str | None  # UTC, the last look at the topics; None: none yet
    lag: int | None  # records that the agents have not processed
    dead_letters_10m: dict[str, int]
    dead_letters: dict[str, int]


def sight(reads: Reads, card: RoomCard, scope: Scope) -> Sight | None:
    """How much of a session a scope may see; None: nothing."""
    if scope is None:
        return "whole"
    linked = set(card.stores)
    if linked and linked <= scope and not reads.has_others(card.session_id, scope):
        return "whole"
    return "part" if linked & scope or reads.has_sales(card.session_id, scope) else None


def listed(reads: Reads, scope: Scope, *, live: bool | None = None, most: int | None = None) -> list[Json]:
    """The sessions that a scope may see, live ones first, then the newest first; `live`: only those that are (not)."""
    found: list[Json] = []
    for session in reads.sessions():
        seen = sight(reads, session.card, scope)
        if seen is None or (live is not None and live != (session.card.ended is None)):
            continue
        found.append(_row(reads, session, scope, whole=seen == "whole"))
        if len(found) == most:
            break
    return found


def _row(reads: Reads, session: Session, scope: Scope, *, whole: bool) -> Json:
    card = session.card
    if whole:
        show = msgspec.json.decode(session.snapshot)["show"]
        return head(card, card.anchors, card.stores) | {"show": {name: show[name] for name in _HEADLINE}}
    sums = reads.sums(card.session_id, scope, session.version)
    return head(card, _parties(sums, "anchor"), _own(card, scope)) | {"show": None}


def head(card: RoomCard, anchors: list[str], stores: list[str]) -> Json:
    """What a session is."""
    return {
        "session_id": card.session_id,
        "room_id": card.room_id,
        "carrier": card.carrier,
        "mode": MODE_OF_CARRIER[card.carrier],
        "live": card.ended is None,
        "started_at": format_time(card.started),
        "ended_at": None if card.ended is None else format_time(card.ended),
        "latest_at": format_time(card.latest),
        "anchor_ids": anchors,
        "store_ids": stores,
    }


def document(reads: Reads, session_id: str, scope: Scope, situation: Situation) -> Json | None:
    """The whole session; None when there is none that the scope may see."""
    session = reads.session(session_id)
    seen = session and sight(reads, session.card, scope)
    if session is None or seen is None:
        return None
    card, whole = session.card, seen == "whole"
    own = reads.sums(session_id, scope, session.version)
    snapshot = msgspec.json.decode(session.snapshot) if whole else None
    if snapshot is not None:
        del snapshot["session_id"]
    return {
        **head(
            card,
            card.anchors if whole else _parties(own, "anchor"),
            card.stores if whole else _own(card, scope),
        ),
        "snapshot": snapshot,
        "funnel": snapshot and {name: snapshot["show"][metric] for name, metric in _FUNNEL.items()},
        "parties": {
            **{kind: {party: credited(found) for party, found in _of(own, kind)} for kind in DIMENSIONS},
            "item": {item: _sold(found) for item, found in _of(own, "item")},
        },
        "credited": {
            name: {rule: {"sales": found.sales, "net_fen": found.net_fen} for rule, found in _of(own, kind)}
            for name, kind in (("live", "live"), ("store", "store_rule"))
        },
        "series": _series(reads, card, own, whole=whole),
        "problems": {
            "dead_letters_10m": situation.dead_letters_10m,
            "dead_letters": situation.dead_letters,
            "lag": situation.lag,
            "unattributed": _unattributed(own),
        },
        "version": session.version,
        "as_of": situation.as_of,
    }


def series(shown: Json) -> Json:
    """The columns of a document's series."""
    points = shown["series"]
    return {
        "minutes": [int(minute) for minute in points],
        **{
            name: [point[place] for point in points.values()]
            for place, name in enumerate(("online", "orders_paid", "net_fen"))
        },
    }


def sale_data(row: SaleRow, scope: Scope, *, considered: bool) -> Json | None:
    """The data of `sale.attributed` as a scope may see it; None: not at all."""
    seen = row.sale if scope is None else seen_by(row.sale, scope)
    if seen is None:
        return None
    data: Json = msgspec.json.decode(row.data)
    if scope is not None:
        data["new_buyer"] = None  # elsewhere, too
    if not considered:
        del data["considered"]
    if seen is not row.sale:
        data |= {name: getattr(seen, name) for name in (*_MONEY, "stores", "anchors", "modes")}
    return data


def _of(sums: Sums, kind: str) -> list[tuple[str, Sum]]:
    return sorted(sums.get(kind, {}).items())


def _parties(sums: Sums, kind: str) -> list[str]:
    return sorted(party for party in sums.get(kind, {}) if party != NONE)


def _own(card: RoomCard, scope: Scope) -> list[str]:
    return [store for store in card.stores if scope is None or store in scope]


def credited(found: Sum) -> Json:
    """What a store, an anchor or a mode was credited."""
    return {"sales": found.sales, "orders": found.orders, "units": found.units, "net_fen": found.net_fen}


def _sold(found: Sum) -> Json:
    known = not found.partial
    return {
        "sales": found.sales,
        "orders": found.orders,
        "units": found.units,
        "paid_fen": found.paid_fen if known else None,
        "refunded_fen": found.refunded_fen if known else None,
        "net_fen": found.net_fen,
    }


def _unattributed(sums: Sums) -> Json:
    total = sums.get("total", {}).get("", Sum())
    return {
        "store_fen": sums.get("store", {}).get(NONE, Sum()).net_fen,
        "anchor_fen": sums.get("anchor", {}).get(NONE, Sum()).net_fen,
        "paid_fen": total.paid_fen if not total.partial else None,
        "net_fen": total.net_fen,
    }


def _series(reads: Reads, card: RoomCard, sums: Sums, *, whole: bool) -> dict[str, list[Any]]:
    """Minute -> online, paid orders and net fen placed in it, from the start to the latest event."""
    online = Online(reads.online(card.session_id) if whole else {}, card.ended)
    last = card.latest // MINUTE_MS
    first = max(card.started // MINUTE_MS, last - LONGEST_SERIES + 1)
    placed = sums.get("minute", {})
    points = {}
    for minute in range(first * MINUTE_MS, (last + 1) * MINUTE_MS, MINUTE_MS):
        name = str(minute)
        found = placed.get(name)
        points[name] = [
            _online_at(online, minute) if whole else None,
            found.orders if found else 0,
            found.net_fen if found else 0,
        ]
    return points


def _online_at(online: Online, minute: int) -> int:
    return 0 if online.ended is not None and online.ended <= minute else online.level(minute)
