"""Many who watch the board: `python watchers.py HOST:PORT CLIENTS SECONDS PATH…`, spread over the paths.

A line of JSON says how long each pushed event took: from the first client that had it to each other one (`spread`,
seconds), and from the look at the data that it shows to the client (`age`, seconds). What comes in the first seconds,
while they connect, does not count.
"""

import asyncio
import json
import sys
import time
from collections import defaultdict
from datetime import datetime

WARM_UP_SECONDS = 3.0


class Watch:
    """What all of them got: (path, as_of) -> when."""

    def __init__(self) -> None:
        self.got: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
        self.events = self.bytes = 0
        self.since = time.time() + WARM_UP_SECONDS

    def take(self, path: str, event: bytes) -> None:
        now = time.time()
        place = event.rfind(b'"as_of":"')
        if place >= 0 and now >= self.since:
            as_of = event[place + 9 : event.index(b'"', place + 9)].decode()
            self.got[path, as_of].append(now)
            self.events += 1
            self.bytes += len(event)


async def watch(host: str, path: str, found: Watch, until: float) -> None:
    name, _, port = host.rpartition(":")
    reader, writer = await asyncio.open_connection(name, int(port), limit=1 << 22)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    head = await reader.readuntil(b"\r\n\r\n")
    assert b" 200 " in head.split(b"\r\n")[0], head
    try:
        async with asyncio.timeout(until - time.time()):
            while True:
                found.take(path, await reader.readuntil(b"\n\n"))
    except TimeoutError:
        writer.close()


async def main(host: str, clients: int, seconds: float, paths: list[str]) -> None:
    found = Watch()
    until = time.time() + seconds
    async with asyncio.TaskGroup() as tasks:
        for number in range(clients):
            tasks.create_task(watch(host, paths[number % len(paths)], found, until))
    spread, age = [], []
    for (_, as_of), moments in found.got.items():
        first, looked = min(moments), _seconds(as_of)
        spread += [moment - first for moment in moments]
        age += [moment - looked for moment in moments]
    delays = {"spread": spread, "age": age}
    quantiles = {f"{name} p{q}": _quantile(values, q) for name, values in delays.items() for q in (50, 99)}
    print(json.dumps({"events": found.events, "bytes": found.bytes, **quantiles}))


def _quantile(values: list[float], percent: int) -> float:
    return sorted(values)[min(len(values) - 1, len(values) * percent // 100)]


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), sys.argv[4:]))
