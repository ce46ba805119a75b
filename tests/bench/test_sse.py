"""500 who watch the board of one worker: how soon each has what is pushed, and what that costs the events.

The clients are a process of their own on the same machine, so they take CPU time from the worker, too.
"""

import json
import socket
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from bench.latency import Load, Population, measure
from bench.places import OneMachine, feed
from bench.populations import acting, entering, opening
from bench.report import note
from bench.targets import check
from bench.worker import Part, Worker

WATCHERS = Path(__file__).with_name("watchers.py")
CLIENTS = 500
POPULATION = Population(buyers=20_000, sessions=10)
EVENTS = 60_000
SECONDS = 25.0
RUNS = 3
BOARDS = {"no board": None, "a board, nobody watches": 0, f"{CLIENTS} clients": CLIENTS}
pytestmark = [pytest.mark.bench, pytest.mark.timeout(1800)]


def test_500_clients(tmp_path: Path) -> None:
    parts: defaultdict[str, list[Part]] = defaultdict(list)
    for number in range(RUNS):
        for name, clients in BOARDS.items():
            with running(tmp_path / f"{name}-{number}", clients) as (_, worker):
                parts[name].append(worker.process(acting(EVENTS, *POPULATION)))
    best = {name: max(found, key=lambda part: part.rate) for name, found in parts.items()}
    for name, part in best.items():
        note("the board's cost", board=name, **{"events/s": part.rate, "CPU µs per event": part.cpu_per_event})
    rates = [part.rate for part in best.values()]
    half = rates[0] / 2
    outcomes = {}
    for name, clients in (("no board", None), (f"{CLIENTS} clients", CLIENTS)):
        with running(tmp_path / f"{name}-pushed", clients) as (told, _):
            outcomes[name] = measure(OneMachine(tmp_path / f"{name}-pushed"), Load(1, half, SECONDS, POPULATION))
    pushed = told[0]
    note(
        "pushed to 500 clients",
        **{"events/s processed": half, "events pushed": pushed["events"], "MB pushed": pushed["bytes"] / 1e6},
        **{f"{name}, ms": 1000 * pushed[name] for name in ("spread p50", "spread p99", "age p50", "age p99")},
        **{f"p99 latency of a sale, {name}, ms": 1000 * found.quantile(99) for name, found in outcomes.items()},
    )
    check({
        "p99 push delay to 500 clients, s": pushed["spread p99"],
        "rate, 500 clients of the board / none and no board": rates[-1] / rates[0],
    })  # fmt: skip


@contextmanager
def running(home: Path, clients: int | None) -> Iterator[tuple[list[dict[str, Any]], Worker]]:
    """A worker with the sessions and their buyers, and so many clients; None: without a board.

    What the clients tell is in the list when the block has ended.
    """
    place = OneMachine(home)
    feed(place, chain(opening(POPULATION.sessions), entering(*POPULATION)))
    port = free_port()
    web = {"LIVEPOOL_WEB": "off"} if clients is None else {
        "LIVEPOOL_WEB": "on", "LIVEPOOL_WEB_PORT": str(port), "LIVEPOOL_WEB_RATE": "10000",
    }  # fmt: skip
    told: list[dict[str, Any]] = []
    with Worker(place, **web) as worker:
        worker.drain()
        if not clients:
            yield told, worker
            return
        paths = [f"/api/v1/rooms/live-{session}/stream" for session in range(POPULATION.sessions)]
        address = f"127.0.0.1:{port}"
        watching = subprocess.Popen(
            [sys.executable, str(WATCHERS), address, str(clients), str(SECONDS), *paths], stdout=subprocess.PIPE
        )
        while watching_now(address) < clients:
            assert watching.poll() is None
            time.sleep(0.1)
        yield told, worker
        said, _ = watching.communicate(timeout=2 * SECONDS)
        assert watching.returncode == 0
        told.append(json.loads(said))


def watching_now(address: str) -> int:
    with urlopen(f"http://{address}/api/v1/status", timeout=20) as response:
        clients: int = json.loads(response.read())["sse_clients"]
        return clients


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port
