"""Faust tables over the state of the transport: `app.Table(name, store="embedded://")` or `"kafka-batches://"`.

A write inside an agent that gets record batches joins the batch and its transaction; a write of any
other agent is kept back until Faust commits offsets. The state is durable where it is, so no
changelog record is written and nothing has to be recovered.
"""

from collections.abc import Iterator
from typing import Any, cast

from faust.exceptions import ImproperlyConfigured
from faust.stores import base
from faust.streams import current_event
from faust.types import TP

from streams.transport.batches import RecordBatch

_ABSENT = object()


class Store(base.SerializedStore[Any, Any]):  # type: ignore[misc]
    """One table. Outside of an agent (web, command line) it shows the committed state of all partitions."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not hasattr(self.app.transport, "pending_puts"):
            raise ImproperlyConfigured("the stores embedded:// and kafka-batches:// need the broker of the same name")

    def _get(self, key: bytes) -> bytes | None:
        partition, batch = _where()
        value = self._buffered(partition, batch, key)
        if value is _ABSENT:
            if batch is not None:
                return batch.read(self.table_name, [key]).get(key)
            value = self.app.transport.log.state_get(self.table_name, partition, key)
        return cast("bytes | None", value)

    def _buffered(self, partition: int | None, batch: RecordBatch | None, key: bytes) -> object:
        if batch is not None:
            return batch.puts[self.table_name].get(key, _ABSENT)
        for (table, number), values in self.app.transport.pending_puts.items():
            if table == self.table_name and partition in (None, number) and key in values:
                return values[key]
        return _ABSENT

    def _set(self, key: bytes, value: bytes | None) -> None:
        partition, batch = _where()
        if batch is not None:
            batch.put(self.table_name, key, value)
        elif partition is not None:
            self.app.transport.pending_puts[self.table_name, partition][key] = value
        else:
            raise TypeError("a table is changed by an agent only")

    def _del(self, key: bytes) -> None:
        self._set(key, None)

    def _iteritems(self) -> Iterator[tuple[bytes, bytes]]:
        return cast("Iterator[tuple[bytes, bytes]]", self.app.transport.log.state_scan(self.table_name))

    def _iterkeys(self) -> Iterator[bytes]:
        return (key for key, _ in self._iteritems())

    def _itervalues(self) -> Iterator[bytes | None]:
        return (value for _, value in self._iteritems())

    def _size(self) -> int:
        return cast("int", self.app.transport.log.state_size(self.table_name))

    def _contains(self, key: bytes) -> bool:
        return self._get(key) is not None

    def _clear(self) -> None:
        for key in list(self._iterkeys()):
            self._del(key)

    def persisted_offset(self, tp: TP) -> int | None:
        """Return None: the changelog is empty."""
        return None

    def reset_state(self) -> None:
        """Refuse: this is the only copy of the state, in one file with the log."""
        raise NotImplementedError("remove the directory of the log to start afresh")

    async def backup_partition(self, tp: TP | int, flush: bool = True, purge: bool = False, keep: int = 1) -> None:
        """Refuse: state and log are one file, which SQLite's own tools copy."""
        raise NotImplementedError("copy the log with `sqlite3 livepool.db '.backup FILE'`")

    def restore_backup(self, tp: TP | int, latest: bool = True, backup_id: int = 0) -> None:
        """Refuse, as `backup_partition`."""
        raise NotImplementedError("put the copy of the log in its place")


def _where() -> tuple[int | None, RecordBatch | None]:
    """Return the partition and the batch that the running agent works on."""
    event = current_event()
    if event is None:
        return None, None
    if isinstance(event.value, RecordBatch):
        return event.value.partition, event.value
    return event.message.partition, None
