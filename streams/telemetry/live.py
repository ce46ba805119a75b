"""The live sessions that run now: what alerts about a show are guarded with."""

import threading
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
        self._lock = threading.Lock()  # the agents tell, and the board's thread collects
        registry.register(self)

    def hear(self, partition: int, session_id: str, online: int | None) -> None:
        """Take how many are online in a session; None: it does not run."""
        with self._lock:
            if online is None:
                self._sessions.pop(session_id, None)
            else:
                self._sessions[session_id] = _Session(partition, online, self._clock())

    def keep(self, partitions: Collection[int]) -> None:
        """Forget the sessions of all other partitions: another worker counts them."""
        self._forget(lambda session: session.partition not in partitions)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The samples; what was quiet for too long is forgotten."""
        since = self._clock() - QUIET_SECONDS
        running = self._forget(lambda session: session.heard <= since)
        yield GaugeMetricFamily(
            "livepool_live_sessions", "Live sessions that run, and were heard of in the last 30 min.", len(running)
        )
        yield GaugeMetricFamily(
            "livepool_live_viewers",
            "Viewers online in them, as of their last event.",
            sum(session.online for session in running),
        )

    def _forget(self, is_gone: Callable[[_Session], bool]) -> list[_Session]:
        """Drop the sessions that are gone; return the others."""
        with self._lock:
            self._sessions = {id_: session for id_, session in self._sessions.items() if not is_gone(session)}
            return list(self._sessions.values())
