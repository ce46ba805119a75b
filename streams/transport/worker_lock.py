"""The lock that lets one worker process use a directory."""

import fcntl
import os
from pathlib import Path


class WorkerRunningError(RuntimeError):
    """Another worker uses this directory."""


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
                f"worker {owner} already consumes from {home}: the embedded transport has one worker,"
                " and each worker on Kafka has a directory of its own (--home)"
            ) from None
        self._file.truncate(0)
        self._file.write(f"{os.getpid()}\n")
        self._file.flush()

    def release(self) -> None:
        """Let another worker start."""
        self._file.close()
