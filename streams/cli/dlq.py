"""`dlq ls|show|replay`: the dead letters, of a cluster or of a run on one machine."""

import functools
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from schemas.topics import TOPICS
from schemas.values import parse_time
from streams.cli.common import as_json, home_option, open_existing, say
from streams.cli.connect import cluster_command, find_connection
from streams.cli.language import lang_option
from streams.cli.letter_view import as_data, group_table, list_letters, show_letter
from streams.cli.terminal import plain_console, write_json
from streams.cluster.dead_letters import CHUNK, Filter, Letter, LetterBox, groups, in_chunks, letters
from streams.cluster.letter_boxes import ClusterLetterBox, EmbeddedLetterBox
from streams.core.definitions import Language, Text

_UNITS = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_INPUTS = [name for name, topic in TOPICS.items() if topic.kind == "input"]


class _Since(click.ParamType):
    name = "TIME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        if ago := re.fullmatch(r"(\d{1,6})([smhd])", value):
            return int(time.time() * 1000) - int(ago[1]) * _UNITS[ago[2]]
        try:
            return parse_time(value)
        except ValueError:
            return self.fail(f"{value!r} is neither 90m, 24h, 7d (ago) nor like 2026-01-02T15:04:05+08:00", param, ctx)


class _Place(click.ParamType):
    name = "LETTER"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if found := re.fullmatch(r"(?:(\d{1,9})-)?(\d{1,18})", value):
            return f"{int(found[1] or 0)}-{int(found[2])}"
        return self.fail(f"{value!r} is no letter: `livepool dlq ls --letters` shows their numbers", param, ctx)


def _filtered(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the filter options; the command gets them as `wanted`."""

    @functools.wraps(command)
    def with_filter(
        *, reason: tuple[str, ...], topic: tuple[str, ...], since: int, place: tuple[str, ...] = (), **rest: Any
    ) -> None:
        command(wanted=Filter(frozenset(reason), frozenset(topic), frozenset(place), since), **rest)

    found: Callable[..., Any] = with_filter
    for option in (
        click.option("--since", type=_Since(), default=0, help="Refused since: 24h (ago), or 2026-01-02T15:04:05Z."),
        click.option("--topic", multiple=True, type=click.Choice(_INPUTS), help="Of the event; may be given again."),
        click.option("--reason", multiple=True, help="Of the refusal; may be given again."),
    ):
        found = option(found)
    return found


@contextmanager
def _box(home: Path | None) -> Iterator[LetterBox]:
    connection = find_connection()
    if connection is None or home is not None:
        with open_existing(home) as log:
            yield EmbeddedLetterBox(log)
    else:
        with cluster_command(), ClusterLetterBox(connection) as box:
            yield box


@click.group()
def dlq() -> None:
    """Dead letters: which, why, and send them again once the cause is mended.

    Of the cluster of $LIVEPOOL_BROKERS; without it, or with --home, of a run on this machine.
    """


@dlq.command()
@home_option
@_filtered
@click.option("--letters", "each", is_flag=True, help="Every letter, not how many of each kind.")
@lang_option
@as_json
def ls(home: Path | None, wanted: Filter, each: bool, lang: Language, as_json: bool) -> None:
    """Count dead letters by reason and topic."""
    with _box(home) as box:
        replayed = box.replayed()
        found = letters(box, wanted)
        if each:
            list_letters(found, replayed, lang, as_json)
            return
        counted = groups(found, replayed)
    if as_json:
        write_json([group._asdict() for group in counted])
    elif counted:
        plain_console().print(group_table(counted, lang))
    else:
        click.echo(Text("no dead letters", "没有死信").in_(lang))


@dlq.command()
@home_option
@click.argument("letter", type=_Place())
@lang_option
@as_json
def show(home: Path | None, letter: str, lang: Language, as_json: bool) -> None:
    """Show one dead letter with the event as it came."""
    with _box(home) as box:
        found = next(letters(box, Filter(places=frozenset([letter]))), None)
        if found is None:
            raise click.ClickException(f"no dead letter {letter}: `livepool dlq ls --letters` lists them")
        sent = found.place in box.replayed()
    if as_json:
        write_json(as_data(found, sent))
    else:
        show_letter(found, sent, lang)


@dlq.command()
@home_option
@click.argument("place", metavar="[LETTER]...", nargs=-1, type=_Place())
@_filtered
@click.option("--dry-run", is_flag=True, help="Only say what would be sent.")
@click.option("--rate", type=click.FloatRange(0, min_open=True), help="Letters a second at most.")
@lang_option
@as_json
def replay(home: Path | None, wanted: Filter, dry_run: bool, rate: float | None, lang: Language, as_json: bool) -> None:
    """Send the original events of dead letters again, to the topic that they came on; each letter once.

    Without LETTER and filters: all of them, but for those of more than 64 KiB, which no version accepts. Mend the
    cause first: what is still wrong becomes a new dead letter.
    """
    with _box(home) as box:
        replayed = box.replayed()
        waiting = (letter for letter in letters(box, wanted) if letter.sendable and letter.place not in replayed)
        counted = groups(waiting if dry_run else _send(box, waiting, rate), set())
    total = sum(group.letters for group in counted)
    if as_json:
        kinds = [{"reason": group.reason, "topic": group.topic, "letters": group.letters} for group in counted]
        write_json({"dry_run": dry_run, "letters": total, "groups": kinds})
        return
    for group in counted:
        click.echo(f"{group.letters:>8,}  {group.reason}  {group.topic}")
    end = Text("would be sent", "将重放") if dry_run else Text("sent again", "已重放")
    click.echo(f"{total:>8,}  {end.in_(lang)}")


def _send(box: LetterBox, waiting: Iterator[Letter], rate: float | None) -> Iterator[Letter]:
    """Send letters again, `rate` a second; yields those that were sent."""
    began = time.monotonic()
    sent = 0
    for number, chunk in enumerate(in_chunks(waiting, CHUNK if rate is None else max(1, min(CHUNK, int(rate)))), 1):
        fresh = box.replay(chunk)
        yield from fresh
        sent += len(fresh)
        if number % 20 == 0:
            say(f"{sent:,} …")
        if rate is not None:
            time.sleep(max(0.0, began + sent / rate - time.monotonic()))
