"""A show on paper: an HTML page to print, and each of its tables as CSV."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from schemas.values import parse_time
from streams.core.definitions import DEFINITIONS, Language, Text
from streams.core.more_definitions import MORE_DEFINITIONS
from streams.views.reads import Json
from streams.web.routes import TABLES
from streams.words.explaining import RULES
from streams.words.language import NOTHING, name_of_carrier, name_of_mode, number, when

FOLDER = Path(__file__).parent / "paper"
_PARTIES = {
    "store": Text("Store", "门店"),
    "anchor": Text("Anchor", "主播"),
    "mode": Text("Mode", "模式"),
    "item": Text("Item", "商品"),
}
_COLUMNS = {
    "sales": "party_sales",
    "orders": "party_orders",
    "units": "party_units",
    "paid_fen": "party_paid_fen",
    "refunded_fen": "party_refunded_fen",
    "net_fen": "party_net_fen",
}
BY_ROW = "by row"
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class Table(NamedTuple):
    """A table: its name, heads, and rows of raw values.

    `units` says what each column counts ("": text; BY_ROW: what `row_units` says of each row).
    """

    title: str
    heads: list[str]
    units: list[str]
    rows: list[list[Any]]
    row_units: Sequence[str] = ()

    def cells(self) -> Iterator[list[tuple[Any, str]]]:
        """Each row as values with their units."""
        for at, row in enumerate(self.rows):
            units = [self.row_units[at] if unit == BY_ROW else unit for unit in self.units]
            yield list(zip(row, units, strict=True))


def table_of(room: Json, name: str, lang: Language, zone: ZoneInfo) -> Table:
    """One of `routes.TABLES` of a room document."""
    if name == "figures":
        return _figures(room, lang)
    if name == "series":
        return _series(room, lang, zone)
    if name == "rules":
        return _rules(room, lang)
    columns = [column for column in _COLUMNS if name == "item" or column not in ("paid_fen", "refunded_fen")]
    labels = [MORE_DEFINITIONS[_COLUMNS[column]] for column in columns]
    rows = sorted(room["parties"][name].items(), key=lambda row: (-row[1]["net_fen"], row[0]))
    return Table(
        _PARTIES[name].in_(lang),
        [_PARTIES[name].in_(lang), *(label.label.in_(lang) for label in labels)],
        ["", *(label.unit for label in labels)],
        [[_party(name, party, lang), *(found[column] for column in columns)] for party, found in rows],
    )


def _figures(room: Json, lang: Language) -> Table:
    """All numbers of the show; none for who sees a part of it only."""
    heads = (Text("Number", "指标"), Text("Show", "全场"), Text("What it means", "定义"))
    show = room["snapshot"]["show"] if room["snapshot"] else {}
    known = {name: definition for name, definition in DEFINITIONS.items() if name in show}
    return Table(
        Text("Numbers", "指标").in_(lang),
        [head.in_(lang) for head in heads],
        ["", BY_ROW, ""],
        [[one.label.in_(lang), show[name], one.text.in_(lang)] for name, one in known.items()],
        [one.unit for one in known.values()],
    )


def _series(room: Json, lang: Language, zone: ZoneInfo) -> Table:
    columns = (DEFINITIONS["online"], MORE_DEFINITIONS["orders_per_minute"], MORE_DEFINITIONS["net_fen_per_minute"])
    return Table(
        Text("Per minute", "每分钟").in_(lang),
        [Text("Minute", "分钟").in_(lang), *(column.label.in_(lang) for column in columns)],
        ["", *(column.unit for column in columns)],
        [[when(int(minute), zone, "%Y-%m-%d %H:%M"), *point] for minute, point in room["series"].items()],
    )


def _rules(room: Json, lang: Language) -> Table:
    decisions = {"live": Text("Live", "直播"), "store": Text("Store", "门店")}
    heads = (Text("Decision", "判定"), Text("Rule", "规则"), Text("Meaning", "含义"), Text("Tier", "证据强度"))
    money = (MORE_DEFINITIONS["party_sales"], MORE_DEFINITIONS["party_net_fen"])
    rows = []
    for decision, title in decisions.items():
        for name, found in sorted(room["credited"][decision].items(), key=lambda row: -row[1]["net_fen"]):
            rule, _, tier = name.partition("/")
            meaning = RULES[rule].in_(lang) if rule in RULES else NOTHING
            rows.append([title.in_(lang), rule, meaning, tier, found["sales"], found["net_fen"]])
    return Table(
        Text("How it was credited", "归因规则").in_(lang),
        [*(head.in_(lang) for head in heads), *(column.label.in_(lang) for column in money)],
        ["", "", "", "", *(column.unit for column in money)],
        rows,
    )


def _party(name: str, party: str, lang: Language) -> str:
    if party == "none":
        return Text("nobody", "无归属").in_(lang)
    return name_of_mode(party, lang) if name == "mode" else party


def csv_of(room: Json, name: str, lang: Language, zone: ZoneInfo) -> bytes:
    """A table as CSV with a byte order mark, which spreadsheets need for Chinese; amounts in yuan."""
    table = table_of(room, name, lang, zone)
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(table.heads)
    for row in table.cells():
        writer.writerow([_cell(value, unit) for value, unit in row])
    return text.getvalue().encode("utf-8-sig")


def _cell(value: Any, unit: str) -> Any:
    if value is None:
        return ""
    if unit == "fen":
        sign, fen = "-" if value < 0 else "", abs(value)
        return f"{sign}{fen // 100}.{fen % 100:02}"
    if unit == "" and str(value).startswith(_FORMULA):
        return f"'{value}"  # a spreadsheet would compute it
    return value


def page(room: Json, lang: Language, zone: ZoneInfo) -> str:
    """The whole report; no script, no style of its own."""
    title = Text("Live session", "直播场次").in_(lang)
    tables = [table_of(room, name, lang, zone) for name in TABLES if name != "figures" or room["snapshot"]]
    parts = [_head(room, lang, zone), *(_html(table, lang) for table in tables)]
    return (
        f'<!doctype html><html lang="{"zh-CN" if lang == "zh" else "en"}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title} {escape(room['session_id'])} · Livepool</title>"
        # The report lies five segments deep; so it works behind a proxy that puts the board under a path, too.
        '<link rel="stylesheet" href="../../../../report.css"></head><body><main>'
        f"<h1>{title} {escape(room['session_id'])}</h1>{''.join(parts)}</main></body></html>"
    )


def _head(room: Json, lang: Language, zone: ZoneInfo) -> str:
    def at(text: str | None) -> str:
        return when(parse_time(text), zone) if text else Text("live", "直播中").in_(lang)

    facts = (
        (Text("Room", "直播间"), room["room_id"]),
        (Text("Carrier", "平台"), f"{name_of_carrier(room['carrier'], lang)} ({name_of_mode(room['mode'], lang)})"),
        (Text("Started", "开播"), at(room["started_at"])),
        (Text("Ended", "下播"), at(room["ended_at"])),
        (Text("Latest event", "最新事件"), at(room["latest_at"])),
        (Text("Anchors", "主播"), ", ".join(room["anchor_ids"]) or NOTHING),
        (Text("Stores", "门店"), ", ".join(room["store_ids"]) or NOTHING),
        (Text("As of", "数据截至"), at(room["as_of"]) if room["as_of"] else NOTHING),
        (Text("Time zone", "时区"), zone.key),
    )
    rows = "".join(f"<dt>{label.in_(lang)}</dt><dd>{escape(value)}</dd>" for label, value in facts)
    return f"<dl>{rows}</dl>"


def _html(table: Table, lang: Language) -> str:
    kinds = ["n" if unit else "" for unit in table.units]
    rows = "".join(_row([_shown(value, unit, lang) for value, unit in row], kinds) for row in table.cells())
    return f"<section><h2>{escape(table.title)}</h2>{_table(table.heads, rows)}</section>"


def _shown(value: Any, unit: str, lang: Language) -> str:
    return str(value) if unit == "" else number(value, unit, lang)  # type: ignore[arg-type]  # units of definitions


def _table(heads: Iterable[str], rows: str) -> str:
    cells = "".join(f'<th scope="col">{escape(head)}</th>' for head in heads)
    return f"<table><thead><tr>{cells}</tr></thead><tbody>{rows}</tbody></table>"


def _row(cells: Iterable[str], kinds: Iterable[str]) -> str:
    return f"<tr>{''.join(_td(cell, kind) for cell, kind in zip(cells, kinds, strict=True))}</tr>"


def _td(cell: str, kind: str) -> str:
    return f'<td class="{kind}">{escape(cell)}</td>' if kind else f"<td>{escape(cell)}</td>"
