"""Outputs, state and input offsets are one transaction, in one process and over `kill -9`."""

import asyncio
import gc
import random
from collections import Counter
from typing import Any

import pytest

from contract.transports import ending, numbered, running, until
from streams.transport.batches import Output, RecordBatch, batch_topic
from streams.transport.log import TopicConfig


def agent(app: Any, work: Any) -> None:
    """Give the app an agent of `source` that calls `work(batch)` and then commits."""

    @app.agent(batch_topic(app, "source"))
    async def act(stream: Any) -> None:
        async for batch in stream:
            await work(batch)
            await batch.commit()


async def drain(transport: Any, work: Any) -> None:
    app = transport.app("group")
    agent(app, work)
    async with running(app):
        await until(lambda: app.crash_reason or transport.lag("group", "source") == 0)
    if app.crash_reason:
        raise app.crash_reason


async def test_outputs_keep_the_order_of_the_calls_within_a_partition(transport):
    transport.declare(TopicConfig("source"), TopicConfig("even"), TopicConfig("odd", 2))
    transport.append(*numbered("source", range(100)))

    async def split(batch: Any) -> None:
        for record in batch.records:
            odd = int(record.value) % 2
            batch.send("odd" if odd else "even", record.key, record.value, (("n", record.value),), partition=odd)

    await drain(transport, split)
    assert [int(record.value) for record in transport.read("even")] == list(range(0, 100, 2))
    assert [(r.partition, r.headers) for r in transport.read("odd")] == [
        (1, (("n", b"%d" % n),)) for n in range(1, 100, 2)
    ]


async def test_state_is_read_scanned_written_and_deleted(transport):
    transport.declare(TopicConfig("source"))
    seen = []

    async def work(batch: Any) -> None:
        keys = [b"a:1", b"a:2", b"b:1", b"missing"]
        seen.append((batch.read("table", keys), list(batch.scan("table", b"a:")), batch.read("other", keys)))
        if not seen[0][0] and len(seen) == 1:
            for key in ("a:2", "a:1", "b:1"):
                batch.put("table", key.encode(), b"first")
                batch.put("table", key.encode(), b"of " + key.encode())
        else:
            batch.put("table", b"a:1", None)
            batch.put("table", b"absent", None)
        # What is buffered is not committed yet.
        assert batch.read("table", keys) == seen[-1][0]

    for _ in range(3):
        transport.append(*numbered("source", [1]))
        await drain(transport, work)
    full = {b"a:1": b"of a:1", b"a:2": b"of a:2", b"b:1": b"of b:1"}
    assert seen[0] == ({}, [], {})
    assert seen[1] == (full, [(b"a:1", b"of a:1"), (b"a:2", b"of a:2")], {})
    assert seen[2][1] == [(b"a:2", b"of a:2")]
    assert transport.state("table") == {b"a:2": b"of a:2", b"b:1": b"of b:1"}


async def test_more_keys_than_one_statement_takes(transport):
    transport.declare(TopicConfig("source"))
    values = {b"%d" % n: b"%d" % (n * n) for n in range(1500)}
    found = {}

    async def work(batch: Any) -> None:
        found.update(batch.read("table", [*values, b"missing"]))
        found["scan"] = list(batch.scan("table"))
        for key, value in values.items():
            batch.put("table", key, value)

    for _ in range(2):
        transport.append(*numbered("source", [1]))
        await drain(transport, work)
    assert found.pop("scan") == sorted(values.items())
    assert found == values


async def test_partitions_do_not_share_state(transport):
    transport.declare(TopicConfig("source", 2))
    transport.append(*(Output("source", None, b"1", (), partition) for partition in (0, 1)))
    seen = {}

    async def work(batch: Any) -> None:
        seen.setdefault(batch.partition, []).append(batch.read("table", [b"key"]))
        batch.put("table", b"key", b"of %d" % batch.partition)

    await drain(transport, work)
    transport.append(*(Output("source", None, b"2", (), partition) for partition in (0, 1)))
    await drain(transport, work)
    assert seen == {0: [{}, {b"key": b"of 0"}], 1: [{}, {b"key": b"of 1"}]}


