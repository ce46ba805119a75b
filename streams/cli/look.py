"""`rooms`, `buyer`: what a live-room operator and an SCRM team ask of a run, whether its worker is running or not."""

from collections import Counter
from pathlib import Path
from zoneinfo import ZoneInfo

import click
from rich.table import Table

from schemas.values import parse_time
from streams.cli.board_view import LEGEND, LIST, credit_table, session_table
from streams.cli.buyer_view import show_buyer
from streams.cli.common import as_json, home_option, open_source, policy_option, settings_of
from streams.cli.connect import cluster_command
from streams.cli.language import lang_option
from streams.cli.published import Published, Session, credit_entries, sale_keys
from streams.cli.terminal import plain_console, write_json
from streams.core.definitions import DEFINITIONS, Language, Text
from streams.kept.buyers import as_data, find, was_erased
from streams.kept.source import Source
from streams.words.language import NOTHING, name_of_carrier, name_of_mode, number, when

_WINDOWS = {
    "show": Text("Show", "全场"),
    "last_10m": Text("Last 10 min", "近10分钟"),
    "previous_10m": Text("10 min before", "前10分钟"),
}
_LATER = "if its events are sent but not processed yet, run `livepool worker --drain`"


@click.command()
@home_option
@policy_option
@click.argument("session_id", required=False)
@click.option(
    "--by",
    type=click.Choice(["store", "anchor", "mode", "day"]),
    help="Credited net amounts, summed per party or day.",
)
@lang_option
@as_json
def rooms(
    home: Path | None,
    policy: Path | None,
    session_id: str | None,
    by: str | None,
    lang: Language,
    as_json: bool,
) -> None:
    """Show all live sessions, one session with every number defined, or the credits per party.

    Days and times are those of the policy's time zone.
    """
    zone = ZoneInfo(settings_of(home, policy).policy.timezone)
    with cluster_command(), open_source(home) as log:
        published = Published(log)
        with log.snapshot():
            published.update_snapshots()
            sessions = published.sessions()
        chosen = None
        if session_id is not None:
            chosen = next((session for session in sessions if session.session_id == session_id), None)
            if chosen is None:
                raise click.ClickException(f"no session {session_id!r}: `livepool rooms` lists them; {_LATER}")
        if by is not None:
            _show_credits(_credits(log, by, session_id, zone), by, lang, as_json)
        elif chosen is not None:
            _show_session(chosen, lang, zone, as_json)
        else:
            _show_list(sessions, lang, zone, as_json)


def _show_list(sessions: list[Session], lang: Language, zone: ZoneInfo, as_json: bool) -> None:
    if as_json:
        write_json([session.as_json() for session in sessions])
        return
    if not sessions:
        click.echo(
            Text(
                f"no session yet; {_LATER}",
                "还没有场次；若事件已发送但未处理，请运行 `livepool worker --drain`",
            ).in_(lang)
        )
        return
    console = plain_console()
    console.print(session_table(sessions, LIST, lang, zone, console.width))
    console.print(LEGEND.in_(lang), style="dim")


def _show_session(session: Session, lang: Language, zone: ZoneInfo, as_json: bool) -> None:
    if as_json:
        definitions = {
            name: {"unit": definition.unit, "en": definition.text.en, "zh": definition.text.zh}
            for name, definition in DEFINITIONS.items()
        }
        write_json(session.as_json() | {"definitions": definitions})
        return
    console = plain_console()
    console.print(_head(session, lang, zone))
    console.print()
    console.print(_figures(session, lang))
    console.print()
    console.print(_definitions(lang))


def _head(session: Session, lang: Language, zone: ZoneInfo) -> Table:
    ended = Text("live", "直播中").in_(lang) if session.ended is None else when(session.ended, zone)
    carrier = f"{name_of_carrier(session.carrier, lang)} ({name_of_mode(session.mode, lang)})"
    grid = Table.grid(padding=(0, 3, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for label, value in (
        (Text("Session", "场次"), session.session_id),
        (Text("Carrier", "平台"), carrier),
        (Text("Room", "直播间"), session.room_id),
        (Text("Started", "开播"), when(session.started, zone)),
        (Text("Ended", "下播"), ended),
        (Text("Latest event", "最新事件"), when(session.latest, zone)),
        (Text("On air", "在播主播"), ", ".join(session.anchors) or NOTHING),
        (Text("Stores", "关联门店"), ", ".join(session.stores) or NOTHING),
    ):
        grid.add_row(label.in_(lang), value)
    return grid


def _figures(session: Session, lang: Language) -> Table:
    table = Table(box=None, padding=(0, 3, 0, 0), pad_edge=False, header_style="bold")
    table.add_column(Text("Number", "指标").in_(lang), no_wrap=True)
    for title in _WINDOWS.values():
        table.add_column(title.in_(lang), justify="right", no_wrap=True)
    for name, definition in DEFINITIONS.items():
        cells = (number(session.snapshot[window][name], definition.unit, lang) for window in _WINDOWS)
        table.add_row(definition.label.in_(lang), *cells)
    return table


def _definitions(lang: Language) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    table.add_column(Text("Number", "指标").in_(lang), no_wrap=True)
    table.add_column(
        Text("What it means (people are buyers, never events)", "定义（人数均为去重买家，不是事件数）").in_(lang),
        overflow="fold",
    )
    for definition in DEFINITIONS.values():
        table.add_row(definition.label.in_(lang), definition.text.in_(lang))
    return table


def _credits(log: Source, by: str, session_id: str | None, zone: ZoneInfo) -> Counter[str]:
    """Net fen from the credit ledger per party, or per day of placed_at; of one session or of all sales."""
    found: Counter[str] = Counter()
    with log.snapshot():
        keys = sale_keys(log) if by == "day" or session_id is not None else {}
        for sale_id, party, fen in credit_entries(log, "store" if by == "day" else by):
            key = keys.get(sale_id)
            if session_id is not None and (key is None or key.session_id != session_id):
                continue
            # Without a key it is no sale any more: its entries sum to 0.
            day = when(parse_time(key.placed_at), zone, "%Y-%m-%d") if key else ""
            found[day if by == "day" else party] += fen
    return Counter({party: fen for party, fen in found.items() if fen})


def _show_credits(found: Counter[str], by: str, lang: Language, as_json: bool) -> None:
    if as_json:
        write_json({"by": by, "net_fen": dict(sorted(found.items())), "total_fen": sum(found.values())})
        return
    plain_console().print(credit_table(by, found, lang))


@click.command()
@home_option
@policy_option
@click.argument("name", metavar="ID")
@click.option("--all", "everything", is_flag=True, help="The whole journey, not only the latest of it.")
@lang_option
@as_json
def buyer(home: Path | None, policy: Path | None, name: str, everything: bool, lang: Language, as_json: bool) -> None:
    """Show a buyer: profile, identifiers, orders with who got the credit, journey.

    ID is a buyer_id, or an identifier `namespace:value` such as `unionid:o6_bmasdasdsad6_2sgVt7hMZOPfL`.
    """
    settings = settings_of(home, policy)
    with cluster_command(), open_source(home) as log:
        with log.snapshot():
            found = find(log, name)
            data = found and as_data(log, found, settings.policy)
        if data is None and was_erased(log, name):
            raise click.ClickException(f"{name!r} was deleted on request: who it was is not kept, amounts are")
    if data is None:
        raise click.ClickException(
            f"no buyer {name!r}: give a buyer_id, or an identifier `namespace:value` as events have it; {_LATER}"
        )
    if as_json:
        write_json(data)
        return
    show_buyer(data, plain_console(), lang, ZoneInfo(settings.policy.timezone), everything)
