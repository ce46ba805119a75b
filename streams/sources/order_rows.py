"""The rows of an order export, cell by cell: text to ids, fen and UTC times, or the reason why not."""

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal

from streams.sources.order_mapping import LINE_FIELDS, ORDER_FIELDS, CarrierColumn, Mapping, MappingError

_NUMBER = re.compile(r"-?([0-9]{1,18}|[0-9]{1,3}(,[0-9]{3}){1,5})(\.[0-9]{1,9})?")
_ROUNDED = re.compile(r"[0-9](\.[0-9]+)?E\+[0-9]+")
_EXACT = Context(prec=60)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Refused(Exception):  # noqa: N818 - what a file may contain is not an error of the program
    """Data that cannot be used, with the reason and detail of `BadRow`."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail


@dataclass(slots=True)
class Row:
    """A row of the export; money in fen, times in UTC ms. With a `refusal`, what follows it was not read.

    Rows are counted as a spreadsheet does: the header is row 1. `key` is (carrier, order_id). `amount_fen`
    is that of the whole line, negative in a row that takes money back; `refund_fen` was given back on it.
    """

    number: int
    key: tuple[str, str] | None = None
    quantity: int = 0
    amount_fen: int = 0
    refund_fen: int = 0
    placed_at: int = 0
    paid_at: int | None = None
    refunded_at: int | None = None
    item_id: str = ""
    line_id: str = ""
    refund_of: str = ""
    buyer: str = ""
    status: str = ""
    fields: dict[str, str] | None = None
    refusal: Refused | None = None

    @property
    def takes_back(self) -> bool:
        """Whether this is no sale but a cancellation or return."""
        return self.quantity < 0 or self.amount_fen < 0


def read_rows(csv_lines: Iterable[str], mapping: Mapping) -> Iterator[Row]:
    """All rows below the header, empty lines left out. Raises MappingError as `read_orders` does."""
    reader = csv.reader(csv_lines, delimiter=mapping.delimiter)
    header = _header(reader, mapping)
    number = 1
    while True:
        number += 1
        try:
            record = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Row(number, refusal=Refused("bad_csv", str(error)))
            continue
        if len(record) == len(header):
            yield _Cells(dict(zip(header, record, strict=True)), mapping).row(number)
        elif record:
            detail = f"{len(record)} fields, the header line has {len(header)}"
            yield Row(number, refusal=Refused("wrong_field_count", detail))


def _header(reader: Iterator[list[str]], mapping: Mapping) -> list[str]:
    try:
        header = [name.removeprefix("\ufeff").strip() for name in next(reader, [])]
    except csv.Error as error:
        raise MappingError(f"the header line cannot be read: {error}") from error
    for key, name in mapping.headers().items():
        if header.count(name) != 1:
            raise MappingError(f"{key}: the header line has {header.count(name)} columns named {name!r}")
    return header


class _Cells:
    """The cells of one row, read by the keys of the mapping."""

    def __init__(self, cells: dict[str, str], mapping: Mapping) -> None:
        self._cells = cells
        self._mapping = mapping

    def row(self, number: int) -> Row:
        """The row; the first thing that cannot be read is its refusal."""
        row = Row(number)
        try:
            self._fill(row)
        except Refused as refusal:
            row.refusal = refusal
        return row

    def _fill(self, row: Row) -> None:
        row.key = (self._carrier(), self._id("order_id", needed=True))
        row.quantity = self._quantity()
        row.amount_fen = self._amount(row.quantity)
        row.placed_at = self._needed_time("placed_at")
        row.paid_at = self._time("paid_at")
        row.refunded_at = self._time("refunded_at")
        row.refund_of = self._id("refund_of")
        row.refund_fen = self._fen("refund_amount") if self._text("refund_amount") else 0
        if row.refund_fen < 0:
            raise Refused("bad_amount", f"refund_amount is negative: {self._text('refund_amount')!r}")
        row.line_id = self._id("line_id", needed=bool(self._mapping.columns.line_id) and not row.takes_back)
        row.item_id = self._id("item_id", needed=not row.takes_back)
        row.buyer = _plain_id("buyer", self._cells[self._mapping.buyer.column])
        row.status = self._text("status")
        row.fields = {key: self._id(key) for key in (*LINE_FIELDS, *ORDER_FIELDS) if self._text(key)}

    def _text(self, key: str) -> str:
        name = getattr(self._mapping.columns, key)
        return self._cells[name].strip() if name else ""

    def _id(self, key: str, *, needed: bool = False) -> str:
        value = _plain_id(key, self._text(key))
        if needed and not value:
            raise Refused("missing_value", f"{key} is empty")
        return value

    def _carrier(self) -> str:
        carrier = self._mapping.carrier
        if not isinstance(carrier, CarrierColumn):
            return carrier
        word = self._cells[carrier.column].strip()
        if word not in carrier.values:
            raise Refused("unknown_carrier", f"carrier.values has no {word!r}")
        return carrier.values[word]

    def _quantity(self) -> int:
        text = self._text("quantity")
        number = _number(text)
        if number is None or number != number.to_integral_value() or not number:
            raise Refused("bad_quantity", f"quantity is {text!r}, not a whole number other than 0")
        return int(number)

    def _amount(self, quantity: int) -> int:
        """The amount of the line: its own column, or the unit price times the quantity, exactly."""
        by_price = self._mapping.columns.amount is None
        fen = self._fen("unit_price", quantity) if by_price else self._fen("amount")
        return -abs(fen) if quantity < 0 else fen

    def _fen(self, key: str, times: int = 1) -> int:
        text = self._text(key)
        number = _number(text)
        if number is None:
            raise Refused("bad_amount", f"{key} is {text!r}, not an amount of money")
        fen = _EXACT.multiply(number, Decimal(times * (100 if self._mapping.money.unit == "yuan" else 1)))
        if fen != fen.to_integral_value(context=_EXACT):
            raise Refused("sub_fen", f"{key} {text} times {times} is not a whole number of fen")
        return int(fen)

    def _needed_time(self, key: str) -> int:
        time = self._time(key)
        if time is None:
            raise Refused("missing_value", f"{key} is empty")
        return time

    def _time(self, key: str) -> int | None:
        """UTC ms. Where the clock is set back, the earlier of two readings."""
        text = self._text(key)
        if not text:
            return None
        try:
            local = datetime.strptime(text, self._mapping.time.format)  # noqa: DTZ007 - the zone follows
            aware = local if local.tzinfo else local.replace(tzinfo=self._mapping.zone)
            return (aware - _EPOCH) // timedelta(milliseconds=1)
        except (ValueError, OverflowError):
            detail = f"{key} is {text!r}, not of the form {self._mapping.time.format!r}"
            raise Refused("bad_time", detail) from None


def _plain_id(key: str, text: str) -> str:
    """The id without what is put around numbers to keep Excel from rounding them: ="123", '123, tabs."""
    value = text.strip()
    if value.startswith('="') and value.endswith('"'):
        value = value[2:-1].strip()
    value = value.removeprefix("'")
    if _ROUNDED.fullmatch(value):
        raise Refused("damaged_id", f"{key} is {value}: a spreadsheet has rounded it")
    return value


def _number(text: str) -> Decimal | None:
    plain = text.replace("¥", "").replace("￥", "").strip()
    return Decimal(plain.replace(",", "")) if _NUMBER.fullmatch(plain) else None
