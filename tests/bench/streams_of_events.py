"""What is fed to a measured run, in parts; the last part is the one that counts."""

import json
from collections.abc import Iterator
from random import Random

from streams.show import generate
from streams.show.evening import LINES_PER_EVENING

START = 1_793_534_400_000  # 2026-11-01 12:00 UTC
WARM_UP = 500
LATER = 36_000  # tenths of a second: longer ago than any window reaches


def show(events: int) -> Iterator[list[bytes]]:
    """A show; its first lines are the warm-up."""
    lines = list(generate(WARM_UP + events, seed=1, start=START))
    yield lines[:WARM_UP]
    yield lines[WARM_UP:]


def evenings(count: int) -> Iterator[list[bytes]]:
    """A show of so many evenings, one part each: ever more buyers, orders, sessions and tokens are known."""
    lines = list(generate(count * LINES_PER_EVENING, seed=1, start=START))
    for evening in range(count):
        yield lines[evening * LINES_PER_EVENING : (evening + 1) * LINES_PER_EVENING]


def crowd(buyers: int, events: int) -> Iterator[list[bytes]]:
    """Every buyer once, then as many events of any of them, one in twenty an order.

    An hour lies between, and the event that ends it: what the windows let go belongs to the first part.
    """
    random = Random(1)
    started = {"session_id": "S", "room_id": "R", "carrier": "jd", "anchor_ids": ["A"], "store_ids": ["T"]}
    yield [_event("start", "live.session.started", 0, started)]
    explained = _event("later", "live.product.explained", LATER, {"session_id": "S", "item_id": "I"})
    yield [*(_entered(buyer, 0) for buyer in range(buyers)), explained]
    yield [
        _order(n, random.randrange(buyers)) if n % 20 == 0 else _entered(random.randrange(buyers), n)
        for n in range(LATER + 1, LATER + events + 1)
    ]


def _entered(buyer: int, n: int) -> bytes:
    return _event(
        f"entered {buyer} {n}", "live.viewer.entered", n, {"session_id": "S", "ids": {"unionid": f"u{buyer}"}}
    )


def _order(n: int, buyer: int) -> bytes:
    line = {"line_id": "1", "item_id": "I", "quantity": 1, "amount_fen": 9900}
    data = {"order_id": str(n), "carrier": "jd", "ids": {"unionid": f"u{buyer}"}, "lines": [line],
            "placed_at": _time(n)}  # fmt: skip
    return _event(f"order {n}", "order.paid", n, data)


def _time(n: int) -> str:
    """A tenth of a second apart, in one evening."""
    seconds, tenth = divmod(n, 10)
    return f"2026-11-01T{12 + seconds // 3600 % 12:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{tenth}Z"


def _event(id_: str, type_: str, n: int, data: object) -> bytes:
    envelope = {"specversion": "1.0", "id": id_, "source": "/bench", "type": type_, "time": _time(n)}
    return json.dumps({**envelope, "data": data}).encode()
