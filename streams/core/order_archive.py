"""Orders that are put away: each placed or paid view of a buyer that is not among its newest is a row of its own.

What every event asks of all orders is summed up in `ColdOrders`: the sums lose a view that is taken out and get it
again. The bounds (`last_order`, `last_final`, `first`) do not: they are right while every view that has ever been
frozen is still there as it was decided. So before one goes, or is decided anew from another claim, all are taken out
(`thaw`). The first order, the one of a new buyer, is never frozen.
"""

from sys import maxsize

import msgspec

from streams.core.buyer import Buyer, View
from streams.core.cold import ColdOrders, Rows, rows_of
from streams.core.policy import HOUR_MS
from streams.core.pool import first_order, net_of, tags_of
from streams.core.sales import order_name


class FrozenView(msgspec.Struct, array_like=True, tag="view"):
    """A placed or paid view, which is found under its part and name."""

    alias: str
    view: View


class OpenView(msgspec.Struct, array_like=True, tag="open"):
    """That a view was not final when it was frozen; found under its hour, to ask for those of some time."""

    short: str
    placed_at: int


class OrderArchive:
    """The frozen orders of the buyers of one partition; at most `most` views of a buyer are hot between batches."""

    def __init__(self, rows: Rows, most: int) -> None:
        self._rows = rows
        self._most = most

    def freeze(self, buyer_id: str, buyer: Buyer) -> bool:
        """Put away all but the newest, half of `most`; was there any."""
        if sum([len(part.placed) + len(part.paid) for part in buyer.parts.values()]) <= self._most:
            return False
        held = [
            (views, name, FrozenView(alias, view))
            for alias, part in buyer.parts.items()
            for views in (part.placed, part.paid)
            for name, view in views.items()
        ]
        held.sort(key=lambda one: one[2].view.claim.placed_at)
        for views, name, frozen in held[: len(held) - self._most // 2]:
            if not frozen.view.new_buyer:
                del views[name]
                short = _name(frozen.alias, name, is_paid=frozen.view.is_paid)
                self._rows[rows_of(buyer_id) + short] = frozen
                _add(buyer.cold_orders, frozen.view, 1)
                if not frozen.view.final:
                    self._note_open(buyer_id, buyer.cold_orders, OpenView(short, frozen.view.claim.placed_at))
        return True

    def find(self, buyer_id: str, buyer: Buyer, alias: str, name: str, *, is_paid: bool) -> None:
        """Make one view hot, if there is such a one."""
        if buyer.cold_orders.views:
            self._take(buyer_id, buyer, _name(alias, name, is_paid=is_paid))

    def find_open(self, buyer_id: str, buyer: Buyer, since: int | None = None) -> None:
        """Make those open views hot that were placed at `since` or later (ms; None: any)."""
        cold = buyer.cold_orders
        least = max(one for one in (since, cold.closed, -maxsize) if one is not None)
        if cold.last_open is None or least > cold.last_open:
            return
        for hour in [hour for hour in cold.open if hour >= least // HOUR_MS]:
            for one in self._of_hour(buyer_id, hour):
                if one.placed_at >= least:
                    self._take(buyer_id, buyer, one.short)

    def close(self, cold: ColdOrders, before: int) -> None:
        """Let those views be final that were placed before `before` (ms). They learn it when they are taken out."""
        if not cold.open or (cold.closed is not None and before <= cold.closed):
            return
        cold.closed = before
        for hour in [hour for hour in cold.open if hour < before // HOUR_MS]:
            _, last = cold.open.pop(hour)
            cold.last_final = last if cold.last_final is None else max(cold.last_final, last)

    def has_final(self, buyer_id: str, cold: ColdOrders, since: int) -> bool:
        """Is a view final that was placed at `since` or later (ms)."""
        if cold.last_final is not None and cold.last_final >= since:
            return True
        if cold.closed is None or since >= cold.closed or (hour := cold.closed // HOUR_MS) not in cold.open:
            return False
        return any(since <= one.placed_at < cold.closed for one in self._of_hour(buyer_id, hour))

    def _of_hour(self, buyer_id: str, hour: int) -> list[OpenView]:
        return [self._rows.get(key) for key in self._rows.under(_hour(buyer_id, hour))]

    def thaw(self, buyer_id: str, buyer: Buyer) -> None:
        """Make all views hot."""
        if buyer.cold_orders.views:
            prefix = rows_of(buyer_id)
            for kind in ("placed ", "paid "):
                for key in list(self._rows.under(prefix + kind)):
                    self._take(buyer_id, buyer, key.removeprefix(prefix))
        buyer.cold_orders = ColdOrders()

    def _take(self, buyer_id: str, buyer: Buyer, short: str) -> None:
        row = self._rows.get(rows_of(buyer_id) + short)
        if isinstance(row, FrozenView):
            del self._rows[rows_of(buyer_id) + short]
            view, part = row.view, buyer.parts[row.alias]
            views = part.paid if view.is_paid else part.placed
            views[order_name(view.claim.carrier, view.claim.order_id)] = view
            _add(buyer.cold_orders, view, -1)
            if not view.final:
                closed = buyer.cold_orders.closed
                view.final = closed is not None and view.claim.placed_at < closed
                self._forget_open(buyer_id, buyer.cold_orders, OpenView(short, view.claim.placed_at))

    def _note_open(self, buyer_id: str, cold: ColdOrders, one: OpenView) -> None:
        hour = one.placed_at // HOUR_MS
        self._rows[_hour(buyer_id, hour) + one.short] = one
        views, last = cold.open.get(hour, (0, one.placed_at))
        cold.open[hour] = views + 1, max(last, one.placed_at)
        cold.last_open = one.placed_at if cold.last_open is None else max(cold.last_open, one.placed_at)

    def _forget_open(self, buyer_id: str, cold: ColdOrders, one: OpenView) -> None:
        hour = one.placed_at // HOUR_MS
        del self._rows[_hour(buyer_id, hour) + one.short]
        views, last = cold.open.pop(hour, (0, 0))
        if views > 1:
            cold.open[hour] = views - 1, last


def _hour(buyer_id: str, hour: int) -> str:
    return f"{rows_of(buyer_id)}open {hour} "


def _name(alias: str, name: str, *, is_paid: bool) -> str:
    return f"{'paid' if is_paid else 'placed'} {alias} {name}"


def _add(cold: ColdOrders, view: View, sign: int) -> None:
    """Sum a view up, or with -1 take it out of the sums."""
    claim = view.claim
    cold.views += sign
    if sign > 0 and view.final:
        cold.last_final = claim.placed_at if cold.last_final is None else max(cold.last_final, claim.placed_at)
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
        cold.last_order = claim.placed_at if cold.last_order is None else max(cold.last_order, claim.placed_at)
