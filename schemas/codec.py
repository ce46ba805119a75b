"""Bytes to events and back, and when two payloads are the same (spec §2)."""

import re
from typing import Any

import msgspec
import orjson

from schemas.events import TOPIC_OF_TYPE, AnyEvent
from schemas.rejection import Rejected, judge
from schemas.values import parse_time

__all__ = ["MAX_BYTES", "Rejected", "canonical", "decode", "encode", "topic_of"]

MAX_BYTES = 65_536

_DECODER: msgspec.json.Decoder[AnyEvent] = msgspec.json.Decoder(AnyEvent, dec_hook=lambda _type, text: parse_time(text))
_ENCODER = msgspec.json.Encoder()
_NUMBER_OR_TEXT = re.compile(
    rb'(?<![\w.+-])-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?=\s*[,\]}])|("[^"\\]*(?:\\.[^"\\]*)*")',
    re.ASCII | re.DOTALL,
)


def decode(payload: bytes) -> AnyEvent:
    """Return the event that the payload holds; raises Rejected and nothing else, whatever the bytes."""
    if len(payload) > MAX_BYTES:
        raise Rejected("too_large", f"{len(payload)} bytes, at most {MAX_BYTES} are allowed")
    # In what it ignores, the decoder looks neither at encoding nor at escapes: plain payloads only.
    if not payload.isascii() or b"\\" in payload:
        return _decode_carefully(payload)
    try:
        return _DECODER.decode(payload)
    except (msgspec.DecodeError, RecursionError):
        return _decode_carefully(payload)


def _decode_carefully(payload: bytes) -> AnyEvent:
    try:
        parsed = _loads(payload)
    except ValueError as error:
        raise Rejected("bad_json", str(error)) from None
    try:
        return _DECODER.decode(payload)
    except (msgspec.DecodeError, RecursionError):
        # Not necessarily wrong: a null or a repeated key is refused here and settled there.
        return judge(_exact(payload, parsed))


def encode(value: Any) -> bytes:
    """Return JSON of Structs and plain values; integers may be of any size."""
    return _ENCODER.encode(value)


def topic_of(payload: bytes) -> str | None:
    """Return the input topic that follows from the type, None if there is no known one. Never raises."""
    try:
        parsed = _loads(payload)
    except ValueError:
        return None
    name = parsed.get("type") if isinstance(parsed, dict) else None
    return TOPIC_OF_TYPE.get(name) if isinstance(name, str) else None


def _loads(payload: bytes) -> Any:
    """Return the parsed JSON; raises ValueError. The numbers are approximate."""
    try:
        return orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        if "infinity" not in str(error):
            raise
    # JSON has no largest number, only orjson has. With small ones, which are no integers, it judges the rest.
    return orjson.loads(_NUMBER_OR_TEXT.sub(lambda token: token[1] or b"1.5", payload))


def _exact(payload: bytes, parsed: Any) -> Any:
    """Return the parsed payload with integers beyond 64 bits, which orjson turns into floats."""
    try:
        return msgspec.json.decode(payload)
    except (msgspec.DecodeError, RecursionError):
        return parsed


def _plain(text: str) -> msgspec.Raw:
    """Return a number with a fraction or exponent as an integer, if it is one, or as digits and exponent."""
    mantissa, _, exponent = text.lower().partition("e")
    if len(exponent) > _LONGEST_INT:
        return msgspec.Raw(text.encode())
    sign = "-" if mantissa.startswith("-") else ""
    whole, _, fraction = mantissa.lstrip("-").partition(".")
    digits = f"{whole}{fraction}".lstrip("0")
    significant = digits.rstrip("0")
    if not significant:
        return msgspec.Raw(b"0")
    shift = int(exponent or 0) - len(fraction) + len(digits) - len(significant)
    zeros = "0" * shift if 0 <= shift <= _LONGEST_INT else f"e{shift}"
    return msgspec.Raw(f"{sign}{significant}{zeros}".encode())


_LONGEST_INT = 4_300  # digits; what is longer keeps its exponent
_UNTYPED = msgspec.json.Decoder(float_hook=_plain)
_SORTED = msgspec.json.Encoder(order="sorted")


def canonical(payload: bytes) -> bytes:
    """Return the form in which equal JSON is equal bytes: key order, whitespace, `1` or `1.0` do not matter.

    What is not JSON, or too deep or large a number for Python, is its own form. Never raises.
    """
    try:
        return _SORTED.encode(_UNTYPED.decode(payload))
    except (ValueError, RecursionError):
        return payload
