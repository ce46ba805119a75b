"""`topics plan|apply|acls`: the topics of a Kafka cluster as code."""

from collections.abc import Callable
from typing import Any

import click
from rich.table import Table

from streams.cli.acls import acls
from streams.cli.common import as_json, say
from streams.cli.connect import cluster_command, need_connection
from streams.cli.language import lang_option
from streams.cli.terminal import plain_console, write_json
from streams.cluster.session import admin_session
from streams.cluster.topic_admin import Survey, TopicsRefusedError, reasons, survey
from streams.cluster.topic_admin import apply as apply_changes
from streams.cluster.topic_plan import Change, refused, to_do
from streams.cluster.topics import DEFAULT_REPLICATION
from streams.core.definitions import Language, Text

_ACTIONS = {
    "create": Text("create", "新建"),
    "configure": Text("configure", "修改配置"),
    "grow": Text("add partitions", "增加分区"),
    "keep": Text("as it should be", "无需变更"),
    "refuse": Text("REFUSED", "拒绝"),
    "note": Text("by hand", "需手工处理"),
}
_STYLES = {"create": "green", "configure": "yellow", "grow": "yellow", "refuse": "bold red", "note": "cyan"}
_CHANGES, _REFUSED = 2, 1  # exit codes of `plan`


@click.group()
def topics() -> None:
    """The topics of a Kafka cluster and the rights on them: compare, create, configure."""


topics.add_command(acls)


def _options(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        as_json,
        lang_option,
        click.option(
            "--replication",
            type=click.IntRange(1),
            help="Copies of each record.  [default: 3, or as many as there are brokers]",
        ),
        click.option(
            "--partitions",
            type=click.IntRange(1),
            help="Of inputs, outputs, journeys and room-deltas; decided once.  [default: those it has, else 8]",
        ),
    ):
        command = option(command)
    return command


@topics.command("plan")
@_options
def plan_(partitions: int | None, replication: int | None, lang: Language, as_json: bool) -> None:
    """Show what `apply` would do. Exit code 0: nothing, 2: changes, 1: something is refused."""
    with cluster_command(), admin_session(need_connection()) as admin:
        found = survey(admin, partitions, replication)
    changes = found.plan()
    _warn(found, replication)
    _show(found, changes, lang, as_json)
    if refused(changes):
        raise click.exceptions.Exit(_REFUSED)
    if to_do(changes):
        raise click.exceptions.Exit(_CHANGES)


@topics.command()
@_options
@click.option("--yes", is_flag=True, help="Also what may delete records, as a shorter retention does.")
def apply(partitions: int | None, replication: int | None, lang: Language, as_json: bool, yes: bool) -> None:
    """Create and configure the topics; run again, it finds nothing to do."""
    with cluster_command(), admin_session(need_connection()) as admin:
        found = survey(admin, partitions, replication)
        changes = found.plan()
        _warn(found, replication)
        try:
            done = apply_changes(admin, changes, may_lose=yes)
        except TopicsRefusedError as error:
            _show(found, changes, lang, as_json)
            more = "" if refused(changes) else " with --yes, after a look at `livepool topics plan`"
            raise click.ClickException(f"nothing was done. {error}{more}") from None
    _show(found, done + [change for change in changes if change.action == "note"], lang, as_json)


def _warn(found: Survey, replication: int | None) -> None:
    if replication is None and found.replication < DEFAULT_REPLICATION:
        say(
            f"{found.brokers} broker(s) up: {found.replication} replica(s) of each record instead of"
            f" {DEFAULT_REPLICATION}. Records are lost with the disk of a broker; run three for more than a trial."
        )


def _show(found: Survey, changes: list[Change], lang: Language, as_json: bool) -> None:
    if as_json:
        counts = {"partitions": found.partitions, "replication": found.replication, "brokers": found.brokers}
        write_json(counts | {"changes": [_as_data(change) for change in changes]})
        return
    kept = sum(change.action == "keep" for change in changes)
    rest = [change for change in changes if change.action not in ("keep", "refuse")]
    console = plain_console()
    if rest:
        console.print(_table(rest, lang))
    for reason in reasons(changes):
        console.print(f"{_ACTIONS['refuse'].in_(lang)}  {reason}", style=_STYLES["refuse"])
    if kept or not changes:
        text = Text(f"{kept} topics are as they should be", f"{kept} 个主题无需变更")
        console.print(text.in_(lang) if kept else Text("nothing to do", "无需变更").in_(lang))


def _table(changes: list[Change], lang: Language) -> Table:
    table = Table(box=None, padding=(0, 3, 0, 0), pad_edge=False, header_style="bold")
    for title in (Text("Topic", "主题"), Text("Step", "操作"), Text("Partitions", "分区"), Text("Replicas", "副本")):
        table.add_column(title.in_(lang), no_wrap=True)
    table.add_column(Text("What", "内容").in_(lang), overflow="fold")
    for change in changes:
        topic = change.topic
        action = _ACTIONS[change.action].in_(lang)
        style = _STYLES.get(change.action)
        table.add_row(topic.name, action, str(topic.partitions), str(topic.replication), _what(change), style=style)
    return table


def _what(change: Change) -> str:
    if change.action == "create":
        configs = change.topic.configs
        return ", ".join(f"{name}={configs[name]}" for name in ("cleanup.policy", "retention.ms") if name in configs)
    lines = [
        f"{setting.name}: {setting.old} → {setting.new}{' (may delete records)' if setting.loses else ''}"
        for setting in change.settings
    ]
    return "\n".join(lines) or change.reason


def _as_data(change: Change) -> dict[str, Any]:
    topic = change.topic
    return {
        "topic": topic.name,
        "action": change.action,
        "partitions": topic.partitions,
        "replication": topic.replication,
        "configs": dict(topic.configs),
        "settings": [setting._asdict() for setting in change.settings],
        "may_delete_records": change.loses,
        "reason": change.reason or None,
    }
