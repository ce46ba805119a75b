"""Records whose header names are not UTF-8.

Kafka takes any bytes as the name of a header, and producers in C can send them; aiokafka's decoder raises at such a
record, for ever. From the first of them on, this process decodes with aiokafka's decoder in Python, which is slower,
and reads names that are no text as U+FFFD.
"""

import logging
from typing import Any

from aiokafka.consumer import fetcher
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import _MemoryRecordsPy

log = logging.getLogger("livepool.decoding")

_MAGIC_OFFSET = 16


class _Text(bytearray):
    def decode(self, encoding: str = "utf-8", errors: str = "replace") -> str:
        return super().decode(encoding, "replace")


class _Buffer(bytearray):
    def __getitem__(self, index: Any) -> Any:
        found = super().__getitem__(index)
        return _Text(found) if isinstance(index, slice) else found


class _Batch(_DefaultRecordBatchPy):  # type: ignore[misc]  # aiokafka is untyped here
    _buffer: Any

    def _maybe_uncompress(self) -> None:
        super()._maybe_uncompress()
        if not isinstance(self._buffer, _Buffer):
            self._buffer = _Buffer(self._buffer)


class _Records(_MemoryRecordsPy):  # type: ignore[misc]
    def next_batch(self, *args: Any, **kwargs: Any) -> Any:
        upcoming = self._next_slice
        if upcoming is None or upcoming[_MAGIC_OFFSET] < 2:
            return super().next_batch(*args, **kwargs)
        self._cache_next()
        return _Batch(upcoming)


def tolerate_header_names() -> None:
    """Decode in Python from now on; what was fetched before has to be fetched again."""
    if fetcher.MemoryRecords is not _Records:
        log.warning("a header name is not UTF-8: from here on this worker decodes in Python, which is slower")
        fetcher.MemoryRecords = _Records
