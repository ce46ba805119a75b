"""Broken events, and the reason that each must be dead-lettered for (spec §2)."""

from collections.abc import Callable
from typing import Any

import orjson

Break = Callable[[dict[str, Any]], bytes]


def _put(path: str, value: object) -> Break:
    def apply(event: dict[str, Any]) -> bytes:
        *parents, last = path.split(".")
        _inside(event, parents)[last] = value
        return orjson.dumps(event)

    return apply


def _drop(path: str) -> Break:
    def apply(event: dict[str, Any]) -> bytes:
        *parents, last = path.split(".")
        del _inside(event, parents)[last]
        return orjson.dumps(event)

    return apply


def _inside(event: Any, parents: list[str]) -> Any:
    for name in parents:
        event = event[int(name) if name.isdigit() else name]
    return event


FAULTS: tuple[tuple[str, Break], ...] = (
    ("bad_json", lambda event: orjson.dumps(event)[:-9]),
    ("bad_json", lambda event: orjson.dumps(event).replace(b"sku", b"\xff\xfe")),
    ("bad_json", lambda event: str(event).encode()),
    ("bad_json", lambda _: "<html><h1>502 网关错误</h1></html>".encode()),
    ("bad_envelope", lambda event: orjson.dumps([event])),
    ("bad_envelope", _drop("id")),
    ("bad_envelope", _drop("data")),
    ("bad_envelope", _put("specversion", "0.3")),
    ("bad_envelope", _put("id", 20_261_101)),
    ("bad_envelope", _put("source", "")),
    ("bad_envelope", _put("time", "2026-11-01 20:15:00")),
    ("unknown_type", _put("type", "order.shipped")),
    ("missing_field", _drop("data.order_id")),
    ("missing_field", _put("data.order_id", None)),
    ("missing_field", _drop("data.ids")),
    ("missing_field", _drop("data.lines.0.amount_fen")),
    ("wrong_type", _put("data.order_id", 4_781_320_682_406_083_640)),
    ("wrong_type", _put("data.carrier", "tiktok")),
    ("wrong_type", _put("data.placed_at", 1_793_535_300_000)),
    ("wrong_type", _put("data.token", "no spaces, please")),
    ("wrong_type", _put("data.ids.phone_hash", "13800138000")),
    ("wrong_type", _put("data.lines.0.amount_fen", "19.90")),
    ("wrong_type", _put("data.lines.0.amount_fen", 1990.0)),
    ("wrong_type", _put("data.lines.0.amount_fen", -1)),
    ("wrong_type", _put("data.lines.0.quantity", 0)),
    ("too_large", _put("data.note", "超" * 22_000)),
)


def broken(luck: float, serial: int, time: str) -> tuple[str, bytes]:
    """(reason, payload) of one broken event; `luck` in [0, 1) picks the fault, `serial` keeps ids apart."""
    reason, fault = FAULTS[int(luck * len(FAULTS))]
    event = {
        "specversion": "1.0",
        "id": f"broken-{serial}",
        "source": "douyin/shop",
        "type": "order.placed",
        "time": time,
        "data": {
            "order_id": f"broken-{serial}",
            "carrier": "douyin",
            "ids": {"douyin_open_id": f"broken-{serial}"},
            "placed_at": time,
            "lines": [{"line_id": "1", "item_id": "sku-1", "quantity": 1, "amount_fen": 1990}],
        },
    }
    return reason, fault(event)
