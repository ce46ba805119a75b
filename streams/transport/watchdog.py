"""The end of a worker that has work and gets none of it done.

Faust workers are known to go silent without an error: the process lives, heartbeats go on, nothing is processed
(faust-streaming/faust#175, #523, #532). A supervisor restarts a process that ends, not one that is silent. So this
ends it, from a thread of its own, since the event loop may be what is stuck.
"""

import logging
import os
import threading
from collections.abc import Callable
from typing import NamedTuple

log = logging.getLogger("livepool.watchdog")

EXIT_CODE = 70  # EX_SOFTWARE of sysexits.h
_TICK_SECONDS = 1.0


class Pulse(NamedTuple):
    """What a worker shows of itself. `progress` changes whenever anything gets done."""

    beats: int  # of the event loop
    progress: tuple[int, ...]
    behind: bool  # there is something to do
    oldest: object  # the batch that has been in flight for longest


class Watchdog(threading.Thread):
    """Looks every second; time is counted in looks, so that a stopped process (SIGSTOP) does not seem to be stuck."""

    def __init__(
        self, limit_seconds: float, pulse: Callable[[], Pulse], end: Callable[[int], object] = os._exit
    ) -> None:
        super().__init__(name="watchdog", daemon=True)
        self._limit = limit_seconds / _TICK_SECONDS
        self._pulse = pulse
        self._end = end
        self._stopped = threading.Event()

    def run(self) -> None:
        """Look until stopped."""
        last = self._pulse()
        silent = idle = stuck = 0
        while not self._stopped.wait(_TICK_SECONDS):
            now = self._pulse()
            silent = silent + 1 if now.beats == last.beats else 0
            idle = idle + 1 if now.behind and now.progress == last.progress else 0
            stuck = stuck + 1 if now.oldest is not None and now.oldest == last.oldest else 0
            last = now
            if silent >= self._limit:
                self._bark("the event loop is stuck")
            elif idle >= self._limit:
                self._bark("there is work, but nothing was committed")
            elif stuck >= self._limit:
                self._bark(f"the batch {now.oldest} was not committed")

    def _bark(self, reason: str) -> None:
        log.critical("%s for %.0f s: this worker ends, to be started again", reason, self._limit * _TICK_SECONDS)
        logging.shutdown()
        self._end(EXIT_CODE)
        self._stopped.set()

    def stop(self) -> None:
        """Look no more."""
        self._stopped.set()
