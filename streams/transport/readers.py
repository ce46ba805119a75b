"""Who reads what in the embedded transport: the readers and the batch that each has in flight."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from faust.assignor.client_assignment import ClientAssignment
from faust.types import TP

from streams.transport.batches import Parcel, RecordBatch, reading_of
from streams.transport.delivery import reading_channel
from streams.transport.log import Fetch

if TYPE_CHECKING:
    from streams.transport.consumer import Consumer


@dataclass(slots=True, eq=False)
class Reader:
    """Topic-partitions that are read together; one batch of them is in flight at a time.

    `interval` and `private` are those of `batch_topic`; `due` is when the next batch may be taken (seconds of the event
    loop's clock), `drained_at` the log's version in which nothing was left to read, `position` of one topic-partition
    the offset behind the last batch.
    """

    partitions: tuple[TP, ...]
    interval: float = 0.0
    private: bool = False
    due: float = 0.0
    batch: "EmbeddedBatch | None" = None
    drained_at: int | None = None
    position: int = 0

    @property
    def topic(self) -> str:
        """The topic, or the first of several: one agent reads all of them."""
        return cast("str", self.partitions[0].topic)


class EmbeddedBatch(RecordBatch):
    """A batch whose commit is one SQLite transaction."""

    __slots__ = ("consumer", "reader", "spans")

    def __init__(self, consumer: "Consumer", reader: Reader, fetch: Fetch, handed: Sequence[Parcel] = ()) -> None:
        super().__init__(fetch.records, handed=handed)
        self.consumer = consumer
        self.reader = reader
        self.spans = fetch.spans

    def read(self, table: str, keys: Iterable[bytes]) -> dict[bytes, bytes]:
        """Return the committed values of `keys` in this partition; missing keys are absent."""
        return self.consumer.reads.state_read(table, self._state_partition(), keys)

    def scan(self, table: str, prefix: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        """Yield the committed (key, value) pairs of this partition whose key has `prefix`, by key."""
        return self.consumer.reads.state_scan(table, self._state_partition(), prefix)

    def put_all(self, table: str, values: Mapping[bytes, bytes | None]) -> None:
        """Buffer state writes; None deletes. The last write of a key wins."""
        self._state_partition()
        super().put_all(table, values)

    def _state_partition(self) -> int:
        if len({tp.partition for tp in self.reader.partitions}) > 1:
            raise RuntimeError("an agent with state reads one topic, or several of one partition")
        return self.partition

    async def commit(self) -> None:
        """Write outputs, state and input offsets in one transaction; then the next batch may come."""
        await self.consumer.commit_batch(self)


def assign_readers(app: Any, sources: Iterable[TP]) -> list[Reader]:
    """Return the readers of the topics with acks off.

    Topics of one channel (`batch_topic(app, "a", "b")`) are read together, in the order of their appends;
    else each topic-partition has a reader. ImproperlyConfigured when two agents read one topic.
    """
    readers: list[Reader] = []
    together: dict[Any, list[TP]] = {}
    for tp in sorted(sources):
        if app.topics.acks_enabled_for(tp.topic):
            continue
        channel = reading_channel(app, tp)
        if len(channel.topics) == 1:
            reading = reading_of(app, tp.topic)
            readers.append(Reader((tp,), reading.interval, reading.private))
        else:
            together.setdefault(channel, []).append(tp)
    return readers + [Reader(tuple(tps), reading_of(app, tps[0].topic).interval) for tps in together.values()]


def tell_assignor(app: Any, assigned: Iterable[TP]) -> None:
    """Set what Faust's assignor would have learnt from a group coordinator: all is on this worker."""
    actives: dict[str, list[int]] = {}
    for topic, partition in sorted(assigned):
        actives.setdefault(topic, []).append(partition)
    changelogs = app.tables.changelog_topics
    url = str(app.conf.canonical_url)
    assignor = app.assignor
    assignor._assignment = ClientAssignment(actives=actives, standbys={})
    assignor._active_tps, assignor._standby_tps = set(assigned), set()
    assignor.changelog_distribution = {url: {t: p for t, p in actives.items() if t in changelogs}}
    assignor.external_topic_distribution = {url: {t: p for t, p in actives.items() if t not in changelogs}}
