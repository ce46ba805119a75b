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
    NoError,
    NotCoordinatorForGroupError,
    for_code,
)
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import (
    Boolean,
    CompactArray,
    CompactString,
    Int16,
    Int32,
    Int64,
    Schema,
    TaggedFields,
)
from faust.types import TP

log = logging.getLogger("livepool.offsets")

_RETRY_SECONDS = 0.1
_SAY_SECONDS = 5.0
_SETTLE_SECONDS = 0.3  # brokers before 4.0 tell the group of the end of a transaction a moment after the producer
_UNKNOWN = -1
_UNSTABLE_OFFSET_COMMIT = 88


class _Response(Response):  # type: ignore[misc]  # aiokafka is untyped here
    API_KEY = 9
    API_VERSION = 7
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "topics",
            CompactArray(
                ("topic", CompactString("utf-8")),
                (
                    "partitions",
                    CompactArray(
                        ("partition", Int32),
                        ("offset", Int64),
                        ("leader_epoch", Int32),
                        ("metadata", CompactString("utf-8")),
                        ("error_code", Int16),
                        ("tags", TaggedFields),
                    ),
                ),
                ("tags", TaggedFields),
            ),
        ),
        ("error_code", Int16),
        ("tags", TaggedFields),
    )


class _Struct(RequestStruct):  # type: ignore[misc]
    API_KEY = 9
    API_VERSION = 7
    FLEXIBLE_VERSION = True
    RESPONSE_TYPE = _Response
    SCHEMA = Schema(
        ("group", CompactString("utf-8")),
        (
            "topics",
            CompactArray(
                ("topic", CompactString("utf-8")), ("partitions", CompactArray(Int32)), ("tags", TaggedFields)
            ),
        ),
        ("require_stable", Boolean),
        ("tags", TaggedFields),
    )


class StableOffsetFetch(Request[_Struct]):  # type: ignore[misc]
    """OffsetFetch, version 7 (Kafka 2.5 and later), for offsets that no open transaction may change."""

    API_KEY = 9

    def __init__(self, group: str, partitions: dict[str, list[int]]) -> None:
        self._group = group
        self._topics: list[tuple[str, list[int], dict[int, bytes]]] = [
            (topic, numbers, {}) for topic, numbers in partitions.items()
        ]

    def build(self, request_struct_class: type[_Struct]) -> _Struct:
        """Return the request as it goes over the wire."""
        return request_struct_class(self._group, self._topics, True, {})


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
            reason = f"transactions are being completed on {', '.join(f'{tp.topic}/{tp.partition}' for tp in unstable)}"
            if not settled and time.monotonic() > begun + _SETTLE_SECONDS:
                settled = True
                await settle(unstable)
        except (GroupCoordinatorNotAvailableError, NotCoordinatorForGroupError) as error:
            coordinator.coordinator_dead()
            reason = str(error)
        except KafkaError as error:
            if not error.retriable:
                raise
            reason = str(error)
        if time.monotonic() > told + _SAY_SECONDS:
            told = time.monotonic()
            log.info("waiting for the committed offsets: %s", reason)
        await asyncio.sleep(_RETRY_SECONDS)


def _offsets(response: Any) -> tuple[dict[TP, int | None], list[TP]]:
    """The offsets of a response, and the partitions on which a transaction is still being completed."""
    _check(response.error_code)
    found: dict[TP, int | None] = {}
    unstable = []
    for topic, partitions, _ in response.topics:
        for number, offset, _, _, error_code, _ in partitions:
            if error_code == _UNSTABLE_OFFSET_COMMIT:
                unstable.append(TP(topic, number))
                continue
            _check(error_code)
            found[TP(topic, number)] = None if offset == _UNKNOWN else offset
    return found, unstable


def _check(error_code: int) -> None:
    error = for_code(error_code)
    if error is not NoError:
        raise error
