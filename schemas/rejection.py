"""Why an event is not accepted: the slow and careful judge behind the codec (spec §2, §6 "Envelope")."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any, cast

import msgspec
from msgspec import inspect

from schemas.events import EVENT_TYPES, AnyEvent, Ids
from schemas.values import NAMESPACES, Reason, parse_time

_LONGEST_DETAIL = 300


class Rejected(Exception):  # noqa: N818 - the word of the contract, not an error of ours
    """An event that becomes a dead letter: `reason` is one of the contract's, `detail` says where."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason: Reason = reason
        self.detail = detail if len(detail) <= _LONGEST_DETAIL else f"{detail[:_LONGEST_DETAIL]}…"


def judge(value: Any) -> AnyEvent:
    """Return the event in a parsed payload, or raise Rejected with the contract's first reason."""
    name = _check_envelope(value)
    if name not in EVENT_TYPES:
        raise Rejected("unknown_type", f"type: {name[:100]!r} is not a type of the contract")
    shape = _shape(name)
    for path in _missing(value, shape, ""):
        raise Rejected("missing_field", path)
    try:
        event = msgspec.convert(
            _present(value, shape), EVENT_TYPES[name], dec_hook=lambda _type, text: parse_time(text)
        )
    except msgspec.ValidationError as error:
        raise Rejected("wrong_type", _in_words(str(error))) from None
    return cast("AnyEvent", event)


def _check_envelope(value: Any) -> str:
    """Return the type of the event; raises Rejected (`bad_envelope`)."""
    if not isinstance(value, dict):
        raise Rejected("bad_envelope", "the payload is not an object")
    if value.get("specversion") != "1.0":
        raise Rejected("bad_envelope", 'specversion: expected "1.0"')
    for name, longest in (("id", 128), ("source", 256)):
        text = value.get(name)
        if not isinstance(text, str) or not 1 <= len(text) <= longest:
            raise Rejected("bad_envelope", f"{name}: expected a text of 1 to {longest} characters")
    kind = value.get("type")
    if not isinstance(kind, str) or not kind:
        raise Rejected("bad_envelope", "type: expected a text of at least 1 character")
    try:
        parse_time(value.get("time"))  # type: ignore[arg-type]  # whatever it is
    except (TypeError, ValueError):
        raise Rejected("bad_envelope", "time: expected an RFC 3339 time with an offset") from None
    if not isinstance(value.get("data"), dict):
        raise Rejected("bad_envelope", "data: expected an object")
    return kind


@cache
def _shape(name: str) -> inspect.Type:
    return inspect.type_info(EVENT_TYPES[name])


def _missing(value: Any, shape: inspect.Type, path: str) -> Iterator[str]:
    """Yield the path of each required field that is absent or null, also next to values of a wrong type."""
    if isinstance(shape, inspect.UnionType):
        for part in shape.types:
            yield from _missing(value, part, path)
    elif isinstance(shape, inspect.ListType) and isinstance(value, list):
        for index, item in enumerate(value):
            yield from _missing(item, shape.item_type, f"{path}[{index}]")
    elif isinstance(shape, inspect.StructType) and isinstance(value, dict):
        if issubclass(shape.cls, Ids) and all(value.get(name) is None for name in NAMESPACES):
            yield f"{path}: no identifier of a known namespace"
        for field in shape.fields:
            inner = f"{path}.{field.name}" if path else field.name
            if value.get(field.name) is not None:
                yield from _missing(value[field.name], field.type, inner)
            elif field.required:
                yield inner


def _present(value: Any, shape: inspect.Type) -> Any:
    """Return the value without what counts as absent: unknown fields, and nulls of objects."""
    if isinstance(shape, inspect.UnionType):
        shape = next((part for part in shape.types if not isinstance(part, inspect.NoneType)), shape)
    if isinstance(shape, inspect.ListType) and isinstance(value, list):
        return [_present(item, shape.item_type) for item in value]
    if isinstance(shape, inspect.DictType) and isinstance(value, dict):
        return {name: item for name, item in value.items() if item is not None}
    if isinstance(shape, inspect.StructType) and isinstance(value, dict):
        types = {field.name: field.type for field in shape.fields}
        return {name: _present(item, types[name]) for name, item in value.items() if name in types and item is not None}
    return value


def _in_words(message: str) -> str:
    """Return "data.lines[0].quantity: expected int, got float" from msgspec's message."""
    what, _, where = message.partition(" - at `$.")
    what = re.sub(r"`", "", what)
    return f"{where.rstrip('`')}: {what[:1].lower()}{what[1:]}" if where else what
