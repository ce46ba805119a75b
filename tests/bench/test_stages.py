"""Where the CPU time of an event goes, by stage, and how many bytes are written for it: a show, on one machine and on
Kafka.
"""

from collections.abc import Mapping
from itertools import chain
from pathlib import Path

import pytest

from bench.places import OneMachine, feed, on_kafka
from bench.report import note
from bench.stages import beside, by_stage
from bench.streams_of_events import show
from bench.worker import Part, Worker
from schemas.topics import TOPICS

pytestmark = [pytest.mark.bench, pytest.mark.timeout(900)]
EVENTS = 30_000
CHANGELOG = "-changelog"


def test_cpu_time_by_stage(tmp_path: Path) -> None:
    place = OneMachine(tmp_path / "home")
    warm_up, events = show(EVENTS)
    with Worker(place) as worker:
        worker.process(warm_up)
        before = place.ends()
        part = worker.process(events)
    stages = by_stage(part, place.log, before)
    for stage, parts in stages.items():
        note("CPU µs per event, by stage", stage=stage, **parts, all=sum(parts.values()))
    for name, cost in beside(part, stages).items():
        note("CPU µs per event, by stage", stage=name, all=cost)
    note("CPU µs per event, by stage", stage="sum", all=part.cpu_per_event)
    assert all(cost >= 0 for parts in stages.values() for cost in parts.values())
    tell_bytes("one machine", part, {"handed to the system": part.told["written"]})
    for name, size in sorted(part.told["bytes"].items(), key=lambda item: -item[1]):
        note("bytes written per event, by topic and table", what=name, bytes=size / part.events)


def test_bytes_on_kafka(tmp_path: Path) -> None:
    lines = list(chain.from_iterable(show(EVENTS)))
    with on_kafka(tmp_path) as place:
        feed(place, lines)
        before = place.stored()
        with Worker(place) as worker:
            part = worker.catch_up(len(lines))
        after = place.stored()
    stored = {
        "on the broker, outputs and steps between": sum(after[name] - before[name] for name in TOPICS),
        "on the broker, changelogs": sum(size for name, size in after.items() if name.endswith(CHANGELOG)),
    }
    tell_bytes("Kafka", part._replace(events=len(lines)), stored)


def tell_bytes(where: str, part: Part, stored: Mapping[str, int]) -> None:
    """What the agents gave to be written, and what became of it on the way to the disk."""
    given = part.told["bytes"]
    kinds = {"output": 0, "internal": 0, "state": 0}
    for name, size in given.items():
        kinds[TOPICS[name].kind if name in TOPICS else "state"] += size
    rows = {f"agents: {kind}": size for kind, size in kinds.items()} | dict(stored)
    for what, size in rows.items():
        note("bytes written per event", where=where, what=what, bytes=size / part.events)
