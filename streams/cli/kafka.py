"""`kafka up|down|status|versions`: a Kafka cluster on this machine, for trying out."""

import functools
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from streams.cli.common import as_json, home_option, say, settings_of
from streams.cli.language import lang_option
from streams.cli.terminal import plain_console, write_json
from streams.cluster.broker_jars import cache_folder
from streams.cluster.brokers import DEFAULT_VERSION, VERSIONS, BrokersError, Cluster
from streams.cluster.connection import VARIABLES, Connection
from streams.core.definitions import Language, Text

FOLDER = "kafka"  # in the home of a run
_STATES = {True: Text("up", "运行中"), False: Text("down", "未运行")}


@click.group()
def kafka() -> None:
    """A Kafka cluster on this machine, to try things out; it needs Java 17 and Maven, no Docker.

    It keeps its address and its data. For work it is not: one disk, small heaps.
    """


def _failures(command: Callable[..., Any]) -> Callable[..., Any]:
    """What keeps the cluster from working ends the command with exit code 1 and the next step."""

    @functools.wraps(command)
    def checked(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except BrokersError as error:
            raise click.ClickException(str(error)) from None

    return checked


@kafka.command()
@home_option
@click.option("--version", help=f"Of Kafka; tested: {', '.join(VERSIONS)}.  [default: {DEFAULT_VERSION}]")
@click.option("--brokers", type=click.Choice(["1", "3"]), help="How many.  [default: 1]")
@click.option("--user", "users", multiple=True, help="Passwords, certificates and ACLs, and this user; repeat it.")
@lang_option
@as_json
@_failures
def up(
    home: Path | None, version: str | None, brokers: str | None, users: tuple[str, ...], lang: Language, as_json: bool
) -> None:
    """Start it, and say how to connect. The first time on a machine Kafka is fetched from Maven Central (45 MB)."""
    console = plain_console(stderr=True)
    with console.status(Text("starting Kafka", "正在启动 Kafka").in_(lang)) as status:
        cluster = Cluster(
            settings_of(home).home / FOLDER,
            version=version,
            brokers=int(brokers) if brokers else None,
            users=users or None,
            detached=True,
            say=lambda jar: status.update(Text(f"fetching {jar}", f"正在下载 {jar}").in_(lang)),
        )
        cluster.up()
    _show(cluster, lang, as_json)


@kafka.command()
@home_option
@lang_option
@_failures
def down(home: Path | None, lang: Language) -> None:
    """Stop it; `up` finds its data again."""
    cluster = _existing(home)
    cluster.down()
    say(Text(f"Kafka is down; its data stays in {cluster.home}", f"Kafka 已停止；数据保留在 {cluster.home}").in_(lang))


@kafka.command()
@home_option
@lang_option
@as_json
@_failures
def status(home: Path | None, lang: Language, as_json: bool) -> None:
    """Say which brokers run, and how to connect. Exit code 1 unless all do."""
    cluster = _existing(home)
    _show(cluster, lang, as_json)
    if len(cluster.running()) < len(cluster.brokers):
        raise click.exceptions.Exit(1)


@kafka.command()
@lang_option
@as_json
def versions(lang: Language, as_json: bool) -> None:
    """List the versions of Kafka that Livepool is tested with, and which of them are on this machine."""
    cache = cache_folder()
    found = [{"version": version, "fetched": (cache / version).is_dir()} for version in VERSIONS]
    if as_json:
        write_json(found)
        return
    for each in found:
        fetched = Text(f"in {cache}", f"已在 {cache}") if each["fetched"] else Text("not fetched yet", "尚未下载")
        click.echo(f"{each['version']}  {fetched.in_(lang)}")


def _existing(home: Path | None) -> Cluster:
    folder = settings_of(home).home / FOLDER
    if not Cluster.exists(folder):
        raise click.UsageError(
            f"no Kafka cluster in {folder}: start one with `livepool kafka up`, or name its folder by --home"
        )
    return Cluster(folder, detached=True)


def _show(cluster: Cluster, lang: Language, as_json: bool) -> None:
    running = cluster.running()
    environment = _environment(cluster.connection())
    if as_json:
        write_json(
            {
                "version": cluster.layout.version,
                "home": str(cluster.home),
                "bootstrap": cluster.bootstrap,
                "brokers": [{"broker": broker, "pid": running.get(broker)} for broker in cluster.brokers],
                "environment": environment,
            }
        )
        return
    click.echo(f"Kafka {cluster.layout.version}  {cluster.home}")
    for broker, ports in zip(cluster.brokers, cluster.bootstrap.split(","), strict=True):
        pid = f"  pid {running[broker]}" if broker in running else ""
        click.echo(f"  {broker}  {ports}  {_STATES[broker in running].in_(lang)}{pid}")
    if running:
        click.echo(Text("\nNext:", "\n下一步：").in_(lang))
        for name, value in environment.items():
            click.echo(f"  export {name}={shlex.quote(value)}")
        click.echo("  livepool topics apply")
    if cluster.secure:
        text = Text("Passwords, certificates and keys of", "以下用户的密码、证书和密钥：")
        click.echo(f"\n{text.in_(lang)} {', '.join(cluster.secure.users)}: {cluster.secure.folder}")


def _environment(connection: Connection) -> dict[str, str]:
    """The variables that make a worker use a connection; defaults left out."""
    return {
        VARIABLES[field]: str(value)
        for field, value in connection._asdict().items()
        if value is not None and value != Connection._field_defaults.get(field)
    }
