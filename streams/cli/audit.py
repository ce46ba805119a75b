"""`audit`: is every fen credited exactly once in every dimension (spec §4, §8)."""

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple
from zlib import crc32

import click
import msgspec
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from schemas.codec import encode
from streams.cli.common import CHUNK, as_json, home_option, open_source
from streams.cli.connect import cluster_command
from streams.cli.language import lang_option
from streams.core.audit import DIMENSIONS, Books, Entry, Finding, SaleAmounts
from streams.core.definitions import Language, Text
from streams.core.orders import Order
from streams.core.packing import Unpacker
from streams.core.sales import sale_id_of
from streams.home import APP_ID
from streams.kept.source import Source
from streams.topology import AGENTS
from streams.transport.batches import Record
from streams.transport.log import Log
from streams.words.language import yuan

SHARD = 2_000_000  # records looked at in one go: memory stays below about 1 GB, however long the ledger is
MOST_SHOWN = 20


class _Sale(msgspec.Struct):
    data: SaleAmounts


class _Entry(msgspec.Struct):
    data: Entry


_SALE = msgspec.json.Decoder(_Sale)
_ENTRY = msgspec.json.Decoder(_Entry)
_ORDER: Unpacker[Order] = Unpacker(Order)


class Result(msgspec.Struct):
    """What an audit found; amounts in fen."""

    sales: int = 0
    entries: int = 0
    paid_fen: int = 0
    refunded_fen: int = 0
    net_fen: int = 0
    credited: Counter[tuple[str, str]] = Counter()
    findings: list[Finding] = []
    lag: int = 0  # records still to be processed: then the order book is ahead of the sales
    order_lines: int | None = None  # paid lines compared with the order book; None: skipped


@click.command()
@home_option
@lang_option
@click.option("--all", "show_all", is_flag=True, help=f"Name every finding, not only the first {MOST_SHOWN}.")
@click.option("--parties", type=click.IntRange(min=0), default=0, help="Show so many of the parties with most credit.")
@as_json
def audit(home: Path | None, lang: Language, show_all: bool, parties: int, as_json: bool) -> None:
    """Prove that sales, refunds and the credit ledger add up, fen by fen; also while a worker runs.

    Per sale and dimension: paid - refunded = net = sum of its ledger entries = sum of the parties shown, each
    party holds what is shown, no entry is there twice. Exit code 1 when something does not add up.
    """
    with cluster_command(), open_source(home) as log, _progress() as progress:
        result = examine(log, progress)
    if as_json:
        click.echo(encode(_as_json(result, parties)))
    else:
        _show(result, lang, parties, show_all)
    if result.findings:
        raise click.exceptions.Exit(1)


def examine(log: Source, progress: Progress) -> Result:
    """Audit a run, also while a worker works on it.

    A cluster cannot be read as of one moment: there a finding counts when it is still there at a second look.
    """
    result = _examine(log, progress)
    if result.findings and not isinstance(log, Log):
        first = set(result.findings)
        result = _examine(log, progress)
        result.findings = [finding for finding in result.findings if finding in first]
    return result


def _examine(log: Source, progress: Progress) -> Result:
    with log.snapshot():
        ends = log.end_offsets([*log.partitions("attributed-sales"), *log.partitions("credit-ledger")])
        shards = sum(ends.values()) // SHARD + 1
        tps = [tp for agent in AGENTS for topic in agent.reads for tp in log.partitions(topic)]
        result = Result(lag=log.lag(APP_ID, tps), credited=Counter(), findings=[])
        task = progress.add_task("audit", total=sum(ends.values()) * shards)
        for shard in range(shards):
            _examine_shard(log, result, _Shard(shard, shards, lambda count: progress.advance(task, count)))
    return result


class _Shard(NamedTuple):
    """The sales that are looked at in one go, whichever they are."""

    number: int
    of: int
    advance: Callable[[int], None]

    def has(self, key: bytes) -> bool:
        return crc32(key) % self.of == self.number

    def records(self, log: Source, topic: str) -> Iterator[Record]:
        records = log.read(topic)
        while chunk := list(islice(records, CHUNK)):
            yield from (record for record in chunk if self.has(record.key or b""))
            self.advance(len(chunk))


def _examine_shard(log: Source, result: Result, shard: _Shard) -> None:
    books = Books()
    for record in shard.records(log, "attributed-sales"):
        sale = _SALE.decode(record.value).data if record.value else None
        books.take_sale((record.key or b"").decode(), sale)
    for record in shard.records(log, "credit-ledger"):
        books.take_entry(_ENTRY.decode(record.value or b"").data)
    result.sales += books.sales
    result.entries += books.entries
    result.findings += books.findings()
    result.credited.update(books.credited)
    result.paid_fen += books.paid
    result.refunded_fen += books.refunded
    result.net_fen += books.net
    if result.lag:
        return
    lines = 0
    for sale_id, paid, refunded in _paid_lines(log):
        if shard.has(sale_id.encode()):
            result.findings += books.compare_line(sale_id, paid, refunded)
            lines += 1
    result.findings += books.without_order()
    result.order_lines = (result.order_lines or 0) + lines


