"""The agents in this process over a show, and what the metrics were before and after."""

import asyncio
from collections.abc import Iterable
from pathlib import Path

from streams.app import build_app
from streams.cli.common import InputLine, to_output
from streams.home import open_log
from streams.runner import run
from streams.settings import Settings
from streams.show import generate
from streams.telemetry import REGISTRY

EVENING = 1_793_534_400_000  # 2026-11-01T12:00:00Z
Sample = tuple[str, ...]  # name, then the values of its labels in the order of their names
Samples = dict[Sample, float]


def show(events: int = 3000, seed: int = 7) -> list[bytes]:
    """A show with all that goes wrong in one."""
    return list(generate(events, seed, EVENING))


def sent(home: Path, lines: Iterable[bytes], max_records: int = 2000) -> Settings:
    """Put lines into the input topics of a new home."""
    settings = Settings(home=home, synchronous="off", bad_fuse=False, max_records=max_records)
    with open_log(settings) as log:
        log.append([to_output(InputLine(number, line)) for number, line in enumerate(lines)])
    return settings


def processed(settings: Settings) -> None:
    """Run the agents until nothing is left."""
    asyncio.run(run(build_app(settings), drain=True))


def samples() -> Samples:
    """What a scrape would show now of our own metrics."""
    return {
        (sample.name.removeprefix("livepool_"), *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in REGISTRY.collect()
        if family.name.startswith("livepool_")
        for sample in family.samples
    }


def gained(before: Samples) -> Samples:
    """By how much each sample has grown since."""
    found = {sample: value - before.get(sample, 0) for sample, value in samples().items()}
    return {sample: by for sample, by in found.items() if by}


def of(samples_: Samples, name: str) -> dict[Sample, float]:
    """The samples of one name, by their labels."""
    return {labels: value for (found, *labels_), value in samples_.items() if found == name for labels in [(*labels_,)]}
