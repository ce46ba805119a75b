"""`generate`, `import orders`, `policy check`, `schemas`: what goes into a run, and by which rules."""

import gzip
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from difflib import get_close_matches
from importlib.resources import files
from itertools import islice
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

import click
import msgspec
import orjson
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from schemas.codec import encode
from schemas.events import EVENT_TYPES
from schemas.outputs import OUTPUT_TYPES
from schemas.topics import TOPICS, Topic
from schemas.values import parse_time
from streams.cli.common import CHUNK, as_json, home_option, say, sending
from streams.cli.connect import cluster_command
from streams.core.policy import Policy
from streams.settings import SettingsError, read_policy
from streams.show import Truth
from streams.show import generate as show_lines
from streams.sources.order_csv import BadRow, MappingError, load_mapping, read_orders
from streams.transport.batches import Output

FIRST_EVENING = "2026-11-11T12:00:00Z"  # 20:00 in Beijing; fixed, so that a seed names a show
DEAD_LETTER_TYPES = ("dead-letter.headers", "dead-letter.line")

output_option = click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, allow_dash=True),
    help="File (.gz: compressed), or - for standard output.",
)


# --- generate --------------------------------------------------------------------------------------------------


def _moment(_context: click.Context, _parameter: click.Parameter, text: str) -> int:
    try:
        return parse_time(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is no RFC 3339 time with an offset, as {FIRST_EVENING} is") from None


@click.command()
@click.option("--events", type=click.IntRange(min=1), required=True, help="How many lines.")
@click.option("--seed", type=int, default=7, show_default=True, help="The same seed gives the same show.")
@click.option(
    "--start",
    default=FIRST_EVENING,
    show_default=True,
    callback=_moment,
    help="When the first evening begins.",
)
@click.option("--orders-heavy", is_flag=True, help="2 live events per order instead of 20.")
@click.option("--truth", type=click.Path(dir_okay=False, path_type=Path), help="Write what is true of the show (JSON).")
@output_option
def generate(events: int, seed: int, start: int, orders_heavy: bool, truth: Path | None, output: str | None) -> None:
    """Write a synthetic show as NDJSON: the same arguments, the same bytes."""
    found = Truth()
    lines = show_lines(events, seed, start, found, orders_heavy=orders_heavy)
    with _writing(output) as out, _progress(enabled=_is_file(output)) as progress:
        task = progress.add_task("generate", total=events)
        while chunk := list(islice(lines, CHUNK)):
            out.write(b"\n".join(chunk) + b"\n")
            progress.advance(task, len(chunk))
    if truth is not None:
        truth.write_bytes(orjson.dumps(found.as_dict(), option=orjson.OPT_INDENT_2) + b"\n")


def _is_file(output: str | None) -> bool:
    return output not in (None, "-")


@contextmanager
def _writing(output: str | None) -> Iterator[IO[bytes]]:
    """Open a file to write lines to; nothing in a compressed one tells when or under which name it was written."""
    if output is None or output == "-":
        yield sys.stdout.buffer
        return
    with ExitStack() as stack:
        out: Any = stack.enter_context(Path(output).open("wb"))
        if output.endswith(".gz"):
            packed = gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=cast("BinaryIO", out), mtime=0)
            out = stack.enter_context(packed)
        yield out


def _progress(*, enabled: bool) -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f}%"), TimeRemainingColumn(),
        console=Console(stderr=True), transient=True, disable=not enabled,
    )  # fmt: skip


# --- import ----------------------------------------------------------------------------------------------------


@click.group("import")
def import_() -> None:
    """Take data over from other systems."""


@import_.command()
@home_option
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--mapping",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="What the columns mean (TOML).",
)
@click.option(
    "--encoding",
    default="utf-8",
    show_default=True,
    help="Of the file; exports from Chinese Excel often need gbk.",
)
@output_option
@as_json
def orders(home: Path | None, file: Path, mapping: Path, encoding: str, output: str | None, as_json: bool) -> None:
    """Read a shop's order export (CSV) as events, into the run or with -o into a file.

    Rows that cannot be used are reported with number and reason (the header is row 1), the others are taken.
    """
    if as_json and output == "-":
        raise click.UsageError("--json and -o - both want the standard output: give -o a file")
    bad, events = _read(file, mapping, encoding)
    if output is None:
        with cluster_command(), sending(home) as send:
            for first in range(0, len(events), CHUNK):
                send([Output("checkout", None, event) for event in events[first : first + CHUNK]])
    else:
        with _writing(output) as out:
            out.writelines(event + b"\n" for event in events)
    for row in bad:
        say(f"{file.name}, row {row.row_number}: {row.reason}: {row.detail}")
    if as_json:
        click.echo(encode({"events": len(events), "bad_rows": bad}))
    where = "to the input topics; process them with `livepool worker`" if output is None else f"to {output}"
    say(f"{len(events)} events written {where}; {len(bad)} bad rows")
    if bad:
        raise click.exceptions.Exit(1)


