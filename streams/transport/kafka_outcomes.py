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
from aiokafka.errors import KafkaError

from streams.transport.kafka_requests import DescribeTransaction, check

log = logging.getLogger("livepool.outcomes")

_RETRY_SECONDS = 0.1
_COMMITTED = dict.fromkeys(("PrepareCommit", "CompleteCommit"), True)
_ABORTED = dict.fromkeys(("Ongoing", "PrepareAbort", "CompleteAbort", "PrepareEpochFence"), False)
_OUTCOMES = _COMMITTED | _ABORTED  # taking over ends what goes on


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
            ((error_code, _, state, *_),) = response.transaction_states
            check(error_code)
            return _OUTCOMES.get(state)
        except NotImplementedError:  # aiokafka's, of a request that the broker has in other versions only
            return None
        except KafkaError as error:
            if not error.retriable:
                return None  # there was none, it is not allowed (to take the id over tells), or brokers are before 3.0
            log.debug("the coordinator of %s does not answer: %s", transactional_id, error)
        await asyncio.sleep(_RETRY_SECONDS)
