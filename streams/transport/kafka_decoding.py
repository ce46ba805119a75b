"""Records whose header names are not UTF-8.

From the first of them on, this process decodes with aiokafka's decoder in Python, which is slower and can be told to
read them (see `header_names`).
"""

import logging
from typing import Any

from aiokafka.consumer import fetcher
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import _MemoryRecordsPy

from streams.transport.header_names import TolerantBuffer

log = logging.getLogger("livepool.decoding")

_MAGIC_OFFSET = 16


class _Batch(_DefaultRecordBatchPy):  # type: ignore[misc]  # aiokafka is untyped here
    _buffer: Any

    def _maybe_uncompress(self) -> None:
        super()._maybe_uncompress()
        if not isinstance(self._buffer, TolerantBuffer):
            self._buffer = TolerantBuffer(self._buffer)


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
