"""Log lines that a person can read: what is said over and over is said once in a while.

While brokers are away their clients say so thousands of times a second.
"""

import logging
import time

EVERY_SECONDS = 10.0


class OnceInAWhile(logging.Filter):
    """Lets a message of one kind (logger, and text before its values) pass every ten seconds.

    Livepool's own lines always pass.
    """

    def __init__(self) -> None:
        super().__init__()
        self._next: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to write this one."""
        if record.name.startswith("livepool"):
            return True
        kind, now = (record.name, str(record.msg)), time.monotonic()
        if now < self._next.get(kind, 0.0):
            return False
        self._next[kind] = now + EVERY_SECONDS
        return True
