"""Lines that repeat an event, contradict it, or are no event at all."""

import json
from collections.abc import Iterator
from random import Random
from typing import Any

from .events import Data


def dump(event: Any, **options: Any) -> bytes:
    return json.dumps(event, ensure_ascii=False, **options).encode()


def reworded(event: Any, rng: Random) -> Any:
    """Return the same JSON with its members in another order."""
    if isinstance(event, dict):
        names = rng.sample(list(event), len(event))
        return {name: reworded(event[name], rng) for name in names}
    return event


def repeats(event: Data, rng: Random) -> Iterator[bytes]:
    """Yield a line with the `(source, id)` of an event: the same, reordered, or with another payload."""
    kind = rng.randrange(3)
    if kind == 0:
        yield dump(event, separators=(",", ":"))
    elif kind == 1:
        yield dump(reworded(event, rng), indent=None)
    else:
        yield dump({**event, "subject": "another payload"})


def malformed(event: Data, rng: Random) -> bytes:
    """Return a line that decoding refuses: the event with one thing wrong."""
    whole, data = dict(event), dict(event["data"])
    whole["id"] += "x"  # not a repeat of what it was made from
    whole["data"] = data
    field_name, lost = rng.choice(sorted(data)), rng.choice(["source", "time", "data", "type"])
    breaks: list[Any] = [
        lambda: dump({**whole, "title": "长" * 22_000}),  # too_large: characters are not bytes
        lambda: dump(whole)[:-1],
        lambda: dump(whole).replace(b'"data"', b'"data\xff"'),
        lambda: dump({**whole, "more": float("nan")}),
        lambda: dump([whole]),
        lambda: dump({**whole, "specversion": "0.3"}),
        lambda: dump({**whole, "time": "2024-06-18T20:00:00"}),
        lambda: dump({**whole, "id": rng.choice(["", "x" * 129, 7, None])}),
        lambda: dump({k: v for k, v in whole.items() if k != lost}),
        lambda: dump({**whole, "type": "live.viewer.waved"}),
        lambda: dump({**whole, "data": {}}),  # missing_field: every type needs some field
        lambda: dump({**whole, "data": {**data, field_name: None} if field_name in REQUIRED else {}}),
        lambda: dump({**whole, "data": {**data, field_name: 9.5}}),  # wrong_type
        lambda: dump({**whole, "type": "order.cancelled", "data": {"order_id": 17, "carrier": "jd"}}),
        lambda: dump({**whole, "type": "order.cancelled", "data": {"order_id": "O1", "carrier": "ebay"}}),
        lambda: dump({**whole, "type": "share.opened", "data": {"ids": {"shoe_size": "43"}, "sharer_id": "H1"}}),
        lambda: dump({**whole, "type": "token.registered", "data": {"token": "no-dash"}}),
    ]
    return breaks[rng.randrange(len(breaks))]()


REQUIRED = ("room_id", "ids", "item_id", "chat_id", "order_id", "lines")  # wherever they stand
