"""What has to be done so that a cluster has the topics it should have; nothing here talks to it."""

from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

from streams.cluster.topics import UNLIMITED, ClusterTopic, min_insync

Action = Literal["create", "configure", "grow", "keep", "refuse", "note"]


class ExistingTopic(NamedTuple):
    """A topic as it is; `configs` are the values in force, defaults of the broker included."""

    name: str
    partitions: int
    replication: int
    configs: Mapping[str, str]


class Setting(NamedTuple):
    """A setting that changes; `old` is None where the broker does not know it."""

    name: str
    old: str | None
    new: str

    @property
    def loses(self) -> bool:
        """Records may be deleted because of it."""
        if self.name in ("retention.ms", "retention.bytes"):
            return _limit(self.new) < _limit(self.old or UNLIMITED)
        return self.name == "cleanup.policy" and self.old is not None


class Change(NamedTuple):
    """One step for one topic.

    create, grow: `topic` says how many partitions. configure: `settings`. refuse: cannot be done, `reason` says
    why and what to do. note: is not done by Livepool. keep: nothing to do.
    """

    action: Action
    topic: ClusterTopic
    reason: str = ""
    settings: tuple[Setting, ...] = ()

    @property
    def loses(self) -> bool:
        """Records may be deleted because of it: done only when it is confirmed."""
        return any(setting.loses for setting in self.settings)


def plan(wanted: Iterable[ClusterTopic], existing: Mapping[str, ExistingTopic]) -> list[Change]:
    """The steps from `existing` to `wanted`, in its order; what is refused is refused as a whole, nothing is done."""
    topics = list(wanted)
    counts = {
        topic.name: existing[topic.name].partitions if topic.name in existing else topic.partitions for topic in topics
    }
    changes: list[Change] = []
    for topic in topics:
        found = existing.get(topic.name)
        steps = [Change("create", topic)] if found is None else list(_steps(topic, found))
        if topic.source is not None and counts[topic.source] != counts[topic.name]:
            steps = [Change("refuse", topic, _not_together(topic, counts))]
        changes += steps or [Change("keep", topic)]
    return changes


def to_do(changes: Iterable[Change]) -> list[Change]:
    """Those that change the cluster."""
    return [change for change in changes if change.action in ("create", "configure", "grow")]


def refused(changes: Iterable[Change]) -> list[Change]:
    """Those that cannot be done."""
    return [change for change in changes if change.action == "refuse"]


def _steps(topic: ClusterTopic, found: ExistingTopic) -> Iterable[Change]:
    if found.partitions > topic.partitions:
        yield Change("refuse", topic, _no_fewer(topic, found.partitions))
    elif found.partitions < topic.partitions:
        if topic.keyed:
            yield Change("refuse", topic, _no_more(topic, found.partitions))
        else:
            yield Change("grow", topic, f"from {found.partitions} to {topic.partitions} partitions")
    settings = _settings(topic, found)
    if settings:
        yield Change("configure", topic, settings=settings)
    if found.replication != topic.replication:
        yield Change(
            "note",
            topic,
            f"has {found.replication} replicas, not {topic.replication}: move them with kafka-reassign-partitions,"
            " then run this again",
        )


def _settings(topic: ClusterTopic, found: ExistingTopic) -> tuple[Setting, ...]:
    wanted = dict(topic.configs)
    if "min.insync.replicas" in wanted:
        # By the replicas that there are: more would stop every write, fewer would acknowledge what one disk has.
        wanted["min.insync.replicas"] = str(min_insync(found.replication))
    return tuple(
        Setting(name, old, new) for name, new in wanted.items() if not _same(old := found.configs.get(name), new)
    )


def _same(old: str | None, new: str) -> bool:
    if old is None or old == new:
        return old == new
    try:
        return float(old) == float(new)
    except ValueError:
        return False


def _limit(value: str) -> float:
    return float("inf") if value == UNLIMITED else float(value)


_INSTEAD = "to have another count, set up a new cluster and replay the inputs into it"


def _no_fewer(topic: ClusterTopic, partitions: int) -> str:
    return (
        f"has {partitions} partitions, not {topic.partitions}: Kafka cannot take partitions away;"
        f" keep {partitions} (`--partitions`), or {_INSTEAD}"
    )


def _no_more(topic: ClusterTopic, partitions: int) -> str:
    return (
        f"has {partitions} partitions, not {topic.partitions}: with more, keys would move away from their state and"
        f" their order; keep {partitions} (`--partitions`), or {_INSTEAD}"
    )


def _not_together(topic: ClusterTopic, counts: Mapping[str, int]) -> str:
    source = topic.source or ""
    return (
        f"has {counts[topic.name]} partitions, and {source}, of which it keeps the state, {counts[source]}:"
        " a worker would look for a key's state on another partition. Was it made by hand or by"
        " auto.create.topics.enable? If it is empty, delete it and run this again; else"
        f" {_INSTEAD}"
    )
