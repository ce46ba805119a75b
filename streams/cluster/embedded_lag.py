"""The same figures for a run on one machine, from its log."""

import time

from streams import topology
from streams.cluster.lag import PartitionLag
from streams.cluster.topics import GROUP
from streams.transport.log import Log


def embedded_lag(log: Log) -> list[PartitionLag]:
    """The lag of every topic-partition that the agents read, in the order of the topology."""
    now = time.time()
    found = []
    for agent in topology.AGENTS:
        for tp in (tp for topic in agent.reads for tp in log.partitions(topic)):
            committed = log.committed(GROUP, [tp])[tp]
            behind = log.lag(GROUP, [tp])
            oldest = log.records_from({tp: committed}, 1) if behind else []
            found.append(
                PartitionLag(
                    agent.name,
                    *tp,
                    committed,
                    log.end_offsets([tp])[tp],
                    behind,
                    max(0.0, now - oldest[0].timestamp / 1000) if oldest else None,
                    pending=0,  # one writer at a time: nothing is open
                    expired=0,  # retention waits for the group
                )
            )
    return found
