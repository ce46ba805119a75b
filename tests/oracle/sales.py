"""The sales, each decided from what had arrived before it became final (spec §4, §5)."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from .attribution import Case, Decision
from .credits import split, take
from .envelope import Event, iso
from .identity import Buyer, Identity
from .live import decide_live
from .orders import Order, Orders, order_of
from .policy import Policy
from .registry import Registry
from .store import decide_store


@dataclass
class Sale:
    """One line of a paid order."""

    order: Order
    paid: Event
    line: dict[str, Any]
    buyer: Buyer
    live: Decision
    store: Decision
    refunds: list[tuple[int, int]]
    remains: dict[str, dict[str, int]]  # what remains, by dimension and party, zeros included
    new_buyer: bool = False

    @property
    def sale_id(self) -> str:
        return ":".join(part.replace("%", "%25").replace(":", "%3A") for part in (*self.order, self.line["line_id"]))

    @property
    def refunded(self) -> int:
        return sum(fen for _, fen in self.refunds)

    @property
    def net(self) -> int:
        return int(self.line["amount_fen"]) - self.refunded

    def shown(self, policy: Policy) -> dict[str, Any]:
        """Return the data of `sale.attributed`, without its revision."""
        placed_at = self.paid.data["placed_at"]
        return {
            "sale_id": self.sale_id,
            "order_id": self.order[1],
            "line_id": self.line["line_id"],
            "buyer_id": self.buyer.buyer_id,
            "carrier": self.order[0],
            "item_id": self.line["item_id"],
            "quantity": self.line["quantity"],
            "placed_at": iso(placed_at),
            "paid_at": iso(self.paid.time),
            "amount_fen": self.line["amount_fen"],
            "refunded_fen": self.refunded,
            "net_fen": self.net,
            "final_after": iso(int(placed_at + policy.horizon)),
            "session_id": self.live.session_id,
            "mode": self.live.mode,
            "live": self.live.shown(),
            "store": self.store.shown(),
            "anchors": self.shown_credits("anchor", "anchor_id"),
            "stores": self.shown_credits("store", "store_id"),
            "modes": self.shown_credits("mode", "mode"),
            "guide_id": self.store.guide_id,
            "sharer_id": self.store.sharer_id,
            "new_buyer": self.new_buyer,
            "considered": self.live.considered + self.store.considered,
            "policy": policy.version,
        }

    def shown_credits(self, dimension: str, name: str) -> list[dict[str, Any]]:
        return [{name: p, "amount_fen": fen} for p, fen in sorted(self.remains[dimension].items()) if fen]


class Decider:
    """Decides lines; remembers the reference data of each prefix of the arrivals."""

    def __init__(self, identity: Identity, policy: Policy) -> None:
        self.identity, self.policy = identity, policy
        self._registries: dict[int, Registry] = {}
        self._known: dict[Event, tuple[list[Event], int]] = {}

    def registry(self, upto: int) -> Registry:
        if upto not in self._registries:
            self._registries[upto] = Registry(self.identity.arrived[:upto])
        return self._registries[upto]

    def case(self, order: Event, line: dict[str, Any]) -> Case:
        """Return the line with all that had arrived when the stream time passed the horizon of its order."""
        if order not in self._known:
            limit = order.data["placed_at"] + self.policy.horizon
            self._known[order] = self.identity.known_at_the_horizon(order, limit)
        journey, upto = self._known[order]
        return Case(order, line, journey, self.registry(upto), self.policy)


def sales_of(orders: Orders, decider: Decider) -> list[Sale]:
    """Return all sales, with their refunds and who is a new buyer."""
    people = decider.identity.people(len(decider.identity.arrived))
    sales = []
    for key, paid in orders.paid.first.items():
        account = orders.account(key)
        for line in paid.data["lines"]:
            case = decider.case(paid, line)
            live = decide_live(case)
            store = decide_store(case, live)
            refunds = account.refunds[line["line_id"]]
            remains = {
                dimension: remaining(line["amount_fen"], weights, refunds)
                for dimension, weights in (live.weights | store.weights).items()
            }
            sales.append(Sale(order_of(paid), paid, line, people[paid.nodes[0]], live, store, refunds, remains))
    first: dict[Buyer, tuple[int, str, str]] = {}
    for sale in sales:
        rank = (sale.paid.data["placed_at"], *sale.order)
        first[sale.buyer] = min(rank, first.get(sale.buyer, rank))
    for sale in sales:
        sale.new_buyer = first[sale.buyer][1:] == sale.order
    return sales


def remaining(amount: int, weights: dict[str, Any], refunds: Iterable[tuple[int, int]]) -> dict[str, int]:
    credit = split(amount, weights)
    for _, fen in refunds:
        credit = take(credit, fen)
    return credit
