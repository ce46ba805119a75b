"""How the columns of a shop's order export map to orders: a TOML file, checked before any row is read.

name = "webshop"                  # events get the source import/webshop
carrier = "youzan"                # or, from a column:
                                  # carrier = { column = "渠道", values = { "抖音" = "douyin" } }
delimiter = ","                   # optional

[columns]                         # names as in the header line of the export
order_id = "订单号"
line_id = "子订单号"              # optional: else the position of the row within its order
item_id = "商品编码"
quantity = "数量"
unit_price = "单价"               # or amount = "实付金额", of the whole line
placed_at = "下单时间"
paid_at = "付款时间"              # optional: an order without it in any row is unpaid; else placed_at
refund_of = "原订单号"            # optional: which order a row with a negative quantity or amount takes back
refund_amount = "退款金额"        # optional: given back on this line
refunded_at = "退款时间"          # optional: else the time of the row's order
status = "订单状态"               # optional, see [status]
seller_store_id = "门店"          # optional, likewise credit_store_id, session_id, room_id, anchor_id,
                                  # token, sharer_id and kind

[status]                          # optional: orders that are not sales
unpaid = ["待付款"]
cancelled = ["交易关闭"]

[time]
format = "%Y-%m-%d %H:%M:%S"      # as strptime takes it
zone = "Asia/Shanghai"

[money]
unit = "yuan"                     # or "fen"

[buyer]
column = "会员号"
namespace = "member_id"           # of the contract; unionid, openid ...
prefix = "webshop-"               # optional; "<appid>:" for an openid
[buyer.fallback]                  # optional: who bought when the column is empty; these are the defaults
namespace = "device_id"
prefix = ""                       # followed by carrier:order_id

[constants]                       # optional: the same for every line or order
seller_store_id = "store_001"
"""

import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

import msgspec

from schemas.values import CheckoutCarrier, Id, Namespace, OrderKind, Token

LINE_FIELDS = ("seller_store_id", "credit_store_id", "session_id", "room_id", "anchor_id")
ORDER_FIELDS = ("token", "sharer_id", "kind")


class MappingError(ValueError):
    """The mapping cannot be used; the message names the key."""


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of the mapping: unknown keys are refused."""


class Columns(_Part, frozen=True):
    """Header names."""

    order_id: Id
    item_id: Id
    quantity: Id
    placed_at: Id
    line_id: Id | None = None
    unit_price: Id | None = None
    amount: Id | None = None
    paid_at: Id | None = None
    refund_of: Id | None = None
    refund_amount: Id | None = None
    refunded_at: Id | None = None
    status: Id | None = None
    seller_store_id: Id | None = None
    credit_store_id: Id | None = None
    session_id: Id | None = None
    room_id: Id | None = None
    anchor_id: Id | None = None
    token: Id | None = None
    sharer_id: Id | None = None
    kind: Id | None = None


class CarrierColumn(_Part, frozen=True):
    """A carrier that a column names, in words of the export."""

    column: Id
    values: dict[str, CheckoutCarrier]


class Status(_Part, frozen=True):
    """Words of the status column for orders that are not sales."""

    unpaid: frozenset[str] = frozenset()
    cancelled: frozenset[str] = frozenset()


class Time(_Part, frozen=True):
    """How times are written, and the IANA zone that they are in."""

    format: Id
    zone: Id


class Money(_Part, frozen=True):
    """Unit of all amounts; yuan may have decimals down to the fen."""

    unit: Literal["yuan", "fen"]


class Fallback(_Part, frozen=True):
    """Who bought when nobody is named: an identifier `prefix` + carrier:order_id."""

    namespace: Namespace = "device_id"
    prefix: str = ""


class Buyer(_Part, frozen=True):
    """The column that names the buyer, and the namespace of its values."""

    column: Id
    namespace: Namespace
    prefix: str = ""
    fallback: Fallback = Fallback()


class Constants(_Part, frozen=True):
    """Fields of the contract that are the same in every line or order; a column that has a value wins."""

    seller_store_id: Id | None = None
    credit_store_id: Id | None = None
    session_id: Id | None = None
    room_id: Id | None = None
    anchor_id: Id | None = None
    token: Token | None = None
    sharer_id: Id | None = None
    kind: OrderKind | None = None


class Mapping(_Part, frozen=True):
    """A checked mapping; `zone` is that of `time`."""

    name: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_.-]{1,64}\Z")]
    carrier: CheckoutCarrier | CarrierColumn
    columns: Columns
    time: Time
    money: Money
    buyer: Buyer
    status: Status = Status()
    constants: Constants = Constants()
    delimiter: Annotated[str, msgspec.Meta(min_length=1, max_length=1)] = ","

    @property
    def zone(self) -> ZoneInfo:
        """The zone of the export's times."""
        return ZoneInfo(self.time.zone)

    def headers(self) -> dict[str, str]:
        """{key of the mapping: header name} of every column that is used."""
        names = {f"columns.{key}": name for key, name in msgspec.structs.asdict(self.columns).items() if name}
        names["buyer.column"] = self.buyer.column
        if isinstance(self.carrier, CarrierColumn):
            names["carrier.column"] = self.carrier.column
        return names


def load_mapping(path: str | Path) -> Mapping:
    """The mapping in the TOML file `path`.

    Raises MappingError, which names the key, when the file is not TOML, or a key is missing, unknown or
    has no usable value; OSError when the file cannot be read.
    """
    try:
        mapping = msgspec.convert(tomllib.loads(Path(path).read_text("utf-8")), Mapping)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
        raise MappingError(f"{path}: {str(error).replace('`$.', '`')}") from error
    problem = _problem(mapping)
    if problem:
        raise MappingError(f"{path}: {problem}")
    return mapping


def _problem(mapping: Mapping) -> str | None:
    """What the types do not say."""
    if (mapping.columns.unit_price is None) == (mapping.columns.amount is None):
        return "columns.unit_price or columns.amount: exactly one of them is needed"
    if mapping.columns.status is None and (mapping.status.unpaid or mapping.status.cancelled):
        return "columns.status: [status] needs it"
    try:
        _ = mapping.zone
    except (KeyError, ValueError, OSError):
        return f"time.zone: {mapping.time.zone!r} is not an IANA time zone"
    sample = datetime(2026, 11, 12, 20, 15, 30, tzinfo=UTC)
    try:
        read = datetime.strptime(sample.strftime(mapping.time.format), mapping.time.format)  # noqa: DTZ007
    except ValueError as error:
        return f"time.format: {error}"
    if read.date() != sample.date():
        return f"time.format: {mapping.time.format!r} does not give a full date"
    return None
