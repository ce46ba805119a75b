"""`lag`: how far the agents are behind what was sent."""

from pathlib import Path

import click
from rich.table import Table

from streams.cli.common import as_json, home_option, open_existing
from streams.cli.connect import cluster_command, find_connection
from streams.cli.language import lang_option
from streams.cli.terminal import plain_console, write_json
from streams.cluster.embedded_lag import embedded_lag
from streams.cluster.lag import PartitionLag
from streams.cluster.lag import lag as cluster_lag
from streams.core.definitions import Language, Text
from streams.words.language import NOTHING


@click.command()
@home_option
@click.option("--all", "everything", is_flag=True, help="Partitions without lag, too.")
@lang_option
@as_json
def lag(home: Path | None, everything: bool, lang: Language, as_json: bool) -> None:
    """Show how many records each agent has still to read, per partition, and how old the oldest is.

    Of the cluster of $LIVEPOOL_BROKERS; without it, or with --home, of a run on this machine.
    """
    connection = find_connection()
    if connection is None or home is not None:
        with open_existing(home) as log, log.snapshot():
            found = embedded_lag(log)
    else:
        with cluster_command():
            found = cluster_lag(connection)
    if as_json:
        partitions = [partition._asdict() for partition in found]
        write_json(
            {"lag": sum(partition.lag for partition in found), "agents": _totals(found), "partitions": partitions}
        )
        return
    console = plain_console()
    console.print(_table(found, everything, lang))
    if lost := [partition for partition in found if partition.expired]:
        places = ", ".join(f"{partition.topic}/{partition.partition} ({partition.expired})" for partition in lost)
        text = Text(
            f"deleted by retention before they were read: {places}", f"尚未读取即被保留策略删除的记录：{places}"
        )
        console.print(text.in_(lang), style="bold red")


def _totals(found: list[PartitionLag]) -> dict[str, int]:
    agents = dict.fromkeys((partition.agent for partition in found), 0)
    for partition in found:
        agents[partition.agent] += partition.lag
    return agents


def _table(found: list[PartitionLag], everything: bool, lang: Language) -> Table:
    table = Table(box=None, padding=(0, 3, 0, 0), pad_edge=False, header_style="bold")
    for title in (Text("Agent", "处理器"), Text("Topic", "主题"), Text("Partition", "分区")):
        table.add_column(title.in_(lang), no_wrap=True)
    titles = (Text("Committed", "已提交"), Text("End", "末尾"), Text("Lag", "积压"), Text("Seconds", "秒"))
    for title in titles:
        table.add_column(title.in_(lang), no_wrap=True, justify="right")
    for partition in (partition for partition in found if everything or partition.lag or partition.pending):
        committed = NOTHING if partition.committed is None else str(partition.committed)
        seconds = NOTHING if partition.seconds is None else f"{partition.seconds:.1f}"
        table.add_row(
            partition.agent,
            partition.topic,
            str(partition.partition),
            committed,
            str(partition.end),
            str(partition.lag),
            seconds,
            style="yellow" if partition.lag else None,
        )
    for agent, total in _totals(found).items():
        table.add_row(agent, Text("total", "合计").in_(lang), "", "", "", str(total), "", style="bold")
    return table
