"""What is fed to a measured run, in parts; the last part is the one that counts."""

import json
from collections.abc import Iterator

from streams.show import generate
from streams.show.evening import LINES_PER_EVENING

START = 1_793_534_400_000  # 2026-11-01 12:00 UTC
WARM_UP = 500


def show(events: int, *, orders_heavy: bool = False) -> Iterator[list[bytes]]:
    """A show; its first lines are the warm-up. About 20 live events per order, or 2 with `orders_heavy`."""
    lines = list(generate(WARM_UP + events, seed=1, start=START, orders_heavy=orders_heavy))
    yield lines[:WARM_UP]
    yield lines[WARM_UP:]


def evenings(count: int) -> Iterator[list[bytes]]:
    """A show of so many evenings, one part each: ever more buyers, orders, sessions and tokens are known."""
    lines = list(generate(count * LINES_PER_EVENING, seed=1, start=START))
    for evening in range(count):
        yield lines[evening * LINES_PER_EVENING : (evening + 1) * LINES_PER_EVENING]


def end(name: str) -> bytes:
    """A session of which nothing else is said: when its snapshot is out, all before it is processed."""
    data = {"session_id": name, "room_id": name, "carrier": "jd", "anchor_ids": ["A"], "store_ids": ["T"]}
    envelope = {"specversion": "1.0", "id": name, "source": "/bench", "type": "live.session.started"}
    return json.dumps({**envelope, "time": "2026-11-01T12:00:00Z", "data": data}).encode()
