"""Dead letters for the terminal and for machines."""

from collections.abc import Iterator
from typing import Any
from zoneinfo import ZoneInfo

import click
import orjson
from rich.table import Table

from streams.cli.terminal import plain_console, write_json
from streams.cluster.dead_letters import Group, Letter
from streams.core.definitions import Language, Text
from streams.words.language import when

_AGAIN = Text("sent again", "已重放")


def list_letters(found: Iterator[Letter], replayed: set[str], lang: Language, as_json: bool) -> None:
    """One line for each letter, as they come."""
    for letter in found:
        sent = letter.place in replayed
        if as_json:
            write_json(as_data(letter, sent))
            continue
        mark = f"  [{_AGAIN.in_(lang)}]" if sent else ""
        origin = f"{letter.topic}/{letter.partition}@{letter.offset}"
        click.echo(f"{letter.place}  {_time(letter.refused)}  {letter.reason}  {origin}  {letter.detail}{mark}")


def group_table(counted: list[Group], lang: Language) -> Table:
    """How many letters of each kind, and from when to when."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    for title in (Text("Reason", "原因"), Text("Topic", "主题")):
        table.add_column(title.in_(lang), no_wrap=True)
    for title in (Text("Letters", "数量"), Text("Replayed", "已重放")):
        table.add_column(title.in_(lang), no_wrap=True, justify="right")
    for title in (Text("First (UTC)", "最早 (UTC)"), Text("Last (UTC)", "最近 (UTC)")):
        table.add_column(title.in_(lang), no_wrap=True)
    for group in counted:
        counts = (f"{group.letters:,}", f"{group.replayed:,}")
        table.add_row(group.reason, group.topic, *counts, _minute(group.first), _minute(group.last))
    return table


def show_letter(letter: Letter, sent: bool, lang: Language) -> None:
    """All that is known of a letter, then the event: indented when it is JSON, else as text."""
    table = Table.grid(padding=(0, 3, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for label, value in (
        (Text("Letter", "死信"), letter.place),
        (Text("Reason", "原因"), letter.reason),
        (Text("Detail", "说明"), letter.detail),
        (Text("Refused (UTC)", "拒收时间 (UTC)"), _time(letter.refused)),
        (Text("Topic", "主题"), f"{letter.topic}/{letter.partition} @ {letter.offset}"),
        (Text("Appended", "写入时间"), letter.time),
        (Text("Key", "键"), _text(letter.key)),
        *((Text(f"Header {name}", f"消息头 {name}"), _text(value)) for name, value in letter.headers),
        (_AGAIN, (Text("yes", "是") if sent else Text("no", "否")).in_(lang)),
        (Text("Bytes", "字节数"), f"{len(letter.payload):,}"),
    ):
        table.add_row(label.in_(lang), value)
    plain_console().print(table)
    click.echo()
    event = _event(letter.payload)
    click.echo(_text(letter.payload) if event is None else orjson.dumps(event, option=orjson.OPT_INDENT_2).decode())


def as_data(letter: Letter, sent: bool) -> dict[str, Any]:
    """A letter for machines; bytes that are not UTF-8 as U+FFFD, `event` null when the payload is no JSON."""
    return letter._asdict() | {
        "headers": {name: _text(value) for name, value in letter.headers},
        "key": None if letter.key is None else _text(letter.key),
        "payload": _text(letter.payload),
        "event": _event(letter.payload),
        "replayed": sent,
    }


def _event(payload: bytes) -> Any:
    try:
        return orjson.loads(payload)
    except ValueError:
        return None


def _text(value: bytes | None) -> str:
    return "" if value is None else value.decode("utf-8", "replace")


def _time(ms: int) -> str:
    return when(ms, ZoneInfo("UTC"))


def _minute(ms: int) -> str:
    return when(ms, ZoneInfo("UTC"), "%m-%d %H:%M")
