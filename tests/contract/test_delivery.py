"""What agents get: every record once, in order, in batches, as it was sent."""

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from faust.types import TP

from conftest import VERSION_BY_VERSION
from contract.transports import numbered, running, until
from streams.transport.batches import Output, Record, batch_topic
from streams.transport.log import TopicConfig

TESTS_ON_PATH = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}


class Batches(list[list[Record]]):
    """Those that an agent has committed; `settled` is False from a delivery until it has heard of the commit."""

    settled = True


def collector(app: Any, *topics: str, interval: float = 0.0) -> Batches:
    """Give the app an agent that commits what it gets, and return its batches."""
    batches = Batches()

    @app.agent(batch_topic(app, *topics, interval=interval))
    async def collect(stream: Any) -> None:
        async for batch in stream:
            batches.settled = False
            await batch.commit()
            batches.append(list(batch.records))
            batches.settled = True

    return batches


def collected(batches: list[list[Record]]) -> list[Record]:
    return [record for batch in batches for record in batch]


async def test_records_come_once_in_order_of_their_partition_and_in_batches(transport):
    transport.declare(TopicConfig("source", 3))
    for start in range(0, 3000, 1000):
        transport.append(*(Output("source", b"key-%d" % (n % 40), b"%d" % n) for n in range(start, start + 1000)))
    app = transport.app("group")
    batches = collector(app, "source")
    async with running(app):
        await until(lambda: transport.lag("group", "source") == 0 and batches.settled)
    records = collected(batches)
    assert sorted(int(record.value) for record in records) == list(range(3000))
    for partition in range(3):
        mine = [record for record in records if record.partition == partition]
        assert [record.offset for record in mine] == list(range(len(mine)))
        assert [int(record.value) for record in mine] == sorted(int(record.value) for record in mine)
    assert all(len({record.partition for record in batch}) == 1 for batch in batches)
    assert len(batches) <= 9


async def test_what_comes_within_an_interval_is_gathered(transport):
    transport.declare(TopicConfig("source", 1), TopicConfig("other", 1))
    app = transport.app("group")
    batches = collector(app, "source", "other", interval=2.0)
    async with running(app):
        transport.append(Output("source", b"key", b"0"))
        await until(lambda: len(batches) == 1)
        for number in range(1, 31):
            transport.append(Output("source", b"key", b"%d" % number))
            await asyncio.sleep(0.01)
        await until(lambda: transport.lag("group", "source") == 0 and batches.settled)
    assert [int(record.value) for record in collected(batches)] == list(range(31))
    assert len(batches) < 10  # a batch each, or nearly, if they were not gathered; a rebalance may begin anew


@pytest.mark.parametrize("transport", VERSION_BY_VERSION, indirect=True)
async def test_a_topic_of_which_the_brokers_tell_late_is_read(transport):
    transport.declare(TopicConfig("source"))
    app = transport.app("group")
    app.conf.topic_allow_declare = False  # else Faust would ask for the topic before it joins
    batches = collector(app, "source", "late")
    async with running(app):
        await until(lambda: TP("source", 0) in app.consumer.assignment())
        transport.declare(TopicConfig("late"))
        await until(lambda: TP("late", 0) in app.consumer.assignment())
        transport.append(Output("late", b"key", b"0"))
        await until(lambda: len(batches) == 1)


@pytest.mark.parametrize("transport", VERSION_BY_VERSION, indirect=True)
async def test_a_changelog_of_which_the_brokers_tell_late_keeps_its_table(transport):
    transport.declare(TopicConfig("source"))
    app = transport.app("group")
    app.conf.topic_allow_declare = False
    app.Table("late", partitions=1)

    @app.agent(batch_topic(app, "source"))
    async def keep(stream: Any) -> None:
        async for batch in stream:
            for record in batch.records:
                batch.put("late", record.key, record.value)
            await batch.commit()

    async with running(app):
        await until(lambda: TP("source", 0) in app.consumer.assignment())
        transport.declare(TopicConfig("group-late-changelog", compacted=True))
        await until(lambda: TP("group-late-changelog", 0) in app.consumer.assignment())
        transport.append(Output("source", b"key", b"0"))
        await until(lambda: transport.lag("group", "source") == 0)
        assert [record.value for record in transport.read("group-late-changelog")] == [b"0"]


async def test_max_records_bounds_a_batch(transport):
    transport.declare(TopicConfig("source"))
    transport.append(*numbered("source", range(1000)))
    app = transport.app("group", max_records=64)
    batches = collector(app, "source")
    async with running(app):
        await until(lambda: transport.lag("group", "source") == 0 and batches.settled)
    assert max(map(len, batches)) == 64
    assert [int(record.value) for record in collected(batches)] == list(range(1000))


