"""The board in a terminal: a table of sessions as wide as there is room for, and who is credited with how much."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple
from zoneinfo import ZoneInfo

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text as Cell

from streams.cli.published import Session
from streams.core.definitions import DEFINITIONS, Language, Text
from streams.words.language import NOTHING, name_of_carrier, name_of_mode, ratio, when, yuan, yuan_short

_MOST_PERCENT = 999
_ANY_WIDTH = 1000


class Column(NamedTuple):
    """A column of sessions; the one with the highest rank goes first when the terminal is narrow."""

    rank: int
    title: Text  # a line break where it may be broken
    cell: Callable[[Session, Language, ZoneInfo], str]
    right: bool = True


def change(last: int, previous: int, lang: Language) -> str:
    """The last ten minutes against those before (fen): an arrow and a signed number, readable without colour."""
    difference = last - previous
    if difference == 0:
        return "= 0%"
    arrow, sign = ("▲", "+") if difference > 0 else ("▼", "-")
    if previous == 0:  # no percentage of nothing
        return f"{arrow} {sign}{yuan_short(abs(difference), lang)}"
    percent = round(100 * abs(difference) / abs(previous))
    return f"{arrow} {sign}{min(percent, _MOST_PERCENT)}%" + ("+" if percent > _MOST_PERCENT else "")


def _carrier(session: Session, lang: Language, _zone: ZoneInfo) -> str:
    return f"{'●' if session.live else '○'} {name_of_carrier(session.carrier, lang)}"


def _state(session: Session, lang: Language, zone: ZoneInfo) -> str:
    if session.ended is None:
        return Text("live", "直播中").in_(lang)
    return f"{Text('ended', '已下播').in_(lang)} {when(session.ended, zone, '%H:%M')}"


def _change(session: Session, lang: Language, _zone: ZoneInfo) -> str:
    last, previous = (session.snapshot[window]["gmv_net_fen"] for window in ("last_10m", "previous_10m"))
    return change(last, previous, lang)


def _show(metric: str) -> Callable[[Session, Language, ZoneInfo], str]:
    def cell(session: Session, lang: Language, _zone: ZoneInfo) -> str:
        value = session.snapshot["show"][metric]
        unit = DEFINITIONS[metric].unit
        if unit == "fen":
            return NOTHING if value is None else yuan_short(value, lang)
        return ratio(value) if unit == "ratio" else f"{value:,}"

    return cell


SESSION_ID = Column(3, Text("Session", "场次"), lambda session, _lang, _zone: session.session_id, right=False)
STARTED = Column(
    10,
    Text("Started", "开播"),
    lambda session, _lang, zone: when(session.started, zone, "%m-%d %H:%M"),
    right=False,
)
FIGURES = (
    Column(0, Text("Room", "直播间"), _carrier, right=False),
    Column(8, Text("Mode", "模式"), lambda session, lang, _zone: name_of_mode(session.mode, lang), right=False),
    Column(11, Text("State", "状态"), _state, right=False),
    Column(4, Text("Online", "在线"), _show("online")),
    Column(12, Text("Peak", "峰值"), _show("peak_online")),
    Column(2, Text("Viewers", "观看\n人数"), _show("viewers")),
    Column(
        5,
        Text("Placed\n/paid", "下单\n/支付"),
        lambda session, _lang, _zone: (
            f"{session.snapshot['show']['orders_placed']:,}/{session.snapshot['show']['orders_paid']:,}"
        ),
    ),
    Column(1, Text("GMV net", "净GMV"), _show("gmv_net_fen")),
    Column(6, Text("Conver-\nsion", "转化率"), _show("conversion")),
    Column(7, Text("Pool\njoins", "入私域"), _show("pool_joins")),
    Column(
        13,
        Text("GMV net\nlast 10m", "近10分\n净GMV"),
        lambda session, lang, _zone: yuan_short(session.snapshot["last_10m"]["gmv_net_fen"], lang),
    ),
    Column(9, Text("10m vs\nbefore", "近10分\n环比"), _change),
)
BOARD = (*FIGURES, STARTED._replace(rank=14), SESSION_ID._replace(rank=15))
LIST = (SESSION_ID._replace(rank=0), FIGURES[0]._replace(rank=1), STARTED._replace(rank=9), *FIGURES[1:])


def session_table(
    sessions: Sequence[Session], columns: Iterable[Column], lang: Language, zone: ZoneInfo, width: int
) -> Table:
    """The sessions with as many of the columns as fit into `width` cells."""
    filled = [(column, [column.cell(session, lang, zone) for session in sessions]) for column in columns]
    shown = _fitting(filled, lang, width)
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="bold")
    for column, _ in shown:
        table.add_column(
            column.title.in_(lang),
            justify="right" if column.right else "left",
            no_wrap=True,
            vertical="bottom",
        )
    for session, row in zip(sessions, zip(*(cells for _, cells in shown), strict=True), strict=True):
        table.add_row(*row, style="" if session.live else "dim")
    return table


def _fitting(filled: list[tuple[Column, list[str]]], lang: Language, width: int) -> list[tuple[Column, list[str]]]:
    left = width
    shown = set()
    for column, cells in sorted(filled, key=lambda item: item[0].rank):
        need = 1 + max(map(cell_len, (*column.title.in_(lang).split("\n"), *cells)))
        if need > left + 1:
            break
        left -= need
        shown.add(column)
    return [(column, cells) for column, cells in filled if column in shown]


LEGEND = Text(
    "● live  ○ ended  10m vs before: GMV net of the last 10 minutes and the 10 before",
    "● 直播中  ○ 已下播   近10分环比：最近10分钟净GMV与此前10分钟相比",
)
_PARTIES = {
    "store": Text("Store", "门店"),
    "anchor": Text("Anchor", "主播"),
    "mode": Text("Mode", "模式"),
    "day": Text("Day", "日期"),
}


def credit_tables(credits_: dict[str, Counter[str]], lang: Language, most: int, console: Console) -> Table:
    """Net credit per store, anchor and mode side by side, the largest first; without shares where it is narrow."""
    for shares in (True, False):
        grid = Table.grid(padding=(0, 3, 0, 0))
        grid.add_row(*(credit_table(name, held, lang, most=most, shares=shares) for name, held in credits_.items()))
        # Not limited by the console, so that it tells what the table would need.
        if console.measure(grid, options=console.options.update(max_width=_ANY_WIDTH)).maximum <= console.width:
            break
    return grid


def _share(fen: int, total: int) -> str:
    if not total:
        return NOTHING
    share = f"{fen / total:.0%}"
    return "<1%" if share == "0%" else share


def credit_table(
    dimension: str, credit: Counter[str], lang: Language, *, most: int | None = None, shares: bool = True
) -> Table:
    """Net credit of the parties of one dimension (fen); with `most` at a glance the largest, else all to the fen."""
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="bold")
    table.add_column(_PARTIES[dimension].in_(lang), no_wrap=True)
    table.add_column(Text("credited", "归属净额").in_(lang), justify="right", no_wrap=True)
    if shares:
        table.add_column("%", justify="right", no_wrap=True)
    total = sum(credit.values())
    parties = [(party, fen) for party, fen in credit.items() if fen]
    # Days in their order, parties by what they have.
    parties.sort(key=lambda item: (0 if dimension == "day" else -item[1], item[0]))
    for party, fen in parties[:most]:
        name = name_of_mode(party, lang) if dimension == "mode" else party
        money = yuan(fen, lang) if most is None else yuan_short(fen, lang)
        table.add_row(name, money, *([_share(fen, total)] if shares else []))
    if most is not None and len(parties) > most:
        more = len(parties) - most
        table.add_row(Cell(Text(f"… {more} more", f"… 另{more}个").in_(lang), "dim"))
    return table
