"""Record batches: the unit of delivery, of output, of state write-back and of the commit.

Both transports hand an agent one `RecordBatch` per Faust event, so that what Faust costs per event
is paid once per batch, and so that outputs, state and input offsets can be one transaction.

    @app.agent(batch_topic(app, "checkout"))
    async def count(batches):
        async for batch in batches:
            for record in batch.records:
                batch.send("paid", record.key, record.value)
            await batch.commit()
"""

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from schemas.topics import partition_of

__all__ = [
    "Headers",
    "Output",
    "Parcel",
    "Record",
    "RecordBatch",
    "TopicPartition",
    "batch_topic",
    "partition_of",
    "reading_of",
]

T = TypeVar("T")
_READING = "batch_reading"
Headers = tuple[tuple[str, bytes], ...]
TopicPartition = tuple[str, int]


class Record(NamedTuple):
    """One record of a topic-partition; `timestamp` is the time of the append, ms since 1970 UTC."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()


class Output(NamedTuple):
    """A record to append. Without a partition the key chooses it (`partition_of`); no key: 0."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    partition: int | None = None


class Parcel(NamedTuple):
    """Messages for one partition of a private topic, sent as one record. They become bytes only where these are needed.

    Nobody changes them any more: a reader of the same process gets the very same objects (`handover`).
    """

    topic: str
    partition: int
    messages: Sequence[Any]
    pack: Callable[[Sequence[Any]], bytes]
    headers: Headers = ()

    def output(self) -> Output:
        """The record."""
        return Output(self.topic, None, self.pack(self.messages), self.headers, self.partition)

    def outputs(self, max_bytes: int) -> Iterator[tuple[Output, Sequence[Any]]]:
        """Records with their messages: several when one had more than `max_bytes`, which only a single message may."""
        output = self.output()
        half = len(self.messages) // 2
        if len(output.value or b"") <= max_bytes or not half:
            yield output, self.messages
            return
        for messages in (self.messages[:half], self.messages[half:]):
            yield from self._replace(messages=messages).outputs(max_bytes)


class RecordBatch(ABC):
    """What one fetch brought: read `records`, buffer effects with `send` and `put`, then `commit`.

    Nothing leaves the batch before `commit`; what was not committed is delivered again after a
    restart. The next batch comes only after the commit of this one. Of a private topic it may come
    before what sent its records is on disk: both are committed then, or neither (`handover`). Of such a
    topic an agent asks for `messages`: a record has no value when its messages were handed over.

    `partition` is that of the first record, and of the state that `read`, `scan` and `put` see. `epoch` changes
    when another worker may have written that state: what an agent remembers of it is void then.
    """

    __slots__ = (
        "_afterwards", "committed", "delivered", "epoch", "handed",
        "outputs", "parcels", "partition", "puts", "records",
    )  # fmt: skip

    def __init__(self, records: Sequence[Record], epoch: int = 0, handed: Sequence[Parcel] = ()) -> None:
        self.epoch = epoch
        self.records = records
        self.handed = handed  # instead of values: a parcel for each record
        self.partition = records[0].partition
        self.outputs: list[Output] = []
        self.parcels: list[Parcel] = []
        self.puts: defaultdict[str, dict[bytes, bytes | None]] = defaultdict(dict)
        self.delivered = False  # Faust has it
        self.committed = False
        self._afterwards: list[Callable[[], object]] = []

    def send(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: Headers = (),
        partition: int | None = None,
    ) -> None:
        """Buffer one output record; records keep the order of the calls, across topics too."""
        if self.committed:
            raise RuntimeError("this batch is committed: send before commit()")
        self.outputs.append(Output(topic, key, value, headers, partition))

    def send_parcel(
        self,
        topic: str,
        messages: Sequence[Any],
        pack: Callable[[Sequence[Any]], bytes],
        headers: Headers = (),
        partition: int = 0,
    ) -> None:
        """Buffer messages for a partition of a private topic, if there are any; see `Parcel`."""
        if self.committed:
            raise RuntimeError("this batch is committed: send before commit()")
        if messages:
            self.parcels.append(Parcel(topic, partition, messages, pack, headers))

    def messages(self, unpack: Callable[[bytes], Sequence[T]]) -> list[T]:
        """All that came in parcels, in the order in which it was sent; `unpack` reads what `pack` has made."""
        if self.handed:
            return [message for parcel in self.handed for message in parcel.messages]
        return [message for record in self.records for message in unpack(record.value or b"")]

    def put(self, table: str, key: bytes, value: bytes | None) -> None:
        """Buffer one state write; None deletes. The last write of a key wins."""
        self.put_all(table, {key: value})

    def put_all(self, table: str, values: Mapping[bytes, bytes | None]) -> None:
        """Buffer state writes, as `put` does one."""
        if self.committed:
            raise RuntimeError("this batch is committed: put before commit()")
        self.puts[table].update(values)

    def after_commit(self, call: Callable[[], object]) -> None:
        """Have this called when the batch was committed, and only then; also when its agent is cancelled meanwhile."""
        self._afterwards.append(call)

    def conclude(self) -> None:
        """For the transport: the batch was committed."""
        # Forgotten: what is called mostly holds the batch, and Python seldom looks for such cycles (delivery.py).
        calls, self._afterwards = self._afterwards, []
        for call in calls:
            call()

    @abstractmethod
    def read(self, table: str, keys: Iterable[bytes]) -> dict[bytes, bytes]:
        """Return the committed values of `keys` in this partition; missing keys are absent."""

    @abstractmethod
    def scan(self, table: str, prefix: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        """Yield the committed (key, value) pairs of this partition whose key has `prefix`, by key."""

    @abstractmethod
    async def commit(self) -> None:
        """Write outputs, state and input offsets in one transaction; then the next batch may come.

        Raises when the transaction failed, e.g. because another worker took over. Then nothing was
        written and the worker has to end: the exception must leave the agent.
        """


class Reading(NamedTuple):
    """How the batches of a topic are gathered: for how many seconds; whether only agents of this app append to it.

    `writes`: the topics that what comes of them may be sent to.
    """

    interval: float = 0.0
    private: bool = False
    writes: tuple[str, ...] = ()


def batch_topic(
    app: Any,
    *topics: str,
    interval: float = 0.0,
    private: bool = False,
    writes: tuple[str, ...] = (),
    **options: Any,
) -> Any:
    """Return a Faust topic whose events are record batches.

    Acks are off: Faust neither tracks nor commits these records, each batch commits its own offsets. A batch gathers
    until `interval` seconds after the one before it was taken, unless that one was full. To a `private` topic only
    agents of this app send, and nothing but parcels; one process may hand over what another of its agents commits
    (`handover`): then an agent sees its own tables as of its last commit, not yet what the one before it put for the
    same record, and no agent may wait for what another does after its commit. `writes` names the topics that the
    agent sends to.
    """
    # Kept with the app: Faust makes copies of its topics.
    app.__dict__.setdefault(_READING, {}).update(dict.fromkeys(topics, Reading(interval, private, writes)))
    return app.topic(*topics, acks=False, key_serializer="raw", value_serializer="raw", **options)


def reading_of(app: Any, topic: str) -> Reading:
    """Return how the batches of this topic are gathered."""
    reading: Reading = app.__dict__.get(_READING, {}).get(topic, Reading())
    return reading
