"""The live sessions that run now: what alerts about a show are guarded with."""

import time
from collections.abc import Callable, Collection, Iterator
from typing import NamedTuple

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

QUIET_SECONDS = 30 * 60  # a session of which nothing was heard for so long has ended without saying so


class _Session(NamedTuple):
    partition: int  # of room-deltas
    online: int
    heard: float


class LiveSessions(Collector):
    """The sessions of this worker that have started, have not ended, and were heard of lately."""

    def __init__(self, registry: CollectorRegistry, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._sessions: dict[str, _Session] = {}
        registry.register(self)

    def hear(self, partition: int, session_id: str, online: int | None) -> None:
        """Take how many are online in a session; None: it does not run."""
        if online is None:
            self._sessions.pop(session_id, None)
        else:
            self._sessions[session_id] = _Session(partition, online, self._clock())

    def keep(self, partitions: Collection[int]) -> None:
        """Forget the sessions of all other partitions: another worker counts them."""
        self._sessions = {
            session_id: session for session_id, session in self._sessions.items() if session.partition in partitions
        }

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The samples; what was quiet for too long is forgotten."""
        since = self._clock() - QUIET_SECONDS
        running = {id_: session for id_, session in self._sessions.copy().items() if session.heard > since}
        self._sessions = running
        yield GaugeMetricFamily(
            "livepool_live_sessions", "Live sessions that run, and were heard of in the last 30 min.", len(running)
        )
        yield GaugeMetricFamily(
            "livepool_live_viewers",
            "Viewers online in them, as of their last event.",
            sum(session.online for session in running.values()),
        )
