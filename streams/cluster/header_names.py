"""kafka-python reads records whose header names are not UTF-8 (see `transport/header_names.py`)."""

from typing import Any

from kafka.record import memory_records
from kafka.record.default_records import DefaultRecordBatch

from streams.transport.header_names import TolerantBuffer


class _Batch(DefaultRecordBatch):  # type: ignore[misc]  # kafka-python is untyped
    _buffer: Any

    def _read_msg(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super()._read_msg(*args, **kwargs)
        except UnicodeDecodeError:
            self._buffer = TolerantBuffer(self._buffer)  # a record is read from where the last one ended
            return super()._read_msg(*args, **kwargs)


def tolerate_header_names() -> None:
    """From now on, for all consumers of this process."""
    memory_records.DefaultRecordBatch = _Batch