def _read(file: Path, mapping: Path, encoding: str) -> tuple[list[BadRow], list[bytes]]:
    try:
        with file.open(encoding=encoding, newline="") as lines:
            found = list(read_orders(lines, load_mapping(mapping)))
    except MappingError as error:
        raise click.UsageError(str(error)) from None
    except LookupError:
        raise click.UsageError(f"unknown encoding {encoding!r}") from None
    except UnicodeDecodeError as error:
        raise click.UsageError(f"{file} is not {encoding} ({error.reason}): name its --encoding, as gbk") from None
    bad = [item for item in found if isinstance(item, BadRow)]
    return bad, [item for item in found if not isinstance(item, BadRow)]


# --- policy ----------------------------------------------------------------------------------------------------


@click.group()
def policy() -> None:
    """The attribution policy."""


@policy.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@as_json
def check(file: Path, as_json: bool) -> None:
    """Say whether a policy file can be used, its version, and where it differs from the default."""
    try:
        found = read_policy(file)
    except SettingsError as error:
        if as_json:
            click.echo(encode({"valid": False, "error": str(error)}))
        else:
            say(f"Error: {error}")
        raise click.exceptions.Exit(1) from None
    differs = dict(_differences(msgspec.to_builtins(Policy()), msgspec.to_builtins(found), ""))
    if as_json:
        click.echo(encode({"valid": True, "version": found.version, "differs": differs}))
        return
    click.echo(f"{file}: valid, version {found.version}")
    click.echo("Differs from the default:" if differs else "The same as the default.")
    for key, change in differs.items():
        click.echo(f"  {key} = {_toml(change['value'])}    (default {_toml(change['default'])})")


def _differences(default: dict[str, Any], value: dict[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for key, wanted in value.items():
        if isinstance(wanted, dict):
            yield from _differences(default[key], wanted, f"{path}{key}.")
        elif wanted != default[key]:
            yield f"{path}{key}", {"value": wanted, "default": default[key]}


def _toml(value: Any) -> str:
    return orjson.dumps(value).decode()


# --- schemas ---------------------------------------------------------------------------------------------------


@click.command()
@click.argument("name", metavar="[TOPIC|TYPE]", required=False)
@as_json
def schemas(name: str | None, as_json: bool) -> None:
    """List the topics and their types; describe one topic; or print the JSON Schema of a type."""
    if name is None:
        _show_topics([topic for topic in TOPICS.values() if topic.kind != "internal"], as_json)
    elif name in TOPICS:
        _show_topics([TOPICS[name]], as_json)
    elif name in (known := {*EVENT_TYPES, *OUTPUT_TYPES, *DEAD_LETTER_TYPES}):
        click.echo(files("schemas").joinpath(f"json/{name}.schema.json").read_text("utf-8"), nl=False)
    else:
        near = get_close_matches(name, [*TOPICS, *known], n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else "`livepool schemas` lists them"
        raise click.UsageError(f"no topic or type {name!r}: {hint}")


def _show_topics(topics: list[Topic], as_json: bool) -> None:
    found = [_described(topic) for topic in topics]
    if as_json:
        click.echo(encode(found))
        return
    for topic in found:
        kept = "for ever" if topic["retention_ms"] is None else f"{topic['retention_ms'] / 86_400_000:g} d"
        compacted = ", the last record of a key" if topic["compacted"] else ""
        click.secho(f"{topic['topic']} ({topic['kind']})", bold=True)
        click.echo(f"  {topic['description']}")
        click.echo(f"  key: {topic['key'] or '–'}; kept {kept}{compacted}")
        for type_ in topic["types"]:
            click.echo(f"    {type_}")


def _described(topic: Topic) -> dict[str, Any]:
    types = DEAD_LETTER_TYPES if topic.name == "dead-letters" else topic.event_types
    return {
        "topic": topic.name, "kind": topic.kind, "description": topic.description, "key": topic.key,
        "types": list(types), "compacted": topic.compacted, "retention_ms": topic.retention_ms,
    }  # fmt: skip
