"""Orders that are put away: between batches the placed and paid views of a buyer are rows that nobody looks at.

What every event asks of all orders is summed up in `ColdOrders`: the sums lose a view that is taken out and get it
again. The bounds (`last`, `last_order`, `last_final`, `first`) do not: they are right while every view that has ever
been frozen is still there as it was decided. So before one goes, or is decided anew from another claim, all are taken
out (`thaw`).
"""

from sys import maxsize

from streams.core.buyer import Buyer
from streams.core.cold import ColdOrders, Rows
from streams.core.order_rows import OPEN, PAID, PLACED, FrozenView, OpenView, OrderRows
from streams.core.policy import HOUR_MS
from streams.core.pool import first_order, net_of, tags_of
from streams.core.sales import order_name
from streams.core.views import View


class OrderArchive:
    """The frozen orders of the buyers of one partition, `most` views of each buyer near; None: freeze nothing."""

    def __init__(self, rows: Rows, most: int | None) -> None:
        self._rows = rows
        self._most = most

    def freeze(self, buyer_id: str, buyer: Buyer) -> bool:
        """Put away all that are hot; was there any."""
        held = [
            (views, name, FrozenView(alias, view))
            for alias, part in buyer.parts.items()
            for views in (part.placed, part.paid)
            for name, view in views.items()
        ]
        if self._most is None or not held:
            return False
        cold = buyer.cold_orders
        rows = OrderRows(self._rows, buyer_id, cold)
        held.sort(key=lambda one: one[2].view.claim.placed_at)
        for views, name, frozen in held:
            del views[name]
            short = _name(frozen.alias, name, is_paid=frozen.view.is_paid)
            rows.put(short, frozen)
            _add(cold, frozen.view, 1)
            if not frozen.view.final:
                _note_open(rows, cold, OpenView(short, frozen.view.claim.placed_at))
        rows.push(2 * self._most)  # of an open one there are two
        return True

    def find(self, buyer_id: str, buyer: Buyer, alias: str, name: str, *, is_paid: bool) -> None:
        """Make one view hot, if there is such a one."""
        if buyer.cold_orders.views:
            self._take(buyer_id, buyer, _name(alias, name, is_paid=is_paid))

    def find_open(self, buyer_id: str, buyer: Buyer, since: int | None = None) -> None:
        """Make those open views hot that were placed at `since` or later (ms; None: any)."""
        cold = buyer.cold_orders
        least = max(one for one in (since, cold.closed, -maxsize) if one is not None)
        if cold.last is None or least > cold.last:
            return
        for hour in [hour for hour in cold.open if hour >= least // HOUR_MS]:
            for one in self._of_hour(buyer_id, cold, hour):
                if one.placed_at >= least:
                    self._take(buyer_id, buyer, one.short)

    def close(self, cold: ColdOrders, before: int) -> None:
        """Let those views be final that were placed before `before` (ms). They learn it when they are taken out."""
        if not cold.open or before <= HOUR_MS * min(cold.open) or (cold.closed is not None and before <= cold.closed):
            return
        cold.closed = before
        for hour in [hour for hour in cold.open if hour < before // HOUR_MS]:
            _, last = cold.open.pop(hour)
            cold.last_final = _later(cold.last_final, last)

    def has_final(self, buyer_id: str, cold: ColdOrders, since: int) -> bool:
        """Is a view final that was placed at `since` or later (ms)."""
        if cold.last_final is not None and cold.last_final >= since:
            return True
        if cold.closed is None or since >= cold.closed or (hour := cold.closed // HOUR_MS) not in cold.open:
            return False
        return any(since <= one.placed_at < cold.closed for one in self._of_hour(buyer_id, cold, hour))

    def _of_hour(self, buyer_id: str, cold: ColdOrders, hour: int) -> list[OpenView]:
        rows = OrderRows(self._rows, buyer_id, cold)
        found = [rows.get(short) for short in rows.under(_hour(hour), cold.open[hour][0])]
        return [row for row in found if isinstance(row, OpenView)]

    def thaw(self, buyer_id: str, buyer: Buyer) -> None:
        """Make all views hot."""
        cold = buyer.cold_orders
        rows = OrderRows(self._rows, buyer_id, cold)
        for kind in (PLACED, PAID):
            if cold.views:
                for short in rows.under(kind, cold.views):
                    self._take(buyer_id, buyer, short)
        buyer.cold_orders = ColdOrders()

    def _take(self, buyer_id: str, buyer: Buyer, short: str) -> None:
        cold = buyer.cold_orders
        rows = OrderRows(self._rows, buyer_id, cold)
        row = rows.get(short)
        if isinstance(row, FrozenView):
            rows.remove(short)
            view, part = row.view, buyer.parts[row.alias]
            views = part.paid if view.is_paid else part.placed
            views[order_name(view.claim.carrier, view.claim.order_id)] = view
            _add(cold, view, -1)
            if not view.final:
                view.final = cold.closed is not None and view.claim.placed_at < cold.closed
                _forget_open(rows, cold, OpenView(short, view.claim.placed_at))


def _note_open(rows: OrderRows, cold: ColdOrders, one: OpenView) -> None:
    hour = one.placed_at // HOUR_MS
    rows.put(_hour(hour) + one.short, one)
    views, last = cold.open.get(hour, (0, one.placed_at))
    cold.open[hour] = views + 1, max(last, one.placed_at)


def _forget_open(rows: OrderRows, cold: ColdOrders, one: OpenView) -> None:
    hour = one.placed_at // HOUR_MS
    rows.remove(_hour(hour) + one.short)
    views, last = cold.open.pop(hour, (0, 0))
    if views > 1:
        cold.open[hour] = views - 1, last


def _hour(hour: int) -> str:
    return f"{OPEN}{hour} "


def _name(alias: str, name: str, *, is_paid: bool) -> str:
    return f"{PAID if is_paid else PLACED}{alias} {name}"


def _add(cold: ColdOrders, view: View, sign: int) -> None:
    """Sum a view up, or with -1 take it out of the sums."""
    claim = view.claim
    cold.views += sign
    if sign > 0:
        cold.last = _later(cold.last, claim.placed_at)
        if view.final:
            cold.last_final = _later(cold.last_final, claim.placed_at)
    if not view.is_paid:
        return
    net = net_of(view)
    cold.orders += sign
    cold.bought += sign * (net > 0)
    cold.net_fen += sign * net
    for tag in tags_of(view):
        cold.tags[tag] = cold.tags.get(tag, 0) + sign
        if not cold.tags[tag]:
            del cold.tags[tag]
    if sign > 0:
        key = first_order(view)
        cold.first = min(cold.first or key, key)
        cold.last_order = _later(cold.last_order, claim.placed_at)


def _later(one: int | None, other: int) -> int:
    return other if one is None else max(one, other)
