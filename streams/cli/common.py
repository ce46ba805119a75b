"""What several commands share: the home folder, input files, output for machines."""

import gzip
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import click

from schemas.codec import encode, topic_of
from streams.agents.dead_letters import LINE, UNKNOWN_TYPE
from streams.cli.connect import cluster_command, find_connection
from streams.home import open_log
from streams.kept.source import Source
from streams.settings import Settings, SettingsError, from_environment, read_policy, remembered_policy
from streams.transport.batches import Output, Record
from streams.transport.log import Log

FALLBACK_TOPIC = "live-room"  # where the sender puts what names no known type
CHUNK = 2000  # lines of one append

as_json = click.option("--json", "as_json", is_flag=True, help="For machines: JSON on standard output.")


def home_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--home`."""
    return click.option(
        "--home", type=click.Path(file_okay=False, path_type=Path),
        help="Folder of the run.  [default: $LIVEPOOL_HOME or .livepool]",
    )(command)  # fmt: skip


def policy_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--policy`."""
    return click.option("--policy", type=click.Path(dir_okay=False, path_type=Path), help="Attribution policy (TOML).")(
        command
    )


def settings_of(home: Path | None = None, policy: Path | None = None) -> Settings:
    """The settings of the environment with those of the command line; a bad one ends with exit code 2.

    A run keeps the policy that its last worker had, until another is named.
    """
    try:
        settings = from_environment()
        if home is not None:
            settings = settings._replace(home=home)
        if policy is not None:
            settings = settings._replace(policy=read_policy(policy))
        elif not os.environ.get("LIVEPOOL_POLICY"):
            settings = settings._replace(policy=remembered_policy(settings.home) or settings.policy)
    except SettingsError as error:
        raise click.UsageError(str(error)) from None
    return settings


def open_existing(home: Path | None) -> Log:
    """The log of a run that was started before; without one, exit code 2 and the next step."""
    settings = settings_of(home)
    if not (settings.home / "livepool.db").exists():
        raise click.UsageError(
            f"no run in {settings.home}: start one with `livepool worker` or `livepool demo`,"
            " or name its folder by --home"
        )
    return open_log(settings)


def open_source(home: Path | None) -> Source:
    """What commands read from: the cluster of $LIVEPOOL_BROKERS; without it, or with --home, a run on this machine."""
    connection = find_connection() if home is None else None
    if connection is None:
        return open_existing(home)
    from streams.cluster.log_reader import LogReader  # noqa: PLC0415 - kafka-python is loaded when it is used

    with cluster_command():
        return LogReader(connection)


@contextmanager
def sending(home: Path | None) -> Iterator[Callable[[list[Output]], object]]:
    """Yield what sends events to the input topics of the cluster, or of the run, as `open_source` chooses.

    At the end of the block all of them are there, or an error says that they are not.
    """
    settings = settings_of(home)
    if home is not None or settings.connection is None:
        with open_log(settings) as log:
            yield log.append
        return
    from streams.cluster.sender import Sender  # noqa: PLC0415 - kafka-python is loaded when it is used

    with Sender(settings.connection) as sender:
        yield sender.send_with_keys
        sender.flush()


class InputLine(NamedTuple):
    """One line of an input file, without its end; `number` counts over all files from 0."""

    number: int
    payload: bytes


def read_lines(files: tuple[str, ...], on_bytes: Callable[[int], None] = lambda _: None) -> Iterator[InputLine]:
    """The lines of NDJSON files (`-`: standard input, `.gz`: compressed) that are not empty.

    `on_bytes` is told how far the files have been read (compressed bytes where they are compressed).
    """
    number = 0
    done = 0
    for name in files:
        with _open(name) as (raw, stream):
            for line in stream:
                payload = line.rstrip(b"\r\n")
                if payload and not payload.isspace():
                    yield InputLine(number, payload)
                number += 1
                if number % CHUNK == 0 and raw is not None:
                    on_bytes(done + raw.tell())
            if raw is not None:
                done += raw.tell()
                on_bytes(done)


class _open:  # noqa: N801 - used like the function that it stands for
    def __init__(self, name: str) -> None:
        self.name = name

    def __enter__(self) -> tuple[BinaryIO | None, Any]:
        if self.name == "-":
            self.raw = None
            return None, sys.stdin.buffer
        self.raw = Path(self.name).open("rb")
        return self.raw, gzip.GzipFile(fileobj=self.raw) if self.name.endswith(".gz") else self.raw

    def __exit__(self, *_: object) -> None:
        if self.raw is not None:
            self.raw.close()


def to_output(line: InputLine) -> Output:
    """The record of an input line: its topic follows from its type, whatever else is wrong with it."""
    topic = topic_of(line.payload)
    headers: tuple[tuple[str, bytes], ...] = ((LINE, b"%d" % line.number),)
    if topic is None:
        return Output(FALLBACK_TOPIC, None, line.payload, (*headers, (UNKNOWN_TYPE, b"")))
    return Output(topic, None, line.payload, headers)


def dead_letter(record: Record) -> dict[str, Any]:
    """A dead letter as text (spec §9)."""
    # Livepool's own come first; a sender may have some of the same names.
    headers = dict(reversed(record.headers))
    offset = headers.get(LINE, headers["offset"])
    return {
        "reason": headers["reason"].decode(),
        "detail": headers["detail"].decode(),
        "topic": None if UNKNOWN_TYPE in headers else headers["topic"].decode(),
        "offset": int(offset),
        "payload": (record.value or b"").decode("utf-8", "replace"),
    }


def line_of(record: Record) -> bytes | None:
    """A record of an output topic as a line; None for a tombstone."""
    if record.topic == "dead-letters":
        return encode(dead_letter(record))
    return record.value


def say(text: str) -> None:
    """Say something to a person, beside what goes to standard output."""
    click.echo(text, err=True)
