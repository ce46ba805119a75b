"""A worker that tells what it spends: `python watched.py HOME`, with the settings of the environment.

A line on standard input asks; the answer is a line of JSON about the time since the answer before. The clocks run
around batches, never around events: a batch of 2,000 events meets some twenty of them. The parts of a stage:

    fetch    records from the log; on Kafka the turn of fetched records into a batch (the client decodes them)
    body     all that an agent does from the hand-over of a batch to its commit; in it is
    state    the reads of state with its decoding, and its encoding
    commit   handing outputs, state and offsets to the database or to the client; on one machine of all agents that
             a batch went through, and it counts for the first of them
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterable, AsyncIterator
from pathlib import Path
from time import monotonic, thread_time
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))
from bench.clocks import clock, clock_steps, spent, stage
from streams.agents import board, identity, intake, journey
from streams.agents.shelf import Shelf
from streams.app import build_app
from streams.runner import run
from streams.settings import from_environment
from streams.topology import AGENTS
from streams.transport import consumer, embedded, kafka_batch, kafka_commits, kafka_partitions, kafka_restore, readers
from streams.transport.batches import RecordBatch

STAGE_OF = {topic: agent.name for agent in AGENTS for topic in agent.reads}


def clock_agent(agent: Any) -> None:
    """Clock an agent from the hand-over of each batch on; nothing is awaited from there to the commit."""
    work = agent.run

    async def handed(batches: AsyncIterable[RecordBatch]) -> AsyncIterator[RecordBatch]:
        async for batch in batches:
            spent.add("body", -thread_time())
            yield batch

    async def watched(self: Any, batches: AsyncIterable[RecordBatch]) -> None:
        stage.set(agent.__name__.lower())
        await work(self, handed(batches))

    agent.run = watched


def clock_commit(batch: Any) -> None:
    commit = batch.commit

    async def watched(self: RecordBatch) -> None:
        spent.add("body", thread_time())
        spent.count(self)
        await commit(self)
        spent.commits.append((monotonic(), stage.get(), len(self.records)))

    batch.commit = watched


def clock_restore(restorer: Any) -> None:
    restore = restorer.restore

    async def watched(self: Any, changelogs: Any) -> None:
        begun = monotonic()
        await restore(self, changelogs)
        spent.restored.append((monotonic() - begun, self.progress.total))

    restorer.restore = watched


def watch() -> None:
    for agent in (intake.Intake, identity.Identity, journey.Journey, board.Board):
        clock_agent(agent)
    for batch in (readers.EmbeddedBatch, kafka_batch.KafkaBatch):
        clock_commit(batch)
    for owner, names in {Shelf: ("open", "flush"), identity.IdentityPartition: ("_recall", "_remember")}.items():
        for name in names:
            clock(owner, name, "state")
    clock(consumer.Consumer, "_fetch_batch", "fetch", lambda _, reader, *__: STAGE_OF[reader.partitions[0].topic])
    clock(kafka_partitions.Partitions, "fetched", "fetch", lambda _, joint, *__: STAGE_OF[joint[0].topic])
    clock_steps(embedded.Transport, "_transact", "commit")
    clock_steps(kafka_commits.Commits, "_commit", "commit")
    clock_restore(kafka_restore.Restorer)


def answer() -> None:
    if sys.stdin.readline():
        print(json.dumps(spent.answer()), flush=True)
        spent.begin()
    else:
        asyncio.get_running_loop().remove_reader(sys.stdin)


async def main(home: Path) -> None:
    app = build_app(from_environment()._replace(home=home))
    asyncio.get_running_loop().add_reader(sys.stdin, answer)
    await run(app)


if __name__ == "__main__":
    watch()
    asyncio.run(main(Path(sys.argv[1])))
