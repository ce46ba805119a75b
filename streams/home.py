"""The home of a run on one machine: its log, with all topics, and how far its worker is.

No Faust here: commands that only look start fast.
"""

from typing import TYPE_CHECKING

from schemas.topics import TOPICS
from streams import topology
from streams.settings import Settings
from streams.transport.log import Log, TopicConfig

if TYPE_CHECKING:
    from streams.cluster.log_reader import LogReader

APP_ID = "livepool"
_ONE_PARTITION = {"arrivals", "dead-letters"}


def partitions_of(topic: str, settings: Settings) -> int:
    """How many partitions a topic has. The inputs of an embedded run have one, since their order is total."""
    one = topic in _ONE_PARTITION or (settings.connection is None and topic in topology.INPUTS)
    return 1 if one else settings.partitions


def open_log(settings: Settings) -> Log:
    """Open the log of an embedded run with all topics declared; the directory is made if need be."""
    log = Log(settings.home, synchronous=settings.synchronous.upper())  # type: ignore[arg-type]
    log.declare(
        TopicConfig(topic.name, partitions_of(topic.name, settings), topic.compacted, topic.retention_ms)
        for topic in TOPICS.values()
    )
    return log


def lag(log: "Log | LogReader") -> int:
    """How many records the agents have not processed yet, over all steps."""
    tps = [tp for agent in topology.AGENTS for topic in agent.reads for tp in log.partitions(topic)]
    with log.snapshot():
        return log.lag(APP_ID, tps)
