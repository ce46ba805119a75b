"""Orders and refunds: input topic `checkout` (spec §2)."""

from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta

from schemas.envelope import Data, Event, Ids
from schemas.values import CheckoutCarrier, Count, Fen, Id, OrderKind, RefundFen, Time, Token


class OrderLine(Data):
    """`amount_fen` is the whole line's amount, not the price of a piece."""

    line_id: Id
    item_id: Id
    quantity: Count
    amount_fen: Fen
    seller_store_id: Id | None = None
    credit_store_id: Id | None = None
    session_id: Id | None = None
    room_id: Id | None = None
    anchor_id: Id | None = None
    profit_fen: int | None = None


class OrderData(Data):
    """Each `line_id` occurs once."""

    order_id: Id
    carrier: CheckoutCarrier
    ids: Ids
    placed_at: Time
    lines: Annotated[list[OrderLine], Meta(min_length=1)]
    token: Token | None = None
    sharer_id: Id | None = None
    kind: OrderKind | None = None

    def __post_init__(self) -> None:
        refuse_repeated(self.lines)


class AmendedLine(Data):
    """The placed amount that holds now."""

    line_id: Id
    amount_fen: Fen


class OrderAmendedData(Data):
    """Each `line_id` occurs once."""

    order_id: Id
    carrier: CheckoutCarrier
    lines: Annotated[list[AmendedLine], Meta(min_length=1)]

    def __post_init__(self) -> None:
        refuse_repeated(self.lines)


class OrderCancelledData(Data):
    """A cancelled order that was paid comes with refunds."""

    order_id: Id
    carrier: CheckoutCarrier


class RefundData(Data):
    """Without `line_id` the refund is spread over the order's lines (spec §4)."""

    refund_id: Id
    order_id: Id
    carrier: CheckoutCarrier
    amount_fen: RefundFen
    line_id: Id | None = None


def refuse_repeated(lines: Sequence[OrderLine | AmendedLine]) -> None:
    """Raise ValueError when two lines have the same `line_id`."""
    if len(lines) > 1 and len({line.line_id for line in lines}) < len(lines):
        raise ValueError("a line_id occurs twice")


class OrderPlaced(Event[OrderData], tag="order.placed"):
    """A buyer placed an order."""


class OrderPaid(Event[OrderData], tag="order.paid"):
    """An order was paid; its lines are final."""


class OrderAmended(Event[OrderAmendedData], tag="order.amended"):
    """Other placed amounts hold from the event's time on."""


class OrderCancelled(Event[OrderCancelledData], tag="order.cancelled"):
    """An order will not be paid."""


class RefundSucceeded(Event[RefundData], tag="refund.succeeded"):
    """Money went back to the buyer."""
