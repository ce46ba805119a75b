"""Who may do what on the cluster: the rights of each role, from the topic table and the topology, and no more.

Nobody gets a wildcard, Create or Alter except `admin`, which makes the topics. Rights to change rights are in none
of them: those who apply these are super users of the cluster. IdempotentWrite is not listed: since Kafka 3.0 who
may write to a topic may do so idempotently (KIP-679).
"""

import shlex
from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

from streams import topology
from streams.cluster.letter_boxes import LETTERS, TRANSACTIONAL_ID
from streams.cluster.topics import GROUP, REPLAYED, changelog, cluster_topics

Resource = Literal["topic", "group", "transactional-id"]
Role = Literal["worker", "board", "producer", "scrm", "finance", "analyst", "operator", "admin"]
Rights = dict[tuple[Resource, str, bool], set[str]]  # (resource, name, is a prefix) -> operations

ROLES: dict[Role, str] = {
    "worker": "livepool worker",
    "board": "livepool board: read what people watch, and what the agents keep",
    "producer": "platform adapters: write events",
    "scrm": "read profiles and pool events, in consumer groups scrm-…",
    "finance": "read sales and ledger, in consumer groups finance-…",
    "analyst": "read sales and ledger, in consumer groups analyst-…",
    "operator": "livepool lag, dlq and topics plan: read what agents read, replay dead letters",
    "admin": "livepool topics apply: create and configure topics",
}
_READS: dict[Role, tuple[str, ...]] = {
    "scrm": ("pool-feedback", "pool-events"),
    "finance": ("attributed-sales", "credit-ledger"),
    "analyst": ("attributed-sales", "credit-ledger"),
}


class Acl(NamedTuple):
    """A principal may do these operations on one resource, or on all whose name begins with `name`."""

    principal: str
    resource: Resource
    name: str
    prefixed: bool
    operations: tuple[str, ...]  # as kafka-acls calls them, sorted


def acls(principals: Mapping[Role, Iterable[str]]) -> list[Acl]:
    """The rights of all principals, such as `User:worker-1`, by their roles; those of one principal are united."""
    found: dict[str, Rights] = {}
    for role, names in principals.items():
        for principal in names:
            rights = found.setdefault(principal, {})
            for resource, operations in _rights(role).items():
                rights.setdefault(resource, set()).update(operations)
    return [
        Acl(principal, *resource, tuple(sorted(operations)))
        for principal, rights in found.items()
        for resource, operations in rights.items()
    ]


def commands(wanted: Iterable[Acl]) -> list[str]:
    """Arguments of `kafka-acls --add`, one line for all resources with the same rights."""
    lines: dict[tuple[str, Resource, bool, tuple[str, ...]], list[str]] = {}
    for acl in wanted:
        lines.setdefault((acl.principal, acl.resource, acl.prefixed, acl.operations), []).append(acl.name)
    return [
        " ".join((
            f"--add --allow-principal {shlex.quote(principal)}",
            *(f"--operation {operation}" for operation in operations),
            *(("--resource-pattern-type prefixed",) if prefixed else ()),
            *(f"--{resource} {name}" for name in names),
        ))
        for (principal, resource, prefixed, operations), names in lines.items()
    ]  # fmt: skip


def _rights(role: Role) -> Rights:
    if role == "worker":
        return _worker()
    if role == "board":
        return _board()
    if role == "producer":
        return _topics(topology.INPUTS, "Write", "Describe")
    if role == "operator":
        return _operator()
    if role == "admin":
        names = (topic.name for topic in cluster_topics())
        return _topics(names, "Create", "Describe", "DescribeConfigs", "Alter", "AlterConfigs")
    return _topics(_READS[role], "Read", "Describe") | {("group", f"{role}-", True): {"Read", "Describe"}}


def _worker() -> Rights:
    rights: Rights = {
        ("group", GROUP, False): {"Read", "Describe"},
        ("transactional-id", f"{GROUP}-", True): {"Write", "Describe"},
    }
    for agent in topology.AGENTS:
        changelogs = [changelog(table) for table in agent.keeps]
        for names, operation in (((*agent.reads, *changelogs), "Read"), ((*agent.writes, *changelogs), "Write")):
            for resource, operations in _topics(names, operation, "Describe").items():
                rights.setdefault(resource, set()).update(operations)
    for resource, operations in _topics(topology.VIEWED, "Read", "Describe").items():
        rights.setdefault(resource, set()).update(operations)
    return rights


def _board() -> Rights:
    """Explanations and buyers come from the changelogs, the lag from what the agents read and have committed."""
    changelogs = (changelog(table) for agent in topology.AGENTS for table in agent.keeps)
    read = (topic for agent in topology.AGENTS for topic in agent.reads)
    return _topics((*topology.VIEWED, *read, *changelogs), "Read", "Describe") | {("group", GROUP, False): {"Describe"}}


def _operator() -> Rights:
    rights = _topics((topic.name for topic in cluster_topics()), "Describe", "DescribeConfigs")
    read = {LETTERS, REPLAYED, *(topic for agent in topology.AGENTS for topic in agent.reads)}
    for resource in rights:
        if resource[1] in read:
            rights[resource].add("Read")
        if resource[1] in (*topology.INPUTS, REPLAYED):
            rights[resource].add("Write")
    return rights | {
        ("group", GROUP, False): {"Describe"},
        ("transactional-id", TRANSACTIONAL_ID, False): {"Write", "Describe"},
    }


def _topics(names: Iterable[str], *operations: str) -> Rights:
    return {("topic", name, False): set(operations) for name in names}
