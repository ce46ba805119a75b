"""Homes with real state: events are appended and the real worker processes them, in this process."""

import asyncio

import orjson
from click.testing import CliRunner

from schemas.values import format_time, parse_time
from streams.app import build_app
from streams.cli import main
from streams.cli.common import InputLine, to_output
from streams.core.policy import Policy
from streams.home import open_log
from streams.runner import run
from streams.settings import Settings

START = parse_time("2026-11-11T12:00:00Z")  # 20:00 in Beijing
SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000


def event(type_, at, id_, **data):
    """An event at START + `at` ms."""
    return orjson.dumps({
        "specversion": "1.0", "id": id_, "source": "test", "type": type_, "time": format_time(START + at), "data": data,
    })  # fmt: skip


def order(state, at, order_id, lines, *, paid_at=None, carrier="douyin", ids=None, **more):
    """order.placed or order.paid, placed at START + `at`."""
    data = {
        "order_id": order_id, "carrier": carrier, "ids": ids or {"douyin_open_id": "d1"},
        "placed_at": format_time(START + at), "lines": lines, **more,
    }  # fmt: skip
    return event(f"order.{state}", at if paid_at is None else paid_at, f"{carrier}-{order_id}-{state}", **data)


def line(line_id="1", amount_fen=10_000, item_id="I1", **more):
    """An order line."""
    return {"line_id": line_id, "item_id": item_id, "quantity": 1, "amount_fen": amount_fen, **more}


def send(home, payloads):
    """Append events to the input topics."""
    with open_log(Settings(home, synchronous="off")) as log:
        log.append(to_output(InputLine(number, payload)) for number, payload in enumerate(payloads))


def work(home, policy=None):
    """Process what is waiting."""
    settings = Settings(home, policy or Policy(), synchronous="off", bad_fuse=False)
    asyncio.run(run(build_app(settings), drain=True))


def process(home, payloads, policy=None):
    """Append events and process them."""
    send(home, payloads)
    work(home, policy)
    return home


def livepool(*args, code=0, **more):
    """Run a command; its exit code must be `code`."""
    result = CliRunner(env={"LANG": "C", "LC_ALL": "", "COLUMNS": "80", "LIVEPOOL_POLICY": ""}).invoke(
        main, [str(arg) for arg in args], **more
    )
    assert result.exit_code == code, (result.output, result.exception)
    return result


def as_json(*args, code=0, **more):
    """Run a command with --json; what it prints."""
    return orjson.loads(livepool(*args, "--json", code=code, **more).stdout)
