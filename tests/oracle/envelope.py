"""From the bytes of a line to an event, or to the reason of its dead letter (spec §2, "Envelope")."""

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from .contract import EPOCH, TYPES, Refused, matching, moment, name, one_of, record


@dataclass(eq=False)
class Event:
    """An event: times in milliseconds since 1970, `data` with its known and present fields only."""

    offset: int
    raw: bytes
    source: str
    id: str
    type: str
    time: int
    data: dict[str, Any]
    nodes: tuple[tuple[int, str, int], ...] = ()  # (rank, value, generation), best first

    @property
    def order(self) -> tuple[int, str, str]:
        """The order in which the first of several stands."""
        return (self.time, self.source, self.id)

    @property
    def content(self) -> str:
        """The JSON of the whole event in one form, to compare repeats."""
        return json.dumps(parsed(self.raw), sort_keys=True)

    def get(self, name: str) -> Any:
        return self.data.get(name)


def iso(time: int | None) -> str | None:
    """Return the milliseconds as the outputs show them."""
    if time is None:
        return None
    return (EPOCH + timedelta(milliseconds=time)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def constant(_: str) -> None:
    raise ValueError("NaN and Infinity are no JSON")


def parsed(raw: bytes) -> Any:
    """Return the JSON value; Refused when the bytes are none."""
    try:
        value = json.loads(raw.decode(), parse_constant=constant)
        if b"\\u" in raw:
            json.dumps(value, ensure_ascii=False).encode()  # half a surrogate pair is no text
    except (ValueError, RecursionError):
        raise Refused("bad_json") from None
    return value


def topic_of(raw: bytes) -> str | None:
    """Return the topic that follows from the type, None when there is no type that we know."""
    try:
        type_ = parsed(raw).get("type")
    except (Refused, AttributeError):
        return None
    return TYPES[type_][0] if isinstance(type_, str) and type_ in TYPES else None


def decode(offset: int, raw: bytes) -> Event:
    """Return the event of a line; Refused with the reason of its dead letter."""
    if len(raw) > 65_536:
        raise Refused("too_large")
    value = parsed(raw)
    try:
        whole = record({
            "specversion": one_of("1.0"), "id": matching("(?s).{1,128}"), "source": matching("(?s).{1,256}"),
            "type": name, "time": moment, "data": record({}),
        })(value)  # fmt: skip
    except Refused:
        raise Refused("bad_envelope") from None
    if whole["type"] not in TYPES:
        raise Refused("unknown_type")
    data = TYPES[whole["type"]][1](value["data"])
    return Event(offset, raw, whole["source"], whole["id"], whole["type"], whole["time"], data)
