"""Faust transport `kafka-batches://` over Kafka: record batches, one transaction each.

The broker URL names the bootstrap servers; the query of the first one the options: `home` (a directory for this
worker's copy of the state), `max_records` of a batch, `session_seconds`, `watchdog_seconds`. `app_settings` gives
the URL and the other settings that the guarantees rest on.

Topics with acks off (`batch_topic`) are delivered as record batches; outputs, changelogs and the input offsets of a
batch are one transaction. Other topics go record by record, as in stock Faust, at least once.

It differs from the transport that it derives from in running the consumer in the event loop of the agents, not in a
thread of its own: a worker whose loop is stuck stops to send heartbeats and loses its partitions to one that works.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlencode

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from faust.auth import Credentials
from faust.exceptions import ImproperlyConfigured
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, RecordMetadata
from faust.types.auth import AuthProtocol

from streams.transport.batches import partition_of
from streams.transport.kafka_consumer import Consumer
from streams.transport.listening import Listener
from streams.transport.log import Log
from streams.transport.pending import PendingPuts
from streams.transport.rows import MAX_ROW_RECORDS
from streams.transport.tables import CRASH_ONLY, Tables, keeps_own_state

SCHEME = "kafka-batches"
# Below the broker's default for a message, 1 MiB; a larger record goes alone, if the topic takes it.
_WIRE_BATCH_BYTES = 900_000
_MAX_REQUEST_BYTES = 32 << 20
_MAX_PARTITION_FETCH_BYTES = 4 << 20
# What a quiet partition may delay others on the same broker: a fetch for all of them is in flight so long.
_FETCH_WAIT_MS = 30
# A transaction that begins while the markers of the one before are being written is told to try again: after
# aiokafka's 100 ms half of all orders took 80 ms more to their sale.
_RETRY_MS = 20
_HEARTBEATS = 6  # in a session


class ClientArguments(Credentials):  # type: ignore[misc]  # Faust is untyped
    """How to connect, as aiokafka's arguments; Faust carries them as credentials."""

    protocol = AuthProtocol.PLAINTEXT

    def __init__(self, arguments: Mapping[str, Any]) -> None:
        self.arguments = dict(arguments)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.arguments.get('security_protocol', 'PLAINTEXT')}>"


def app_settings(
    arguments: Mapping[str, Any],
    home: Path,
    *,
    standbys: int = 0,
    instance: str | None = None,
    **options: str | float,
) -> dict[str, Any]:
    """Return the Faust settings of a worker.

    `arguments`: of aiokafka's clients, `bootstrap_servers` (a list) and security. `instance`: a name that this worker
    has over its restarts; it gets its partitions back at once then. `options`: as in the URL.
    """
    query = urlencode({"home": home.resolve(), **options})
    first, *more = [f"{SCHEME}://{broker}" for broker in arguments["bootstrap_servers"]]
    return {
        "broker": [f"{first}?{query}", *more],
        "broker_credentials": ClientArguments(arguments),
        "store": f"{SCHEME}://",
        "TableManager": Tables,
        "producer_partitioner": partition,
        "topic_allow_declare": False,
        "topic_disable_leader": True,
        "table_standby_replicas": standbys,
        "consumer_group_instance_id": instance,
        **CRASH_ONLY,
    }


def partition(key: bytes | None, all_partitions: Sequence[int], _available: Sequence[int]) -> int:
    """Return the partition of a key for what agents send through Faust itself."""
    return partition_of(key, len(all_partitions))


class Producer(driver.Producer):  # type: ignore[misc]
    """What Faust itself sends (`topic.send`, changelogs of stock tables), outside of transactions."""

    def _settings_auth(self) -> Mapping[str, Any]:
        return cast("Transport", self.transport).arguments

    async def send(self, topic: str, *args: Any, **kwargs: Any) -> Any:
        """Send one record. The changelog of a table whose writes join the transaction is not sent a second time."""
        if keeps_own_state(self.app, topic):
            future = self.loop.create_future()
            future.set_result(RecordMetadata(topic, 0, TP(topic, 0), 0))
            return future
        return await super().send(topic, *args, **kwargs)

    def key_partition(self, topic: str, key: bytes) -> TP:
        """Return the topic-partition of a key."""
        return TP(topic, self.app.consumer.key_partition(topic, key))


class Transport(driver.Transport):  # type: ignore[misc]
    """The clients of one worker."""

    Consumer = Consumer
    Producer = Producer
    listener = Listener()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        query = self.url[0].query
        self.home = Path(query["home"])
        self.max_records = int(query.get("max_records", MAX_ROW_RECORDS))
        self.session_seconds = float(query.get("session_seconds", 15))
        self.watchdog_seconds = float(query.get("watchdog_seconds", 120))
        self.pending_puts = PendingPuts()

    @property
    def log(self) -> Log:
        """The copy of the state that tables are read from."""
        return cast("Consumer", self.app.consumer).local.log

    @property
    def arguments(self) -> dict[str, Any]:
        """What all clients are given to connect."""
        credentials = self.app.conf.broker_credentials
        if not isinstance(credentials, ClientArguments):
            raise ImproperlyConfigured("kafka-batches:// takes its settings from `app_settings`")
        return {"client_id": self.app.conf.id, **credentials.arguments}

    def group_consumer(self) -> AIOKafkaConsumer:
        """Return the consumer of the group, not started."""
        session_ms = int(self.session_seconds * 1000)
        return AIOKafkaConsumer(
            **self.arguments,
            **self._reading(),
            group_id=self.app.conf.id,
            group_instance_id=self.app.conf.consumer_group_instance_id,
            partition_assignment_strategy=[self.app.assignor],
            enable_auto_commit=False,
            session_timeout_ms=session_ms,
            heartbeat_interval_ms=session_ms // _HEARTBEATS,
            rebalance_timeout_ms=max(2 * session_ms, 30_000),
            # Batches wait for their agents, not for the consumer: the watchdog sees to that.
            max_poll_interval_ms=1 << 40,
        )

    def lone_consumer(self) -> AIOKafkaConsumer:
        """Return a consumer without a group, not started."""
        return AIOKafkaConsumer(**self.arguments, **self._reading())

    def _reading(self) -> dict[str, Any]:
        return {
            "isolation_level": "read_committed",
            # A position that the broker does not have is an error, not a reason to skip records.
            "auto_offset_reset": "none",
            "fetch_max_wait_ms": _FETCH_WAIT_MS,
            "max_partition_fetch_bytes": _MAX_PARTITION_FETCH_BYTES,
        }

    def transactional_producer(self, transactional_id: str) -> AIOKafkaProducer:
        """Return a producer for transactions, not started."""
        return AIOKafkaProducer(
            **self.arguments,
            transactional_id=transactional_id,
            max_batch_size=_WIRE_BATCH_BYTES,
            max_request_size=_MAX_REQUEST_BYTES,
            retry_backoff_ms=_RETRY_MS,
        )
