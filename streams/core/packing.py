"""How messages and state are written: MessagePack, or JSON for the rare integer beyond 64 bits.

Integers of the contract may have any size (spec §2). The two cannot be mistaken for each other: all that is
packed is an array, a map or a text, and none of them begins in MessagePack with a byte that JSON begins with.
"""

from typing import Any, Generic, TypeVar

import msgspec

T = TypeVar("T")
_MSGPACK = msgspec.msgpack.Encoder()
_JSON = msgspec.json.Encoder()
_JSON_BEGINS = frozenset(b'[{"')


def pack(value: Any) -> bytes:
    """Write a Struct, a map or a text."""
    try:
        return _MSGPACK.encode(value)
    except OverflowError:
        return _JSON.encode(value)


class Unpacker(Generic[T]):
    """Reads what `pack` wrote of values of one type."""

    def __init__(self, type_: Any) -> None:
        self._msgpack: msgspec.msgpack.Decoder[T] = msgspec.msgpack.Decoder(type_)
        self._json: msgspec.json.Decoder[T] = msgspec.json.Decoder(type_)

    def __call__(self, packed: bytes) -> T:
        """Read one value."""
        if packed[0] in _JSON_BEGINS and len(packed) > 1:
            return self._json.decode(packed)
        return self._msgpack.decode(packed)
