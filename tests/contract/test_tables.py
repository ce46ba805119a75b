"""Faust's own features on a transport: tables, agents without batches, sends."""

import asyncio
from typing import Any

import faust

from contract.transports import numbered, running, until
from streams.transport.batches import Output, batch_topic
from streams.transport.log import TopicConfig


def totals_app(transport: Any) -> tuple[faust.App, faust.Table]:
    app = transport.app("group")
    totals = app.Table("totals", default=int, partitions=1)

    @app.agent(batch_topic(app, "source"))
    async def add(stream: Any) -> None:
        async for batch in stream:
            for record in batch.records:
                totals[record.key.decode()] += int(record.value)
            assert totals["one"] == int(totals["one"])  # reads see the batch's own writes
            if batch.records[-1].value == b"0":
                del totals["two"]
            await batch.commit()

    return app, totals


async def test_a_table_is_written_with_the_batch_and_survives_a_restart(transport):
    transport.declare(TopicConfig("source"))
    transport.append(*numbered("source", range(1, 5), b"one"), *numbered("source", [7], b"two"))
    app, totals = totals_app(transport)
    async with running(app):
        await until(lambda: transport.lag("group", "source") == 0)
        # Seen from outside, a table may follow the commit by a moment.
        await until(lambda: dict(totals.items()) == {"one": 10, "two": 7})
        assert len(totals) == 2
        assert "one" in totals
        assert "three" not in totals
        assert app.router.key_store("totals", "one") == app.conf.canonical_url  # what /table/totals/one/ asks
    transport.append(*numbered("source", [5], b"one"), *numbered("source", [0], b"one"))
    app, totals = totals_app(transport)
    async with running(app):
        await until(lambda: transport.lag("group", "source") == 0)
        await until(lambda: dict(totals.items()) == {"one": 15})


async def test_a_table_needs_no_changelog_where_its_state_is_durable(transport):
    if transport.name != "embedded":
        return
    transport.declare(TopicConfig("source"))
    transport.append(*numbered("source", range(1, 5), b"one"))
    app, _ = totals_app(transport)
    async with running(app):
        await until(lambda: transport.lag("group", "source") == 0)
    assert transport.read("group-totals-changelog") == []


async def test_stock_agents_tables_and_changelogs_work(transport):
    transport.declare(TopicConfig("plain"), TopicConfig("doubled"))
    transport.append(*(Output("plain", b"k%d" % (n % 3), b"%d" % n) for n in range(300)))

    def build() -> tuple[faust.App, faust.Table, faust.Table]:
        app = transport.app("group")
        durable = app.Table("durable", default=int, partitions=1)
        memory = app.Table("memory", default=int, partitions=1, store="memory://process")

        @app.agent(app.topic("plain", key_type=str, value_type=int))
        async def double(stream: Any) -> None:
            async for key, value in stream.items():
                durable[key] += value
                memory[key] += value
                await app.topic("doubled").send(key=key, value=b"%d" % (2 * value), value_serializer="raw")

        return app, durable, memory

    app, durable, memory = build()
    expected = {f"k{key}": sum(range(key, 300, 3)) for key in range(3)}
    async with running(app):
        await until(lambda: dict(memory.items()) == expected)
        await until(lambda: len(transport.read("doubled")) == 300)
        await app.consumer.commit()
        assert dict(durable.items()) == expected
    assert transport.lag("group", "plain") == 0
    app, durable, memory = build()
    async with running(app):
        await until(app.tables.recovery.completed.is_set)
        assert dict(memory.items()) == dict(durable.items()) == expected
        await asyncio.sleep(0.1)
    assert sorted(int(record.value) for record in transport.read("doubled")) == list(range(0, 600, 2))


async def test_a_table_write_during_a_commit_is_kept_for_the_next(transport):
    if transport.name != "embedded":
        return
    transport.declare(TopicConfig("plain"))
    app = transport.app("group")
    total = app.Table("total", default=int, partitions=1)
    seen: list[int] = []

    @app.agent(app.topic("plain", value_type=int))
    async def add(stream: Any) -> None:
        async for value in stream:
            total["all"] += value
            seen.append(total["all"])

    async with running(app):
        transport.append(*numbered("plain", [1]))
        await until(lambda: seen == [1])
        async with app.transport._writing:  # the commit stands in the middle
            commit = asyncio.ensure_future(app.consumer.commit())
            transport.append(*numbered("plain", [2]))
            await until(lambda: seen == [1, 3])
        await commit
        transport.append(*numbered("plain", [4]))
        await until(lambda: seen == [1, 3, 7])
        await app.consumer.commit()
    assert transport.state("total") == {b'"all"': b"7"}
