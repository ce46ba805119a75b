"""What aiokafka calls in a rebalance."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from aiokafka import ConsumerRebalanceListener
from faust.types import TP

if TYPE_CHECKING:
    from streams.transport.kafka_consumer import Consumer


class Rebalances(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka is untyped here
    """Tells the consumer; what it raises ends the worker, where aiokafka would only log it."""

    def __init__(self, consumer: "Consumer") -> None:
        self._consumer = consumer

    async def on_partitions_revoked(self, revoked: Iterable[Any]) -> None:
        """Partitions are about to be taken."""
        try:
            await self._consumer.revoke({TP(*tp) for tp in revoked})
        except Exception as error:
            await self._consumer.crash(error)

    async def on_partitions_assigned(self, assigned: Iterable[Any]) -> None:
        """Partitions were given."""
        try:
            await self._consumer.assign({TP(*tp) for tp in assigned})
        except Exception as error:
            await self._consumer.crash(error)
