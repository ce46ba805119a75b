"""One run of one contestant: it is fed a show, watched from outside, and what it wrote is read.

Every contestant is one process that reads the input topics and writes the output topics. It gets a warm-up first
(start, imports, group, first fetch). Then the show is appended while it waits, and it is timed from that moment until
the last record that it writes to the topics of the contract. So neither the producer counts, nor what a peer commits
behind its last output. The last event starts a session of its own: its snapshot tells that all before it is through.
On Kafka a contestant is stopped (SIGSTOP) while it is fed; into SQLite the show comes with one commit.
"""

import json
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, NamedTuple

from bench import environments
from bench.streams_of_events import end
from bench.tracks import Track, written

HERE = Path(__file__).parent
PATIENCE = 90.0  # seconds without a new record
QUIET = 1.5  # seconds without a new record: if the end is among them, it is done
SAID = "said.txt"  # in the home of the track: what the contestant has said
SCRIPTS = {
    "limit": "limit.py",
    "plain Faust": "plain_faust.py",
    "Bytewax": "bytewax_flow.py",
    "Quix": "quix_app.py",
}


Process = subprocess.Popen[bytes]


class Moment(NamedTuple):
    """What there is at a time: records, and CPU seconds of the contestant and of the brokers."""

    time: float
    records: int
    cpu: float
    broker_cpu: float


class Result(NamedTuple):
    """What a run came to. `records`: how many were written, internal topics and markers of transactions included."""

    events: int
    seconds: float
    cpu: float  # µs per event
    broker_cpu: float  # µs per event
    records: int
    came_to: dict[str, Any]

    @property
    def rate(self) -> float:
        """Events per second."""
        return self.events / self.seconds


def command(contestant: str, track: Track) -> list[str]:
    """How a contestant is started. What stands behind a comma goes to its script."""
    if contestant == "livepool":
        return [sys.executable, "-c", "from streams.cli import main; main()", "worker", "--home", str(track.home)]
    name, *options = contestant.split(", ")
    python = str(environments.python_of(name)) if name in environments.PEERS else sys.executable
    return [python, str(HERE / SCRIPTS[name]), track.transport, track.address, *options]


def run(contestant: str, track: Track, parts: list[list[bytes]], under: Sequence[str] = ()) -> Result:
    """Run a contestant on an empty track; `parts` are the warm-up and the show. `under`: a program that runs it."""
    warm_up, show = parts
    with started(contestant, track, under) as process:
        watch = Watch(process, track)
        track.feed([*warm_up, end("warm")])
        watch.settle(watch.look(), "warm")
        with stopped(process) if track.pauses else nullcontext():
            track.feed([*show, end("end")])
            begun = watch.look()
        ended = watch.settle(begun, "end")
    events = len(show)
    spent = [1e6 * (ended.cpu - begun.cpu) / events, 1e6 * (ended.broker_cpu - begun.broker_cpu) / events]
    return Result(events, ended.time - begun.time, *spent, ended.records - begun.records, came_to(track))


@contextmanager
def started(contestant: str, track: Track, under: Sequence[str] = ()) -> Iterator[Process]:
    """Run a contestant inside the block; what it says goes to a file, and into the error when it ends by itself."""
    said = track.home / SAID
    environment = environments.environment() | track.environment
    with (
        said.open("wb") as output,
        subprocess.Popen(
            [*under, *command(contestant, track)],
            env=environment,
            cwd=track.home,
            stdout=output,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        try:
            yield process
        except IdleError as error:
            raise AssertionError(f"{contestant} {error}: {said.read_text(errors='replace')[-3000:]}") from None
        finally:
            process.terminate()  # one that is killed stays in its group until its session is over
            with suppress(subprocess.TimeoutExpired):
                process.wait(PATIENCE if under else 10)
            process.kill()


class IdleError(RuntimeError):
    """A contestant ended by itself, or has done nothing."""


class Watch:
    """Looks at a contestant, and at what it writes."""

    def __init__(self, process: Process, track: Track) -> None:
        self.process, self.track = process, track
        self.brokers = [psutil_process(pid) for pid in track.brokers]

    def look(self) -> Moment:
        """What there is now."""
        if self.process.poll() is not None:
            raise IdleError(f"ended with {self.process.returncode}")
        records = written(self.track)
        return Moment(time.perf_counter(), records, cpu_of([psutil_process(self.process.pid)]), cpu_of(self.brokers))

    def settle(self, since: Moment, end: str) -> Moment:
        """Wait until the snapshot of the session `end` is out and nothing follows it; the moment of the last record."""
        last, looked = since, since.records
        while True:
            time.sleep(self.track.interval)
            now = self.look()
            if now.records != last.records:
                last = now
            elif now.time - last.time > PATIENCE:
                raise IdleError("does not come to an end")
            elif now.time - last.time > QUIET and last.records != looked:
                if any(record.key == end.encode() for record in self.track.log.read("room-metrics")):
                    return last
                looked = last.records


def psutil_process(pid: int) -> Any:
    import psutil  # noqa: PLC0415 - an extra: `make test` reads this file, too

    return psutil.Process(pid)


def cpu_of(processes: list[Any]) -> float:
    """CPU seconds so far. No contestant has children."""
    times = [process.cpu_times() for process in processes]
    return sum(each.user + each.system for each in times)


@contextmanager
def stopped(process: Process) -> Iterator[None]:
    process.send_signal(signal.SIGSTOP)
    yield
    process.send_signal(signal.SIGCONT)


def came_to(track: Track) -> dict[str, Any]:
    """What was decided: money and revision of each sale, entries of the ledger, last figures of each room, refusals."""
    sales, rooms = (
        {record.key: json.loads(record.value)["data"] for record in track.log.read(topic) if record.value}
        for topic in ("attributed-sales", "room-metrics")
    )
    letters = (dict(reversed(letter.headers))["reason"].decode() for letter in track.log.read("dead-letters"))
    return {
        "net_fen": {key: (data["net_fen"], data["revision"]) for key, data in sales.items()},
        "ledger": sum(1 for _ in track.log.read("credit-ledger")),
        "rooms": {key: data["show"] for key, data in rooms.items()},
        "letters": Counter(letters),
    }