async def test_keys_values_and_headers_come_as_they_were_sent(transport):
    transport.declare(TopicConfig("source"))
    sent = [
        Output("source", "买家:直播间".encode(), "订单".encode(), (("reason", "坏".encode()), ("empty", b""))),
        Output("source", None, b"no key"),
        Output("source", b"", b""),
        Output("source", b"deleted", None),
        Output("source", b"\x00\xff", bytes(range(256))),
        Output("source", b"big", b"x" * 3_000_000),
    ]
    transport.append(*sent)
    app = transport.app("group")
    batches = collector(app, "source")
    async with running(app):
        await until(lambda: transport.lag("group", "source") == 0 and batches.settled)
    got = collected(batches)
    assert [(r.key, r.value, r.headers) for r in got] == [(o.key, o.value, o.headers) for o in sent]
    assert all(abs(record.timestamp - time.time() * 1000) < 60_000 for record in got)


async def test_parcels_come_whole_and_in_order_however_large(transport):
    transport.declare(TopicConfig("source"), TopicConfig("parcels", 2))
    sent = {0: [b"%d" % n for n in range(1000)], 1: [b"x" * n for n in (0, 700_000, 1, 600_000, 2)]}
    got: dict[int, list[bytes]] = {0: [], 1: []}
    app = transport.app("group")

    @app.agent(batch_topic(app, "source"))
    async def send(stream: Any) -> None:
        async for batch in stream:
            for partition, messages in sent.items():
                headers = (("of", b"%d" % partition),)
                batch.send_parcel("parcels", messages, msgspec.msgpack.encode, headers, partition)
            batch.send_parcel("parcels", [], msgspec.msgpack.encode)  # nothing
            await batch.commit()

    @app.agent(batch_topic(app, "parcels", private=True))
    async def read(stream: Any) -> None:
        async for batch in stream:
            found = batch.messages(msgspec.msgpack.Decoder(list[bytes]).decode)
            assert all(record.headers == (("of", b"%d" % batch.partition),) for record in batch.records)
            await batch.commit()
            got[batch.partition] += found

    transport.append(*numbered("source", [1]))
    async with running(app):
        await until(lambda: app.crash_reason or got == sent)
    assert app.crash_reason is None


async def test_a_backlog_of_parcels_comes_in_batches(transport):
    transport.declare(TopicConfig("parcels"))
    numbers = range(0, 1000, 10)
    sent = [[b"%d" % (start + n) + b" " * 10_000 for n in range(10)] for start in numbers]  # 10 MB
    transport.append(*(Output("parcels", None, msgspec.msgpack.encode(messages)) for messages in sent))
    app, sizes, got = transport.app("group"), [], []

    @app.agent(batch_topic(app, "parcels", private=True))
    async def read(stream: Any) -> None:
        async for batch in stream:
            found = batch.messages(msgspec.msgpack.Decoder(list[bytes]).decode)
            sizes.append(sum(map(len, found)))
            await batch.commit()
            got.extend(int(message) for message in found)

    async with running(app):
        await until(lambda: app.crash_reason or len(got) == 1000)
    assert app.crash_reason is None
    assert got == list(range(1000))
    assert max(sizes) <= (5 << 20 if transport.name == "embedded" else 1 << 20)


async def test_a_key_always_gets_the_same_partition_and_no_key_gets_the_first(transport):
    transport.declare(TopicConfig("source", 5))
    transport.append(*numbered("source", range(20), b"key"), *numbered("source", range(3), None))
    transport.append(*numbered("source", range(20), b"key"), Output("source", b"key", b"x", (), 4))
    records = transport.read("source")
    assert len({record.partition for record in records if record.key and record.value != b"x"}) == 1
    assert {record.partition for record in records if record.key is None} == {0}
    assert [record.partition for record in records if record.value == b"x"] == [4]


async def test_the_next_batch_waits_for_the_commit_of_the_last(transport):
    transport.declare(TopicConfig("source"))
    transport.append(*numbered("source", range(10)))
    app = transport.app("group", max_records=4)
    seen, go = [], asyncio.Event()

    @app.agent(batch_topic(app, "source"), concurrency=2)
    async def hold(stream: Any) -> None:
        async for batch in stream:
            seen.append([int(record.value) for record in batch.records])
            await go.wait()
            await batch.commit()

    async with running(app):
        await until(lambda: seen)
        await asyncio.sleep(0.3)
        assert seen == [[0, 1, 2, 3]]
        go.set()
        await until(lambda: transport.lag("group", "source") == 0)
    assert seen == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


async def test_a_restart_goes_on_after_the_last_commit(transport):
    transport.declare(TopicConfig("source"))
    for numbers in (range(10), range(10, 20)):
        transport.append(*numbered("source", numbers))
        app = transport.app("group")
        batches = collector(app, "source")
        async with running(app):
            await until(lambda batches=batches: transport.lag("group", "source") == 0 and batches.settled)
        assert [int(record.value) for record in collected(batches)] == list(numbers)


