"""`board`, `token`: the live board without a worker, and who may see it."""

import logging
import os
import signal
import threading
from pathlib import Path

import click

from streams.cli.common import home_option, open_existing, policy_option, say, settings_of
from streams.cli.connect import cluster_command
from streams.settings import DEFAULT_HOME, SettingsError, WebSettings
from streams.web.server import Server
from streams.web.tokens import add_token

TOKENS_FILE = "tokens.toml"


@click.command()
@home_option
@policy_option
@click.option("--host", help="Address to listen on.  [default: $LIVEPOOL_WEB_HOST or 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65_535), help="0: any.  [default: $LIVEPOOL_WEB_PORT or 6066]")
def board(home: Path | None, policy: Path | None, host: str | None, port: int | None) -> None:
    """Serve the live board of a run or of a cluster, without running agents."""
    for name, value in (("LIVEPOOL_WEB_HOST", host), ("LIVEPOOL_WEB_PORT", port)):
        if value is not None:
            os.environ[name] = str(value)
    os.environ["LIVEPOOL_WEB"] = "on"  # that is what was asked for
    settings = settings_of(home, policy)
    if home is not None:
        settings = settings._replace(connection=None)
    if settings.connection is None:
        open_existing(settings.home).close()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    server = Server(settings._replace(web=settings.web or WebSettings()))
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with cluster_command():
        address = server.start()
        if address is None:
            server.stop()
            raise click.ClickException(f"no board: {server.failure}")
        say(f"board on {address}; stop with Ctrl-C")
        stop.wait()
        server.stop()


@click.group()
def token() -> None:
    """Who may see the board, and of which stores."""


@token.command()
@click.argument("name")
@click.option("--store", "stores", multiple=True, help="A store that it is for; may be repeated.")
@click.option("--all", "everything", is_flag=True, help="For everything.")
@click.option(
    "--file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where tokens are kept.  [default: $LIVEPOOL_WEB_TOKENS, or tokens.toml in the home folder]",
)
def add(name: str, stores: tuple[str, ...], everything: bool, file: Path | None) -> None:
    """Make a token and print it: this is the only time. What is kept is its SHA-256."""
    if everything == bool(stores):
        raise click.UsageError("name the stores that it is for by --store, or give --all")
    named = os.environ.get("LIVEPOOL_WEB_TOKENS")
    path = file or (Path(named) if named else Path(os.environ.get("LIVEPOOL_HOME") or DEFAULT_HOME) / TOKENS_FILE)
    try:
        made = add_token(path, name, None if everything else list(stores))
    except SettingsError as error:
        raise click.UsageError(str(error)) from None
    click.echo(made)
    say(f"added to {path}; the board asks for it when LIVEPOOL_WEB_TOKENS={path}")
