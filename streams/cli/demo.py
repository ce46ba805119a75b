"""`demo`: a seeded show through the real agents, watched on a board in the terminal, audited and explained."""

import asyncio
import logging
import shutil
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import click
import orjson
from rich.progress import Progress

from schemas.values import parse_time
from streams.app import App, build_app, open_log
from streams.cli import main
from streams.cli.audit import examine
from streams.cli.board_view import BOARD, credit_tables, session_table
from streams.cli.common import as_json, home_option, settings_of
from streams.cli.data import FIRST_EVENING
from streams.cli.demo_board import Audience, Board
from streams.cli.language import lang_option, yuan
from streams.cli.playback import Playback, score
from streams.cli.published import Published
from streams.cli.terminal import can_redraw, plain_console, write_json
from streams.core.definitions import Language
from streams.runner import WorkerFailedError, lag, run
from streams.settings import Settings
from streams.show import Truth
from streams.show import generate as show_lines
from streams.transport.log import Log
from streams.transport.worker_lock import WorkerLock, WorkerRunningError

SHOW_SECONDS = 90.0
MARK = "demo-home"  # the file that allows a folder to be wiped
SHOW_FILE = "show.ndjson"
_INTERRUPTED = 130
_TOP = 5


@click.command()
@home_option
@click.option("--fast", is_flag=True, help="At full speed, without the board.")
@click.option("--seed", type=int, default=7, show_default=True, help="The same seed gives the same figures.")
@click.option("--events", type=click.IntRange(100, 1_000_000), default=30_000, show_default=True, help="How many.")
@lang_option
@as_json
@click.pass_context
def demo(  # noqa: PLR0913, PLR0917 - one parameter per option
    ctx: click.Context, home: Path | None, fast: bool, seed: int, events: int, lang: Language, as_json: bool
) -> None:
    """Watch a show: an evening of live rooms, played through the real agents in about 90 seconds.

    Everything is kept in a folder of its own, by default `demo` in the home folder, which is made anew each time.
    """
    logging.basicConfig(level=logging.ERROR, format="%(message)s")
    settings = settings_of(home)
    settings = settings._replace(home=home or settings.home / "demo")
    watches = can_redraw() and not (fast or as_json)
    stage = _Stage(settings, Audience(lang, ZoneInfo(settings.policy.timezone), as_json, watches))
    try:
        _wipe(settings.home)
        truth = _write_show(settings.home, events, seed)
        finished = asyncio.run(_play(stage, 0.0 if fast else SHOW_SECONDS))
        good = finished and _report(ctx, stage, truth)
    except WorkerFailedError as error:
        raise click.ClickException(str(error)) from error
    except KeyboardInterrupt:
        finished = False
    if not finished:
        stage.audience.say(
            f"stopped; what was processed so far can be looked at: `livepool rooms --home {settings.home}`",
            f"已停止;已处理的部分可用 `livepool rooms --home {settings.home}` 查看",
        )
        raise click.exceptions.Exit(_INTERRUPTED)
    if not good:
        raise click.exceptions.Exit(1)


class _Stage(NamedTuple):
    """Where a demo happens, and for whom."""

    settings: Settings
    audience: Audience

    @property
    def home(self) -> Path:
        """The folder of the demo."""
        return self.settings.home


def _wipe(home: Path) -> None:
    """Begin in an empty folder; only one that a demo made is wiped."""
    if home.exists() and any(home.iterdir()) and not (home / MARK).exists():
        raise click.UsageError(
            f"{home} is not the folder of a demo, so it is left as it is: name another one by --home"
        )
    try:
        lock = WorkerLock(home)
    except WorkerRunningError as error:
        raise click.UsageError(f"{error}; stop it, or name another folder by --home") from None
    shutil.rmtree(home)
    lock.release()
    home.mkdir(parents=True)
    (home / MARK).write_text("`livepool demo` wipes this folder when it starts.\n", "utf-8")


def _write_show(home: Path, events: int, seed: int) -> Truth:
    truth = Truth()
    with (home / SHOW_FILE).open("wb") as file:
        for line in show_lines(events, seed, parse_time(FIRST_EVENING), truth):
            file.write(line + b"\n")
    return truth


async def _play(stage: _Stage, seconds: float) -> bool:
    """Play the show until everything is processed; False when it was stopped before."""
    path = stage.home / SHOW_FILE
    with path.open("rb") as file:
        when_due = score(file, seconds, parse_time(FIRST_EVENING))
    with open_log(stage.settings) as log, open_log(stage.settings) as feeding_log:
        playback = Playback(path, when_due, feeding_log)
        with Board(Published(log), playback, stage.audience) as board:
            return await _feed(build_app(stage.settings), playback, log, board)


