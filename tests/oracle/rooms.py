"""What an operator sees of each session (spec §6)."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from .contract import TYPES
from .envelope import Event
from .identity import Buyer
from .live import decide_live
from .orders import Orders
from .registry import Registry, Session
from .sales import Decider, Sale
from .stays import MINUTE, Stay, current, online, peak, stays, watched

SUMS = {"commented": "comments", "liked": "likes", "shared": "shares", "followed": "follows",
        "joined_fan_club": "fan_club_joins"}  # fmt: skip
WINDOW = 10 * MINUTE


@dataclass
class Room:
    """All that counts for one session, each with its time."""

    facts: dict[str, list[tuple[int, Hashable]]] = field(default_factory=lambda: defaultdict(list))
    stays: list[Stay] = field(default_factory=list)
    latest: int = 0

    def add(self, count: str, time: int, what: Hashable) -> None:
        self.facts[count].append((time, what))


def rooms(people: Iterable[Buyer], orders: Orders, decider: Decider, sales: list[Sale]) -> dict[str, Any]:
    """Return the data of `room.snapshot` of every started session."""
    arrived = decider.identity.arrived
    registry = decider.registry(len(arrived))
    found: dict[str | None, Room] = defaultdict(Room)
    for event in arrived:
        if TYPES[event.type][0] == "live-room":
            room = found[event.data["session_id"]]
            room.latest = max(room.latest, event.time)
    for buyer in people:
        visit(buyer, registry, stays(buyer.events, decider.policy.timeout), found)
    for order, placed in orders.counted_as_placed().items():
        for line in placed.data["lines"]:
            session_id = decide_live(decider.case(placed, line)).session_id
            room, at = found[session_id], placed.data["placed_at"]
            amended = orders.amended(order, line["line_id"])
            room.add("orders_placed", at, order)
            room.add("gmv_created_fen", at, line["amount_fen"] if amended is None else amended)
    for sale in sales:
        buy(sale, found[sale.live.session_id])
    return {
        session_id: snapshot(session_id, session, found[session_id])
        for session_id, session in registry.sessions.items()
    }


def visit(buyer: Buyer, registry: Registry, own: list[Stay], found: dict[str | None, Room]) -> None:
    """Count what one buyer did."""
    for stay in own:
        found[stay.session_id].stays.append(stay)
    for event in buyer.events:
        at, kind = event.time, event.type.rpartition(".")[2]
        if event.type.startswith(("live.viewer.", "live.product.")):
            room = found[event.data["session_id"]]
            room.add("viewers", at, buyer)
            if kind == "entered":
                room.add("views", at, event)
            elif kind in SUMS:
                room.add(SUMS[kind], at, event.get("count") or 1)
            elif kind in ("clicked", "carted"):
                room.add("product_clicks", at, event)
                room.add("clickers", at, buyer)
        elif event.type == "scan.code.scanned":
            room = found[session_of(event, registry, own)]
            room.add("scans", at, event)
            room.add("scanners", at, buyer)
        elif event.type in ("pool.contact.added", "pool.group.joined"):
            found[session_of(event, registry, own)].add("pool_joins", at, buyer)


def session_of(event: Event, registry: Registry, own: list[Stay]) -> str | None:
    """Return the session that the event or its token names, else that of the stay its buyer is in."""
    return registry.named(event, "session_id", event.time)[0] or current(own, event.time)


def buy(sale: Sale, room: Room) -> None:
    at = sale.paid.data["placed_at"]
    room.add("orders_paid", at, sale.order)
    room.add("buyers", at, sale.buyer)
    if sale.new_buyer:
        room.add("new_buyers", at, sale.buyer)
    room.add("units", at, sale.line["quantity"])
    room.add("gmv_paid_fen", at, sale.line["amount_fen"])
    for time, fen in sale.refunds:
        room.add("refunded_fen", time, fen)


def snapshot(session_id: str, session: Session, room: Room) -> dict[str, Any]:
    end = session.end.time if session.end else float("inf")
    to = room.latest
    return {
        "session_id": session_id,
        "show": numbers(room, end, float("-inf"), to, float("inf")),
        "last_10m": numbers(room, end, to - WINDOW, to, to),
        "previous_10m": numbers(room, end, to - 2 * WINDOW, to - WINDOW, to - WINDOW),
    }


def numbers(room: Room, end: float, after: float, to: int, until: float) -> dict[str, Any]:
    """Return every count and ratio of `(after, until]`; `online` looks no further than `to`."""

    def chosen(count: str) -> list[Any]:
        return [what for time, what in room.facts[count] if after < time <= until]

    distinct: Callable[[str], int] = lambda count: len(set(chosen(count)))  # noqa: E731
    people = (
        "viewers",
        "clickers",
        "scanners",
        "pool_joins",
        "orders_placed",
        "orders_paid",
        "buyers",
        "new_buyers",
    )
    counts: dict[str, Any] = {name: distinct(name) for name in (*people, "views", "product_clicks", "scans")}
    sums = (*SUMS.values(), "units", "gmv_created_fen", "gmv_paid_fen", "refunded_fen")
    counts |= {name: sum(chosen(name)) for name in sums}
    counts["gmv_net_fen"] = counts["gmv_paid_fen"] - counts["refunded_fen"]
    counts["online"] = 0 if end <= to else online(room.stays, to // MINUTE * MINUTE)
    counts["peak_online"] = peak(room.stays, after, to, end)
    seconds = Fraction(int(watched(room.stays, after, until))) / 1000
    counts["avg_watch_seconds"] = whole(seconds, counts["viewers"])
    return counts | ratios(counts)


def ratios(n: dict[str, Any]) -> dict[str, Any]:
    return {
        "conversion": share(n["buyers"], n["viewers"]),
        "click_conversion": share(n["buyers"], n["clickers"]),
        "average_order_fen": whole(n["gmv_paid_fen"], n["orders_paid"]),
        "uv_value_fen": whole(n["gmv_paid_fen"], n["viewers"]),
        "gpm_fen": whole(1000 * n["gmv_paid_fen"], n["views"]),
        "pool_rate": share(n["pool_joins"], n["viewers"]),
        "refund_rate": share(n["refunded_fen"], n["gmv_paid_fen"]),
    }


def whole(amount: int | Fraction, by: int) -> int | None:
    """Return the quotient rounded half up, None when the divisor is 0."""
    return (Fraction(amount) / by + Fraction(1, 2)).__floor__() if by else None


def share(amount: int, by: int) -> float | None:
    """Return the quotient rounded half up to 4 decimals, None when the divisor is 0."""
    rounded = whole(10_000 * amount, by)
    return None if rounded is None else rounded / 10_000
