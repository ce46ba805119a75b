"""The topics of a cluster, read and changed through the brokers."""

import time
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import TopicAlreadyExistsError, TopicAuthorizationFailedError, for_code

from schemas.topics import DEFAULT_PARTITIONS
from streams import topology
from streams.cluster.connection import ClusterError, Connection
from streams.cluster.session import admin_session
from streams.cluster.topic_plan import Change, ExistingTopic, plan, refused, to_do
from streams.cluster.topics import DEFAULT_REPLICATION, ClusterTopic, cluster_topics

_SEEN_SECONDS = 10.0
_FENCED_SECONDS = 10.0


class TopicsRefusedError(RuntimeError):
    """The cluster has topics that cannot become what they should be; `changes` is the plan."""

    def __init__(self, changes: list[Change], text: str) -> None:
        super().__init__(text)
        self.changes = changes


def brokers(admin: KafkaAdminClient) -> int:
    """How many brokers are up; the one that answers is, if it was not heard of for a while, in a moment again."""
    until = time.monotonic() + _FENCED_SECONDS
    while not (count := len(admin.describe_cluster()["brokers"])) and time.monotonic() < until:
        time.sleep(0.05)
    return count


def existing_topics(admin: KafkaAdminClient, names: Iterable[str]) -> dict[str, ExistingTopic]:
    """Those of `names` that the cluster has, by name, with the settings in force; ClusterError when it hides them."""
    described = {topic["name"]: topic for topic in admin.describe_topics() if not topic["error_code"]}
    found = [name for name in names if name in described]
    if not found:
        return {}
    configs = admin.describe_configs(
        [ConfigResource(ConfigResourceType.TOPIC, name) for name in found], config_filter="all"
    )["topic"]
    if hidden := [name for name in found if not configs.get(name)]:
        raise ClusterError(
            f"the brokers do not show the settings of {', '.join(hidden)}: this needs the right DescribeConfigs"
            " (`livepool topics acls --operator`); if they were deleted just now, run this again"
        )
    return {
        name: ExistingTopic(
            name,
            len(described[name]["partitions"]),
            min(len(partition["replica_nodes"]) for partition in described[name]["partitions"]),
            {key: config["value"] for key, config in configs[name].items() if config["value"] is not None},
        )
        for name in found
    }


class Survey(NamedTuple):
    """What a cluster should have, and what it has."""

    partitions: int
    replication: int
    brokers: int  # that are up
    wanted: tuple[ClusterTopic, ...]
    existing: dict[str, ExistingTopic]

    def plan(self) -> list[Change]:
        """The steps from one to the other."""
        return plan(self.wanted, self.existing)


def survey(admin: KafkaAdminClient, partitions: int | None = None, replication: int | None = None) -> Survey:
    """Compare the cluster with the topic table.

    Without `partitions` the count that it has already, else the default; without `replication` the default, or as
    many as there are brokers. More replicas than brokers: ClusterError.
    """
    existing = existing_topics(admin, [topic.name for topic in cluster_topics()])
    if partitions is None:
        partitions = existing["journeys"].partitions if "journeys" in existing else DEFAULT_PARTITIONS
    up = brokers(admin)
    if replication is None:
        replication = min(DEFAULT_REPLICATION, up)
    elif replication > up:
        raise ClusterError(
            f"{replication} replicas need {replication} brokers, {up} are up: start more, or ask for fewer"
        )
    return Survey(partitions, replication, up, cluster_topics(partitions, replication), existing)


def cluster_partitions(connection: Connection) -> int:
    """The count of partitions that journeys have; ClusterError when what a worker needs is missing or does not fit.

    Asks for nothing that a worker has no right to.
    """
    used = {topic for agent in topology.AGENTS for topic in (*agent.reads, *agent.writes)}
    topics = [topic for topic in cluster_topics() if topic.source or topic.name in used]
    with admin_session(connection) as admin:
        described = admin.describe_topics([topic.name for topic in topics])
    for topic in described:
        if for_code(topic["error_code"]) is TopicAuthorizationFailedError:
            raise ClusterError(f"no right to {topic['name']}: `livepool topics acls` prints the rights of each role")
    counts = {topic["name"]: len(topic["partitions"]) for topic in described if not topic["error_code"]}
    if missing := [topic.name for topic in topics if topic.name not in counts]:
        raise ClusterError(f"the cluster lacks {', '.join(missing)}: `livepool topics apply` makes what is missing")
    count = counts["journeys"]
    wanted = {topic.name: topic.partitions for topic in cluster_topics(count) if topic.source or not topic.keyed}
    wanted |= {"journeys": count, "room-deltas": count}
    for name in counts.keys() & wanted.keys():
        if counts[name] != wanted[name]:
            raise ClusterError(f"{name} has {counts[name]} partitions, not {wanted[name]}: `livepool topics plan`")
    return count


