"""The commits of the embedded transport: what came of one batch through all agents is one transaction (`handover`)."""

import asyncio
import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from streams.transport.batches import Parcel
from streams.transport.handover import Handover, Transaction, records_of
from streams.transport.log import Fetch, Log, OffsetConflictError, Span
from streams.transport.readers import EmbeddedBatch, Reader

if TYPE_CHECKING:
    from streams.transport.consumer import Consumer

log = logging.getLogger("livepool.commits")
PATIENCE_SECONDS = 10.0  # how long a transaction waits for an agent


class EmbeddedCommits:
    """The batches of a worker, from the moment a reader has one until it is committed.

    `handed`: whose batch came from another agent and is still to be delivered. While `draining` nothing is handed over.
    """

    def __init__(self, consumer: "Consumer") -> None:
        self._consumer = consumer
        self._handover = Handover((), {})
        self._transaction: Transaction | None = None  # that is gathered
        self._timer: asyncio.TimerHandle | None = None
        self.handed: set[Reader] = set()
        self.draining = False

    def begin(self, readers: Iterable[Reader]) -> None:
        """Hand over to those of `readers` whose topic is private."""
        reads, private = self._consumer.reads, [reader for reader in readers if reader.private]
        tps = [reader.partitions[0] for reader in private]
        committed = reads.committed(self._consumer.group, tps)
        for reader in private:
            reader.position = committed[reader.partitions[0]]
        self._handover = Handover(private, reads.end_offsets(tps))

    def is_level(self, reader: Reader) -> bool:
        """Whether a private topic has nothing more for its reader, on disk or to be written."""
        return reader.private and reader.position == self._handover.ends[reader.partitions[0]]

    def give(self, reader: Reader, fetch: Fetch, handed: Sequence[Parcel] = ()) -> EmbeddedBatch:
        """Make the batch that a reader has in flight; `handed`: what its records are, when they are not in the log."""
        reader.batch = EmbeddedBatch(self._consumer, reader, fetch, handed)
        if reader.private:
            reader.position = fetch.spans[reader.partitions[0]].end
        return reader.batch

    async def commit(self, batch: EmbeddedBatch) -> None:
        """Commit a batch, with those that go on with what it sends, and free its reader."""
        if batch.committed:
            raise RuntimeError("this batch is committed already")
        private = self._handover.private(batch.parcels)
        handed = self._handover.take(private)
        batch.committed = True
        transaction = self._transaction
        if private or (transaction and batch.reader in transaction.waiting):
            transaction = transaction or self._gather()
            transaction.batches.append(batch)
            transaction.waiting.discard(batch.reader)
            if not self.draining:
                self._hand(handed, transaction)
            if transaction.complete:
                self._close()
        else:  # one of its own: nobody goes on with it
            transaction = Transaction(self._write)
            transaction.batches.append(batch)
            transaction.close({})
        # Shielded: what the agent wants to be told it is told, even when it is cancelled.
        await asyncio.shield(transaction.written)

    def _gather(self) -> Transaction:
        transaction = self._transaction = Transaction(self._write)
        self._timer = self._consumer.loop.call_later(PATIENCE_SECONDS, self._lose_patience, transaction)
        return transaction

    def _lose_patience(self, transaction: Transaction) -> None:
        late = ", ".join(sorted(reader.topic for reader in transaction.waiting))
        log.warning("committing without %s: its agent has not committed for %.0f s", late, PATIENCE_SECONDS)
        self._close()

    def _hand(self, handed: Iterable[tuple[Reader, Sequence[Parcel]]], transaction: Transaction) -> None:
        for reader, parcels in handed:
            tp, start = reader.partitions[0], reader.position
            fetch = Fetch(records_of(tp, start, parcels), {tp: Span(start, start + len(parcels))})
            self.give(reader, fetch, parcels)
            self.handed.add(reader)
            transaction.waiting.add(reader)
        self._consumer.notice()

    def take_back(self, readers: Iterable[Reader]) -> None:
        """Fetch what was not delivered from the log, later."""
        for reader in tuple(readers):
            if reader.batch is not None and not reader.batch.delivered:
                if reader.private:
                    reader.position = reader.batch.spans[reader.partitions[0]].start
                reader.batch = None
                self.handed.discard(reader)
                if self._transaction:
                    self._transaction.waiting.discard(reader)
        if self._transaction and self._transaction.complete:
            self._close()

    async def finish(self) -> None:
        """Write what was gathered, with those that came so far."""
        if transaction := self._transaction:
            self._close()
            await asyncio.wait([transaction.written])
            if error := transaction.written.exception():
                log.error("the last commit failed, and is done again after a restart: %r", error)

    def _close(self) -> None:
        if self._transaction and self._timer:
            self._timer.cancel()  # it would keep the batches
            self._transaction.close(self._handover.ends)
            self._transaction = None

    async def _write(self, transaction: Transaction) -> None:
        transport = self._consumer.transport
        with transport.listener.commit():
            await transport.write(self._write_all, transaction)
        for batch in transaction.batches:
            batch.reader.batch = None
            batch.conclude()
        self._consumer.notice()

    def _write_all(self, writer: Log, transaction: Transaction) -> None:
        read = {id(parcel) for batch in transaction.batches for parcel in batch.handed}
        for batch in transaction.batches:
            puts = {(table, batch.partition): values for table, values in batch.puts.items()}
            written = [parcel.output() for parcel in batch.parcels if id(parcel) not in read]
            passed = Counter((parcel.topic, parcel.partition) for parcel in batch.parcels if id(parcel) in read)
            writer.commit(self._consumer.group, batch.spans, [*batch.outputs, *written], puts, passed)
        for tp, end in writer.end_offsets(transaction.ends).items():
            if end != transaction.ends[tp]:
                raise OffsetConflictError(
                    f"{tp[0]}/{tp[1]} is private, but ends at {end} instead of {transaction.ends[tp]}: not only agents"
                    " of this app append to it; a restarted worker goes on from its last commit"
                )
