"""The committed offsets of a group, asked for in a way that never takes an error for an answer.

aiokafka 0.14 asks with OffsetFetch version 3. That has an error for the whole of the response, which aiokafka does
not look at: while the group's coordinator moves, `committed()` says that nothing was committed, and a worker that
believed it would begin at the start of the log. So this looks at it; and it asks with version 7, which tells of an
offset that a transaction is about to change (`require_stable`, KIP-447) instead of giving the one before.
"""

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import (
    GroupCoordinatorNotAvailableError,
    KafkaError,
    NotCoordinatorForGroupError,
)
from faust.types import TP

from streams.transport.kafka_batch import names
from streams.transport.kafka_requests import StableOffsetFetch, check

log = logging.getLogger("livepool.offsets")

_RETRY_SECONDS = 0.1
_SAY_SECONDS = 5.0
_SETTLE_SECONDS = 0.3  # brokers before 4.0 tell the group of the end of a transaction a moment after the producer
_LEFT_OPEN = (
    "brokers have left a transaction open (KAFKA-20734), and do not say how it ended."
    " `kafka-transactions.sh find-hanging` shows where, `kafka-transactions.sh abort` ends it:"
    " what it had processed is then processed once more"
)
_UNKNOWN = -1
_UNSTABLE_OFFSET_COMMIT = 88


Settle = Callable[[Collection[TP]], Awaitable[None]]


async def committed_offsets(
    kafka: AIOKafkaConsumer, group: str, tps: Collection[TP], settle: Settle
) -> dict[TP, int | None]:
    """Return the next offset that the group will process of each partition; None where it has committed nothing.

    Asks until the coordinator answers. `settle` is called once with the partitions on which a transaction that is
    over has been left open. Raises KafkaError for what asking again does not mend.
    """
    partitions: defaultdict[str, list[int]] = defaultdict(list)
    for tp in tps:
        partitions[tp.topic].append(tp.partition)
    coordinator = kafka._coordinator
    begun = told = time.monotonic()
    settled = False
    while True:
        await coordinator.ensure_coordinator_known()
        try:
            found, unstable = _offsets(await coordinator._send_req(StableOffsetFetch(group, partitions)))
            if not unstable:
                return found
            reason = f"{_LEFT_OPEN if settled else 'transactions are being completed'}: {names(unstable)}"
            if not settled and time.monotonic() > begun + _SETTLE_SECONDS:
                settled = True
                await settle(unstable)
                told = time.monotonic()
        except (GroupCoordinatorNotAvailableError, NotCoordinatorForGroupError) as error:
            coordinator.coordinator_dead()
            reason = str(error)
        except KafkaError as error:
            if not error.retriable:
                raise
            reason = str(error)
        if time.monotonic() > told + _SAY_SECONDS:
            told = time.monotonic()
            log.log(logging.ERROR if settled else logging.INFO, "waiting for the committed offsets: %s", reason)
        await asyncio.sleep(_RETRY_SECONDS)


def _offsets(response: Any) -> tuple[dict[TP, int | None], list[TP]]:
    """The offsets of a response, and the partitions on which a transaction is still being completed."""
    check(response.error_code)
    found: dict[TP, int | None] = {}
    unstable = []
    for topic, partitions, _ in response.topics:
        for number, offset, _, _, error_code, _ in partitions:
            if error_code == _UNSTABLE_OFFSET_COMMIT:
                unstable.append(TP(topic, number))
                continue
            check(error_code)
            found[TP(topic, number)] = None if offset == _UNKNOWN else offset
    return found, unstable
