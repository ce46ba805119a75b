"""`demo`: a seeded show through the real agents, watched on a board in the terminal, audited and explained."""

import asyncio
import logging
import shutil
import signal
from contextlib import suppress
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from schemas.values import parse_time
from streams.app import App, build_app
from streams.cli.common import as_json, home_option, settings_of
from streams.cli.data import FIRST_EVENING
from streams.cli.demo_board import Audience, Board
from streams.cli.demo_report import SHOW_FILE, report
from streams.cli.demo_web import shown_board, stay
from streams.cli.language import lang_option
from streams.cli.playback import Playback, score
from streams.cli.published import Published
from streams.cli.terminal import can_redraw
from streams.core.definitions import Language
from streams.home import lag, open_log
from streams.runner import WorkerFailedError, run
from streams.settings import Settings
from streams.show import Truth
from streams.show import generate as show_lines
from streams.transport.log import Log
from streams.transport.worker_lock import WorkerLock, WorkerRunningError

SHOW_SECONDS = 90.0
MARK = "demo-home"  # the file that allows a folder to be wiped
_INTERRUPTED = 130


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
    audience = Audience(lang, ZoneInfo(settings.policy.timezone), as_json, watches)
    web = None if fast or as_json else settings.web
    settings = settings._replace(web=None)  # the board is shown by us: it stays when the agents have ended
    try:
        _wipe(settings.home)
        truth = _write_show(settings.home, events, seed)
        with shown_board(settings, web, audience) as address:
            finished = asyncio.run(_play(settings, audience, 0.0 if fast else SHOW_SECONDS))
            good = finished and report(ctx, settings, audience, truth)
            if finished and watches and address:
                stay(address, audience)
    except WorkerFailedError as error:
        raise click.ClickException(str(error)) from error
    except KeyboardInterrupt:
        finished = False
    if not finished:
        audience.say(
            f"stopped; what was processed so far can be looked at: `livepool rooms --home {settings.home}`",
            f"已停止；已处理的部分可用 `livepool rooms --home {settings.home}` 查看",
        )
        raise click.exceptions.Exit(_INTERRUPTED)
    if not good:
        raise click.exceptions.Exit(1)


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


async def _play(settings: Settings, audience: Audience, seconds: float) -> bool:
    """Play the show until everything is processed; False when it was stopped before."""
    path = settings.home / SHOW_FILE
    with path.open("rb") as file:
        when_due = score(file, seconds, parse_time(FIRST_EVENING))
    with open_log(settings) as log, open_log(settings) as feeding_log:
        playback = Playback(path, when_due, feeding_log)
        with Board(Published(log), playback, audience) as board:
            return await _feed(build_app(settings), playback, log, board)


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
