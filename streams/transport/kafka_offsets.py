"""The committed offsets of a group, asked for in a way that never takes an error for an answer.

aiokafka 0.14 asks with a version of OffsetFetch whose response has an error for the whole of it, and does not look
at it: while the group's coordinator moves, `committed()` says that nothing was committed. A worker that believed it
would begin at the start of the log.
"""

import asyncio
from collections import defaultdict
from collections.abc import Collection
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import (
    GroupCoordinatorNotAvailableError,
    KafkaError,
    NoError,
    NotCoordinatorForGroupError,
    for_code,
)
from aiokafka.protocol.commit import OffsetFetchRequest
from faust.types import TP

_RETRY_SECONDS = 0.1
_UNKNOWN = -1


async def committed_offsets(kafka: AIOKafkaConsumer, group: str, tps: Collection[TP]) -> dict[TP, int | None]:
    """Return the next offset that the group will process of each partition; None where it has committed nothing.

    Asks until the coordinator answers. Raises KafkaError for what asking again does not mend.
    """
    partitions = defaultdict(list)
    for tp in tps:
        partitions[tp.topic].append(tp.partition)
    coordinator = kafka._coordinator
    while True:
        await coordinator.ensure_coordinator_known()
        try:
            response = await coordinator._send_req(OffsetFetchRequest(group, list(partitions.items())))
            return _offsets(response)
        except (GroupCoordinatorNotAvailableError, NotCoordinatorForGroupError):
            coordinator.coordinator_dead()
        except KafkaError as error:
            if not error.retriable:
                raise
        await asyncio.sleep(_RETRY_SECONDS)


def _offsets(response: Any) -> dict[TP, int | None]:
    _check(response.error_code)
    found: dict[TP, int | None] = {}
    for topic, partitions in response.topics:
        for number, offset, _, error_code in partitions:
            _check(error_code)
            found[TP(topic, number)] = None if offset == _UNKNOWN else offset
    return found


def _check(error_code: int) -> None:
    error = for_code(error_code)
    if error is not NoError:
        raise error
