"""Small dense shows: few people, rooms and orders, and times that sit on the edges of the rules.

`random_show(seed)` is a list of input lines in order of arrival, `shows()` the same for hypothesis,
`reshuffled` another order of arrival of the same lines. Without `late` no order of arrival of a show brings
anything after the horizon of an order that it bears on: all orders of its first part are placed within two
hours and all its events seen within the horizon; what comes later bears on later orders only.
"""

import json
from collections import defaultdict
from random import Random
from typing import Any

from hypothesis import strategies as st

from .events import Data, Options, Show
from .faults import dump, malformed, repeats
from .times import START, TAIL, instant


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
    """Return the lines in another order of arrival; of those of one `(source, id)` the first stays first.

    A repeat comes a few lines after its event, so that every reading of "at least 24 h" knows it. Unless
    `late`, erasures and the tail of a show keep their place in time; all other events come in any order.
    """
    groups: dict[Any, list[bytes]] = defaultdict(list)
    for number, line in enumerate(lines):
        groups[identity_of(line)[0] or number].append(line)
    firsts = [(identity_of(group[0])[1], group) for group in groups.values()]
    erasures = [instant(e["time"]) for e, _ in firsts if e and e["type"] == "buyer.erased"]
    walls = [] if late else [TAIL - 1, *erasures]
    parts: dict[tuple[int, bool], list[list[bytes]]] = defaultdict(list)
    for event, group in firsts:
        time = instant(event["time"]) if event else START
        erasure = not late and event is not None and event["type"] == "buyer.erased"
        parts[sum(wall < time for wall in walls), erasure].append(group)
    return [line for part in sorted(parts) for line in mixed(sorted(parts[part]), rng)]


def mixed(groups: list[list[bytes]], rng: Random) -> list[bytes]:
    """Return the lines of the groups in any order, each group's lines in theirs, a few lines apart."""
    shuffled = rng.sample(groups, len(groups))
    arrival = [group[0] for group in shuffled]
    for first, *more in shuffled:
        at = arrival.index(first)
        for line in more:
            at = min(len(arrival), at + 1 + rng.randrange(3))
            arrival.insert(at, line)
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
