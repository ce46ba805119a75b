"""What stands of orders and refunds (spec §4): placed once, paid once, each refund once, judged over all."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from .credits import take
from .envelope import Event

Order = tuple[str, str]  # (carrier, order_id)


def order_of(event: Event) -> Order:
    return (event.data["carrier"], event.data["order_id"])


@dataclass
class Standing:
    """The events of a kind that stand, the first by (time, source, id) of each key, and how many do not."""

    first: dict[tuple[str, str], Event] = field(default_factory=dict)
    set_aside: int = 0

    def add(self, key: tuple[str, str], event: Event) -> Event | None:
        """Take an event in; return the event that it set aside, which may be itself."""
        known = self.first.setdefault(key, event)
        if known is event:
            return None
        self.set_aside += 1
        if event.order < known.order:
            self.first[key] = event
            return known
        return event


@dataclass
class Account:
    """A paid order after its refunds: by line those applied, and the refunds that exceed what remained."""

    refunds: dict[str, list[tuple[int, int]]]  # line_id -> (time, fen), in the order they were taken
    exceeding: list[Event]


def settle(paid: Event, refunds: Iterable[Event]) -> Account:
    """Judge all refunds of one paid order in order of (time, refund_id)."""
    remains = {line["line_id"]: line["amount_fen"] for line in paid.data["lines"]}
    account = Account({line_id: [] for line_id in remains}, [])
    for refund in sorted(refunds, key=lambda e: (e.time, e.data["refund_id"])):
        line_id, amount = refund.get("line_id"), refund.data["amount_fen"]
        part = remains if line_id is None else {k: v for k, v in remains.items() if k == line_id}
        if amount > sum(part.values()):
            account.exceeding.append(refund)
            continue
        for party, left in take(part, amount).items():
            if left < remains[party]:
                account.refunds[party].append((refund.time, remains[party] - left))
            remains[party] = left
    return account


class Orders:
    """All checkout events, taken in one by one; a refund that is pushed out is reported then."""

    def __init__(self) -> None:
        self.placed, self.paid, self._refunds = Standing(), Standing(), Standing()
        self._amendments: dict[Order, list[Event]] = defaultdict(list)
        self._refund_keys: dict[Order, set[tuple[str, str]]] = defaultdict(set)  # that some event has named
        self._exceeding: dict[Order, list[Event]] = {}

    @property
    def duplicates(self) -> int:
        return self.placed.set_aside + self.paid.set_aside + self._refunds.set_aside

    def add(self, event: Event) -> list[Event]:
        """Take an event in; return the refunds that exceed what was paid now, and did not before."""
        touched: set[Order] = set()
        if event.type == "order.placed":
            self.placed.add(order_of(event), event)
        elif event.type == "order.paid":
            self.paid.add(order_of(event), event)
            touched = {order_of(event)}
        elif event.type == "order.amended":
            self._amendments[order_of(event)].append(event)
        elif event.type == "refund.succeeded":
            key = (event.data["carrier"], event.data["refund_id"])
            self._refund_keys[order_of(event)].add(key)
            aside = self._refunds.add(key, event)
            touched = {order_of(event)} | ({order_of(aside)} if aside else set())
        pushed_out = []
        for order in sorted(order for order in touched if order in self.paid.first):
            before, now = self._exceeding.get(order, []), self.account(order).exceeding
            pushed_out += [refund for refund in now if refund not in before]
            self._exceeding[order] = now
        return pushed_out

    def account(self, order: Order) -> Account:
        named = (self._refunds.first[key] for key in self._refund_keys[order])
        # Another refund of the same id may have set it aside, for another order.
        return settle(self.paid.first[order], [refund for refund in named if order_of(refund) == order])

    def counted_as_placed(self) -> dict[Order, Event]:
        """Return for each order what was placed: of which only the payment is known, the payment."""
        return {**self.paid.first, **self.placed.first}

    def amended(self, order: Order, line_id: str) -> int | None:
        """Return the amount of the latest amendment of a line."""
        found = [
            (-e.time, e.source, e.id, line["amount_fen"])
            for e in self._amendments[order]
            for line in e.data["lines"]
            if line["line_id"] == line_id
        ]
        return min(found)[3] if found else None
