"""What the transport tells, as metrics."""

import time
from collections.abc import Collection, Mapping

from streams.telemetry import catalogue
from streams.topology import BOARD
from streams.transport.batches import TopicPartition
from streams.transport.listening import Listener


class TransportMetrics(Listener):
    """Commits, rebalances, recovery and lag of one worker."""

    def __init__(self) -> None:
        self._recovering_since: float | None = None
        catalogue.progress.set(time.time())  # a worker that never commits is seen, too

    def committed(self, seconds: float) -> None:
        """A batch was committed."""
        catalogue.commits.inc()
        catalogue.commit_seconds.observe(seconds)
        catalogue.progress.set(time.time())

    def commit_failed(self) -> None:
        """The worker ends; what still scrapes it may see why."""
        catalogue.commit_failures.inc()

    def assigned(self, tps: Collection[TopicPartition]) -> None:
        """A rebalance."""
        catalogue.rebalances.inc()
        catalogue.partitions.set(len(tps))
        catalogue.live.keep({partition for topic, partition in tps if topic in BOARD.reads})
        catalogue.lag.clear()  # of topics that other workers read now

    def recovering(self) -> None:
        """Not ready from now on."""
        if self._recovering_since is None:
            self._recovering_since = time.monotonic()
        catalogue.recovering.set(1)

    def restoring(self, left: int) -> None:
        """State is being read."""
        catalogue.recovery_left.set(left)

    def recovered(self) -> None:
        """Ready."""
        if self._recovering_since is not None:
            catalogue.recovery_seconds.observe(time.monotonic() - self._recovering_since)
        self._recovering_since = None
        catalogue.recovering.set(0)
        catalogue.recovery_left.set(0)

    def behind(self, records: Mapping[str, int]) -> None:
        """The lag, by topic."""
        for topic, count in records.items():
            catalogue.lag.labels(topic).set(count)
