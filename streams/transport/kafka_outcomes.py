"""How the last transaction of a transactional id ended, as its coordinator says (DescribeTransactions, KIP-664).

Brokers may complete a transaction without telling any that took part in it: seen with 4.4.0, at the stop of an only
broker. KAFKA-20734 (open in June 2026, and so in its code), while a partition has no leader for a moment, does that;
that it was this one is not proven, since the broker did not log what it logs then. Of an offset it is never decided
then whether it is committed, and nobody may read it: the partition stands still until another transaction of the same
id ends in the same way. That needs this answer, which is gone once the id is taken over.
"""

import asyncio
import logging
from typing import Any

from aiokafka.client import AIOKafkaClient, ConnectionGroup, CoordinationType
from aiokafka.errors import IncompatibleBrokerVersion, KafkaError
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import CompactArray, CompactString, Int16, Int32, Int64, Schema, TaggedFields

log = logging.getLogger("livepool.outcomes")

_RETRY_SECONDS = 0.1
_NO_ERROR = 0
_LOADING, _NOT_AVAILABLE, _NOT_COORDINATOR = 14, 15, 16
_COMMITTED = {"PrepareCommit", "CompleteCommit"}
_ABORTED = {"Ongoing", "PrepareAbort", "CompleteAbort", "PrepareEpochFence"}  # taking over ends what goes on


class _Response(Response):  # type: ignore[misc]  # aiokafka is untyped here
    API_KEY = 65
    API_VERSION = 0
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "transaction_states",
            CompactArray(
                ("error_code", Int16),
                ("transactional_id", CompactString("utf-8")),
                ("state", CompactString("utf-8")),
                ("timeout_ms", Int32),
                ("start_time_ms", Int64),
                ("producer_id", Int64),
                ("producer_epoch", Int16),
                (
                    "topics",
                    CompactArray(
                        ("topic", CompactString("utf-8")), ("partitions", CompactArray(Int32)), ("tags", TaggedFields)
                    ),
                ),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _Struct(RequestStruct):  # type: ignore[misc]
    API_KEY = 65
    API_VERSION = 0
    FLEXIBLE_VERSION = True
    RESPONSE_TYPE = _Response
    SCHEMA = Schema(("transactional_ids", CompactArray(CompactString("utf-8"))), ("tags", TaggedFields))


class DescribeTransaction(Request[_Struct]):  # type: ignore[misc]
    """DescribeTransactions, version 0 (Kafka 3.0 and later), for one transactional id."""

    API_KEY = 65

    def __init__(self, transactional_id: str) -> None:
        self._transactional_id = transactional_id

    def build(self, request_struct_class: type[_Struct]) -> _Struct:
        """Return the request as it goes over the wire."""
        return request_struct_class([self._transactional_id], {})


async def was_committed(client: AIOKafkaClient, transactional_id: str) -> bool | None:
    """Was the last transaction of this id committed? None: there was none, or the brokers do not say.

    Asks until the coordinator answers: without it nobody can take over. What goes on counts as aborted: taking over
    aborts it.
    """
    while True:
        try:
            node = await client.coordinator_lookup(CoordinationType.TRANSACTION, transactional_id)
            request = DescribeTransaction(transactional_id)
            response: Any = await client.send(node, request, group=ConnectionGroup.COORDINATION)
        except (IncompatibleBrokerVersion, NotImplementedError):  # of older brokers
            return None
        except KafkaError as error:
            if not error.retriable:
                return None  # not allowed, as a rule: to take the id over tells
            log.debug("the coordinator of %s does not answer: %s", transactional_id, error)
        else:
            ((error_code, _, state, *_),) = response.transaction_states
            if error_code not in (_LOADING, _NOT_AVAILABLE, _NOT_COORDINATOR):
                known = error_code == _NO_ERROR and state in _COMMITTED | _ABORTED
                return state in _COMMITTED if known else None
        await asyncio.sleep(_RETRY_SECONDS)
