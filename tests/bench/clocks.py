"""Clocks around what a worker does with a batch: the CPU time between two awaits, so no other stage is in it."""

from collections import defaultdict
from collections.abc import Callable, Coroutine, Generator
from contextvars import ContextVar
from functools import wraps
from pathlib import Path
from time import process_time, thread_time
from typing import Any

from streams.transport.batches import RecordBatch
from streams.transport.readers import EmbeddedBatch

stage: ContextVar[str] = ContextVar("stage", default="")  # which agent is at work


class Spent:
    """What was spent since the last answer."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Begin anew."""
        self.cpu: defaultdict[str, defaultdict[str, float]] = defaultdict(lambda: defaultdict(float))
        self.commits: list[tuple[float, str, int]] = []  # (moment, stage, records)
        self.bytes: defaultdict[str, int] = defaultdict(int)  # topic or table -> keys and values handed to commit
        self.restored: list[tuple[float, int]] = []  # (seconds, offsets)
        self._total, self._loop, self._written = process_time(), thread_time(), _written()

    def add(self, part: str, seconds: float, of: str = "") -> None:
        self.cpu[of or stage.get()][part] += seconds

    def count(self, batch: RecordBatch) -> None:
        """Count what a batch writes: sums over columns, a thousandth of what the batch costs (on Kafka a hundredth)."""
        for output in batch.outputs:
            self.bytes[output.topic] += len(output.key or b"") + len(output.value or b"")
        if not isinstance(batch, EmbeddedBatch):  # there a parcel is hardly ever written
            for parcel in batch.parcels:
                self.bytes[parcel.topic] += len(parcel.output().value or b"")
        for table, values in batch.puts.items():
            self.bytes[f"{table} (state)"] += sum(len(key) + len(value or b"") for key, value in values.items())

    def answer(self) -> dict[str, Any]:
        total, loop = process_time() - self._total, thread_time() - self._loop
        told = {"total": total, "threads": total - loop, "written": _written() - self._written, **_memory()}
        return {**told, "cpu": self.cpu, "commits": self.commits, "bytes": self.bytes, "restored": self.restored}


def _memory() -> dict[str, int]:
    """Resident memory of this process, and the part of it that is no copy of a file, in bytes (Linux)."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return {name: 1024 * int(status[row].split()[0]) for name, row in (("resident", "VmRSS"), ("anonymous", "RssAnon"))}


def _written() -> int:
    """All bytes that this process has ever handed to the system to be written (Linux)."""
    return int(dict(line.split(":") for line in Path("/proc/self/io").read_text().splitlines())["wchar"])


spent = Spent()


class _Steps:
    """Awaits a coroutine; its own steps take CPU time, what runs while it waits does not count."""

    def __init__(self, work: Coroutine[Any, Any, Any], part: str) -> None:
        self.work, self.part = work, part

    def __await__(self) -> Generator[Any, Any, Any]:
        error: BaseException | None = None
        while True:
            begun = thread_time()
            try:
                waited = self.work.send(None) if error is None else self.work.throw(error)
            except StopIteration as end:
                return end.value
            finally:
                spent.add(self.part, thread_time() - begun)
            error = None
            try:
                yield waited
            except BaseException as thrown:  # it is for the coroutine
                error = thrown


def clock(owner: Any, name: str, part: str, stage_of: Callable[..., str] = lambda *_: "") -> None:
    """Add the CPU time of a method to a part of the stage that is at work, or that its arguments tell."""
    method = getattr(owner, name)

    @wraps(method)
    def clocked(*arguments: Any) -> Any:
        begun = thread_time()
        try:
            return method(*arguments)
        finally:
            spent.add(part, thread_time() - begun, stage_of(*arguments))

    setattr(owner, name, clocked)


def clock_steps(owner: Any, name: str, part: str) -> None:
    """The same for a coroutine."""
    method = getattr(owner, name)

    @wraps(method)
    async def clocked(*arguments: Any) -> Any:
        return await _Steps(method(*arguments), part)

    setattr(owner, name, clocked)
