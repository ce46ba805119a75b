"""One measured run in a process of its own: `python measured.py KIND HOME ...` prints a line of JSON.

Each part of the input is appended when nothing of the part before is left to process; the first is a warm-up (start,
imports, first fetch).
"""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any

from streams.app import build_app, open_log
from streams.cli.common import InputLine, to_output
from streams.runner import lag
from streams.settings import Settings
from streams.transport.batches import Output
from streams.transport.consumer import Consumer
from streams.transport.log import Log

sys.path.insert(0, str(Path(__file__).parent.parent))
from bench import plain_faust, streams_of_events

CHUNK = 2000


def feed(home: Path, outputs: list[Output]) -> None:
    with Log(home) as log:
        for first in range(0, len(outputs), CHUNK):
            log.append(outputs[first : first + CHUNK])


async def measure(
    app: Any, home: Path, drained: Callable[[], Awaitable[bool]], parts: Iterable[list[bytes]]
) -> list[Any]:
    """Process parts one after the other; (events, seconds, CPU seconds) of each."""
    await app.start()
    found = []
    number = 0
    for part in parts:
        outputs = [to_output(InputLine(number + n, line)) for n, line in enumerate(part)]
        number += len(part)
        begun, cpu = time.perf_counter(), time.process_time()
        await asyncio.to_thread(feed, home, outputs)
        while not await drained():
            if app.should_stop or app.crash_reason:
                raise RuntimeError(f"the worker ended: {app.crash_reason}")
            await asyncio.sleep(0.005)
        found.append((len(part), time.perf_counter() - begun, time.process_time() - cpu))
    await app.stop()
    return found


async def livepool(home: Path, parts: Iterable[list[bytes]]) -> list[Any]:
    settings = Settings(home=home)
    app = build_app(settings)
    with open_log(settings) as log:

        async def drained() -> bool:
            return lag(log) == 0

        return await measure(app, home, drained, parts)


async def plain(home: Path, parts: Iterable[list[bytes]]) -> list[Any]:
    """Faust without what our transport would add to its cost.

    Faust asks for the end offset at every message: in Kafka's client a dict look-up, in ours a query. And compaction,
    a broker's work, would run in this process.
    """
    settings = Settings(home=home)
    Consumer.highwater = lambda _self, _tp: 0  # type: ignore[method-assign]
    Log.compact = lambda _self: False  # type: ignore[method-assign]
    app, handled = plain_faust.build(settings)
    open_log(settings).close()
    return await measure(app, home, lambda: plain_faust.drained(app, handled), parts)


if __name__ == "__main__":
    kind, folder, name, *arguments = sys.argv[1:]
    run = {"livepool": livepool, "plain": plain}[kind]
    sys.stdout.write(json.dumps(asyncio.run(run(Path(folder), getattr(streams_of_events, name)(*map(int, arguments))))))
