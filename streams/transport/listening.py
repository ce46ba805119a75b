"""What a transport tells whoever listens: an app sets `app.transport.listener` before it starts.

The transport does not know who listens. Each call is one per batch, per rebalance, or every few seconds; it must be
quick and must not raise.
"""

import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager

from streams.transport.batches import TopicPartition

LAG_SECONDS = 5.0  # how often a consumer tells how far it is behind


class Listener:
    """Hears nothing; subclass it."""

    def committed(self, seconds: float) -> None:
        """A transaction was committed, of one batch or of several, which took so long."""

    def commit_failed(self) -> None:
        """A transaction failed, or it is not known whether it did: the worker ends."""

    def assigned(self, tps: Collection[TopicPartition]) -> None:
        """After a rebalance this worker reads these."""

    def recovering(self) -> None:
        """What was assigned is being made ready; may be told again before it is."""

    def restoring(self, left: int) -> None:
        """So many offsets of changelogs are still to be read."""

    def recovered(self) -> None:
        """All that was assigned is ready."""

    def behind(self, records: Mapping[str, int]) -> None:
        """How many records of each topic this worker still has to process; topics that it does not read are absent."""

    @contextmanager
    def commit(self) -> Iterator[None]:
        """Tell how the commit in the block ends."""
        began = time.perf_counter()
        try:
            yield
        except Exception:
            self.commit_failed()
            raise
        self.committed(time.perf_counter() - began)
