"""The lock that lets one worker process consume from an embedded log."""

import fcntl
import os
from pathlib import Path


class WorkerRunningError(RuntimeError):
    """Another worker consumes from this log."""


class WorkerLock:
    """Held as long as the process lives: the kernel releases it, also after `kill -9`."""

    def __init__(self, home: Path) -> None:
        home.mkdir(parents=True, exist_ok=True)
        path = home / "worker.lock"
        self._file = path.open("a+")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.seek(0)
            owner = self._file.read().strip()
            self._file.close()
            raise WorkerRunningError(
                f"worker {owner} already consumes from {home}: the embedded transport has one worker"
            ) from None
        self._file.truncate(0)
        self._file.write(f"{os.getpid()}\n")
        self._file.flush()

    def release(self) -> None:
        """Let another worker start."""
        self._file.close()
