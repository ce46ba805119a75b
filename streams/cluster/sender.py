"""Events to the input topics of a cluster, each with the key of the contract (schemas.topics)."""

from collections.abc import Iterable
from typing import Any, Self

from kafka import KafkaProducer

from schemas.codec import decode
from schemas.events import AnyEvent
from schemas.rejection import Rejected
from streams.cluster.connection import ClusterError, Connection
from streams.cluster.session import BOOTSTRAP_MS, CLIENT_ID, admin_session, cluster_errors
from streams.core.order_events import order_key
from streams.transport.batches import Output, partition_of

_LINGER_MS = 20
_BATCH_BYTES = 128 << 10
_FLUSH_SECONDS = 120.0


def key_of(payload: bytes) -> bytes | None:
    """The record key of an event: its session, token, order or best identifier; None when it is no valid event."""
    try:
        event = decode(payload)
    except Rejected:
        return None
    return _key_of(event).encode()


def _key_of(event: AnyEvent) -> str:
    data: Any = event.data
    if event.type.startswith("live."):
        return str(data.session_id)
    if event.type == "token.registered":
        return str(data.token)
    if (order := order_key(event)) is not None:
        return order
    ids = data.ids_a if event.type == "identity.unlinked" else data.ids
    best: str = ids.pairs()[0]
    return best


class Sender:
    """An idempotent producer. What it was given is in the topics, once, when `flush` has returned."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        with admin_session(connection) as admin:
            self._counts = {topic["name"]: len(topic["partitions"]) for topic in admin.describe_topics()}
        self._without_key = 0
        self._failures: list[BaseException] = []
        with cluster_errors(connection):
            self._producer = KafkaProducer(
                **{"client_id": CLIENT_ID, "bootstrap_timeout_ms": BOOTSTRAP_MS, **connection.kafka_python()},
                enable_idempotence=True,
                acks="all",
                linger_ms=_LINGER_MS,
                batch_size=_BATCH_BYTES,
                delivery_timeout_ms=int(_FLUSH_SECONDS * 1000),
                allow_auto_create_topics=False,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections; what was not flushed may be lost."""
        self._producer.close(timeout=_FLUSH_SECONDS)

    def send(self, outputs: Iterable[Output]) -> None:
        """Send records; without a partition of their own the key chooses it, without a key they take turns."""
        with cluster_errors(self._connection):
            for output in outputs:
                future = self._producer.send(
                    output.topic, output.value, output.key, list(output.headers), self._partition(output)
                )
                future.add_errback(self._failures.append)

    def send_with_keys(self, outputs: Iterable[Output]) -> None:
        """Send records under the keys of the contract."""
        self.send(output._replace(key=key_of(output.value or b"")) for output in outputs)

    def flush(self) -> None:
        """Wait until the brokers have acknowledged everything; ClusterError when they did not."""
        with cluster_errors(self._connection):
            self._producer.flush(_FLUSH_SECONDS)
        if self._failures:
            error = self._failures[0]
            raise ClusterError(f"{len(self._failures)} events were not sent: {error}") from error

    def _partition(self, output: Output) -> int:
        count = self._counts.get(output.topic)
        if not count:
            raise ClusterError(f"no topic {output.topic}: make it with `livepool topics apply`")
        if output.partition is not None:
            return output.partition
        if output.key is None:
            self._without_key += 1
            return self._without_key % count
        return partition_of(output.key, count)
