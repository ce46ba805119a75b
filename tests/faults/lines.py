"""What the cases send: a generated show with repeats, shuffled stretches and poison on top."""

import json
from collections.abc import Iterator
from random import Random
from typing import NamedTuple

from schemas.values import parse_time
from streams.cli.common import InputLine, to_output
from streams.cluster.sender import key_of
from streams.show import generate
from streams.show.faults import FAULTS, broken
from streams.transport.batches import Headers, Output

START = parse_time("2026-11-11T12:00:00Z")
# Input partitions are read side by side, each at its own speed, and journeys follow at theirs. What arrives after a
# horizon is decided by the order of arrival, and so would depend on these speeds: nothing does within ten days.
POLICY = "amend_horizon_hours = 240\n"


class Sent(NamedTuple):
    """One record of the input: None as the value is a tombstone, which no producer should send."""

    value: bytes | None
    key: bytes | None
    headers: Headers = ()

    def output(self, number: int) -> Output:
        """The record as `livepool send` would send it; without a key of its own with that of the contract."""
        found = to_output(InputLine(number, self.value or b""))
        key = self.key if self.key is not None else key_of(self.value or b"")
        return found._replace(key=key, value=self.value, headers=(*found.headers, *self.headers))


def show(events: int, seed: int = 7) -> list[Sent]:
    """Return `events` records: 1 % poison, 4 % repeats of whole stretches, five stretches shuffled."""
    random = Random(seed)
    poisoned, repeated = events // 100, events // 25
    lines = [Sent(line, None) for line in generate(events - poisoned - repeated, seed, START)]
    stretch = max(2, len(lines) // 25)
    for _ in range(5):
        first = random.randrange(len(lines) - stretch)
        part = lines[first : first + stretch]
        random.shuffle(part)
        lines[first : first + stretch] = part
    first = random.randrange(len(lines) - repeated)
    again = random.randrange(first, len(lines))
    lines[again:again] = lines[first : first + repeated]
    for bad in poison(poisoned, random, lines):
        lines.insert(random.randrange(len(lines)), bad)
    return lines


def poison(count: int, random: Random, lines: list[Sent], *, bad_only: bool = False) -> Iterator[Sent]:
    """Return records that come with something wrong; `lines` are good ones to spoil."""
    for serial in range(count):
        good = random.choice(lines).value or b""
        bad = (
            Sent(random.randbytes(200), random.randbytes(8)),
            Sent(None, b"tombstone"),
            Sent(b"", None),
            Sent(b"[" * 50_000, None),
            Sent(b'{"a":' * 5_000, b"\xff\xfe"),
            Sent(json.dumps({"type": "order.paid", "note": "x" * 80_000}).encode(), b"huge"),
            Sent(good[: len(good) // 2], None),
            Sent(good.replace(b'"specversion":"1.0"', b'"specversion":1.0'), None),
            Sent(good.replace(b'"data":{', b'"data":["'), None),
            Sent(broken(random.randrange(len(FAULTS)) / len(FAULTS), serial, "2026-11-11T12:30:00Z")[1], None),
        )
        odd = (  # events like any other, but for what they come with
            Sent(good, random.randbytes(16)),
            Sent(good, b"\x00" * 2_000),
            Sent(good, None, (("traceparent", b"\xff\x00"), ("reason", b"mine"), ("topic", b"elsewhere"))),
        )
        yield random.choice(bad if bad_only else bad + odd)
