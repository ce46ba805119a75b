"""The input contract as a table (spec §2, "Text and numbers"): the fields of each type and their checks."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

NAMESPACES = ("unionid", "external_userid", "phone_hash", "member_id", "openid", "douyin_open_id",
              "kuaishou_open_id", "jd_open_id", "taobao_open_uid", "youzan_user_id", "device_id")  # fmt: skip
MODES = {
    **dict.fromkeys(("douyin", "kuaishou", "xigua", "huoshan"), "portal"),
    **dict.fromkeys(("jd", "tmall", "taobao", "suning", "pinduoduo"), "platform"),
    **dict.fromkeys(("wechat_mini_program", "wechat_channels", "youzan", "weimob"), "mini_program"),
    "store_pos": "none",
}
ROOM_CARRIERS = tuple(c for c in MODES if c not in ("youzan", "weimob", "store_pos"))
INTERACTIONS = ("commented", "liked", "shared", "followed", "joined_fan_club")
STAMP = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(?:\.(\d+))?(?:[Zz]|([+-])([01]\d|2[0-3]):([0-5]\d))", re.ASCII
)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Check = Callable[[Any], Any]


class Refused(Exception):  # noqa: N818
    """An event that is not accepted; `reason` is that of its dead letter."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def moment(value: Any) -> int:
    """Return the milliseconds of an RFC 3339 time; finer digits are cut off."""
    match = STAMP.fullmatch(value) if isinstance(value, str) else None
    if not match:
        raise Refused("wrong_type")
    day, clock, fraction, sign, hours, minutes = match.groups()
    leap = clock.endswith(":60")
    try:
        local = datetime.fromisoformat(f"{day}T{clock[:-2] + '59' if leap else clock}+00:00")
        local += timedelta(seconds=leap)
        offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
        utc = local + offset if sign == "-" else local - offset
    except (ValueError, OverflowError):
        raise Refused("wrong_type") from None
    return (utc - EPOCH) // timedelta(milliseconds=1) + int(((fraction or "") + "000")[:3])


def text(value: Any) -> str:
    if not isinstance(value, str):
        raise Refused("wrong_type")
    return value


def name(value: Any) -> str:
    return matching("(?s).+")(value)


def matching(pattern: str) -> Check:
    def check(value: Any) -> str:
        if not re.fullmatch(pattern, text(value)):
            raise Refused("wrong_type")
        return value

    return check


def integer(least: int | None = None) -> Check:
    def check(value: Any) -> int:
        if type(value) is not int or (least is not None and value < least):
            raise Refused("wrong_type")
        return value

    return check


def one_of(*names: str) -> Check:
    def check(value: Any) -> str:
        if text(value) not in names:
            raise Refused("wrong_type")
        return value

    return check


def many(element: Check) -> Check:
    def check(value: Any) -> list[Any]:
        if not isinstance(value, list):
            raise Refused("wrong_type")
        return [element(v) for v in value]

    return check


def weights(value: Any) -> dict[str, int]:
    if not isinstance(value, dict):
        raise Refused("wrong_type")
    return {name(k): integer(0)(v) for k, v in value.items() if v is not None}


def ids(value: Any) -> dict[str, str]:
    if not isinstance(value, dict):
        raise Refused("wrong_type")
    known = {n: value[n] for n in NAMESPACES if value.get(n) is not None}
    if not known:
        raise Refused("missing_field")
    return {n: (matching("[0-9a-fA-F]{64}") if n == "phone_hash" else name)(v) for n, v in known.items()}


def contact_ids(value: Any) -> dict[str, str]:
    known = ids(value)
    if "external_userid" not in known:
        raise Refused("missing_field")
    return known


