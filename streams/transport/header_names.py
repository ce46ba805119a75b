"""A buffer in which header names that are not UTF-8 can be read.

Kafka takes any bytes as the name of a header, and producers in C can send them. The decoders of aiokafka and
kafka-python raise at such a record, for ever; over this buffer they read what is no text as U+FFFD.
"""

from typing import Any


class TolerantBuffer(bytearray):
    """The bytes of a record batch; names that are cut from it decode without an error."""

    def __getitem__(self, index: Any) -> Any:
        found = super().__getitem__(index)
        return _Text(found) if isinstance(index, slice) else found


class _Text(bytearray):
    def decode(self, encoding: str = "utf-8", errors: str = "replace") -> str:
        return super().decode(encoding, "replace")
