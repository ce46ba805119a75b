"""Short ways to write an event and to read an outcome; times are minutes after 20:00 in Shanghai."""

import json
from itertools import count
from typing import Any

from shows.times import START, stamp

from . import run

HOUR = 60
DAY = 24 * HOUR
UNIONID = {"unionid": "u1"}
OPENID = {"openid": "wx1:o1"}
numbers = count(1)
Data = dict[str, Any]


def at(minutes: float) -> str:
    return stamp(START + round(minutes * 60_000))


def event(type_: str, minutes: float, id_: str | None = None, source: str = "/test", **data: Any) -> bytes:
    """Return an event; fields that are None are left out."""
    data = {k: v for k, v in data.items() if v is not None}
    whole = {"specversion": "1.0", "id": id_ or f"e{next(numbers)}", "source": source, "type": type_,
             "time": at(minutes), "data": data}  # fmt: skip
    return json.dumps(whole, ensure_ascii=False).encode()


def started(session: str = "S1", minutes: float = -60, *, room: str = "R1", carrier: str = "douyin",
            anchors: tuple[str, ...] = ("A1",), **more: Any) -> bytes:  # fmt: skip
    return event("live.session.started", minutes, session_id=session, room_id=room, carrier=carrier,
                 anchor_ids=list(anchors), **more)  # fmt: skip


def viewer(kind: str, minutes: float, session: str = "S1", ids: Data = UNIONID, **more: Any) -> bytes:
    return event(f"live.viewer.{kind}", minutes, session_id=session, ids=ids, **more)


def clicked(minutes: float, item: str = "I1", session: str = "S1", ids: Data = UNIONID) -> bytes:
    return event("live.product.clicked", minutes, session_id=session, ids=ids, item_id=item)


def scanned(minutes: float, ids: Data = UNIONID, **more: Any) -> bytes:
    return event("scan.code.scanned", minutes, ids=ids, **more)


def registered(minutes: float, token: str = "K1", **more: Any) -> bytes:
    return event("token.registered", minutes, token=token, **more)


def opened(minutes: float, sharer: str = "H1", ids: Data = UNIONID, **more: Any) -> bytes:
    return event("share.opened", minutes, ids=ids, sharer_id=sharer, **more)


def contact(kind: str, minutes: float, guide: str = "G1", **more: Any) -> bytes:
    return event(f"pool.contact.{kind}", minutes, ids={"external_userid": "w1", **UNIONID}, guide_id=guide, **more)


def line(amount: int = 100, number: str = "L1", **more: Any) -> Data:
    return {"line_id": number, "item_id": "I1", "quantity": 1, "amount_fen": amount, **more}


def order(
    kind: str,
    minutes: float = 0,
    order_id: str = "O1",
    *lines: Data,
    carrier: str = "jd",
    ids: Data = UNIONID,
    time: float | None = None,
    **more: Any,
) -> bytes:
    return event(
        f"order.{kind}",
        minutes if time is None else time,
        order_id=order_id,
        carrier=carrier,
        ids=ids,
        placed_at=at(minutes),
        lines=list(lines) or [line()],
        **more,
    )


def paid(minutes: float = 0, order_id: str = "O1", *lines: Data, **more: Any) -> bytes:
    return order("paid", minutes, order_id, *lines, **more)


def refund(amount: int, minutes: float = 60, refund_id: str = "F1", order_id: str = "O1", **more: Any) -> bytes:
    return event("refund.succeeded", minutes, refund_id=refund_id, order_id=order_id, carrier="jd",
                 amount_fen=amount, **more)  # fmt: skip


def sale(*lines: bytes, policy: Data | None = None, sale_id: str = "jd:O1:L1") -> Data:
    return run(list(lines), policy).sales[sale_id]


def live(*lines: bytes, policy: Data | None = None) -> tuple[str, str | None]:
    """Return the live rule that won and the session."""
    found = sale(*lines, policy=policy)
    return found["live"]["rule"], found["session_id"]


def store(*lines: bytes) -> tuple[str, Data]:
    """Return the store rule that won and the stores' credits."""
    found = sale(*lines)
    return found["store"]["rule"], {s["store_id"]: s["amount_fen"] for s in found["stores"]}


def anchors(*lines: bytes, policy: Data | None = None) -> Data:
    return {a["anchor_id"]: a["amount_fen"] for a in sale(*lines, policy=policy)["anchors"]}


def show(*lines: bytes, session: str = "S1", window: str = "show") -> Data:
    return run(list(lines)).rooms[session][window]


def profile(*lines: bytes) -> Data:
    (found,) = run(list(lines)).profiles.values()
    return found


def reasons(*lines: bytes) -> list[str]:
    return [letter["reason"] for letter in run(list(lines)).dead_letters]


def outcomes(found: Data) -> Data:
    return {(c["decision"], c["rule"]): c["outcome"] for c in found["considered"]}
