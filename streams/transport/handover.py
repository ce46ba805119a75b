"""From agent to agent in memory: what one commits, another of the same process gets before it is on disk.

What comes of one batch goes through all agents and is then written in one transaction, instead of one per agent: one
wait for the disk, and each page of the file written once. No commit returns before that transaction has ended, and no
agent gets another batch before; so all that an agent reads of its state is on disk, and a worker that is killed starts
where nothing of it has happened.

Only private topics are handed over (`batch_topic`), and only to a reader that has nothing to catch up with. Offsets
are foretold; the commit compares them with those of the append.
"""

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from streams.transport.batches import Output, Record, TopicPartition, partition_of
from streams.transport.rows import Columns, Row, unpack

if TYPE_CHECKING:
    from streams.transport.readers import EmbeddedBatch, Reader


class Commits:
    """Batches to be committed in one transaction, in this order; `waiting`: readers whose batch will be one of them.

    `ends`: where private topics end then.
    """

    def __init__(self, write: Callable[["Commits"], Awaitable[None]]) -> None:
        self.batches: list[EmbeddedBatch] = []
        self.waiting: set[Reader] = set()
        self.ends: dict[TopicPartition, int] = {}
        self._complete = asyncio.Event()
        self.written = asyncio.ensure_future(self._write(write))

    async def _write(self, write: Callable[["Commits"], Awaitable[None]]) -> None:
        await self._complete.wait()
        await write(self)

    @property
    def complete(self) -> bool:
        """Whether there is nothing more to wait for; an agent that waits for this does not come to other partitions."""
        busy = {batch.reader.topic for batch in self.batches}
        return not self.waiting or any(reader.topic in busy for reader in self.waiting)

    def close(self, ends: Mapping[TopicPartition, int]) -> None:
        """Begin to write."""
        self.ends = dict(ends)
        self._complete.set()


class Handover:
    """What is handed to the readers of private topics.

    `ends` are the offsets that the next append to each of these topic-partitions gets; nobody else appends.
    """

    def __init__(self, readers: Iterable["Reader"], ends: Mapping[TopicPartition, int]) -> None:
        self._readers: dict[TopicPartition, Reader] = {reader.partitions[0]: reader for reader in readers}
        self._partitions = Counter(topic for topic, _ in self._readers)
        self.ends = dict(ends)

    def take(self, outputs: Iterable[Output], most: int) -> list[tuple["Reader", list[Record]]]:
        """Say what each free reader gets of what is being committed, at most so many records."""
        found = []
        for tp, some in self._by_partition(outputs).items():
            start = self.ends[tp]
            self.ends[tp] = start + len(some)
            reader = self._readers[tp]
            if reader.batch is None and reader.position == start:
                found.append((reader, _records(tp, start, some[:most])))
        return found

    def _by_partition(self, outputs: Iterable[Output]) -> dict[TopicPartition, list[Output]]:
        together: defaultdict[TopicPartition, list[Output]] = defaultdict(list)
        partitions = self._partitions
        for output in outputs:
            topic, key, _, _, partition = output
            if topic in partitions:
                if partition is None:
                    partition = partition_of(key, partitions[topic])
                together[topic, partition].append(output)
        return together


def _records(tp: TopicPartition, start: int, outputs: Sequence[Output]) -> list[Record]:
    _, keys, values, headers, _ = zip(*outputs, strict=True)
    row = Row(0, *tp, start, start + len(outputs) - 1, len(outputs), time.time_ns() // 1_000_000)
    return unpack(row, Columns(None, None, keys, values, headers))
