"""Private topics in one process: what an agent commits the next gets at once, and one transaction has all of it."""

import asyncio
from collections import Counter
from typing import Any

import pytest

from contract.transports import numbered, running, until
from streams.transport import commits
from streams.transport.batches import Output, batch_topic
from streams.transport.listening import Listener
from streams.transport.log import OffsetConflictError, TopicConfig
from streams.transport.topics import UnknownTopicError

pytestmark = pytest.mark.parametrize("transport", ["embedded"], indirect=True)


class CountingListener(Listener):
    """Counts transactions."""

    count = 0

    def committed(self, seconds: float) -> None:
        self.count += 1


def stage(app: Any, source: str, target: str, *, private: bool = True, fails: bool = False) -> None:
    """Give the app an agent that sends on what it gets, and counts in its state what it got of each key."""

    async def send_on(batches: Any) -> None:
        async for batch in batches:
            table = f"of-{source}"
            counts = Counter({key: int(n) for key, n in batch.read(table, {r.key for r in batch.records}).items()})
            for record in batch.records:
                counts[record.key] += 1
                batch.send(target, record.key, record.value, record.headers)
            batch.put_all(table, {key: b"%d" % count for key, count in counts.items()})
            if fails:
                raise RuntimeError("the agent failed")
            await batch.commit()

    app.agent(batch_topic(app, source, private=private), name=f"{app.conf.id}.{source}")(send_on)


def chain(transport: Any, *, fails: bool = False, **options: Any) -> Any:
    """source -> one -> two -> end."""
    app = transport.app("group", **options)
    stage(app, "source", "one", private=False)
    stage(app, "one", "two")
    stage(app, "two", "end", fails=fails)
    return app


async def run(transport: Any, app: Any) -> None:
    async with running(app):
        await until(lambda: app.crash_reason or transport.lag("group", "source", "one", "two") == 0)


def declare(transport: Any, partitions: int = 1) -> None:
    transport.declare(*(TopicConfig(name, partitions) for name in ("source", "one", "two", "end")))


@pytest.mark.parametrize("partitions", [1, 3])
@pytest.mark.parametrize("max_records", [7, 2000])
async def test_all_comes_once_and_in_order_through_all_agents(transport, partitions, max_records):
    declare(transport, partitions)
    keys = [b"key-%d" % (n * n % 11) for n in range(700)]
    transport.append(*(Output("source", key, b"%d" % n, (("n", b"%d" % n),)) for n, key in enumerate(keys)))
    app = chain(transport, max_records=max_records)
    await run(transport, app)
    assert app.crash_reason is None
    for topic in ("one", "two", "end"):
        for partition in range(partitions):
            mine = [record for record in transport.read(topic) if record.partition == partition]
            assert [record.offset for record in mine] == list(range(len(mine)))
        for key in set(keys):
            mine = [record for record in transport.read(topic) if record.key == key]
            assert [int(record.value) for record in mine] == [n for n, each in enumerate(keys) if each == key]
            assert all(record.headers == (("n", record.value),) for record in mine)
    for table in ("of-source", "of-one", "of-two"):
        assert {key: int(value) for key, value in transport.state(table).items()} == Counter(keys)


async def test_what_came_of_one_batch_is_one_transaction(transport):
    declare(transport)
    transport.append(*numbered("source", range(100)))
    app = chain(transport)
    app.transport.listener = counting = CountingListener()
    await run(transport, app)
    assert counting.count == 1
    assert len(transport.read("end")) == 100


async def test_an_agent_that_fails_loses_and_doubles_nothing(transport):
    declare(transport)
    transport.append(*numbered("source", range(100)))
    app = chain(transport, fails=True)
    await run(transport, app)
    assert "the agent failed" in str(app.crash_reason)
    assert transport.read("end") == []
    await run(transport, chain(transport))
    for topic in ("one", "two", "end"):
        assert [int(record.value) for record in transport.read(topic)] == list(range(100))


async def test_a_backlog_is_read_before_anything_is_handed_over(transport):
    declare(transport)
    transport.append(*numbered("source", range(100, 200)), *numbered("one", range(100)))
    await run(transport, chain(transport, max_records=10))
    assert sorted(int(record.value) for record in transport.read("end")) == list(range(200))
    assert [record.value for record in transport.read("end")] == [record.value for record in transport.read("one")]


async def test_who_else_appends_to_a_private_topic_ends_the_worker(transport):
    declare(transport)
    app = chain(transport)
    async with running(app):
        await until(app.consumer.assignment)
        transport.append(*numbered("source", [1]))
        await until(lambda: transport.read("end"))
        transport.append(*numbered("one", [2]))
        transport.append(*numbered("source", [3]))
        await until(lambda: app.crash_reason)
    assert isinstance(app.crash_reason, OffsetConflictError)
    assert "one/0 is private" in str(app.crash_reason)
    await run(transport, chain(transport))
    assert [record.value for record in transport.read("end")] == [b"1", b"2", b"3"]


