"""Buyers of any number and what they do, made one by one: the same at every run. Times are UTC ms.

Of twenty events one is a paid order, the rest is what viewers do. Buyer `b` is in session `b % sessions`.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from random import Random

import orjson

START = 1_793_534_400_000  # 2026-11-01 12:00 UTC
HOUR, DAY = 3_600_000, 86_400_000
APART = 100  # ms between two buyers
LATER = START + 30 * HOUR  # a million buyers have come by then
EVENING = 50  # events of a buyer in one session of a long history
LONGEST = 2_000  # events of the longest history
ORDER = 19
# What a buyer does in a session, over and over.
ACTS = (
    *("live.viewer.entered",), *("live.product.clicked",) * 6, *("live.product.carted",) * 2,
    *("live.viewer.commented",) * 5, *("live.viewer.liked",) * 5, "order.paid",
)  # fmt: skip


def opening(sessions: int, *, daily: bool = False) -> Iterator[bytes]:
    """Each session starts; with `daily` one on each day."""
    for session in range(sessions):
        data = {"room_id": f"room-{session}", "carrier": "jd", "anchor_ids": ["anchor"], "store_ids": ["store"]}
        at = START + (session * DAY if daily else 0)
        yield _event(f"start-{session}", "live.session.started", at, {"session_id": f"live-{session}", **data})


def entering(buyers: int, sessions: int = 1) -> Iterator[bytes]:
    """One buyer after the other enters its session, once. The last event ends what the windows still hold of it."""
    for buyer in range(buyers):
        yield act(f"entering-{buyer}", 0, buyer, buyer % sessions, START + APART * buyer)
    for session in range(sessions):
        data = {"session_id": f"live-{session}", "item_id": "item"}
        yield _event(f"later-{session}", "live.product.explained", LATER, data)


def acting(events: int, buyers: int, sessions: int = 1, name: str = "acting") -> Iterator[bytes]:
    """So many events, each of any of the buyers."""
    random = Random(1)
    for n in range(events):
        buyer = random.randrange(buyers)
        yield act(f"{name}-{n}", n, buyer, buyer % sessions, LATER + APART * n)


def histories(buyers: int, length: int) -> Iterator[bytes]:
    """So many events of each buyer, one buyer after the other: EVENING a day, up to the same day for any length."""
    for buyer in range(buyers):
        for n in range(LONGEST - length, LONGEST):
            day, turn = divmod(n, EVENING)
            yield act(f"history-{buyer}-{n}", n, buyer, day, START + day * DAY + turn * 60_000)


def in_turn(buyers: int, begin: int, end: int) -> Iterator[bytes]:
    """The evening after the histories: every buyer does something, then each again, from turn `begin` to `end`."""
    day = LONGEST // EVENING
    for turn in range(begin, end):
        for buyer in range(buyers):
            yield act(f"turn-{buyer}-{turn}", buyer + turn, buyer, day, START + day * DAY + turn * 60_000)


def act(name: str, n: int, buyer: int, session: int, at: int) -> bytes:
    """The `n`-th thing of ACTS, over and over; `name` is its id, and an order's id as well."""
    kind = ACTS[n % len(ACTS)]
    data: dict[str, object] = {"ids": {"unionid": f"buyer-{buyer}"}}
    if kind == "order.paid":
        line = {"line_id": "1", "item_id": "item", "quantity": 1, "amount_fen": 9900}
        data |= {"order_id": name, "carrier": "jd", "placed_at": _time(at), "lines": [line]}
    else:
        data["session_id"] = f"live-{session}"
        if kind.startswith("live.product"):
            data["item_id"] = "item"
    return _event(name, kind, at, data)


def sale_of(name: str) -> bytes:
    """The key of the sale that the order of this name becomes."""
    return f"jd:{name}:1".encode()


def _event(id_: str, type_: str, at: int, data: object) -> bytes:
    envelope = {"specversion": "1.0", "id": id_, "source": "/bench", "type": type_, "time": _time(at), "data": data}
    return orjson.dumps(envelope)


def _time(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds")
