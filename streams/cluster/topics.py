"""The topics of a cluster: contract (`schemas.topics`) and topology as partitions, replication and settings."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from schemas.topics import DAY_MS, DEFAULT_PARTITIONS, TOPICS, Topic
from streams import topology

GROUP = "livepool"  # the consumer group, and the prefix of changelogs and transactional ids
REPLAYED = "dead-letters-replayed"  # which dead letters were sent again: key `partition-offset` of the letter
ONE_PARTITION = frozenset({"arrivals", "dead-letters", REPLAYED})
DEFAULT_REPLICATION = 3
UNLIMITED = "-1"

_HOUR_MS = 3_600_000
_MIB = 1 << 20
_KAFKA_DEFAULT_BYTES = _MIB + 12  # message.max.bytes of a broker: an event of 64 KiB and its headers fit many times
_STATE_BYTES = 16 * _MIB  # of one buyer, order or room at most
_INPUT_RETENTION_MS: Final = max(topic.retention_ms or 0 for topic in TOPICS.values() if topic.kind == "input")


class ClusterTopic(NamedTuple):
    """A topic as it should be. `source` is the topic with whose partitions its own must agree."""

    name: str
    partitions: int
    replication: int
    configs: Mapping[str, str]
    keyed: bool  # a key stays on its partition
    source: str | None = None


def changelog(table: str) -> str:
    """The changelog topic of a table, by Faust's rule."""
    return f"{GROUP}-{table}-changelog"


def min_insync(replication: int) -> int:
    """How many replicas must have a record before it is acknowledged: one may be down, if there are three."""
    return 2 if replication >= 3 else 1


def cluster_topics(
    partitions: int = DEFAULT_PARTITIONS, replication: int = DEFAULT_REPLICATION
) -> tuple[ClusterTopic, ...]:
    """Every topic of the topology, changelogs and notes of replayed dead letters included.

    `partitions` is the count of inputs, outputs, journeys and room-deltas; `arrivals` and `dead-letters` have one.
    """
    counts = {name: 1 if name in ONE_PARTITION else partitions for name in TOPICS}
    topics = [
        ClusterTopic(name, counts[name], replication, _configs(topic, replication), topic.key is not None)
        for name, topic in TOPICS.items()
    ]
    changelogs = [
        ClusterTopic(
            changelog(table), counts[agent.reads[0]], replication, _changelog_configs(replication), True, agent.reads[0]
        )
        for agent in topology.AGENTS
        for table in agent.keeps
    ]
    notes = ClusterTopic(REPLAYED, 1, replication, _base(replication, _MIB) | _compacted(DAY_MS), False)
    return (*topics, *changelogs, notes)


def _base(replication: int, max_bytes: int) -> dict[str, str]:
    return {
        "min.insync.replicas": str(min_insync(replication)),
        "unclean.leader.election.enable": "false",
        "max.message.bytes": str(max_bytes),
        # Repeats and retention go by the time of the append: a producer's clock must not decide them.
        "message.timestamp.type": "LogAppendTime",
    }


def _configs(topic: Topic, replication: int) -> dict[str, str]:
    # A buyer who is found to be another moves through `journeys` whole, and may end as large outputs.
    base = _base(replication, _KAFKA_DEFAULT_BYTES if topic.kind == "input" else _STATE_BYTES)
    if topic.compacted:
        return base | _compacted(DAY_MS)
    retention_ms = topic.retention_ms
    if topic.kind == "internal":
        # Kafka deletes by age what nobody has read, too. A worker that was down as long as the inputs are kept
        # must find what it had passed on to itself.
        retention_ms = max(retention_ms or 0, _INPUT_RETENTION_MS)
    base |= {"cleanup.policy": "delete", "retention.bytes": UNLIMITED}
    if retention_ms is None:
        return base | {"retention.ms": UNLIMITED}
    # Only closed segments are deleted: without this a quiet topic keeps a record a week longer than it should.
    return base | {"retention.ms": str(retention_ms), "segment.ms": str(DAY_MS)}


def _compacted(max_lag_ms: int) -> dict[str, str]:
    """`max_lag_ms`: a replaced or deleted record is older than this when the next record has it cleaned away."""
    return {
        "cleanup.policy": "compact",
        "max.compaction.lag.ms": str(max_lag_ms),
        "delete.retention.ms": str(DAY_MS),  # readers that are slower may miss a deletion
    }


def _changelog_configs(replication: int) -> dict[str, str]:
    # A worker that takes over reads all of it: the live values, a quarter of dead ones, and the open segment.
    return (
        _base(replication, _STATE_BYTES)
        | _compacted(_HOUR_MS)
        | {
            "min.cleanable.dirty.ratio": "0.2",
            "segment.ms": str(_HOUR_MS),
            "segment.bytes": str(64 * _MIB),
        }
    )