def record(fields: dict[str, Check]) -> Check:
    """Check an object; a name that ends in `?` is optional, null is absent, unknown names are dropped."""

    def check(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise Refused("wrong_type")
        found = {}
        for field, element in fields.items():
            plain = field.rstrip("?")
            if value.get(plain) is not None:
                found[plain] = element(value[plain])
            elif plain == field:
                raise Refused("missing_field")
        return found

    return check


def lines(fields: dict[str, Check]) -> Check:
    def check(value: Any) -> list[dict[str, Any]]:
        found = many(record(fields))(value)
        if not found or len({line["line_id"] for line in found}) < len(found):
            raise Refused("wrong_type")
        return found

    return check


token = matching("[A-Za-z0-9_]{1,30}")
carrier = one_of(*MODES)
Fields = dict[str, Check]
viewer: Fields = {"session_id": name, "ids": ids}
product = {**viewer, "item_id": name}
contact = {"ids": contact_ids, "guide_id": name, "store_id?": name, "token?": token}
group = {"ids": ids, "chat_id": name, "store_id?": name, "member_count?": integer(), "token?": token}
line: Fields = {
    "line_id": name,
    "item_id": name,
    "quantity": integer(1),
    "amount_fen": integer(0),
    "seller_store_id?": name,
    "credit_store_id?": name,
    "session_id?": name,
    "room_id?": name,
    "anchor_id?": name,
    "profit_fen?": integer(),
}
order = {
    "order_id": name,
    "carrier": carrier,
    "ids": ids,
    "placed_at": moment,
    "lines": lines(line),
    "token?": token,
    "sharer_id?": name,
    "kind?": one_of("normal", "group_buy", "lottery", "gift", "presale"),
}
TOPICS: dict[str, dict[str, Fields]] = {
    "live-room": {
        "live.session.started": {
            "session_id": name,
            "room_id": name,
            "carrier": one_of(*ROOM_CARRIERS),
            "anchor_ids": many(name),
            "store_ids?": many(name),
            "store_weights?": weights,
            "title?": text,
        },
        "live.session.ended": {"session_id": name},
        "live.anchors.changed": {"session_id": name, "anchor_ids": many(name)},
        "live.viewer.entered": {
            **viewer,
            "scene?": text,
            "traffic?": one_of("natural", "promote", "ads", "public", "private"),
            "token?": token,
            "sharer_id?": name,
        },
        "live.viewer.left": viewer,
        **{f"live.viewer.{done}": {**viewer, "count?": integer(1)} for done in INTERACTIONS},
        "live.product.explained": {"session_id": name, "item_id": name},
        "live.product.clicked": product,
        "live.product.carted": product,
    },
    "qr-scan": {
        "token.registered": {
            "token": token,
            "store_id?": name,
            "guide_id?": name,
            "session_id?": name,
            "sharer_id?": name,
            "persona?": text,
            "expires_at?": moment,
        },
        "scan.code.scanned": {
            "ids": ids,
            "token?": token,
            "store_id?": name,
            "guide_id?": name,
            "session_id?": name,
            "scene?": text,
            "code_kind?": one_of("store", "guide", "live_group", "package", "ad", "mini_program"),
        },
        "share.opened": {"ids": ids, "sharer_id": name, "session_id?": name},
        "pool.contact.added": contact,
        "pool.contact.removed": contact,
        "pool.group.joined": group,
        "pool.group.left": group,
    },
    "checkout": {
        "order.placed": order,
        "order.paid": order,
        "order.amended": {
            "order_id": name,
            "carrier": carrier,
            "lines": lines({"line_id": name, "amount_fen": integer(0)}),
        },
        "order.cancelled": {"order_id": name, "carrier": carrier},
        "refund.succeeded": {
            "refund_id": name,
            "order_id": name,
            "carrier": carrier,
            "amount_fen": integer(1),
            "line_id?": name,
        },
    },
    "commands": {"identity.unlinked": {"ids_a": ids, "ids_b": ids}, "buyer.erased": {"ids": ids}},
}
TYPES = {t: (topic, record(fields)) for topic, types in TOPICS.items() for t, fields in types.items()}
