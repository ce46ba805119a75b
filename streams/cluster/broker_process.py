"""One broker process: started in the background, found again by its pid file, ended."""

import contextlib
import ctypes
import os
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HEAP = "-Xmx512m"
# Two cores and a short life: the first compiler and the plain collector start quickest.
JVM = ("-Xms128m", HEAP, "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.awt.headless=true")
_TERM_SECONDS = 20.0
_LOOK_SECONDS = 0.02
_LOG_LINES = 10
_ERROR = re.compile(r" (ERROR|FATAL) |Caused by:|^(Exception|Error) ")
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)

# Linux ends an attached broker when the *thread* that started it ends: this one lives as long as the process.
_starter = ThreadPoolExecutor(1, "brokers")


class BrokerProcess:
    """The process of one broker, whose files are in `folder` (`pid`, `server.log`, `server.properties`)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pidfile = folder / "pid"
        self.log = folder / "server.log"
        self.properties = folder / "server.properties"
        self._child: subprocess.Popen[bytes] | None = None

    def start(self, java: list[str], jars: Path, *, detached: bool) -> None:
        """Start it; nothing when it runs. `java`: the command with options of its own.

        An attached one dies with this process, however that ends (Linux).
        """
        if self.pid() is not None:
            return
        logging = (self.folder / "logging.properties").as_uri()
        command = [
            *java, *JVM,
            f"-Dlog4j.configuration={logging}",
            f"-Dlog4j2.configurationFile={logging}",
            "-cp", f"{jars}/*", "kafka.Kafka", str(self.properties),
        ]  # fmt: skip
        self._child = _starter.submit(self._spawn, command, detached=detached).result()
        self.pidfile.write_text(str(self._child.pid))

    def _spawn(self, command: list[str], *, detached: bool) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            return subprocess.Popen(  # noqa: S603
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                start_new_session=True,  # Ctrl-C in the terminal is not for it
                # Safe beside threads: between fork and exec it makes one system call.
                preexec_fn=None if detached or sys.platform != "linux" else _die_with_parent,  # noqa: PLW1509
            )

    def pid(self) -> int | None:
        """Its process id; None when it does not run."""
        if self._child is not None and self._child.poll() is None:
            return self._child.pid
        try:
            pid = int(self.pidfile.read_text())
        except (FileNotFoundError, ValueError):
            return None
        return pid if str(self.properties) in _command_line(pid) else None

    def ask_to_end(self) -> None:
        """Ask it to end in good order, without waiting."""
        if (pid := self.pid()) is not None:
            _signal(pid, signal.SIGTERM)

    def terminate(self) -> None:
        """End it in good order; by force when that takes longer than 20 s."""
        self.ask_to_end()
        self.wait()

    def wait(self) -> None:
        """Wait until it has ended; after 20 s end it by force."""
        if (pid := self.pid()) is not None and not self._gone(pid):
            self.kill()

    def kill(self) -> None:
        """End it at once, as a crash would."""
        if (pid := self.pid()) is not None:
            _signal(pid, signal.SIGKILL)
            self._gone(pid)

    def _gone(self, pid: int) -> bool:
        """Is it gone within 20 s, with all that it held (ports, locks of files)?"""
        end = time.monotonic() + _TERM_SECONDS
        child = self._child if self._child is not None and self._child.pid == pid else None
        while child.poll() is None if child else not _is_gone(pid):
            if time.monotonic() > end:
                return False
            time.sleep(_LOOK_SECONDS)
        return True

    def last_words(self) -> str:
        """The last errors in its log, else the end of it, with the name of the file."""
        lines = self.log.read_text("utf-8", "replace").splitlines() if self.log.exists() else []
        lines = [line for line in lines if _ERROR.search(line)] or lines
        return "\n".join([f"{self.log}:", *lines[-_LOG_LINES:]])


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _is_gone(pid: int) -> bool:
    """Has another's child ended? Its command line goes first, its threads and what they hold later."""
    if sys.platform != "linux":
        return not _command_line(pid)
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return True
    state, threads = fields[0], int(fields[17])  # proc(5)
    return state in "ZX" and threads <= 1


def _command_line(pid: int) -> str:
    """The command line of a process; empty when there is none, or only its exit code is left."""
    if sys.platform == "linux":
        try:
            return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except (FileNotFoundError, ProcessLookupError):
            return ""
    ps = ["ps", "-ww", "-o", "stat=,args=", "-p", str(pid)]
    shown = subprocess.run(ps, capture_output=True, text=True, check=False)  # noqa: S603
    return "" if shown.stdout.startswith("Z") else shown.stdout


def _die_with_parent() -> None:
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
