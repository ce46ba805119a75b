"""A transport under contract, and what the tests share. The other one, with the same methods: `kafka_transport`."""

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import faust

from streams.transport.batches import Output, Record
from streams.transport.embedded import app_settings
from streams.transport.log import Log, TopicConfig

WORKERS = Path(__file__).with_name("workers.py")


class Embedded:
    """The embedded transport in a fresh directory."""

    name = "embedded"
    # What a script needs to append: it makes `log` from its first argument.
    opening = "import sys; from pathlib import Path; from streams.transport.log import Log, Output\n"
    opening += "log = Log(Path(sys.argv[1]))\n"

    def __init__(self, home: Path) -> None:
        self.home = home
        self.address = str(home)
        self.log = Log(home)

    def declare(self, *topics: TopicConfig) -> None:
        self.log.declare(topics)

    def append(self, *records: Output) -> None:
        self.log.append(records)

    def read(self, topic: str) -> list[Record]:
        return list(self.log.read(topic))

    def state(self, table: str) -> dict[bytes, bytes]:
        return dict(self.log.state_scan(table))

    def lag(self, group: str, *topics: str) -> int:
        return self.log.lag(group, [tp for topic in topics for tp in self.log.partitions(topic)])

    def app(self, group: str, **options: Any) -> faust.App:
        settings = app_settings(self.home, **options)
        return faust.App(group, **settings, datadir=str(self.home), web_enabled=False, topic_partitions=1)

    def worker(self, name: str, **options: Any) -> subprocess.Popen[str]:
        """Start the worker `name` of workers.py as a process."""
        arguments = [f"{key}={value}" for key, value in options.items()]
        command = [sys.executable, str(WORKERS), name, str(self.home), *arguments]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def close(self) -> None:
        self.log.close()


@asynccontextmanager
async def running(app: faust.App) -> AsyncIterator[None]:
    """Run the app's worker inside the block."""
    app.finalize()
    await app.start()
    try:
        yield
    finally:
        await app.stop()


@contextmanager
def ending(worker: subprocess.Popen[str]) -> Iterator[subprocess.Popen[str]]:
    """Kill the worker at the end of the block, whatever happened."""
    try:
        yield worker
    finally:
        worker.kill()
        worker.communicate()


async def until(condition: Callable[[], Any], seconds: float = 60) -> None:
    """Wait until the condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        await asyncio.sleep(0.005)


def numbered(topic: str, numbers: Iterable[int], key: bytes | None = b"k") -> list[Output]:
    """Return records whose values are the numbers."""
    return [Output(topic, key, b"%d" % number) for number in numbers]
