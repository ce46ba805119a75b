"""The rows that the orders of a buyer become: the latest together in one, since most of what happens to an order
follows soon; the others each by itself.
"""

from itertools import islice

import msgspec

from streams.core.cold import ColdOrders, Rows, rows_of
from streams.core.packing import Unpacker, pack
from streams.core.views import View


class FrozenView(msgspec.Struct, array_like=True, tag="view"):
    """A placed or paid view, which is found under its part and name."""

    alias: str
    view: View


class OpenView(msgspec.Struct, array_like=True, tag="open"):
    """That a view was not final when it was frozen; found under its hour, to ask for those of some time."""

    short: str
    placed_at: int


class NearOrders(msgspec.Struct, array_like=True, tag="near"):
    """The latest rows of a buyer, together in one: key -> row, packed; the oldest first."""

    rows: dict[str, bytes] = {}


OrderRow = FrozenView | OpenView
PLACED, PAID, OPEN, NEAR = "placed ", "paid ", "open ", "near"  # how keys begin
_unpack: Unpacker[OrderRow] = Unpacker(OrderRow)


class OrderRows:
    """The rows of one buyer, by what their keys have after the buyer: the latest near, the others far."""

    def __init__(self, far: Rows, buyer_id: str, cold: ColdOrders) -> None:
        self._far, self._prefix, self._cold = far, rows_of(buyer_id), cold
        near = far.get(self._prefix + NEAR) if cold.views else None
        self._near: dict[str, bytes] = near.rows if near else {}

    def get(self, short: str) -> OrderRow | None:
        """One row."""
        packed = self._near.get(short)
        if packed is not None:
            return _unpack(packed)
        all_near = self._cold.views == sum([not key.startswith(OPEN) for key in self._near])
        row: OrderRow | None = None if all_near else self._far.get(self._prefix + short)
        return row

    def put(self, short: str, row: OrderRow) -> None:
        """Keep a row; `push` comes after the last one."""
        self._near[short] = pack(row)

    def remove(self, short: str) -> None:
        """Drop a row."""
        if self._near.pop(short, None) is None:
            del self._far[self._prefix + short]
        else:
            self._keep_near()

    def under(self, short: str, most: int) -> list[str]:
        """Every key that begins so; there are not more than `most`."""
        near = [key for key in self._near if key.startswith(short)]
        if len(near) == most:
            return near
        return near + [key.removeprefix(self._prefix) for key in self._far.under(self._prefix + short)]

    def push(self, most: int) -> None:
        """Let only the `most` latest be near."""
        for short in list(islice(self._near, max(0, len(self._near) - most))):
            self._far[self._prefix + short] = _unpack(self._near.pop(short))
        self._keep_near()

    def _keep_near(self) -> None:
        if self._near:
            self._far[self._prefix + NEAR] = NearOrders(self._near)
        elif self._far.get(self._prefix + NEAR):
            del self._far[self._prefix + NEAR]
