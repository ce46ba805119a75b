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


def pack_item(value: Any) -> bytes:
    """Write one of several values that stand one after the other; what only JSON can write is a binary among them."""
    packed = pack(value)
    return _MSGPACK.encode(packed) if packed[0] in _JSON_BEGINS else packed


class ItemsUnpacker(Generic[T]):
    """Reads what `pack_item` wrote of values of one type."""

    def __init__(self, type_: Any) -> None:
        self._items: msgspec.msgpack.Decoder[list[T]] = msgspec.msgpack.Decoder(list[type_])
        self._mixed: msgspec.msgpack.Decoder[list[T | bytes]] = msgspec.msgpack.Decoder(list[type_ | bytes])
        self._json: msgspec.json.Decoder[T] = msgspec.json.Decoder(type_)

    def __call__(self, packed: bytes, count: int) -> list[T]:
        """Read `count` values."""
        array = b"\xdd" + count.to_bytes(4, "big") + packed
        try:
            return self._items.decode(array)
        except msgspec.ValidationError:
            mixed = self._mixed.decode(array)
            return [self._json.decode(item) if isinstance(item, bytes) else item for item in mixed]
