"""A histogram that takes the counts of a whole batch.

prometheus-client's takes one value at a time, under a lock and with a search over the buckets: 1.5 µs for each event.
"""

from collections.abc import Iterator, Sequence
from itertools import accumulate
from threading import Lock

from prometheus_client import CollectorRegistry
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString


class Ages(Collector):
    """Ages in seconds; `edges` are the upper bounds of its buckets but the last."""

    def __init__(self, name: str, documentation: str, edges: Sequence[float], registry: CollectorRegistry) -> None:
        self.edges = edges
        self._name, self._documentation = name, documentation
        self._counts, self._sum = [0] * (len(edges) + 1), 0.0
        self._lock = Lock()  # a scrape may run in another thread
        registry.register(self)

    def add(self, counts: Sequence[int], total: float) -> None:
        """Add how many fell into each bucket, and the sum of all (seconds)."""
        with self._lock:
            self._counts = [old + new for old, new in zip(self._counts, counts, strict=True)]
            self._sum += total

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """The samples."""
        with self._lock:
            counts, total = self._counts, self._sum
        edges = [*map(floatToGoString, self.edges), "+Inf"]
        buckets = list(zip(edges, accumulate(counts), strict=True))
        yield HistogramMetricFamily(self._name, self._documentation, buckets=buckets, sum_value=total)
