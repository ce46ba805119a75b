"""Signs of life of a worker on Kafka, and the watchdog that looks at them."""

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from aiokafka.errors import KafkaError
from faust.types import TP
from mode import Service

from streams.transport.listening import LAG_SECONDS
from streams.transport.watchdog import Pulse, Watchdog

if TYPE_CHECKING:
    from streams.transport.kafka_consumer import Consumer

_BEAT_SECONDS = 0.5


class Signs(Service):  # type: ignore[misc]  # Faust's service class is untyped
    """Beats with the event loop, and looks now and then whether there is work."""

    def __init__(self, consumer: "Consumer", limit_seconds: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._consumer = consumer
        self._beats = 0
        self._behind = False
        self._answered = True
        self._watchdog = Watchdog(limit_seconds, self.pulse)

    async def on_start(self) -> None:
        """Let the watchdog look."""
        self._watchdog.start()

    def end(self) -> None:
        """Call the watchdog off: the worker has stopped in good order."""
        self._watchdog.stop()

    def pulse(self) -> Pulse:
        """Return what the watchdog looks at."""
        consumer = self._consumer
        # A copy at once: the event loop goes on while the watchdog's thread looks.
        flying = list(consumer.partitions.in_flight.values()) if self._answered else []
        progress = (consumer.commits.count, consumer.restorer.progress.done)
        oldest = tuple(flying[0].ends.items()) if flying else None
        return Pulse(self._beats, progress, self._behind and self._answered, oldest)

    @Service.task  # type: ignore[untyped-decorator]
    async def _beat(self) -> None:
        while not self.should_stop:
            self._beats += 1
            done, total, _ = self._consumer.restorer.progress
            self._consumer.listener.restoring(total - done)
            await self.sleep(_BEAT_SECONDS)

    @Service.task  # type: ignore[untyped-decorator]
    async def _look(self) -> None:
        while not self.should_stop:
            await self.sleep(LAG_SECONDS)
            if self.should_stop:  # a client that is closed would never answer
                return
            self._consumer.check_errors()
            self._consumer.local.flush()
            try:
                lags = await self._consumer.partitions.lags(self._consumer.deliveries.waiting())
                self._behind = self._consumer.partitions.is_busy() or any(lags.values())
                self._answered = True
                self._tell(lags)
            except (KafkaError, TimeoutError):
                # Nothing can be done while the brokers do not answer, and another process could not do it either.
                self._answered = False

    def _tell(self, lags: Mapping[TP, int]) -> None:
        records: Counter[str] = Counter()
        for tp, lag in lags.items():
            records[tp.topic] += lag
        self._consumer.listener.behind(records)
