"""Where the records of a read model come from: the log of one machine, or a cluster."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

from streams.home import lag
from streams.settings import Settings
from streams.topology import VIEWED
from streams.transport.batches import Record, TopicPartition
from streams.transport.log import Log

_LAG_SECONDS = 1.0


class Feed(Protocol):
    """The topics that people watch; used by one thread."""

    def ends(self) -> dict[TopicPartition, int]:
        """Where each topic-partition ends."""

    def read(self, start: Mapping[TopicPartition, int], most: int) -> list[Record]:
        """Some of the records from these offsets on (default 0), of each partition in order; empty: none is there."""

    @property
    def lag(self) -> Callable[[], int]:
        """Tells how many records the agents have not processed."""


class Seldom:
    """A figure that is looked up once in so many seconds, however often it is asked for."""

    def __init__(self, seconds: float, look: Callable[[], int]) -> None:
        self._seconds, self._look = seconds, look
        self._next, self._found = 0.0, 0

    def __call__(self) -> int:
        """The figure, as of so many seconds ago at most."""
        now = time.monotonic()
        if now >= self._next:
            self._found, self._next = self._look(), now + self._seconds
        return self._found


class LogFeed:
    """From the log of one machine."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._tps = [tp for topic in VIEWED for tp in log.partitions(topic)]
        self.lag = Seldom(_LAG_SECONDS, lambda: lag(log))

    def ends(self) -> dict[TopicPartition, int]:
        """Where each topic-partition ends."""
        return self._log.end_offsets(self._tps)

    def read(self, start: Mapping[TopicPartition, int], most: int) -> list[Record]:
        """The next records in the order of their appends."""
        return self._log.records_from({tp: start.get(tp, 0) for tp in self._tps}, most)


@contextmanager
def feed_of(settings: Settings) -> Iterator[Feed]:
    """Open what the settings name."""
    if settings.connection is None:
        with Log(settings.home, readonly=True) as log:
            yield LogFeed(log)
        return
    from streams.views.cluster_feed import ClusterFeed  # noqa: PLC0415 - kafka-python is loaded when it is used

    with ClusterFeed(settings.connection) as feed:
        yield feed
