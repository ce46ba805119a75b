"""Workers as processes under a supervisor that starts an ended one again, as systemd would."""

import os
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock, Thread
from typing import Self

from system.runs import COMMAND

RESTART_SECONDS = 0.5  # `RestartSec` of the unit file is 2: the cases are to be dense
_LOOK_SECONDS = 0.02
_END_SECONDS = 60.0
FENCED = "another worker has taken over"  # what such a worker says


@dataclass
class Worker:
    """One worker over all its lives; `wanted`: it is started again when it ends."""

    number: int
    home: Path
    process: subprocess.Popen[bytes]
    wanted: bool = True
    killed: bool = False
    ended_at: float | None = None
    lives: int = 1

    @property
    def log(self) -> Path:
        return self.home.with_suffix(".log")

    def last_words(self) -> str:
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return lines[-1][-300:] if lines else "nothing"


@dataclass
class Workers:
    """`crashes` tells of each end that nobody caused: the worker and its last words.

    `named` workers keep their place in the group over their lives (LIVEPOOL_INSTANCE).
    """

    folder: Path
    environment: dict[str, str]
    named: bool = False
    workers: dict[int, Worker] = field(default_factory=dict)
    crashes: list[str] = field(default_factory=list)
    bad_ends: list[str] = field(default_factory=list)
    _closed: bool = False

    def __enter__(self) -> Self:
        self._lock = Lock()
        self._thread = Thread(target=self._supervise, name="supervisor", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closed = True
        self._thread.join()
        for worker in self.workers.values():
            worker.process.kill()
            worker.process.wait()

    def add(self) -> int:
        """Start one more; return its number."""
        with self._lock:
            number = len(self.workers) + 1
            home = self.folder / f"worker-{number}"
            self.workers[number] = Worker(number, home, self._spawn(home))
        return number

    def remove(self, number: int) -> None:
        """End one in good order, for good; `bad_ends` tells of one that did not end so.

        One that was fenced before may still have waited for its brokers: that is a crash like any other.
        """
        with self._lock:
            worker = self.workers[number]
            worker.wanted = False
            worker.process.send_signal(signal.SIGCONT)
            worker.process.terminate()
        code = worker.process.wait(_END_SECONDS)
        if code not in (0, -signal.SIGTERM):  # of the signal itself it dies before it has begun to work
            ends = self.crashes if FENCED in worker.last_words() else self.bad_ends
            ends.append(f"worker {number} ended with {code} after SIGTERM: {worker.last_words()}")

    def kill(self, number: int) -> None:
        """End one at once; it is started again."""
        with self._lock:
            worker = self.workers[number]
            worker.killed = True
            worker.process.kill()

    def kill_all_and_forget(self) -> None:
        """End all at once and delete their homes; they are started again."""
        with self._lock:
            for worker in self.workers.values():
                worker.killed = True
                worker.process.kill()
                worker.process.wait()
                shutil.rmtree(worker.home)

    def pause(self, number: int) -> None:
        self.workers[number].process.send_signal(signal.SIGSTOP)

    def resume(self, number: int) -> None:
        self.workers[number].process.send_signal(signal.SIGCONT)

    def running(self) -> list[int]:
        """The workers that are wanted and run."""
        return [n for n, worker in self.workers.items() if worker.wanted and worker.process.poll() is None]

    def stop(self) -> None:
        """End all in good order."""
        for number, worker in self.workers.items():
            if worker.wanted:
                self.remove(number)

    def last_words(self) -> str:
        return "; ".join(f"worker {worker.number}: {worker.last_words()}" for worker in self.workers.values())

    def _spawn(self, home: Path) -> subprocess.Popen[bytes]:
        name = {"LIVEPOOL_INSTANCE": home.name} if self.named else {}
        with home.with_suffix(".log").open("ab") as log:
            return subprocess.Popen(
                [*COMMAND, "worker", "--home", str(home)],
                env={**os.environ, **self.environment, **name},
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def _supervise(self) -> None:
        while not self._closed:
            with self._lock:
                for worker in self.workers.values():
                    if worker.wanted and worker.process.poll() is not None:
                        self._restart(worker)
            time.sleep(_LOOK_SECONDS)

    def _restart(self, worker: Worker) -> None:
        now = time.monotonic()
        if worker.ended_at is None:
            worker.ended_at = now
            if not worker.killed:
                self.crashes.append(f"worker {worker.number}: {worker.last_words()}")
        if now >= worker.ended_at + RESTART_SECONDS:
            worker.process = self._spawn(worker.home)
            worker.killed, worker.ended_at = False, None
            worker.lives += 1
