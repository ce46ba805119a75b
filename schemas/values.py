"""The values of the contract: carriers, namespaces, closed lists, constrained types and time (spec §1-§3)."""

import re
from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

from msgspec import Meta

Mode = Literal["portal", "platform", "mini_program", "none"]

SessionCarrier = Literal[
    "douyin", "kuaishou", "xigua", "huoshan",
    "jd", "tmall", "taobao", "suning", "pinduoduo",
    "wechat_mini_program", "wechat_channels",
]  # fmt: skip
CheckoutCarrier = Literal[
    "douyin", "kuaishou", "xigua", "huoshan",
    "jd", "tmall", "taobao", "suning", "pinduoduo",
    "wechat_mini_program", "wechat_channels",
    "store_pos", "youzan", "weimob",
]  # fmt: skip

MODE_OF_CARRIER: dict[str, Mode] = {
    **dict.fromkeys(("douyin", "kuaishou", "xigua", "huoshan"), "portal"),
    **dict.fromkeys(("jd", "tmall", "taobao", "suning", "pinduoduo"), "platform"),
    **dict.fromkeys(("wechat_mini_program", "wechat_channels"), "mini_program"),
    **dict.fromkeys(("youzan", "weimob"), "mini_program"),
    "store_pos": "none",
}
SESSION_CARRIERS: frozenset[str] = frozenset(get_args(SessionCarrier))
CHECKOUT_CARRIERS: frozenset[str] = frozenset(get_args(CheckoutCarrier))

Traffic = Literal["natural", "promote", "ads", "public", "private"]
CodeKind = Literal["store", "guide", "live_group", "package", "ad", "mini_program"]
OrderKind = Literal["normal", "group_buy", "lottery", "gift", "presale"]
Namespace = Literal[
    "unionid", "external_userid", "phone_hash", "member_id", "openid",
    "douyin_open_id", "kuaishou_open_id", "jd_open_id", "taobao_open_uid", "youzan_user_id", "device_id",
]  # fmt: skip
NAMESPACES: tuple[Namespace, ...] = get_args(Namespace)
"""Identifier namespaces in rank order, the best first (spec §3)."""
Tier = Literal["certain", "strong", "medium", "weak", "none"]
Model = Literal["first_touch", "last_touch", "linear", "position_based", "time_decay"]
SingleTouchRule = Literal[
    "order_session", "order_room", "order_anchor", "order_token",
    "scan", "share", "item_click", "presence",
]  # fmt: skip
LiveRule = SingleTouchRule | Model | Literal["none"]
StoreRule = Literal[
    "order_store", "order_token", "scan", "share", "pool_contact",
    "session_split", "seller", "session_store", "none",
]  # fmt: skip
Rule = LiveRule | StoreRule
Decision = Literal["live", "store"]
Dimension = Literal["store", "anchor", "mode"]
Outcome = Literal[
    "won", "no_evidence", "outside_window", "unknown_session",
    "unknown_token", "expired_token", "superseded",
]  # fmt: skip
CreditReason = Literal["sale", "refund", "amendment"]
Stage = Literal["repeat_buyer", "buyer", "member", "visitor"]

Reason = Literal[
    "too_large", "bad_json", "bad_envelope", "unknown_type", "missing_field",
    "wrong_type", "id_conflict", "identity_too_large", "refund_exceeds_paid",
]  # fmt: skip
"""Reasons of dead letters (spec §6 "Envelope")."""