def apply(admin: KafkaAdminClient, changes: list[Change], *, may_lose: bool = False) -> list[Change]:
    """Do what a plan says and return what was done. May be run again after it broke off, and by two at a time.

    TopicsRefusedError, and nothing is done, when something cannot be done, or would delete records and `may_lose`
    is not set.
    """
    if refused(changes):
        raise TopicsRefusedError(changes, "; ".join(reasons(changes)))
    if not may_lose and (losing := [change.topic.name for change in changes if change.loses]):
        raise TopicsRefusedError(changes, f"{', '.join(losing)}: records may be deleted; confirm it")
    todo = to_do(changes)
    create(admin, [change.topic for change in todo if change.action == "create"])
    _grow(admin, [change.topic for change in todo if change.action == "grow"])
    _configure(admin, [change for change in todo if change.action == "configure"])
    return todo


def reasons(changes: Iterable[Change]) -> list[str]:
    """Why a plan is refused, each reason once with its topics."""
    found: dict[str, list[str]] = {}
    for change in refused(changes):
        found.setdefault(change.reason, []).append(change.topic.name)
    return [f"{', '.join(names)}: {reason}" for reason, names in found.items()]


def apply_topics(
    connection: Connection, partitions: int | None = None, replication: int | None = None, *, may_lose: bool = False
) -> list[Change]:
    """Plan and apply in one go; see `apply`."""
    with admin_session(connection) as admin:
        changes = survey(admin, partitions, replication).plan()
        return apply(admin, changes, may_lose=may_lose)


def create(admin: KafkaAdminClient, topics: Iterable[ClusterTopic]) -> None:
    """Create topics, unless they are there, and wait until they are known; ClusterError when they are refused."""
    wanted = {
        topic.name: {
            "num_partitions": topic.partitions,
            "replication_factor": topic.replication,
            "configs": dict(topic.configs),
        }
        for topic in topics
    }
    until = time.monotonic() + _FENCED_SECONDS
    while refusals := _refusals(admin, wanted):
        # Brokers that were not heard of for a while, as on a machine that stood still, take part again in a moment.
        if time.monotonic() > until or not any("fenced" in reason for reason in refusals.values()):
            name, reason = next(iter(refusals.items()))
            raise ClusterError(f"{name} was not created: {reason}")
        time.sleep(0.05)
    admin.wait_for_topics(list(wanted))


def _refusals(admin: KafkaAdminClient, wanted: Mapping[str, dict[str, Any]]) -> dict[str, str]:
    """Create topics; return why some were not."""
    answer = admin.create_topics(wanted, raise_errors=False) if wanted else {"topics": ()}
    return {
        topic["name"]: topic.get("error_message") or error.__name__
        for topic in answer["topics"]
        if topic["error_code"] and (error := for_code(topic["error_code"])) is not TopicAlreadyExistsError
    }


def _grow(admin: KafkaAdminClient, topics: list[ClusterTopic]) -> None:
    if topics:
        admin.create_partitions({topic.name: topic.partitions for topic in topics})


def _configure(admin: KafkaAdminClient, changes: list[Change]) -> None:
    if not changes:
        return
    answer = admin.alter_configs(
        [
            ConfigResource(
                ConfigResourceType.TOPIC,
                change.topic.name,
                {setting.name: setting.new for setting in change.settings},
            )
            for change in changes
        ]
    )
    for name, result in answer["topic"].items():
        if result != "OK":
            raise ClusterError(f"{name} was not configured: {result}")
    until = time.monotonic() + _SEEN_SECONDS
    while not _in_force(admin, changes):
        if time.monotonic() > until:
            raise ClusterError(f"the settings were accepted, but are not in force after {_SEEN_SECONDS:.0f} s")
        time.sleep(0.05)


def _in_force(admin: KafkaAdminClient, changes: list[Change]) -> bool:
    """Do the brokers show what the controller has accepted? They learn of it a moment later."""
    found = existing_topics(admin, [change.topic.name for change in changes])
    return all(
        found[change.topic.name].configs.get(setting.name) == setting.new
        for change in changes
        for setting in change.settings
    )
