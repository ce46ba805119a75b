"""A shop's order export (CSV) as events: order.placed, order.paid, order.cancelled, refund.succeeded.

The whole file is read before the first result (memory O(file)): the rows of one order may stand anywhere,
and an export that begins with the newest order gives the same decisions, as events come in order of time.

Every row ends up either in an event or in a `BadRow`; nothing is dropped in silence. An order with an
unreadable row is refused as a whole: it is paid only once, so the missing line could never be added. An
order that does not fit into one event of 64 KiB is refused too: split, it would be two orders.

A row with a negative quantity or amount takes money back: from the order that `refund_of` names, else from
the order with the row's own number; it is `refund_without_order` when the file has no such order. Event ids
follow from the export's name, the carrier and the order id, so importing a file twice changes nothing.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from schemas.codec import decode, encode
from schemas.rejection import Rejected
from schemas.values import format_time
from streams.sources.order_mapping import LINE_FIELDS, ORDER_FIELDS, Mapping, MappingError, load_mapping
from streams.sources.order_rows import Refused, Row, read_rows

__all__ = ["BadRow", "Mapping", "MappingError", "load_mapping", "read_orders"]

Timed = tuple[int, bytes]
"""An event and its time in UTC ms."""


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that is in no event. Rows are counted as a spreadsheet does: the header is row 1.

    Reasons: bad_csv, wrong_field_count, missing_value, damaged_id, unknown_carrier, bad_quantity,
    bad_amount, sub_fen, bad_time, refund_without_order, zero_refund. Of all rows of an order that is
    refused: order_incomplete (another row of it is bad), mixed_buyer, mixed_status, and the reasons of
    dead letters (spec §6), such as too_large.
    """

    row_number: int
    reason: str
    detail: str


def read_orders(csv_lines: Iterable[str], mapping: Mapping) -> Iterator[bytes | BadRow]:
    """First every bad row, by row number, then every event as JSON bytes, by time.

    Every event is one that the contract accepts. `csv_lines` is the text of the export line by line: open
    the file with newline="" and its encoding. Raises MappingError when the header line does not have each
    column of the mapping exactly once.
    """
    orders: dict[tuple[str, str], list[Row]] = {}
    refunds: list[Row] = []
    bad: list[BadRow] = []
    for row in read_rows(csv_lines, mapping):
        if row.takes_back:
            refunds.append(row)
        elif row.key:
            orders.setdefault(row.key, []).append(row)
        elif row.refusal:
            bad.append(_bad(row, row.refusal))
    events: list[Timed] = []
    for rows in orders.values():
        try:
            events += _order(rows, mapping)
        except Refused as refusal:
            bad += [_bad(row, row.refusal or refusal) for row in rows]
    seen: Counter[tuple[str, str] | None] = Counter()
    for row in refunds:
        seen[row.key] += 1
        try:
            events.append(_taken_back(row, seen[row.key], orders.keys(), mapping))
        except Refused as refusal:
            bad.append(_bad(row, refusal))
    yield from sorted(bad, key=lambda row: row.row_number)
    yield from (payload for _, payload in sorted(events, key=lambda event: event[0]))


def _bad(row: Row, refusal: Refused) -> BadRow:
    return BadRow(row.number, refusal.reason, refusal.detail)


def _order(rows: list[Row], mapping: Mapping) -> list[Timed]:
    """The events of one order; its fields are those of the first row that has them. Raises Refused."""
    for row in rows:
        if row.refusal:
            raise Refused("order_incomplete", f"row {row.number} of the same order is bad")
    carrier, order_id = about = _key(rows[0])
    placed_at = min(row.placed_at for row in rows)
    lines = _lines(rows, mapping)
    data = {
        "order_id": order_id,
        "carrier": carrier,
        "ids": _ids(rows, mapping),
        "placed_at": format_time(placed_at),
        "lines": lines,
        **_fields(rows, ORDER_FIELDS, mapping),
    }
    name = f"{carrier}:{order_id}"
    events = [_event(mapping, ("order.placed", f"{name}:placed"), placed_at, data)]
    paid_at = _paid_at(rows, mapping)
    if paid_at is not None:
        events.append(_event(mapping, ("order.paid", f"{name}:paid"), paid_at, data))
    if _status(rows) in mapping.status.cancelled:
        events.append(_event(mapping, ("order.cancelled", f"{name}:cancelled"), placed_at, _about(about)))
    for row, line in zip(rows, lines, strict=True):
        if row.refund_fen:
            refund = {"refund_id": f"{order_id}:{line['line_id']}:refund", "line_id": line["line_id"]}
            events.append(_refund(mapping, row, about, {**refund, "amount_fen": row.refund_fen}))
    return events