async def test_groups_do_not_share_offsets(transport):
    transport.declare(TopicConfig("source"))
    transport.append(*numbered("source", range(10)))
    for group in ("one", "two"):
        app = transport.app(group)
        batches = collector(app, "source")
        async with running(app):
            await until(lambda group=group, batches=batches: transport.lag(group, "source") == 0 and batches.settled)
        assert len(collected(batches)) == 10


async def test_an_idle_worker_notices_what_another_process_appends(transport):
    transport.declare(TopicConfig("source"))
    app = transport.app("group")
    batches = collector(app, "source")
    append = transport.opening + (
        "for value in sys.stdin.buffer:\n    log.append([Output('source', None, value.strip())])\n"  # one for each line
    )
    command = [sys.executable, "-c", append, transport.address]
    async with running(app):
        with subprocess.Popen(command, env=TESTS_ON_PATH, stdin=subprocess.PIPE, bufsize=0) as process:
            assert process.stdin
            for number in range(5):
                process.stdin.write(b"%d\n" % number)
                await until(lambda: len(batches) == number + 1)  # noqa: B023 - it is awaited here
            process.stdin.close()
    assert [record.value for record in collected(batches)] == [b"0", b"1", b"2", b"3", b"4"]


async def test_topics_of_one_agent_come_in_the_order_of_their_appends(transport):
    if transport.name != "embedded":
        pytest.skip("only one log has an order across topics")
    topics = ["a", "b", "c"]
    transport.declare(*(TopicConfig(topic, 2) for topic in topics))
    for start in range(0, 4000, 500):
        records = (Output(topics[n * n % 3], b"key-%d" % (n % 7), b"%d" % n) for n in range(start, start + 500))
        transport.append(*records)
    app = transport.app("group", max_records=300)
    batches = collector(app, *topics)
    async with running(app):
        await until(lambda: transport.lag("group", *topics) == 0 and batches.settled)
    assert [int(record.value) for record in collected(batches)] == list(range(4000))
    assert {record.topic for record in batches[0]} == {"a", "b"}


async def test_two_agents_of_one_topic_are_refused(transport):
    transport.declare(TopicConfig("source"))
    app = transport.app("group")
    collector(app, "source")

    @app.agent(batch_topic(app, "source"))
    async def second(stream: Any) -> None:
        async for batch in stream:
            await batch.commit()

    async with running(app):
        await until(lambda: app.crash_reason or app.consumer.crash_reason)
    assert "read by 2 agents" in str(app.crash_reason or app.consumer.crash_reason)


async def test_a_rebalance_at_any_moment_loses_and_doubles_nothing(transport):
    transport.declare(TopicConfig("source", 2))
    app = transport.app("group", max_records=50)
    app.Table("stock", partitions=2, store="memory://process")  # with tables Faust resumes the flow earlier
    batches = Batches()
    held = asyncio.Event()

    @app.agent(batch_topic(app, "source"))
    async def collect(stream: Any) -> None:
        async for batch in stream:
            batches.settled = False
            if not held.is_set():
                held.set()
                await asyncio.sleep(0.15)
            await batch.commit()
            batches.append(list(batch.records))
            batches.settled = True

    perform_seek = app.consumer.perform_seek

    async def slow_seek() -> None:
        # Widens the moment in which Faust has resumed the partitions, but not yet emptied the queues.
        await asyncio.sleep(0.02)
        await perform_seek()
        await asyncio.sleep(0.02)

    app.consumer.perform_seek = slow_seek
    async with running(app):
        for start in range(0, 2000, 400):
            transport.append(*(Output("source", None, b"%d" % n, (), n % 2) for n in range(start, start + 400)))
            held.clear()
            await until(held.is_set)
            rebalances = app.rebalancing_count
            await app.consumer.subscribe({tp.topic for tp in app.consumer.assignment()})
            await until(lambda rebalances=rebalances: app.rebalancing_count > rebalances)
            await until(lambda: not app.rebalancing or app.crash_reason)
        await until(lambda: (transport.lag("group", "source") == 0 and batches.settled) or app.crash_reason)
    assert app.crash_reason is None
    for partition in range(2):
        mine = [int(record.value) for record in collected(batches) if record.partition == partition]
        assert mine == list(range(partition, 2000, 2))


async def test_appends_of_several_processes_at_once_all_arrive(transport):
    transport.declare(TopicConfig("source"))
    app = transport.app("group")
    batches = collector(app, "source")
    append = transport.opening + (
        "for n in range(200):\n"
        "    log.append([Output('source', sys.argv[2].encode(), b'%d' % (2 * n + i)) for i in range(2)])\n"
    )
    async with running(app):
        command = [sys.executable, "-c", append, transport.address]
        for process in [subprocess.Popen([*command, name], env=TESTS_ON_PATH) for name in ("one", "two")]:
            await until(lambda process=process: process.poll() is not None)
        await until(lambda: transport.lag("group", "source") == 0 and batches.settled)
    for key in (b"one", b"two"):
        mine = [int(record.value) for record in collected(batches) if record.key == key]
        assert mine == list(range(400))
