"""Where kept things are read from, and tables and reference data read when they are asked for."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from streams.core.packing import Unpacker
from streams.core.reference import Entry
from streams.transport.log import Log

if TYPE_CHECKING:
    from streams.cluster.log_reader import LogReader

Source: TypeAlias = "Log | LogReader"  # topics and state, of one machine or of a cluster
_ENTRY: Unpacker[Entry] = Unpacker(Entry)


class Entries(dict[str, Entry]):
    """Reference data, read when it is asked for; for `Lookup`."""

    def __init__(self, log: Source) -> None:
        super().__init__()
        self._log = log

    def get(self, key: str, default: Any = None) -> Any:
        """All that was said of one session, room, token or sharer."""
        if key not in self:
            value = self._log.state_get("references", None, key.encode())
            self[key] = Entry() if value is None else _ENTRY(value)
        return self[key]


class Table(Mapping[str, Any]):
    """A table of the state, read when it is asked."""

    def __init__(self, log: Source, name: str, type_: Any) -> None:
        self._log, self._name = log, name
        self._unpack: Unpacker[Any] = Unpacker(type_)

    def __getitem__(self, key: str) -> Any:
        value = self._log.state_get(self._name, None, key.encode())
        if value is None:
            raise KeyError(key)
        return self._unpack(value)

    def __iter__(self) -> Any:
        return (key.decode() for key, _ in self._log.state_scan(self._name))

    def __len__(self) -> int:
        return self._log.state_size(self._name)
