"""Orders: placed, amended, paid or cancelled, refunded. Keeps each only while something is to come of it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from streams.show.people import Buyer
from streams.show.stage import Stage
from streams.show.wire import DAY, HOUR, MINUTE, SECOND
from streams.show.world import ITEMS, source_of

_PRICE = {item_id: price for item_id, _, price in ITEMS}
_KINDS = ("group_buy", "gift", "presale", "lottery")
_FIRST_NUMBER = {
    "douyin": 4_781_320_682_406_083_640,
    "taobao": 2_109_876_543_210_987_654,
    "tmall": 2_309_876_543_210_987_654,
    "kuaishou": 2_607_602_240_240_301,
    "jd": 291_234_567_890,
    "wechat_channels": 3_705_115_058_471_208_928,
    "wechat_mini_program": 3_805_115_058_471_208_928,
}


@dataclass(slots=True)
class Order:
    """An order under way: its data as sent, and what is known of its future."""

    source: str
    data: dict[str, Any]
    placed: bool = False
    lines: list[dict[str, Any]] = field(default_factory=list)

    @property
    def total(self) -> int:
        """What is paid, or to be paid, in fen."""
        return sum(line["amount_fen"] for line in self.lines)

    def about(self, **fields: object) -> dict[str, Any]:
        """Data of an event that names this order."""
        return {"order_id": self.data["order_id"], "carrier": self.data["carrier"], **fields}


class Orders:
    """Makes orders and plays what becomes of them."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._number = 0
        self._refunds = 0

    def place(self, buyer: Buyer, carrier: str, now: int, item_id: str, extra: dict[str, Any]) -> None:
        """A buyer orders at `carrier`; `extra` goes to the order, or under "line" to each of its lines."""
        stage = self._stage
        self._number += 1
        order_id = self._order_id(carrier, now)
        source = source_of(carrier, "shop")
        common = extra.pop("line", {})
        data = {
            "order_id": order_id,
            "carrier": carrier,
            "ids": stage.people.identify(buyer, carrier),
            "placed_at": stage.wire.time(now),
            "lines": self._lines(order_id, carrier, item_id, common),
            **extra,
        }
        if stage.random() < 0.03:
            data["kind"] = stage.pick(_KINDS)
        order = Order(source, data, lines=data["lines"])
        # A platform now and then loses the message that an order was placed.
        if stage.random() < 0.99 and stage.wire.send("order.placed", source, now, data):
            order.placed = True
            stage.truth.orders_placed += 1
            stage.truth.gmv_created_fen += order.total
        self._go_on(order, now)

    def _go_on(self, order: Order, now: int) -> None:
        luck = self._stage.random()
        if luck < 0.8:
            self._at(order, now + self._stage.between(2 * SECOND, 15 * MINUTE), self._pay)
        elif luck < 0.84 and order.placed and order.total > 100:
            self._at(order, now + self._stage.between(30 * SECOND, 10 * MINUTE), self._amend)
        elif luck < 0.93 and order.placed:
            self._at(order, now + 30 * MINUTE, self._cancel)

    def _amend(self, order: Order, now: int) -> None:
        """The shop lowers the price of the first line; the payment then has the lower one."""
        lines = [dict(line) for line in order.lines]
        cut = lines[0]["amount_fen"] // 10
        lines[0]["amount_fen"] -= cut
        change = [{"line_id": lines[0]["line_id"], "amount_fen": lines[0]["amount_fen"]}]
        if self._stage.wire.send("order.amended", order.source, now, order.about(lines=change)):
            self._stage.truth.gmv_created_fen -= cut
            order.lines = lines
        self._at(order, now + self._stage.between(10 * SECOND, 10 * MINUTE), self._pay)

    def _cancel(self, order: Order, now: int) -> None:
        stage = self._stage
        if not stage.wire.send("order.cancelled", order.source, now, order.about()) or stage.random() > 0.03:
            return
        data = self._refund(order, 1 + order.total)
        if stage.wire.send("refund.succeeded", order.source, now + MINUTE, data):
            stage.truth.refunds_waiting += 1

    def _pay(self, order: Order, now: int) -> None:
        stage, truth = self._stage, self._stage.truth
        data = {**order.data, "lines": order.lines}
        overtaken = stage.random() < 0.01
        if not stage.wire.send("order.paid", order.source, now, data, 20 * MINUTE if overtaken else 0):
            return
        truth.orders_paid += 1
        truth.sales += len(order.lines)
        truth.units += sum(line["quantity"] for line in order.lines)
        truth.move(order.data["carrier"], order.total)
        if not order.placed:
            truth.orders_placed += 1
            truth.gmv_created_fen += order.total
        if stage.random() < 0.005 and stage.wire.send("order.paid", order.source, now + MINUTE, data):
            truth.repeats += 1
        self._plan_refunds(order, now, overtaken)

    def _plan_refunds(self, order: Order, now: int, overtaken: bool) -> None:
        """Refunds of one order are all of the whole order or all of single lines, so that all of them fit."""
        stage, total = self._stage, order.total
        luck = 0.0 if overtaken else stage.random()
        if luck < 0.05 and total:
            if stage.random() < 0.3:
                self._at(order, now + MINUTE, self._cancel_paid)
            due = now + (MINUTE if overtaken else self._delay())
            self._at(order, due, partial(self._take_back, total, None))
        elif luck < 0.08 and total > 1:
            for n in range(2):
                self._at(order, now + self._delay(), partial(self._take_back, total // (2 + n), None))
        elif luck < 0.115:
            for line in order.lines[:2]:
                part = line["amount_fen"] if stage.random() < 0.5 else line["amount_fen"] // 3
                if part:
                    self._at(order, now + self._delay(), partial(self._take_back, part, line["line_id"]))
        elif luck < 0.12:
            self._at(order, now + self._delay(), self._take_too_much)

    def _cancel_paid(self, order: Order, now: int) -> None:
        """Cancelled after the payment: the refund of the whole order is on its way."""
        self._stage.wire.send("order.cancelled", order.source, now, order.about())

    def _take_back(self, fen: int, line_id: str | None, order: Order, now: int) -> None:
        stage = self._stage
        data = self._refund(order, fen)
        if line_id:
            data["line_id"] = line_id
        if stage.wire.send("refund.succeeded", order.source, now, data):
            stage.truth.move(order.data["carrier"], -fen)
            again = stage.random() < 0.02
            if again and stage.wire.send("refund.succeeded", order.source, now + MINUTE, data):
                stage.truth.repeats += 1

    def _take_too_much(self, order: Order, now: int) -> None:
        """More than was ever paid, or of a line that was not paid: refused whatever else is refunded."""
        data = self._refund(order, order.total + 1)
        if self._stage.random() < 0.3:
            data |= {"amount_fen": 1, "line_id": "no-such-line"}
        self._stage.wire.refused(("refund.succeeded", order.source, now, data), "refund_exceeds_paid")

    def _refund(self, order: Order, fen: int) -> dict[str, Any]:
        self._refunds += 1
        return order.about(refund_id=f"R{self._refunds:012d}", amount_fen=fen)

    def _at(self, order: Order, due: int, action: Callable[[Order, int], None]) -> None:
        self._stage.later(due, partial(action, order))

    def _delay(self) -> int:
        """Refunds take minutes, or hours to days once the parcel has gone."""
        quick = self._stage.random() < 0.5
        return self._stage.between(2 * MINUTE, HOUR) if quick else self._stage.between(HOUR, 5 * DAY)

    def _order_id(self, carrier: str, now: int) -> str:
        if carrier in _FIRST_NUMBER:
            return str(_FIRST_NUMBER[carrier] + 1_009 * self._number)
        day = self._stage.wire.time(now)[:10].replace("-", "")
        return f"E{day}{self._number:015d}" if carrier == "youzan" else f"POS:{day}:{self._number:06d}"

    def _lines(self, order_id: str, carrier: str, item_id: str, common: dict[str, str]) -> list[dict[str, Any]]:
        """One line in seven of ten orders; sub-orders of Douyin and Kuaishou are numbered from the order."""
        random = self._stage.random
        luck = random()
        count = 1 if luck < 0.7 else 2 if luck < 0.9 else 3 + int(random() * 4)
        lines = []
        for n in range(count):
            item = item_id if n == 0 else self._stage.pick(ITEMS)[0]
            quantity = 1 if random() < 0.85 else 2 + int(random() * 4)
            line_id = str(int(order_id) + n) if carrier in {"douyin", "kuaishou"} else str(n + 1)
            amount = self._amount(item, n, quantity)
            line = {"line_id": line_id, "item_id": item, "quantity": quantity, "amount_fen": amount, **common}
            lines.append(line)
        return lines

    def _amount(self, item_id: str, position: int, quantity: int) -> int:
        luck = self._stage.random()
        if luck < 0.01:
            return 1
        if luck < 0.02 or (position and luck < 0.15):
            return 0
        if luck > 0.9999:
            return 5_000_000_000 + self._stage.bits(32)
        return _PRICE[item_id] * quantity
