"""What came of a demo: final figures, audit, one explained order, and where to go next."""

import sys
from pathlib import Path
from typing import Any, NamedTuple

import click
import orjson
from rich.progress import Progress

from streams.cli import main
from streams.cli.audit import examine
from streams.cli.board_view import BOARD, credit_tables, session_table
from streams.cli.demo_board import Audience
from streams.cli.published import Published
from streams.cli.terminal import plain_console, write_json
from streams.home import open_log
from streams.settings import Settings
from streams.show import Truth
from streams.transport.log import Log
from streams.words.language import yuan

SHOW_FILE = "show.ndjson"  # in the folder of the demo
_TOP = 5


def report(ctx: click.Context, settings: Settings, audience: Audience, truth: Truth) -> bool:
    """Final figures, audit, one explained order; False when something does not add up."""
    home = settings.home
    with open_log(settings) as log:
        published = Published(log)
        published.update()
        figures = _figures(log, published, truth)
        order = _telling_order(log)
        if audience.as_json:
            write_json(figures | {"home": str(home), "example": order._asdict()})
            return bool(figures["audit_ok"] and figures["as_generated"])
        session_id = _show_figures(audience, published, figures)
    code = _invoke(ctx, "audit", home=home, lang=audience.lang)
    audience.say(
        f"\nOne order, explained (`livepool explain {order.order_id} --home {home}`):",
        f"\n解释一笔订单（`livepool explain {order.order_id} --home {home}`）：",
    )
    code |= _invoke(ctx, "explain", home=home, order_id=order.order_id, carrier=order.carrier, lang=audience.lang)
    _say_next(audience, home, session_id, order)
    return code == 0 and bool(figures["as_generated"])


def _invoke(ctx: click.Context, name: str, **arguments: Any) -> int:
    """Run another command; its exit code."""
    command = main.get_command(ctx, name)
    assert command is not None  # noqa: S101 - one of ours
    sys.stdout.flush()
    try:
        ctx.invoke(command, **arguments)
    except click.exceptions.Exit as done:
        return int(done.exit_code)
    return 0


def _figures(log: Log, published: Published, truth: Truth) -> dict[str, Any]:
    """The figures that the same seed gives each time; `as_generated`: they are those that the show was made with."""
    result = examine(log, Progress(disable=True))
    figures: dict[str, Any] = {
        "events": truth.lines,
        "sales": result.sales,
        "paid_fen": result.paid_fen,
        "refunded_fen": result.refunded_fen,
        "net_fen": result.net_fen,
        "dead_letters": dict(sorted(published.dead_letters.items())),
        "credited_fen": {name: dict(sorted(held.items())) for name, held in published.credits.items()},
        "sessions": {name: published.snapshots[name]["show"] for name in sorted(published.snapshots)},
        "audit_ok": not result.findings,
    }
    made = (truth.sales, truth.gmv_paid_fen, truth.refunded_fen, dict(sorted(truth.dead_letters.items())))
    figures["as_generated"] = made == (
        figures["sales"],
        figures["paid_fen"],
        figures["refunded_fen"],
        figures["dead_letters"],
    )
    return figures


class _Order(NamedTuple):
    carrier: str
    order_id: str
    buyer_id: str


def _telling_order(log: Log) -> _Order:
    """The paid order with most to explain: many rules lost for a reason, shared credit, a refund."""
    sales: dict[str, dict[str, Any]] = {}
    for record in log.read("attributed-sales"):
        if record.value is not None:
            data = orjson.loads(record.value)["data"]
            sales[data["sale_id"]] = data
    best = max(sorted(sales), key=lambda sale_id: _much_to_explain(sales[sale_id]))
    return _Order(*(sales[best][name] for name in ("carrier", "order_id", "buyer_id")))


def _much_to_explain(sale: dict[str, Any]) -> int:
    lost = {rule["outcome"] for rule in sale["considered"]} - {"won", "no_evidence"}
    shared = (len(sale["anchors"]) > 1) + (len(sale["stores"]) > 1)
    refunded = int(0 < sale["refunded_fen"] < sale["amount_fen"])
    return 3 * len(lost) + shared + 2 * refunded


def _show_figures(audience: Audience, published: Published, figures: dict[str, Any]) -> str:
    """Show them; returns the session_id with most viewers, as one to look at."""
    console = plain_console()
    sessions = published.sessions()
    console.print(session_table(sessions, BOARD, audience.lang, audience.zone, console.width))
    console.print()
    console.print(credit_tables(published.credits, audience.lang, _TOP, console))
    console.print()
    letters = sum(figures["dead_letters"].values())
    paid, refunded, net = (yuan(figures[name], audience.lang) for name in ("paid_fen", "refunded_fen", "net_fen"))
    audience.say(
        f"{figures['events']:,} events: {figures['sales']:,} sales, {letters:,} dead letters\n"
        f"paid {paid}, refunded {refunded}, net {net}",
        f"共 {figures['events']:,} 个事件：{figures['sales']:,} 笔销售，{letters:,} 条死信\n"
        f"实付 {paid}，退款 {refunded}，净额 {net}",
    )
    if figures["as_generated"]:
        audience.say(
            "OK: exactly the sales, amounts and dead letters that the show was made with.",
            "通过：销售、金额与死信和生成这场演示时的真值完全一致。",
        )
    else:
        audience.say(
            "FAILED: not the sales, amounts or dead letters that the show was made with.",
            "未通过：销售、金额或死信与生成这场演示时的真值不一致。",
        )
    return max(sessions, key=lambda session: int(session.snapshot["show"]["viewers"])).session_id


def _say_next(audience: Audience, folder: Path, session_id: str, order: _Order) -> None:
    home = f"--home {folder}"
    steps = (
        (f"livepool rooms {home}", "all sessions", "全部场次"),
        (f"livepool rooms {session_id} {home}", "one, with definitions", "单场与指标定义"),
        (f"livepool rooms --by store {home}", "who is credited with what", "按门店归因"),
        (f"livepool buyer {order.buyer_id} {home}", "a buyer and the journey", "买家与其旅程"),
        (
            f"livepool replay {folder / SHOW_FILE} --policy POLICY.toml --out OUT",
            "the same show, another policy",
            "同一场演示，换一套策略",
        ),
    )
    audience.say("\nWhere to go next:", "\n接下来可以试试：")
    for command, en, zh in steps:
        audience.say(f"  {command}\n      {en}", f"  {command}\n      {zh}")