async def test_a_rebalance_takes_back_what_was_handed_over(transport):
    declare(transport, 2)
    app = chain(transport, max_records=20)
    async with running(app):
        for start in range(0, 1000, 200):
            transport.append(*(Output("source", b"%d" % (n % 5), b"%d" % n) for n in range(start, start + 200)))
            await until(lambda: transport.lag("group", "source") < 200)
            before = app.rebalancing_count
            await app.consumer.subscribe({tp.topic for tp in app.consumer.assignment()})
            await until(lambda before=before: app.rebalancing_count > before)
            await until(lambda: not app.rebalancing or app.crash_reason)
        await until(lambda: app.crash_reason or transport.lag("group", "source", "one", "two") == 0)
    assert app.crash_reason is None
    assert sorted(int(record.value) for record in transport.read("end")) == list(range(1000))


async def test_of_overlapping_rebalances_each_waits_for_the_one_before(transport):
    declare(transport, 2)
    app = chain(transport, max_records=5)
    async with running(app):
        await until(app.consumer.assignment)
        transport.append(*(Output("source", b"%d" % (n % 5), b"%d" % n) for n in range(300)))
        for _ in range(5):
            await app.consumer.subscribe({tp.topic for tp in app.consumer.assignment()})
            await asyncio.sleep(0.01)
        await until(lambda: app.crash_reason or transport.lag("group", "source", "one", "two") == 0)
    assert app.crash_reason is None
    assert sorted(int(record.value) for record in transport.read("end")) == list(range(300))


@pytest.mark.parametrize(
    ("output", "error", "words"),
    [
        (Output("one", b"k", b"v", partition=9), UnknownTopicError, "topic one has no partition 9"),
        (Output("one", b"k", "v"), TypeError, "bytes or None"),
        (Output("one", b"k", b"v", (("h", 1),)), TypeError, "headers"),
    ],
)
async def test_what_the_log_would_not_take_is_refused_where_it_is_sent(transport, output, error, words):
    declare(transport)
    app = transport.app("group")

    @app.agent(batch_topic(app, "source"))
    async def sends_wrong(batches):
        async for batch in batches:
            batch.send(*output)
            await batch.commit()

    stage(app, "one", "end")
    transport.append(*numbered("source", [1]))
    async with running(app):
        await until(lambda: app.crash_reason)
    assert isinstance(app.crash_reason, error)
    assert words in str(app.crash_reason)
    assert transport.read("end") == []


def sizes_of_batches(app: Any, topic: str, **options: Any) -> list[int]:
    """Give the app an agent that commits what it gets, and return how many records each batch had."""
    sizes: list[int] = []

    async def commit(batches: Any) -> None:
        async for batch in batches:
            sizes.append(len(batch.records))
            await batch.commit()

    app.agent(batch_topic(app, topic, **options), name=f"{app.conf.id}.{topic}")(commit)
    return sizes


async def test_what_is_handed_over_keeps_to_the_bytes_of_a_batch(transport):
    declare(transport)
    app = transport.app("group", max_bytes=1000)
    stage(app, "source", "one", private=False)
    sizes = sizes_of_batches(app, "one", private=True)
    transport.append(*(Output("source", b"k", b"%0300d" % n) for n in range(10)))
    await run_until_read(transport, app, "source", "one")
    assert sizes[0] == 3  # the rest comes from the log, whose rows are not cut
    assert sum(sizes) == 10


async def test_a_topic_that_is_gathered_is_gathered_when_it_is_private_too(transport):
    declare(transport)
    app = transport.app("group")
    stage(app, "source", "one", private=False)
    sizes = sizes_of_batches(app, "one", private=True, interval=3600)
    async with running(app):
        for number in range(5):
            transport.append(*numbered("source", [number]))
            await until(lambda: app.crash_reason or transport.lag("group", "source") == 0)
        await until(lambda: transport.lag("group", "one") == 4)
    assert app.crash_reason is None
    assert sizes == [1]


async def run_until_read(transport: Any, app: Any, *topics: str) -> None:
    async with running(app):
        await until(lambda: app.crash_reason or transport.lag("group", *topics) == 0)
    assert app.crash_reason is None


async def test_an_agent_of_which_nobody_waits_for_anything_waits_for_nobody(transport):
    declare(transport)
    transport.declare(TopicConfig("other", 1))
    app = transport.app("group")
    stage(app, "source", "one", private=False)
    begun, held = asyncio.Event(), asyncio.Event()

    @app.agent(batch_topic(app, "one", private=True))
    async def slow(batches):
        async for batch in batches:
            begun.set()
            await held.wait()
            await batch.commit()

    sizes = sizes_of_batches(app, "other")
    transport.append(*numbered("source", range(10)))
    async with running(app):
        await until(begun.is_set)
        transport.append(*numbered("other", range(10)))
        await until(lambda: transport.lag("group", "other") == 0)
        assert transport.read("one") == []
        held.set()
    assert sum(sizes) == 10


async def test_an_agent_that_skips_a_commit_does_not_stop_the_others(transport, monkeypatch, caplog):
    monkeypatch.setattr(commits, "PATIENCE_SECONDS", 0.1)
    declare(transport)
    transport.append(*numbered("source", range(10)))
    app = transport.app("group", max_records=1)
    stage(app, "source", "one", private=False)

    @app.agent(batch_topic(app, "one", private=True))
    async def forgets(batches):
        async for _ in batches:
            pass

    async with running(app):
        await until(lambda: app.crash_reason or transport.lag("group", "source") == 0)
    assert app.crash_reason is None
    assert len(transport.read("one")) == 10
    assert "committing without one" in caplog.text
