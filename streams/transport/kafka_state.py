"""The state of a worker on Kafka: a copy of changelogs in a local file, each up to a checkpoint.

The truth is in Kafka. The copy is written after the transaction of a batch, with its checkpoint, so it is never
ahead of what is committed; what it lacks is read from the changelog. It may be deleted at any time.

What several batches write is gathered in memory and goes to the file together: a page that all of them change is
written once. Who is killed meanwhile reads it from the changelog.
"""

import time
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from heapq import merge
from pathlib import Path
from typing import Protocol

from faust.types import TP

from streams.transport.database import FILE_NAME
from streams.transport.log import Log, Span, TopicConfig

_GROUP = "changelogs"
_CHECKED = "checkpoints.written"  # the table that tells when a checkpoint was written, ms since 1970 UTC
# A changelog drops tombstones after `delete.retention.ms`, a day; an older copy might keep what they deleted.
MAX_AGE_MS = 20 * 3_600_000
_CONFIRM_MS = 3_600_000
_CLOCK_MS = 1_000  # a clock may be set back a little
_MOST_KEYS = 5_000  # gathered; and no longer than
_LONGEST_MS = 5_000
_ON_FILE = b"on file"  # compared by identity


class ChangedRecord(Protocol):
    """A record of a changelog."""

    key: bytes
    value: bytes | None


class LocalState:
    """Copies of changelogs; `log` is read through the methods of `Log` that begin with `state_`."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._log = self._open()
        self._gathered: defaultdict[tuple[str, int], dict[bytes, bytes | None]] = defaultdict(dict)
        self._sorted: dict[tuple[str, int], list[bytes]] = {}  # the keys of what was gathered, where a scan asked
        self._checkpoints: dict[TP, int] = {}
        self._since = 0  # when the first of them was gathered, ms since 1970 UTC

    @property
    def log(self) -> Log:
        """The file, with all that was gathered in it."""
        self.flush()
        return self._log

    def _open(self) -> Log:
        # A power cut may cost the last writes or the file: both come back from Kafka.
        return Log(self._home, synchronous="OFF")

    def declare(self, changelogs: Mapping[str, int]) -> None:
        """Make changelogs known, with their partition counts. With another count all copies are void: they go."""
        wanted = [TopicConfig(*item) for item in changelogs.items()]
        try:
            self.log.declare(wanted)
        except ValueError:
            self._log.close()
            for file in self._home.glob(f"{FILE_NAME}*"):
                file.unlink()
            self._log = self._open()
            self._log.declare(wanted)

    def checkpoint(self, tp: TP) -> int:
        """Return the offset of a changelog up to which its copy is complete; 0: there is none, or none to rely on."""
        return 0 if self.is_old(tp) else self.log.committed(_GROUP, [tp])[tp]

    def is_old(self, tp: TP) -> bool:
        """Whether the copy may have missed deletions, since it was written too long ago (or, by the clock, later)."""
        written = self.written_ms(tp)
        return bool(written) and not 0 <= _now_ms() - written + _CLOCK_MS <= MAX_AGE_MS

    def confirm(self, tp: TP) -> None:
        """Note, if it was not noted for an hour, that the copy of a changelog is complete up to its checkpoint now."""
        if _now_ms() - self.written_ms(tp) > _CONFIRM_MS:
            self.log.commit(_GROUP, {}, (), {(_CHECKED, 0): {_name(tp): b"%d" % _now_ms()}})

    def written_ms(self, tp: TP) -> int:
        """Return when the checkpoint was written, ms since 1970 UTC; 0: never."""
        return int(self.log.state_get(_CHECKED, 0, _name(tp)) or 0)

    def write(
        self, puts: Mapping[tuple[str, int], Mapping[bytes, bytes | None]], checkpoints: Mapping[TP, int]
    ) -> None:
        """Write values, and move the checkpoints of the changelogs that they are in, in one transaction."""
        now = _now_ms()
        if not self._checkpoints:
            self._since = now
        # When they hold, not when they come to the file: by then others may have deleted what is in the copy.
        for where, values in {**puts, (_CHECKED, 0): dict.fromkeys(map(_name, checkpoints), b"%d" % now)}.items():
            self._gathered[where].update(values)
            self._sorted.pop(where, None)
        self._checkpoints.update(checkpoints)
        if sum(map(len, self._gathered.values())) >= _MOST_KEYS or now - self._since >= _LONGEST_MS:
            self.flush()

    def flush(self) -> None:
        """Write what was gathered; a worker that has nothing to do calls it, too."""
        if not self._checkpoints:
            return
        log, checkpoints = self._log, self._checkpoints
        committed = log.committed(_GROUP, checkpoints)
        spans = {tp: Span(committed[tp], offset) for tp, offset in checkpoints.items()}
        log.commit(_GROUP, spans, (), self._gathered)
        self._gathered.clear()
        self._sorted.clear()
        self._checkpoints = {}

    def read(self, table: str, partition: int, keys: Iterable[bytes]) -> dict[bytes, bytes]:
        """Return the values of `keys`; missing keys are absent."""
        if not (gathered := self._gathered.get((table, partition))):
            return self._log.state_read(table, partition, keys)
        found, asked = {}, []
        for key in keys:
            if (value := gathered.get(key, _ON_FILE)) is _ON_FILE:
                asked.append(key)
            elif value is not None:
                found[key] = value
        return found | self._log.state_read(table, partition, asked)

    def scan(self, table: str, partition: int, prefix: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        """Yield the (key, value) pairs with `prefix`, by key."""
        rows = self._log.state_scan(table, partition, prefix)
        if not (later := self._gathered_under(table, partition, prefix)):
            yield from rows
            return
        before = ((key, value) for key, value in rows if key not in later)
        for key, value in merge(before, later.items()):
            if value is not None:
                yield key, value

    def _gathered_under(self, table: str, partition: int, prefix: bytes) -> dict[bytes, bytes | None]:
        """What was gathered under `prefix`, by key."""
        where = table, partition
        if not (gathered := self._gathered.get(where)):
            return {}
        if (keys := self._sorted.get(where)) is None:
            keys = self._sorted[where] = sorted(gathered)
        found = {}
        for at in range(bisect_left(keys, prefix), len(keys)):
            if not keys[at].startswith(prefix):
                break
            found[keys[at]] = gathered[keys[at]]
        return found

    def apply(self, table: str, tp: TP, records: Iterable[ChangedRecord], end: int) -> None:
        """Take records of a changelog; `end` is the offset after them."""
        self.write({(table, tp.partition): {record.key: record.value for record in records}}, {tp: end})

    def forget(self, table: str, tp: TP) -> None:
        """Drop the copy of a changelog."""
        self.log.drop_state(_GROUP, table, tp)
        self.log.commit(_GROUP, {}, (), {(_CHECKED, 0): {_name(tp): None}})

    def close(self) -> None:
        """Close the file."""
        self.log.close()


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _name(tp: TP) -> bytes:
    return f"{tp.topic}/{tp.partition}".encode()
