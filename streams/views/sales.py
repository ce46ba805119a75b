"""What a sale adds to the sums of its session, and of its parties per day.

Pure: a new revision changes the sums by what its order adds now, less what it added before. An order counts once in
each sum that has one of its lines (spec §6).
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Literal, NamedTuple

import msgspec

from schemas.values import parse_time
from streams.core.credits import NONE, split
from streams.core.policy import MINUTE_MS

Dimension = Literal["store", "anchor", "mode"]
DIMENSIONS: tuple[Dimension, ...] = ("store", "anchor", "mode")


class Verdict(msgspec.Struct, frozen=True, gc=False):
    """Which rule decided."""

    rule: str
    tier: str


class Sale(msgspec.Struct, frozen=True):
    """What is needed of the data of `sale.attributed`; credits are net of refunds, zeros left out (spec §5)."""

    sale_id: str
    order_id: str
    carrier: str
    item_id: str
    buyer_id: str
    quantity: int
    placed_at: str
    amount_fen: int | None  # None: not known to who may see a part of the line only
    refunded_fen: int | None
    net_fen: int
    session_id: str | None
    live: Verdict
    store: Verdict
    stores: list[dict[str, str | int]]
    anchors: list[dict[str, str | int]]
    modes: list[dict[str, str | int]]

    def credits(self, dimension: Dimension) -> dict[str, int]:
        """What remains with each party, `none` included."""
        name = "mode" if dimension == "mode" else f"{dimension}_id"
        return {str(credit[name]): int(credit["amount_fen"]) for credit in getattr(self, f"{dimension}s")}

    @property
    def placed_ms(self) -> int:
        """When its order was placed, UTC ms."""
        return parse_time(self.placed_at)


class Group(NamedTuple):
    """What a sum is over. Of a session, or of all ("") on a day; `day` "" is all days."""

    session_id: str
    kind: str  # store, anchor, mode, item; live, store_rule: `rule/tier`; minute: UTC ms; total
    day: str
    party: str


class Sum(msgspec.Struct, array_like=True):
    """Counts and fen, to be added up; integers of any size. `partial`: sales whose amounts are not known as a whole."""

    sales: int = 0
    orders: int = 0
    units: int = 0
    paid_fen: int = 0
    refunded_fen: int = 0
    net_fen: int = 0
    partial: int = 0

    def __bool__(self) -> bool:
        return self != _NOTHING

    def add(self, other: "Sum", sign: int = 1) -> None:
        """Add another to this one, or take it away."""
        self.sales += sign * other.sales
        self.orders += sign * other.orders
        self.units += sign * other.units
        self.paid_fen += sign * other.paid_fen
        self.refunded_fen += sign * other.refunded_fen
        self.net_fen += sign * other.net_fen
        self.partial += sign * other.partial


_NOTHING = Sum()
Sums = dict[Group, Sum]


def of_order(sales: Iterable[Sale], day_of: Callable[[int], str]) -> Sums:
    """What the sales of one order add. `day_of` gives the day of a moment (UTC ms) in the policy's time zone."""
    sums: Sums = {}
    for sale in sales:
        for group, net_fen in _groups(sale, day_of):
            found = sums.get(group)
            if found is None:
                found = sums[group] = Sum(orders=1)
            found.sales += 1
            found.units += sale.quantity
            found.paid_fen += sale.amount_fen or 0
            found.refunded_fen += sale.refunded_fen or 0
            found.net_fen += net_fen
            found.partial += sale.amount_fen is None
    return sums


def _groups(sale: Sale, day_of: Callable[[int], str]) -> Iterable[tuple[Group, int]]:
    placed, session_id = sale.placed_ms, sale.session_id
    day = day_of(placed)
    for dimension in DIMENSIONS:
        for party, fen in sale.credits(dimension).items():
            yield Group("", dimension, day, party), fen
            yield Group("", dimension, "", party), fen
            if session_id is not None:
                yield Group(session_id, dimension, "", party), fen
    if session_id is not None:
        net = sale.net_fen
        yield Group(session_id, "item", "", sale.item_id), net
        yield Group(session_id, "live", "", f"{sale.live.rule}/{sale.live.tier}"), net
        yield Group(session_id, "store_rule", "", f"{sale.store.rule}/{sale.store.tier}"), net
        yield Group(session_id, "minute", "", str(placed // MINUTE_MS * MINUTE_MS)), net
        yield Group(session_id, "total", "", ""), net


def change(sums: Sums, of: Sums, sign: int) -> None:
    """Add what an order adds to sums, or take it away; both may have groups that the other lacks."""
    for group, more in of.items():
        found = sums.get(group)
        if found is None:
            found = sums[group] = Sum()
        found.add(more, sign)


def seen_by(sale: Sale, stores: Collection[str]) -> Sale | None:
    """A sale as these stores may see it: what they were credited is all of it; None when they were credited nothing.

    Of a line that they share with others the amounts are not told. What they hold is shared out to anchors and modes
    as the line is, so that every fen of it counts once there, too.
    """
    held = sale.credits("store")
    own = {party: fen for party, fen in held.items() if party in stores}
    if not own:
        return None
    if len(own) == len(held):
        return sale
    net = sum(own.values())
    return msgspec.structs.replace(
        sale,
        amount_fen=None,
        refunded_fen=None,
        net_fen=net,
        stores=shown("store", own),
        anchors=shown("anchor", portion(net, sale.credits("anchor"))),
        modes=shown("mode", portion(net, sale.credits("mode"))),
    )


def portion(fen: int, held: Mapping[str, int]) -> dict[str, int]:
    """Share out a part of a sale as all of it is; zeros left out."""
    weights = dict(held) if any(held.values()) else {NONE: 1}
    return {party: part for party, part in split(fen, weights).items() if part}


def shown(dimension: Dimension, held: Mapping[str, int]) -> list[dict[str, str | int]]:
    """Credits as a sale lists them."""
    name = "mode" if dimension == "mode" else f"{dimension}_id"
    return [{name: party, "amount_fen": fen} for party, fen in held.items()]
