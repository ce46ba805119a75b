"""What a user lacks on a cluster to do the work of a worker, or to look as an operator."""

from collections.abc import Iterable, Mapping
from typing import Any

from kafka import KafkaAdminClient
from kafka.errors import KafkaError, TopicAuthorizationFailedError, TransactionalIdAuthorizationFailedError, for_code

from streams.cli.installation import Check
from streams.cluster.acls import Role, acls
from streams.cluster.topics import GROUP
from streams.core.definitions import Text

_LISTED = 5
_CODES = {"DescribeConfigs": "DESCRIBE_CONFIGS"}  # the others are only in capitals

Held = Mapping[tuple[str, str], frozenset[str] | None]  # (resource, name) -> operations; None: not known


def held_rights(admin: KafkaAdminClient, described: Mapping[str, Any]) -> Held:
    """What this user may do, as the brokers tell with their answers."""
    held: dict[tuple[str, str], frozenset[str] | None] = {
        ("topic", name): frozenset() if is_denied(topic) else _operations(topic) for name, topic in described.items()
    }
    try:
        group = admin.describe_groups([GROUP])[GROUP]
        refused = "AuthorizationFailed" in (group["error"] or "")
        held["group", GROUP] = frozenset() if refused else _operations(group)
        admin.describe_transactions([f"{GROUP}-arrivals-0"])
    except TransactionalIdAuthorizationFailedError:
        held["transactional-id", f"{GROUP}-"] = frozenset()
    except KafkaError:  # a group or an id that nobody has used yet
        pass
    return held


def _operations(described: Mapping[str, Any]) -> frozenset[str] | None:
    operations = described["authorized_operations"]
    return None if operations is None else frozenset(operations)


def lacking(role: Role, held: Held) -> list[str]:
    """The rights of a role that are not held, as `Write topic arrivals`; what is not known counts as held."""
    return [
        f"{operation} {acl.resource} {acl.name}"
        for acl in acls({role: ["User:me"]})
        if (operations := held.get((acl.resource, acl.name))) is not None
        for operation in acl.operations
        if _CODES.get(operation, operation.upper()) not in operations
    ]


def check_rights(held: Held) -> Check:
    """May this user do the work of a worker, or look as an operator."""
    worker, operator = lacking("worker", held), lacking("operator", held)
    if not worker:
        return Check("rights", "OK", Text("those of a worker", "具备 worker 的权限"))
    names = some(worker)
    if not operator:
        return Check(
            "rights",
            "OK",
            Text(f"those of an operator; not of a worker: {names}", f"具备 operator 的权限；不具备 worker：{names}"),
        )
    return Check(
        "rights",
        "FAIL",
        Text(f"a worker needs {len(worker)} more: {names}", f"worker 还缺少 {len(worker)} 项权限：{names}"),
        Text("give them: `livepool topics acls --worker User:…`", "请授权：`livepool topics acls --worker User:…`"),
    )


def some(names: Iterable[str]) -> str:
    """The first of some names, and how many more there are."""
    found = list(names)
    return ", ".join(found[:_LISTED]) + (f", … +{len(found) - _LISTED}" if len(found) > _LISTED else "")


def is_denied(topic: Mapping[str, Any]) -> bool:
    """May this user not see a topic."""
    return for_code(topic["error_code"]) is TopicAuthorizationFailedError
