"""`doctor`: is everything in order, and if not, what to do next."""

import os
from collections.abc import Iterable
from pathlib import Path

import click
from rich.table import Table

from streams.cli.common import as_json, home_option, policy_option, settings_of
from streams.cli.health import examine
from streams.cli.installation import Check, Status, check_environment, check_folder, check_versions
from streams.cli.language import lang_option
from streams.cli.terminal import plain_console, write_json
from streams.cluster.connection import VARIABLES, Connection
from streams.core.definitions import Language
from streams.settings import DEFAULT_HOME, Settings, SettingsError

_STYLES: dict[Status, str] = {"OK": "green", "WARN": "yellow", "FAIL": "bold red"}


@click.command()
@home_option
@policy_option
@lang_option
@as_json
def doctor(home: Path | None, policy: Path | None, lang: Language, as_json: bool) -> None:
    """Examine settings, versions, folder, clock, topics, workers, policy and dead letters.

    With $LIVEPOOL_BROKERS those of the cluster, its brokers and the rights on it; --home is the worker's folder then.
    Each line is OK, WARN or FAIL with the next step. Exit code 1 when something has FAILed.
    """
    settings, error = _settings(home, policy)
    checks = list(_examined(settings, error))
    if as_json:
        write_json(
            [
                {
                    "check": check.name,
                    "status": check.status,
                    "detail": check.detail.in_(lang),
                    "next_step": check.next_step and check.next_step.in_(lang),
                }
                for check in checks
            ]
        )
    else:
        plain_console().print(_table(checks, lang))
    if any(check.status == "FAIL" for check in checks):
        raise click.exceptions.Exit(1)


def _settings(home: Path | None, policy: Path | None) -> tuple[Settings, str | None]:
    """The settings as far as they can be used, and what is wrong with them."""
    try:
        return settings_of(home, policy), None
    except click.UsageError as error:
        return Settings(
            home=home or Path(os.environ.get("LIVEPOOL_HOME", DEFAULT_HOME)), connection=_connection()
        ), error.message


def _connection() -> Connection | None:
    try:
        return Connection.from_environment()
    except SettingsError:
        return None


def _examined(settings: Settings, error: str | None) -> Iterable[Check]:
    if settings.connection is None:
        if os.environ.get(VARIABLES["brokers"]):  # a cluster is meant, and how to reach it cannot be used
            return check_environment(os.environ, error), check_versions(), check_folder(settings.home)
        return examine(settings, error)
    from streams.cli.cluster_health import examine_cluster  # noqa: PLC0415 - kafka-python is loaded when it is used

    return examine_cluster(settings, settings.connection, error)


def _table(checks: list[Check], lang: Language) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for check in checks:
        table.add_row(check.status, check.name, check.detail.in_(lang), style=_STYLES[check.status])
        if check.next_step is not None:
            table.add_row("", "", f"→ {check.next_step.in_(lang)}")
    return table