def _taken_back(row: Row, position: int, known: Iterable[tuple[str, str]], mapping: Mapping) -> Timed:
    """The refund of a row that takes money back, the `position`-th of its number. Raises Refused."""
    if row.refusal:
        raise row.refusal
    carrier, own_id = _key(row)
    order = (carrier, row.refund_of or own_id)
    if not row.refund_of and order not in known:
        raise Refused("refund_without_order", f"{own_id} takes back {-row.amount_fen} fen and names no order")
    if not row.amount_fen:
        raise Refused("zero_refund", f"{own_id} takes back 0 fen")
    data = {"refund_id": f"{own_id}:{position}", "amount_fen": -row.amount_fen}
    return _refund(mapping, row, order, data)


def _refund(mapping: Mapping, row: Row, order: tuple[str, str], data: dict[str, Any]) -> Timed:
    time = row.placed_at if row.refunded_at is None else row.refunded_at
    event_id = f"{order[0]}:{data['refund_id']}"
    return _event(mapping, ("refund.succeeded", event_id), time, {**_about(order), **data})


def _lines(rows: list[Row], mapping: Mapping) -> list[dict[str, Any]]:
    """One line per row, repeated rows included: a line id that comes again gets #2, #3 ..."""
    lines = []
    seen: Counter[str] = Counter()
    for position, row in enumerate(rows, start=1):
        line_id = row.line_id or str(position)
        seen[line_id] += 1
        lines.append(
            {
                "line_id": line_id if seen[line_id] == 1 else f"{line_id}#{seen[line_id]}",
                "item_id": row.item_id,
                "quantity": row.quantity,
                "amount_fen": row.amount_fen,
                **_fields([row], LINE_FIELDS, mapping),
            }
        )
    return lines


def _fields(rows: list[Row], keys: tuple[str, ...], mapping: Mapping) -> dict[str, str]:
    """Optional fields of the contract: from the first row that has them, else the mapping's constants."""
    found: dict[str, str] = {}
    for key in keys:
        named = (row.fields[key] for row in rows if row.fields and key in row.fields)
        value = next(named, getattr(mapping.constants, key))
        if value:
            found[key] = value
    return found


def _ids(rows: list[Row], mapping: Mapping) -> dict[str, str]:
    """The buyer that the rows agree on, or a buyer of this order alone when they name none."""
    buyer = mapping.buyer
    named = {row.buyer for row in rows if row.buyer}
    if len(named) > 1:
        raise Refused("mixed_buyer", f"the rows of one order name {len(named)} buyers")
    if named:
        return {buyer.namespace: buyer.prefix + named.pop()}
    return {buyer.fallback.namespace: buyer.fallback.prefix + ":".join(_key(rows[0]))}


def _status(rows: list[Row]) -> str:
    if len({row.status for row in rows}) > 1:
        raise Refused("mixed_status", "the rows of one order have several states")
    return rows[0].status


def _paid_at(rows: list[Row], mapping: Mapping) -> int | None:
    """When the order was paid: by the column, the last of its rows; without the column, when placed."""
    status = _status(rows)
    if status in mapping.status.unpaid:
        return None
    if mapping.columns.paid_at:
        return max((row.paid_at for row in rows if row.paid_at is not None), default=None)
    return None if status in mapping.status.cancelled else min(row.placed_at for row in rows)


def _key(row: Row) -> tuple[str, str]:
    if row.key is None:
        raise Refused("missing_value", "order_id is empty")
    return row.key


def _about(order: tuple[str, str]) -> dict[str, str]:
    return {"carrier": order[0], "order_id": order[1]}


def _event(mapping: Mapping, what: tuple[str, str], time: int, data: dict[str, Any]) -> Timed:
    """A CloudEvent of type and id `what`; Refused, as a dead letter would be, if it breaks the contract."""
    event = {
        "specversion": "1.0",
        "id": what[1],
        "source": f"import/{mapping.name}",
        "type": what[0],
        "time": format_time(time),
        "data": data,
    }
    payload = encode(event)
    try:
        decode(payload)
    except Rejected as rejected:
        raise Refused(rejected.reason, rejected.detail) from rejected
    return time, payload