async def test_a_failed_commit_leaves_nothing_and_ends_the_worker(transport):
    transport.declare(TopicConfig("source"), TopicConfig("output"))
    transport.append(*numbered("source", range(3)))

    async def work(batch: Any) -> None:
        batch.send("output", b"k", b"v")
        batch.put("table", b"k", b"v")
        batch.send("undeclared", b"k", b"v")

    with pytest.raises(LookupError, match="undeclared"):
        await drain(transport, work)
    assert transport.read("output") == []
    assert transport.state("table") == {}
    assert transport.lag("group", "source") == 3


async def test_a_batch_is_committed_once_and_closed_then(transport):
    transport.declare(TopicConfig("source"))
    transport.append(*numbered("source", [1]))
    errors = []
    app = transport.app("group")

    @app.agent(batch_topic(app, "source"))
    async def twice(stream: Any) -> None:
        async for batch in stream:
            await batch.commit()
            with pytest.raises(RuntimeError, match="committed"):
                batch.send("source", None, None)
            with pytest.raises(RuntimeError, match="committed"):
                batch.put("table", b"k", b"v")
            with pytest.raises(RuntimeError, match="committed"):
                await batch.commit()
            errors.append("refused")

    async with running(app):
        await until(lambda: errors or app.crash_reason)
    assert errors == ["refused"]


async def test_a_committed_batch_is_let_go_at_once(transport):
    transport.declare(TopicConfig("source"))
    transport.append(*numbered("source", range(200)))
    app = transport.app("group", max_records=10)
    alive = []

    def measure(batch: Any) -> None:
        batch.after_commit(lambda: len(batch.records))

    @app.agent(batch_topic(app, "source"))
    async def count(stream: Any) -> None:
        async for batch in stream:
            measure(batch)
            await batch.commit()
            alive.append(sum(isinstance(found, RecordBatch) for found in gc.get_objects()))

    gc.collect()
    gc.disable()  # a worker looks for cycles seldom, and not at all among what has lived for a while
    try:
        async with running(app):
            await until(lambda: transport.lag("group", "source") == 0)
    finally:
        gc.enable()
    assert len(alive) >= 19
    assert max(alive) <= 4  # that of the agent, and what is between the transport and Faust


def test_an_exception_in_an_agent_ends_the_worker_and_leaves_the_batch_for_the_next(transport):
    transport.declare(TopicConfig("source"), TopicConfig("counted"))
    transport.append(*numbered("source", range(3)))
    with ending(transport.worker("failing")) as worker:
        output, _ = worker.communicate(timeout=20)
    assert worker.returncode > 0
    assert "the agent failed" in output
    assert transport.read("counted") == []
    assert transport.state("counts") == {}
    assert transport.lag("failing", "source") == 3


async def test_sigterm_ends_the_worker_in_order(transport):
    transport.declare(*(TopicConfig(name) for name in ("source", "copied", "counted")))
    transport.append(*numbered("source", range(100)))
    with ending(transport.worker("chain")) as worker:
        await until(lambda: transport.lag("chain", "source", "copied") == 0)
        worker.terminate()
        worker.communicate(timeout=20)
    assert worker.returncode == 0
    assert len(transport.read("counted")) == 100


async def test_kill_9_at_any_moment_loses_and_doubles_nothing(transport):
    transport.declare(TopicConfig("source", 2), TopicConfig("copied", 2), TopicConfig("counted", 2))
    random.seed(20260917)
    keys = [b"key-%d" % random.randrange(50) for _ in range(8_000)]
    transport.append(*(Output("source", key, b"x") for key in keys))
    killed = 0
    while transport.lag("chain", "source", "copied"):
        lag = transport.lag("chain", "source", "copied")
        with ending(transport.worker("chain", max_records=50)) as worker:
            await until(lambda lag=lag: transport.lag("chain", "source", "copied") != lag or worker.poll() is not None)
            if killed < 3:
                await asyncio.sleep(random.random() * 0.15)
                killed += 1
            else:
                await until(lambda: transport.lag("chain", "source", "copied") == 0, seconds=60)
    assert killed == 3
    expected = Counter(keys)
    counted: dict[bytes, list[int]] = {}
    for record in transport.read("counted"):
        counted.setdefault(record.key, []).append(int(record.value))
    assert counted == {key: list(range(1, count + 1)) for key, count in expected.items()}
    assert {key: int(value) for key, value in transport.state("counts").items()} == expected
