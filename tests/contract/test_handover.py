"""Private topics in one process: what an agent commits the next gets at once, and one transaction has all of it."""

from collections import Counter
from typing import Any

import pytest

from contract.transports import numbered, running, until
from streams.transport.batches import Output, batch_topic
from streams.transport.listening import Listener
from streams.transport.log import OffsetConflictError, TopicConfig

pytestmark = pytest.mark.parametrize("transport", ["embedded"], indirect=True)


class Commits(Listener):
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
    app.transport.listener = commits = Commits()
    await run(transport, app)
    assert commits.count == 1
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
