"""Small dense shows: few people, rooms and orders, and times that sit on the edges of the rules.

`random_show(seed)` is a list of input lines in order of arrival, `shows()` the same for hypothesis, `reshuffled`
another order of arrival of the same lines. Without `late` no order of arrival of a show brings anything after
the horizon of an order that it bears on: all orders of its first part are placed within two hours and all its
events seen within the horizon; what comes later bears on later orders only.
"""

import json
from collections import defaultdict
from collections.abc import Iterator
from random import Random
from typing import Any

from hypothesis import strategies as st
from show_events import START, TAIL, Data, Options, Show, dump, instant


def reworded(event: Any, rng: Random) -> Any:
    """Return the same JSON with its members in another order."""
    if isinstance(event, dict):
        names = rng.sample(list(event), len(event))
        return {name: reworded(event[name], rng) for name in names}
    return event


def repeats(event: Data, rng: Random) -> Iterator[bytes]:
    """Yield lines with the `(source, id)` of an event: as it was, in other words, or saying something else."""
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
        lambda: dump(
            {**whole, "type": "share.opened", "data": {"ids": {"shoe_size": "43"}, "sharer_id": "H1"}}
        ),
        lambda: dump({**whole, "type": "token.registered", "data": {"token": "no-dash"}}),
    ]
    return breaks[rng.randrange(len(breaks))]()


REQUIRED = ("room_id", "ids", "item_id", "chat_id", "order_id", "lines")  # wherever they stand


def drawn(rng: Random, options: Options) -> list[bytes]:
    """Return the lines of a show in order of arrival."""
    size = options.size or rng.randrange(5, 81)
    show = Show(rng, options)
    extras = size // 8
    events = show.events(size - extras * (options.malformed + options.repeats))
    lines = [dump(event) for event in events]
    for _ in range(extras):
        if options.repeats:
            lines += repeats(rng.choice(events), rng)
        if options.malformed:
            lines.append(malformed(rng.choice(events), rng))
    return arranged(lines, rng, late=options.late)


def arranged(lines: list[bytes], rng: Random, *, late: bool) -> list[bytes]:
    """Return the lines in another order of arrival; of the lines of one `(source, id)` the first stays first.

    A repeat comes at most a few lines after its event, so that every reading of "at least 24 h" knows it. Unless
    `late`, erasures and the tail of a show keep their place in time: all other events come in any order.
    """
    groups: dict[Any, list[bytes]] = defaultdict(list)
    walls: list[int] = [] if late else [TAIL - 1]
    for number, line in enumerate(lines):
        key, event = identity_of(line)
        groups[key or number].append(line)
        if not late and event and event["type"] == "buyer.erased":
            walls.append(instant(event["time"]))
    parts: dict[tuple[int, int], list[list[bytes]]] = defaultdict(list)
    for group in groups.values():
        event = identity_of(group[0])[1]
        time = instant(event["time"]) if event else START
        erasure = bool(event and event["type"] == "buyer.erased" and not late)
        parts[sum(wall < time for wall in walls), erasure].append(group)
    arrival: list[bytes] = []
    for part in sorted(parts):
        own: list[bytes] = []
        groups_of_part = sorted(parts[part])
        for group in rng.sample(groups_of_part, len(groups_of_part)):
            at = rng.randrange(len(own) + 1) if part[1] == 0 else len(own)
            for line in group:
                own.insert(at, line)
                at = min(len(own), at + 1 + rng.randrange(3))
        arrival += own
    return arrival


def identity_of(line: bytes) -> tuple[tuple[str, str] | None, Data | None]:
    """Return the `(source, id)` of a line that a show drew, and its event; None for a malformed one."""
    try:
        event = json.loads(line)
        if event["id"].endswith("x"):
            return None, None
    except (ValueError, TypeError, KeyError, AttributeError):
        return None, None
    return (event["source"], event["id"]), event


def random_show(seed: int, **options: Any) -> list[bytes]:
    """Return the lines of the show with this number; `options` are those of `Options`."""
    return drawn(Random(seed), Options(**options))


def reshuffled(lines: list[bytes], seed: int, *, late: bool = False) -> list[bytes]:
    """Return the lines of a show in another order of arrival that ends in the same."""
    return arranged(lines, Random(seed), late=late)


@st.composite
def shows(draw: st.DrawFn, **options: Any) -> list[bytes]:
    """Draw a show; it shrinks to fewer events in the same order of arrival."""
    lines = random_show(draw(st.integers(0, 2**32 - 1)), **options)
    kept = draw(st.lists(st.integers(0, 9), min_size=len(lines), max_size=len(lines)))
    return [line for line, keep in zip(lines, kept, strict=True) if keep]
