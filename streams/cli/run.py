"""`worker`, `send`, `tail`: events in, the agents at work, outputs out."""

import asyncio
import logging
import sys
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import click

from schemas.codec import encode
from schemas.topics import TOPICS
from streams.app import App, build_app
from streams.cli.common import (
    CHUNK,
    home_option,
    line_of,
    open_source,
    policy_option,
    read_lines,
    say,
    sending,
    settings_of,
    to_output,
)
from streams.cli.connect import cluster_command
from streams.cli.log_lines import OnceInAWhile
from streams.cli.worker_view import WorkerView, is_terminal
from streams.kept.source import Source
from streams.runner import WorkerFailedError, run
from streams.transport.batches import Record
from streams.transport.log import Log

_LOOK_SECONDS = 0.1


@click.command()
@home_option
@policy_option
@click.option("--drain", is_flag=True, help="End when all input is processed.")
@click.option("-v", "--verbose", is_flag=True, help="What Faust says, too.")
def worker(home: Path | None, policy: Path | None, drain: bool, verbose: bool) -> None:
    """Run the agents until stopped: on one machine, or as one of the workers of a cluster (LIVEPOOL_BROKERS)."""
    settings = settings_of(home, policy)
    if drain:
        settings = settings._replace(web=None)  # nobody watches what ends by itself
    view = WorkerView() if settings.connection is not None and is_terminal() else None
    logging.basicConfig(
        level=logging.INFO if verbose else logging.ERROR,
        format="%(asctime)s %(levelname)s %(message)s",
        handlers=None if view is None else [view],
    )
    if not verbose:
        for handler in logging.getLogger().handlers:
            handler.addFilter(OnceInAWhile())
    logging.getLogger("livepool").setLevel(logging.INFO)
    until = "until drained" if drain else "stop with Ctrl-C"
    where = f"{settings.connection.brokers}, state in {settings.home}" if settings.connection else settings.home
    say(f"worker on {where}, policy {settings.policy.version}; {until}")
    with cluster_command():
        try:
            asyncio.run(_work(build_app(settings), drain, view))
        except WorkerFailedError as error:
            raise click.ClickException(str(error)) from error


async def _work(app: App, drain: bool, view: WorkerView | None) -> None:
    if view is None:
        await run(app, drain=drain)
        return
    async with view.following(app):
        await run(app, drain=drain)


@click.command()
@home_option
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, allow_dash=True))
def send(home: Path | None, files: tuple[str, ...]) -> None:
    """Append events from NDJSON files (`-`: standard input) to the input topics, whatever they hold.

    What is wrong with an event is found by the worker and becomes a dead letter.
    """
    sent = 0
    with cluster_command(), sending(home) as send_chunk:
        lines = read_lines(files)
        while chunk := [to_output(line) for line in islice(lines, CHUNK)]:
            send_chunk(chunk)
            sent += len(chunk)
    say(f"sent {sent} events")


@click.command()
@home_option
@click.argument("topic", type=click.Choice([name for name, topic in TOPICS.items() if topic.kind == "output"]))
@click.option("--drain", is_flag=True, help="End at the present end of the topic.")
@click.option("--tombstones", is_flag=True, help='Show deletions too, as {"key": …, "value": null}.')
def tail(home: Path | None, topic: str, drain: bool, tombstones: bool) -> None:
    """Print an output topic as NDJSON, and follow it as it grows.

    A compacted topic may hold older records of a key: the last one counts.
    """
    out = sys.stdout.buffer
    with cluster_command(), open_source(home) as log:
        for records in [log.read(topic)] if drain else _followed(log, topic):
            for record in records:
                line = line_of(record)
                if line is None and tombstones:
                    line = encode({"key": (record.key or b"").decode(), "value": None})
                if line is not None:
                    out.write(line + b"\n")
            out.flush()


def _followed(log: Source, topic: str) -> Iterator[Iterable[Record]]:
    """The records of a topic as they come, for ever."""
    if not isinstance(log, Log):
        yield from log.follow(topic)
        return
    start: dict[int, int] = {}
    while True:
        records = list(log.read(topic, start))
        start.update({record.partition: record.offset + 1 for record in records})
        yield records
        time.sleep(_LOOK_SECONDS)