async def _feed(app: App, playback: Playback, log: Log, board: Board) -> bool:
    stop = asyncio.Event()
    running = asyncio.create_task(run(app, stop=stop, look=board.look))
    await asyncio.sleep(0)
    with suppress(ValueError, RuntimeError):  # only the main thread may
        # In the place of the runner's: the agents finish what was sent, and then stop.
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, playback.stop)
    feeding = asyncio.create_task(playback.run())
    await asyncio.wait({feeding, running}, return_when=asyncio.FIRST_COMPLETED)
    playback.stop()  # for when it was the agents that ended
    await feeding
    while not running.done() and lag(log):
        await asyncio.sleep(0.02)
    stop.set()
    await running
    return playback.done


# --- what came of it -------------------------------------------------------------------------------------------


def _report(ctx: click.Context, stage: _Stage, truth: Truth) -> bool:
    """Final figures, audit, one explained order; False when something does not add up."""
    home = stage.home
    with open_log(stage.settings) as log:
        published = Published(log)
        published.update()
        figures = _figures(log, published, truth)
        order = _telling_order(log)
        if stage.audience.as_json:
            write_json(figures | {"home": str(home), "example": order._asdict()})
            return bool(figures["audit_ok"] and figures["as_generated"])
        session_id = _show_figures(stage, published, figures)
    code = _invoke(ctx, "audit", home=home, lang=stage.audience.lang)
    stage.audience.say(
        f"\nOne order, explained (`livepool explain {order.order_id} --home {home}`):",
        f"\n解释一笔订单(`livepool explain {order.order_id} --home {home}`):",
    )
    code |= _invoke(ctx, "explain", home=home, order_id=order.order_id, carrier=order.carrier, lang=stage.audience.lang)
    _say_next(stage, session_id, order)
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


def _show_figures(stage: _Stage, published: Published, figures: dict[str, Any]) -> str:
    """Show them; returns the session_id with most viewers, as one to look at."""
    console = plain_console()
    sessions = published.sessions()
    console.print(session_table(sessions, BOARD, stage.audience.lang, stage.audience.zone, console.width))
    console.print()
    console.print(credit_tables(published.credits, stage.audience.lang, _TOP, console))
    console.print()
    letters = sum(figures["dead_letters"].values())
    paid, refunded, net = (yuan(figures[name], stage.audience.lang) for name in ("paid_fen", "refunded_fen", "net_fen"))
    stage.audience.say(
        f"{figures['events']:,} events: {figures['sales']:,} sales, paid {paid}, refunded {refunded}, net {net}; "
        f"{letters:,} dead letters.",
        f"共 {figures['events']:,} 个事件:{figures['sales']:,} 笔销售,实付 {paid},退款 {refunded},净额 {net};"
        f"死信 {letters:,} 条。",
    )
    if figures["as_generated"]:
        stage.audience.say(
            "OK: sales, amounts and dead letters are exactly those that the show was made with.",
            "通过:销售、金额与死信和生成这场演示时的真值完全一致。",
        )
    else:
        stage.audience.say(
            "FAILED: sales, amounts or dead letters are not those that the show was made with.",
            "未通过:销售、金额或死信与生成这场演示时的真值不一致。",
        )
    return max(sessions, key=lambda session: int(session.snapshot["show"]["viewers"])).session_id


def _say_next(stage: _Stage, session_id: str, order: _Order) -> None:
    home = f"--home {stage.home}"
    steps = (
        (f"livepool rooms {home}", "all sessions", "全部场次"),
        (f"livepool rooms {session_id} {home}", "one, with definitions", "单场与指标定义"),
        (f"livepool rooms --by store {home}", "who is credited with what", "按门店归因"),
        (f"livepool buyer {order.buyer_id} {home}", "a buyer and the journey", "买家与其旅程"),
        (
            f"livepool replay {stage.home / SHOW_FILE} --policy POLICY.toml --out OUT",
            "the same show, another policy",
            "同一场演示,换一套策略",
        ),
    )
    stage.audience.say("\nWhere to go next:", "\n接下来可以试试:")
    for command, en, zh in steps:
        stage.audience.say(f"  {command}\n      {en}", f"  {command}\n      {zh}")
