"""What a transport tells whoever listens."""

from collections.abc import Collection, Mapping
from typing import Any

import pytest

from contract.transports import numbered, running, until
from streams.transport import consumer, kafka_signs
from streams.transport.batches import Output, TopicPartition, batch_topic
from streams.transport.listening import Listener
from streams.transport.log import TopicConfig


class Diary(Listener):
    """Writes down what it hears."""

    def __init__(self) -> None:
        self.commits: list[float] = []
        self.failures = 0
        self.assignments: list[Collection[TopicPartition]] = []
        self.recovery: list[str] = []
        self.lags: list[Mapping[str, int]] = []

    def committed(self, seconds: float) -> None:
        self.commits.append(seconds)

    def commit_failed(self) -> None:
        self.failures += 1

    def assigned(self, tps: Collection[TopicPartition]) -> None:
        self.assignments.append(tps)

    def recovering(self) -> None:
        self.recovery.append("begins")

    def recovered(self) -> None:
        self.recovery.append("ends")

    def behind(self, records: Mapping[str, int]) -> None:
        self.lags.append(records)


@pytest.fixture(autouse=True)
def quick_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (consumer, kafka_signs):
        monkeypatch.setattr(module, "LAG_SECONDS", 0.1)


def app_of(transport: Any, diary: Diary, work: Any) -> Any:
    app = transport.app("group", max_records=10)
    app.transport.listener = diary

    @app.agent(batch_topic(app, "source"))
    async def act(stream: Any) -> None:
        async for batch in stream:
            await work(batch)
            await batch.commit()

    return app


async def test_commits_assignments_and_lag(transport):
    transport.declare(TopicConfig("source"))
    transport.append(*numbered("source", range(25)))
    diary, worked = Diary(), []

    async def work(batch: Any) -> None:
        if not worked:
            await until(lambda: any(lags.get("source") for lags in diary.lags))
        worked.append(len(batch.records))

    async with running(app_of(transport, diary, work)):
        await until(lambda: sum(worked) == 25 and diary.lags[-1] == {"source": 0})
    assert len(diary.commits) == len(worked)
    assert all(0 < seconds < 60 for seconds in diary.commits)
    assert [set(tps) for tps in diary.assignments] == [{("source", 0)}]
    assert max(lags["source"] for lags in diary.lags) >= 25
    assert diary.recovery in ([], ["begins", "ends"])  # without Kafka there is nothing to make ready
    assert diary.failures == 0


async def test_a_commit_that_fails(transport):
    transport.declare(TopicConfig("source"))
    transport.append(*numbered("source", range(5)))
    diary = Diary()

    async def work(batch: Any) -> None:
        batch.outputs.append(Output("nowhere", None, b"there is no such topic"))

    app = app_of(transport, diary, work)
    async with running(app):
        await until(lambda: app.crash_reason)
    assert (diary.commits, diary.failures) == ([], 1)
