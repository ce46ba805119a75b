"""From agent to agent in memory: what one commits, another of the same process gets before it is on disk.

What comes of one batch goes through all agents and is then written in one transaction, instead of one per agent: one
wait for the disk, and each page of the file written once. No commit returns before that transaction has ended, and no
agent gets another batch before; so all that an agent reads of its state is on disk, and a worker that is killed starts
where nothing of it has happened.

Only parcels are handed over (private topics have nothing else), and only to a reader that has nothing to catch up
with. One whose reader commits in the same transaction is never made into bytes nor written, since nobody would read
it: it takes its offset, and that is all. Offsets are foretold; the commit compares them with those of the log.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from streams.transport.batches import Parcel, Record, TopicPartition

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
        self.ends = dict(ends)

    def private(self, parcels: Iterable[Parcel]) -> dict[TopicPartition, list[Parcel]]:
        """Return those that have a reader, by topic-partition; others are refused by the append, or wait there."""
        together: defaultdict[TopicPartition, list[Parcel]] = defaultdict(list)
        for parcel in parcels:
            if (tp := (parcel.topic, parcel.partition)) in self._readers:
                together[tp].append(parcel)
        return together

    def take(self, together: Mapping[TopicPartition, Sequence[Parcel]]) -> list[tuple["Reader", Sequence[Parcel]]]:
        """Say what each free reader gets of what is being committed; the others find it in the log."""
        found = []
        for tp, parcels in together.items():
            reader = self._readers[tp]
            # A reader that gathers takes its batches from the log, when they are due.
            if reader.batch is None and reader.position == self.ends[tp] and not reader.interval:
                found.append((reader, parcels))
            self.ends[tp] += len(parcels)
        return found


def records_of(tp: TopicPartition, start: int, parcels: Iterable[Parcel]) -> list[Record]:
    """Return the records that parcels are, from the offset `start` on; their messages stay in the parcels."""
    now = time.time_ns() // 1_000_000
    return [Record(*tp, offset, now, None, None, parcel.headers) for offset, parcel in enumerate(parcels, start)]
