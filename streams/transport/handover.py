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
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING

from streams.transport.batches import Output, Record, TopicPartition, partition_of
from streams.transport.rows import Columns, Row, checked, unpack

if TYPE_CHECKING:
    from streams.transport.readers import EmbeddedBatch, Reader


class Transaction:
    """Batches to be committed together, in this order; `waiting`: readers whose batch will be one of them.

    `ends`: where private topics end then.
    """

    def __init__(self, write: Callable[["Transaction"], Awaitable[None]]) -> None:
        self.batches: list[EmbeddedBatch] = []
        self.waiting: set[Reader] = set()
        self.ends: dict[TopicPartition, int] = {}
        self._complete = asyncio.Event()
        self.written = asyncio.ensure_future(self._write(write))

    async def _write(self, write: Callable[["Transaction"], Awaitable[None]]) -> None:
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

    def private(self, outputs: Iterable[Output]) -> dict[TopicPartition, list[Output]]:
        """Return those for private topics, by topic-partition."""
        together: defaultdict[TopicPartition, list[Output]] = defaultdict(list)
        partitions = self._partitions
        for output in outputs:
            topic, key, _, _, partition = output
            if topic in partitions:
                if partition is None:
                    partition = partition_of(key, partitions[topic])
                # A partition that is not there is refused by the append.
                if (topic, partition) in self._readers:
                    together[topic, partition].append(output)
        return together

    def take(
        self, together: Mapping[TopicPartition, Sequence[Output]], max_records: int, max_bytes: int
    ) -> list[tuple["Reader", list[Record]]]:
        """Say what each free reader gets of what is being committed; the rest of it comes from the log.

        Raises TypeError for what the log would not take.
        """
        found = []
        for tp, outputs in together.items():
            reader, start = self._readers[tp], self.ends[tp]
            # A reader that gathers takes its batches from the log, when they are due.
            if reader.batch is None and reader.position == start and not reader.interval:
                found.append((reader, _records(tp, start, _first(outputs[:max_records], max_bytes))))
        for tp, outputs in together.items():
            self.ends[tp] += len(outputs)
        return found


def _first(outputs: Sequence[Output], max_bytes: int) -> Sequence[Output]:
    """So many that they do not exceed `max_bytes`; one at least."""
    sizes = [len(value) if value else 0 for _, _, value, _, _ in outputs]
    if sum(sizes) <= max_bytes:
        return outputs
    return outputs[: max(1, bisect_right(list(accumulate(sizes)), max_bytes))]


def _records(tp: TopicPartition, start: int, outputs: Sequence[Output]) -> list[Record]:
    keys, values, headers = checked(outputs)
    row = Row(0, *tp, start, start + len(outputs) - 1, len(outputs), time.time_ns() // 1_000_000)
    return unpack(row, Columns(None, None, keys, values, headers))