def _paid_lines(log: Source) -> Iterator[tuple[str, int, int]]:
    """(sale_id, paid fen, refunded fen) of every paid line in the order book."""
    for _, value in log.state_scan("orders"):
        order = _ORDER(value)
        if (claim := order.paid) is None:
            continue
        refunded: Counter[str] = Counter()
        for refund in order.judge()[0]:
            refunded.update(refund.lines)
        for line in claim.lines:
            sale_id = sale_id_of(claim.carrier, claim.order_id, line.line_id)
            yield sale_id, line.amount_fen, refunded[line.line_id]


# --- shown -------------------------------------------------------------------------------------------------


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f}%"), TimeRemainingColumn(),
        console=Console(stderr=True), transient=True,
    )  # fmt: skip


def _by_dimension(result: Result) -> dict[str, int]:
    """What the ledger has credited, fen."""
    totals = dict.fromkeys(DIMENSIONS, 0)
    for (dimension, _), fen in result.credited.items():
        totals[dimension] += fen
    return totals


def _top(result: Result, dimension: str, count: int) -> list[tuple[str, int]]:
    held = [(party, fen) for (of, party), fen in result.credited.items() if of == dimension]
    return sorted(held, key=lambda credit: (-credit[1], credit[0]))[:count]


def _as_json(result: Result, parties: int) -> dict[str, Any]:
    amounts = {"paid_fen": result.paid_fen, "refunded_fen": result.refunded_fen, "net_fen": result.net_fen}
    return {
        "ok": not result.findings,
        "sales": result.sales,
        "entries": result.entries,
        "dimensions": {dimension: {**amounts, "credited_fen": fen} for dimension, fen in _by_dimension(result).items()},
        "parties": {
            dimension: [{"party_id": party, "amount_fen": fen} for party, fen in _top(result, dimension, parties)]
            for dimension in DIMENSIONS
        },
        "order_book": {"lines": result.order_lines, "lag": result.lag},
        "findings": [finding._asdict() for finding in result.findings],
    }


_DIMENSION = {"store": Text("store", "门店"), "anchor": Text("anchor", "主播"), "mode": Text("mode", "模式")}
_HEADS = (
    Text("dimension", "维度"), Text("paid", "实付"), Text("refunded", "退款"), Text("net", "净额"),
    Text("credited", "已归因"),
)  # fmt: skip
_COUNTS = Text("{sales:,} sales, {entries:,} ledger entries", "{sales:,} 笔销售，{entries:,} 条归因分录")
_BOOK = Text("order book: all {lines:,} paid lines compared", "订单簿：已核对全部 {lines:,} 个已付款订单行")
_SKIPPED = Text(
    "order book: not compared, {lag:,} records are still to be processed (`livepool worker --drain`)",
    "订单簿：未核对，还有 {lag:,} 条记录待处理（`livepool worker --drain`）",
)
_GOOD = Text("OK: every fen is credited exactly once in every dimension.", "通过：每一分钱在每个维度上恰好归因一次。")
_BAD = Text(
    "FAILED: {count:,} findings. `livepool explain` with the order id shows what the state has.",
    "未通过：{count:,} 处不符。可用 `livepool explain` 加订单号查看状态。",
)
_MORE = Text("… and {count:,} more: --all", "……另有 {count:,} 处：--all")


def _show(result: Result, lang: Language, parties: int, show_all: bool) -> None:
    click.echo(_COUNTS.in_(lang).format(sales=result.sales, entries=result.entries))
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for head in _HEADS:
        table.add_column(head.in_(lang), justify="left" if head is _HEADS[0] else "right")
    for dimension, fen in _by_dimension(result).items():
        amounts = (result.paid_fen, result.refunded_fen, result.net_fen, fen)
        table.add_row(_DIMENSION[dimension].in_(lang), *(yuan(amount, lang) for amount in amounts))
        for party, held in _top(result, dimension, parties):
            table.add_row(f"  {escape(party)}", "", "", "", yuan(held, lang))
    Console(highlight=False).print(table)
    book = _SKIPPED if result.order_lines is None else _BOOK
    click.echo(book.in_(lang).format(lines=result.order_lines, lag=result.lag))
    if not result.findings:
        click.secho(_GOOD.in_(lang), fg="green")
        return
    shown = result.findings if show_all else result.findings[:MOST_SHOWN]
    for finding in shown:
        click.echo(f"  {finding.sale_id}  {finding.dimension or '-'}: {finding.problem}")
    if len(shown) < len(result.findings):
        click.echo(f"  {_MORE.in_(lang).format(count=len(result.findings) - len(shown))}")
    click.secho(_BAD.in_(lang).format(count=len(result.findings)), fg="red")