# `\Z` and not `$`: the latter also matches before a final newline in Python.
Id = Annotated[str, Meta(min_length=1)]
Token = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_]{1,30}\Z")]
PhoneHash = Annotated[str, Meta(pattern=r"^[0-9A-Fa-f]{64}\Z")]
Fen = Annotated[int, Meta(ge=0)]
RefundFen = Annotated[int, Meta(ge=1)]
Weight = Annotated[int, Meta(ge=0)]
Number = Annotated[int, Meta(ge=0)]
Count = Annotated[int, Meta(ge=1)]
EventId = Annotated[str, Meta(min_length=1, max_length=128)]
UtcText = Annotated[str, Meta(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\Z")]
EventSource = Annotated[str, Meta(min_length=1, max_length=256)]

if TYPE_CHECKING:
    Time = int
else:

    class _TimeType(type):
        def __instancecheck__(cls, value: Any) -> bool:
            return type(value) is int

    class Time(metaclass=_TimeType):
        """An RFC 3339 text on the wire, UTC milliseconds (a plain int) in a decoded event."""


DAY_MS = 86_400_000
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_LAST_MS = (date.max.toordinal() - _EPOCH_DAY + 1) * DAY_MS - 1  # 9999-12-31T23:59:59.999Z
_CYCLE_DAYS = 146_097  # days of 400 Gregorian years
_FIRST_MS = -(_EPOCH_DAY + 365) * DAY_MS  # 0000-01-01T00:00:00.000Z
RFC3339 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt]([01]\d|2[0-3]):([0-5]\d):([0-5]\d|60)(?:\.(\d+))?"
    r"(?:[Zz]|([+-])([01]\d|2[0-3]):([0-5]\d))",
    re.ASCII,
)


_USUAL_LENGTHS = frozenset((20, 24, 25, 29))  # seconds or milliseconds, `Z` or `+08:00`
_SECONDS = {f"{second:02}": second * 1000 for second in range(60)}
_MILLIS = {f".{millis:03}": millis for millis in range(1000)}
_MILLIS_TEXT = [f"{text}Z" for text in _MILLIS]


def parse_time(text: str) -> int:
    """Return the UTC milliseconds of an RFC 3339 time, finer digits cut off (spec §2).

    `T` and `Z` may be lower case; a leap second is the first second of the next minute.
    Raises ValueError for any other text.
    """
    if len(text) in _USUAL_LENGTHS and (second := _SECONDS.get(text[17:19])) is not None:
        millis = _MILLIS.get(text[19:23])
        try:
            if millis is None:
                return _minute(text[:17], text[19:]) + second
            return _minute(text[:17], text[23:]) + second + millis
        except ValueError:  # of another form, which may be right as well
            pass
    return _parse(text)


# The events of a moment share their minute: most times are a look-up.
@lru_cache(maxsize=4096)
def _minute(minute: str, offset: str) -> int:
    return _parse(f"{minute}00{offset}")


def _parse(text: str) -> int:
    match = RFC3339.fullmatch(text)
    if match is None:
        raise ValueError("not an RFC 3339 time with an offset")
    year, month, day, hour, minute, second, fraction, sign, hours, minutes = match.groups()
    offset = 0 if sign is None else int(f"{sign}{int(hours) * 60 + int(minutes)}")
    minutes_of_day = int(hour) * 60 + int(minute) - offset
    millis = int(f"{fraction}00"[:3]) if fraction else 0
    return _day(int(year), int(month), int(day)) * DAY_MS + (minutes_of_day * 60 + int(second)) * 1000 + millis


def _day(year: int, month: int, day: int) -> int:
    """Return days since 1970-01-01; `date` has no year 0, so that one is looked up 400 years later."""
    if year == 0:
        return date(400, month, day).toordinal() - _CYCLE_DAYS - _EPOCH_DAY
    return date(year, month, day).toordinal() - _EPOCH_DAY


def format_time(ms: int) -> str:
    """Return UTC milliseconds as `YYYY-MM-DDTHH:MM:SS.mmmZ`. Never raises.

    RFC 3339 knows the years 0 to 9999; what lies outside, as a horizon may, becomes its first or last moment.
    """
    second, millis = divmod(ms if _FIRST_MS <= ms <= _LAST_MS else max(_FIRST_MS, min(ms, _LAST_MS)), 1000)
    return f"{_second_text(second)}{_MILLIS_TEXT[millis]}"


@lru_cache(maxsize=4096)
def _second_text(second: int) -> str:
    day, rest = divmod(second, 86_400)
    ordinal = day + _EPOCH_DAY
    if ordinal > 0:
        text = date.fromordinal(ordinal).isoformat()
    else:
        text = f"0000{date.fromordinal(ordinal + _CYCLE_DAYS).isoformat()[4:]}"
    return f"{text}T{rest // 3600:02}:{rest // 60 % 60:02}:{rest % 60:02}"
