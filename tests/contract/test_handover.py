"""Private topics in one process: what an agent commits the next gets at once, and one transaction has all of it.

What was read in the transaction that sent it is never written, so these tests look at what agents got.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

import msgspec
import pytest

from contract.transports import numbered, running, until
from streams.transport import commits
from streams.transport.batches import Output, batch_topic, partition_of
from streams.transport.listening import Listener
from streams.transport.log import OffsetConflictError, TopicConfig
from streams.transport.topics import UnknownTopicError

pytestmark = pytest.mark.parametrize("transport", ["embedded"], indirect=True)


class CountingListener(Listener):
    """Counts transactions."""

    count = 0

    def committed(self, seconds: float) -> None:
        self.count += 1


Sent = tuple[bytes, bytes]  # key and value of a record of `source`
unpack = msgspec.msgpack.Decoder(list[Sent]).decode


def pack(messages: Iterable[Sent]) -> bytes:
    return msgspec.msgpack.encode([*messages])


def sent(topic: str, numbers: Iterable[int]) -> Output:
    """A parcel that was committed and not read."""
    return Output(topic, None, pack((b"k", b"%d" % number) for number in numbers))


class Got(defaultdict[str, list[tuple[int, Sent]]]):
    """topic -> (partition, message) of all that its agent has committed."""

    def __init__(self) -> None:
        super().__init__(list)

    def numbers(self, topic: str) -> list[int]:
        return [int(value) for _, (_, value) in self[topic]]


def stage(app: Any, source: str, target: str, got: Got, *, fails: bool = False) -> None:
    """Give the app an agent that sends on what it gets, and counts in its state what it got of each key."""
    private = source != "source"

    async def send_on(batches: Any) -> None:
        async for batch in batches:
            found = batch.messages(unpack) if private else [(record.key, record.value) for record in batch.records]
            table = f"of-{source}"
            counts = Counter({key: int(n) for key, n in batch.read(table, {key for key, _ in found}).items()})
            counts.update(key for key, _ in found)
            batch.put_all(table, {key: b"%d" % count for key, count in counts.items()})
            parcels = defaultdict(list)
            for key, value in found:
                if target == "end":
                    batch.send(target, key, value)
                else:
                    parcels[partition_of(key, app.partitions)].append((key, value))
            for partition, messages in parcels.items():
                batch.send_parcel(target, messages, pack, (("n", b"%d" % len(messages)),), partition)
            if private:
                assert all(name == "n" for record in batch.records for name, _ in record.headers)
            if fails:
                raise RuntimeError("the agent failed")
            batch.after_commit(lambda batch=batch, found=found: got[source].extend((batch.partition, m) for m in found))
            await batch.commit()

    app.agent(batch_topic(app, source, private=private), name=f"{app.conf.id}.{source}")(send_on)


def chain(transport: Any, got: Got, *, partitions: int = 1, fails: bool = False, **options: Any) -> Any:
    """source -> one -> two -> end."""
    app = transport.app("group", **options)
    app.partitions = partitions
    stage(app, "source", "one", got)
    stage(app, "one", "two", got)
    stage(app, "two", "end", got, fails=fails)
    return app


async def run(transport: Any, app: Any) -> None:
    async with running(app):
        await until(lambda: app.crash_reason or (transport.lag("group", "source", "one", "two") == 0 and is_idle(app)))


def is_idle(app: Any) -> bool:
    """Whether no batch is at work, nor to be concluded."""
    return not any(reader.batch for reader in app.consumer._readers)


def declare(transport: Any, partitions: int = 1) -> None:
    transport.declare(*(TopicConfig(name, partitions) for name in ("source", "one", "two", "end")))


@pytest.mark.parametrize("partitions", [1, 3])
@pytest.mark.parametrize("max_records", [7, 2000])
async def test_all_comes_once_and_in_order_through_all_agents(transport, partitions, max_records):
    declare(transport, partitions)
    keys = [b"key-%d" % (n * n % 11) for n in range(700)]
    transport.append(*(Output("source", key, b"%d" % n) for n, key in enumerate(keys)))
    got = Got()
    app = chain(transport, got, partitions=partitions, max_records=max_records)
    await run(transport, app)
    assert app.crash_reason is None
    got["end"] = [(record.partition, (record.key, record.value)) for record in transport.read("end")]
    for topic in ("one", "two", "end"):
        for key in set(keys):
            mine = [(partition, value) for partition, (each, value) in got[topic] if each == key]
            assert [int(value) for _, value in mine] == [n for n, each in enumerate(keys) if each == key]
            assert {partition for partition, _ in mine} == {partition_of(key, partitions)}
    for table in ("of-source", "of-one", "of-two"):
        assert {key: int(value) for key, value in transport.state(table).items()} == Counter(keys)


async def test_what_came_of_one_batch_is_one_transaction(transport):
    declare(transport)
    transport.append(*numbered("source", range(100)))
    app = chain(transport, Got())
    app.transport.listener = counting = CountingListener()
    await run(transport, app)
    assert counting.count == 1
    assert len(transport.read("end")) == 100


async def test_what_is_read_in_the_transaction_that_sends_it_is_not_written_but_has_its_offset(transport):
    declare(transport)
    transport.append(*numbered("source", range(100)))
    await run(transport, chain(transport, Got(), max_records=10))
    for topic in ("one", "two"):
        assert transport.read(topic) == []
        assert transport.log.end_offsets([(topic, 0)]) == {(topic, 0): 10}  # one parcel of each batch


async def test_an_agent_that_fails_loses_and_doubles_nothing(transport):
    declare(transport)
    transport.append(*numbered("source", range(100)))
    got = Got()
    app = chain(transport, got, fails=True)
    await run(transport, app)
    assert "the agent failed" in str(app.crash_reason)
    assert transport.read("end") == []
    await run(transport, chain(transport, got))
    for topic in ("one", "two"):
        assert got.numbers(topic) == list(range(100))
    assert [int(record.value) for record in transport.read("end")] == list(range(100))


async def test_a_backlog_is_read_before_anything_is_handed_over(transport):
    declare(transport)
    transport.append(*numbered("source", range(100, 200)), *(sent("one", [n, n + 1]) for n in range(0, 100, 2)))
    got = Got()
    await run(transport, chain(transport, got, max_records=10))
    assert sorted(int(record.value) for record in transport.read("end")) == list(range(200))
    assert [n for n in got.numbers("one") if n < 100] == list(range(100))
    assert [int(record.value) for record in transport.read("end")] == got.numbers("one")


async def test_who_else_appends_to_a_private_topic_ends_the_worker(transport):
    declare(transport)
    app = chain(transport, Got())
    async with running(app):
        await until(app.consumer.assignment)
        transport.append(*numbered("source", [1]))
        await until(lambda: transport.read("end"))
        transport.append(sent("one", [2]))
        transport.append(*numbered("source", [3]))
        await until(lambda: app.crash_reason)
    assert isinstance(app.crash_reason, OffsetConflictError)
    assert "one/0 is private" in str(app.crash_reason)
    await run(transport, chain(transport, Got()))
    assert [record.value for record in transport.read("end")] == [b"1", b"2", b"3"]


async def test_a_rebalance_takes_back_what_was_handed_over(transport):
    declare(transport, 2)
    app = chain(transport, Got(), partitions=2, max_records=20)
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
    app = chain(transport, Got(), partitions=2, max_records=5)
    async with running(app):
        await until(app.consumer.assignment)
        transport.append(*(Output("source", b"%d" % (n % 5), b"%d" % n) for n in range(300)))
        for _ in range(5):
            await app.consumer.subscribe({tp.topic for tp in app.consumer.assignment()})
            await asyncio.sleep(0.01)
        await until(lambda: app.crash_reason or transport.lag("group", "source", "one", "two") == 0)
    assert app.crash_reason is None
    assert sorted(int(record.value) for record in transport.read("end")) == list(range(300))


async def test_a_parcel_for_a_partition_that_is_not_there_is_refused_where_it_is_sent(transport):
    declare(transport)
    app = transport.app("group")

    @app.agent(batch_topic(app, "source"))
    async def sends_wrong(batches):
        async for batch in batches:
            batch.send_parcel("one", [(b"k", b"v")], pack, partition=9)
            await batch.commit()

    sizes_of_batches(app, "one", private=True)
    transport.append(*numbered("source", [1]))
    async with running(app):
        await until(lambda: app.crash_reason)
    assert isinstance(app.crash_reason, UnknownTopicError)
    assert "topic one has no partition 9" in str(app.crash_reason)
    assert transport.lag("group", "source") == 1


def first_stage(transport: Any, **options: Any) -> Any:
    """source -> one; what the test adds reads it."""
    app = transport.app("group", **options)
    app.partitions = 1
    stage(app, "source", "one", Got())
    return app


def sizes_of_batches(app: Any, topic: str, **options: Any) -> list[int]:
    """Give the app an agent that commits what it gets, and return how many records each batch had."""
    sizes: list[int] = []

    async def commit(batches: Any) -> None:
        async for batch in batches:
            sizes.append(len(batch.records))
            await batch.commit()

    app.agent(batch_topic(app, topic, **options), name=f"{app.conf.id}.{topic}")(commit)
    return sizes


async def test_a_topic_that_is_gathered_is_gathered_when_it_is_private_too(transport):
    declare(transport)
    app = first_stage(transport)
    sizes = sizes_of_batches(app, "one", private=True, interval=3600)
    async with running(app):
        for number in range(5):
            transport.append(*numbered("source", [number]))
            await until(lambda: app.crash_reason or transport.lag("group", "source") == 0)
        await until(lambda: transport.lag("group", "one") == 4)
    assert app.crash_reason is None
    assert sizes == [1]


async def test_an_agent_of_which_nobody_waits_for_anything_waits_for_nobody(transport):
    declare(transport)
    transport.declare(TopicConfig("other", 1))
    app = first_stage(transport)
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
    app = first_stage(transport, max_records=1)

    @app.agent(batch_topic(app, "one", private=True))
    async def forgets(batches):
        async for _ in batches:
            pass

    async with running(app):
        await until(lambda: app.crash_reason or transport.lag("group", "source") == 0)
    assert app.crash_reason is None
    assert len(transport.read("one")) == 10
    assert "committing without one" in caplog.text
