"""`replay`: the whole topology over files of events, in a fresh state (spec §9)."""

import asyncio
import logging
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from schemas.codec import encode
from schemas.topics import TOPICS
from streams.app import build_app
from streams.cli.common import CHUNK, as_json, line_of, policy_option, read_lines, settings_of, to_output
from streams.home import lag, open_log
from streams.runner import WorkerFailedError, run
from streams.settings import Settings
from streams.transport.batches import Output
from streams.transport.log import Log, TopicConfig

MOST_AHEAD = 20_000  # records that the reading of the files may be ahead of the agents
OUTPUTS = [topic for topic in TOPICS.values() if topic.kind == "output"]


@click.command()
@click.argument(
    "files",
    metavar="INPUT...",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, dir_okay=False, allow_dash=True),
)
@click.option("--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="Folder for the results.")
@policy_option
@as_json
def replay(files: tuple[str, ...], out: Path, policy: Path | None, as_json: bool) -> None:
    """Process files of events (NDJSON, .gz) from nothing, and write one file per output topic.

    To try a policy on a past show, replay it with another --policy into another folder.
    """
    out.mkdir(parents=True, exist_ok=True)
    logging.basicConfig(level=logging.ERROR, format="%(message)s")
    with tempfile.TemporaryDirectory(prefix=".replay-", dir=out) as home:
        settings = settings_of(Path(home), policy)._replace(synchronous="off", bad_fuse=False, batch_ms=0, web=None)
        try:
            asyncio.run(_process(files, settings))
        except WorkerFailedError as error:
            raise click.ClickException(str(error)) from error
        counts = export(settings, out)
    if as_json:
        sys.stdout.buffer.write(encode({"out": str(out), "policy": settings.policy.version, "records": counts}) + b"\n")
        return
    for name, count in counts.items():
        click.echo(f"{count:>10,}  {out / name}.ndjson")


async def _process(files: tuple[str, ...], settings: Settings) -> None:
    app = build_app(settings)
    with open_log(settings) as log, _progress() as progress:
        # What has been processed is not needed again: the folder stays small however long the show is.
        log.declare(
            TopicConfig(topic.name, log.topic(topic.name).partitions, topic.compacted, 0)
            for topic in TOPICS.values()
            if topic.kind != "output"
        )
        task = progress.add_task("replay", total=_size(files), events=0, rate=0)
        feeding = asyncio.create_task(_feed(files, log, progress, task))
        stop = asyncio.Event()
        running = asyncio.create_task(run(app, stop=stop))
        done, _ = await asyncio.wait({feeding, running}, return_when=asyncio.FIRST_COMPLETED)
        while feeding in done and not running.done() and lag(log):
            await asyncio.sleep(0.01)
        stop.set()
        await running
        if not feeding.done():
            feeding.cancel()
        else:
            feeding.result()


async def _feed(files: tuple[str, ...], log: Log, progress: Progress, task: TaskID) -> None:
    """Append the lines, as fast as the agents take them."""
    lines = read_lines(files, lambda size: progress.update(task, completed=size))
    read, begun = 0, time.monotonic()
    while chunk := _chunk(lines):
        await asyncio.to_thread(log.append, chunk)  # the agents write in this loop: never wait for the file in it
        read += len(chunk)
        progress.update(task, events=read, rate=int(read / (time.monotonic() - begun)))
        while lag(log) > MOST_AHEAD:
            await asyncio.sleep(0.005)
        await asyncio.sleep(0)


def _chunk(lines: Iterator[Any]) -> list[Output]:
    return [to_output(line) for line in islice(lines, CHUNK)]


def _size(files: tuple[str, ...]) -> int | None:
    return None if "-" in files else sum(Path(name).stat().st_size for name in files)


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f}%"),
        TextColumn("{task.fields[events]:,} events, {task.fields[rate]:,}/s"), TimeRemainingColumn(),
        console=Console(stderr=True), transient=True,
    )  # fmt: skip


def export(settings: Settings, out: Path) -> dict[str, int]:
    """Write each output topic to `<topic>.ndjson`, of compacted ones the last record of each key."""
    counts = {}
    with open_log(settings) as log:
        for topic in OUTPUTS:
            last = _last_of_each_key(log, topic.name) if topic.compacted else None
            written = 0
            with (out / f"{topic.name}.ndjson").open("wb") as file:
                for record in log.read(topic.name):
                    if last is not None and last[record.key] != (record.partition, record.offset):
                        continue
                    line = line_of(record)
                    if line is not None:
                        file.write(line + b"\n")
                        written += 1
            counts[topic.name] = written
    return counts


def _last_of_each_key(log: Log, topic: str) -> dict[bytes | None, tuple[int, int]]:
    return {record.key: (record.partition, record.offset) for record in log.read(topic)}
