"""The dead letters of a cluster and of a run on one machine."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any, Self

from kafka import KafkaProducer
from kafka.errors import KafkaError, ProducerFencedError

from streams.cluster.connection import ClusterError, Connection
from streams.cluster.dead_letters import Letter
from streams.cluster.log_reader import partitions_of, read_until
from streams.cluster.session import BOOTSTRAP_MS, CLIENT_ID, cluster_errors, reading_consumer
from streams.cluster.topics import GROUP, REPLAYED
from streams.transport.batches import Output, Record
from streams.transport.log import Log, TopicConfig

LETTERS = "dead-letters"
TRANSACTIONAL_ID = f"{GROUP}-dlq-replay"  # one for all: who begins to replay ends the replay of another
_POLL_MS = 100
_REQUEST_BYTES = 4 << 20
_SEND_SECONDS = 60.0
_TRANSACTION_MS = 15_000  # what a killed replay has left open holds up the workers as long as this


class EmbeddedLetterBox:
    """The letters of a run on one machine."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._known: set[str] = set()
        self._next = 0  # offset of the first note that was not read yet

    def records(self) -> Iterator[Record]:
        """See LetterBox."""
        return self._log.read(LETTERS)

    def replayed(self) -> set[str]:
        """See LetterBox."""
        if any(topic.name == REPLAYED for topic in self._log.topics()):
            for record in self._log.read(REPLAYED, {0: self._next}):
                self._known.add((record.key or b"").decode())
                self._next = record.offset + 1
        return self._known

    def replay(self, letters: Iterable[Letter]) -> list[Letter]:
        """See LetterBox."""
        self._log.declare([TopicConfig(REPLAYED, compacted=True)])
        self._log.begin()  # and nobody else writes: the notes are complete
        try:
            replayed = self.replayed()
            fresh = [letter for letter in letters if letter.place not in replayed]
            self._log.append(_outputs(fresh, lambda topic: self._log.topic(topic).partitions))
            self._log.end()
        except BaseException:
            self._log.abort()
            raise
        return fresh


class ClusterLetterBox:
    """The letters of a cluster. Reading needs no right to write."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._settings: dict[str, Any] = {
            "client_id": CLIENT_ID,
            "bootstrap_timeout_ms": BOOTSTRAP_MS,
            **connection.kafka_python(),
        }
        self._producer: KafkaProducer | None = None
        self._known: set[str] = set()

    def close(self) -> None:
        """Close the connections."""
        if self._producer is not None:
            self._producer.close(timeout=_SEND_SECONDS)
            self._producer = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def records(self) -> Iterator[Record]:
        """See LetterBox."""
        return self._read(LETTERS)

    def replayed(self) -> set[str]:
        """See LetterBox."""
        return {(record.key or b"").decode() for record in self._read(REPLAYED)}

    def replay(self, letters: Iterable[Letter]) -> list[Letter]:
        """See LetterBox."""
        with cluster_errors(self._connection):
            producer = self._producer or self._begin()
            fresh = [letter for letter in letters if letter.place not in self._known]
            if fresh:
                try:
                    _send(producer, list(_outputs(fresh, lambda topic: len(producer.partitions_for(topic)))))
                except BaseException:
                    self.close()  # a producer whose transaction has failed is not used again
                    raise
                self._known.update(letter.place for letter in fresh)
        return fresh

    def _begin(self) -> KafkaProducer:
        self._producer = KafkaProducer(
            **self._settings,
            transactional_id=TRANSACTIONAL_ID,
            transaction_timeout_ms=_TRANSACTION_MS,
            max_request_size=_REQUEST_BYTES,
            allow_auto_create_topics=False,
        )
        # Ends what another replay has left open. Only then the notes are complete.
        self._producer.init_transactions()
        self._known = self.replayed()
        return self._producer

    def _read(self, topic: str) -> Iterator[Record]:
        with (
            cluster_errors(self._connection),
            reading_consumer(self._connection, fetch_max_wait_ms=_POLL_MS) as consumer,
        ):
            tps = partitions_of(consumer, topic)
            consumer.assign(tps)
            consumer.seek_to_beginning()
            yield from read_until(consumer, consumer.end_offsets(tps))


def _send(producer: KafkaProducer, outputs: list[Output]) -> None:
    """Send in one transaction: all or nothing."""
    producer.begin_transaction()
    try:
        futures = [
            producer.send(output.topic, output.value, output.key, list(output.headers), output.partition)
            for output in outputs
        ]
        producer.flush(_SEND_SECONDS)
        for future in futures:
            future.get(_SEND_SECONDS)
        producer.commit_transaction()
    except KafkaError as error:
        # When the client's own thread hears of it first, it is only named as the reason of another error.
        if ProducerFencedError.__name__ in f"{error} {error!r}":
            raise ClusterError("another `livepool dlq replay` has begun: it sends what is left") from None
        # Else workers would wait until it times out. Where it fails, the next replay does it.
        with suppress(KafkaError):
            producer.abort_transaction()
        raise


def _outputs(letters: Iterable[Letter], partitions: Callable[[str], int]) -> Iterator[Output]:
    now = time.time_ns() // 1_000_000
    for letter in letters:
        yield letter.again(partitions(letter.topic))
        yield letter.note(now)
