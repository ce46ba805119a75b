"""The topics of the embedded log: what was declared, and the number of each topic-partition."""

import sqlite3
from collections.abc import Iterable
from typing import NamedTuple

from streams.transport.batches import TopicPartition


class TopicConfig(NamedTuple):
    """A topic. `compacted` keeps the last record of each key; `retention_ms` None keeps for ever."""

    name: str
    partitions: int = 1
    compacted: bool = False
    retention_ms: int | None = None


class UnknownTopicError(LookupError):
    """A topic or partition that nobody declared."""


class Topics:
    """The declared topics, read from the file when they are first asked for."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        self._configs: dict[str, TopicConfig] = {}
        self._ids: dict[TopicPartition, int] = {}
        self.load()

    def load(self) -> list[TopicConfig]:
        """Read what has been declared by now, by any process; return it by name."""
        for name, partitions, compacted, retention_ms in self._database.execute("SELECT * FROM topics"):
            self._configs[name] = TopicConfig(name, partitions, bool(compacted), retention_ms)
        for number, topic, partition in self._database.execute("SELECT id, topic, partition FROM partitions"):
            self._ids[topic, partition] = number
        return sorted(self._configs.values())

    def __getitem__(self, name: str) -> TopicConfig:
        """Return a declared topic, or raise UnknownTopicError."""
        if name not in self._configs:
            self.load()
        try:
            return self._configs[name]
        except KeyError:
            raise UnknownTopicError(f"topic {name} is not declared") from None

    def partition_id(self, tp: TopicPartition) -> int:
        """Return the number that rows of this topic-partition carry, or raise UnknownTopicError."""
        if tp not in self._ids and tp[1] not in range(self[tp[0]].partitions):
            raise UnknownTopicError(f"topic {tp[0]} has no partition {tp[1]}")
        return self._ids[tp]


class PartitionCounts(dict[str, int]):
    """Partitions per topic, for loops that look one up per record."""

    def __init__(self, topics: Topics) -> None:
        super().__init__()
        self._topics = topics

    def __missing__(self, name: str) -> int:
        count = self[name] = self._topics[name].partitions
        return count


def declare(database: sqlite3.Connection, topics: Iterable[TopicConfig]) -> None:
    """Create or change topics inside the caller's transaction. Another partition count: ValueError."""
    for topic in topics:
        known = database.execute("SELECT partitions FROM topics WHERE name = ?", (topic.name,)).fetchone()
        if known and known[0] != topic.partitions:
            raise ValueError(
                f"topic {topic.name} has {known[0]} partitions, not {topic.partitions}: the count cannot"
                " change, because keys would move away from their state"
            )
        database.execute("REPLACE INTO topics VALUES (?, ?, ?, ?)", topic)
        database.executemany(
            "INSERT OR IGNORE INTO partitions (topic, partition) VALUES (?, ?)",
            ((topic.name, partition) for partition in range(topic.partitions)),
        )
