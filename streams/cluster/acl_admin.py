"""The rights on a cluster, read and added through the brokers."""

from collections.abc import Iterable
from typing import Any

from kafka import KafkaAdminClient
from kafka.admin import (
    ACL,
    ACLFilter,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    ResourcePattern,
    ResourcePatternFilter,
    ResourceType,
)

from streams.cluster.acls import Acl
from streams.cluster.connection import ClusterError

_ANY_HOST = "*"


def missing_acls(admin: KafkaAdminClient, wanted: Iterable[Acl]) -> tuple[list[Any], list[Any]]:
    """What `wanted` lacks on the cluster, and what its principals have beyond it; both as kafka-python has them."""
    needed = [binding for acl in wanted for binding in _bindings(acl)]
    present: list[ACL] = []
    for principal in dict.fromkeys(binding.principal for binding in needed):
        found, _ = admin.describe_acls(
            ACLFilter(
                principal,
                None,
                ACLOperation.ANY,
                ACLPermissionType.ANY,
                ResourcePatternFilter(ResourceType.ANY, None, ACLResourcePatternType.ANY),
            )
        )
        present += found
    return [binding for binding in needed if binding not in present], [acl for acl in present if acl not in needed]


def add_acls(admin: KafkaAdminClient, bindings: list[Any]) -> None:
    """Add rights; those that are there already stay as they are. ClusterError when the cluster refuses."""
    if not bindings:
        return
    failed = admin.create_acls(bindings)["failed"]
    if failed:
        names = ", ".join(sorted({error.__name__ for error in failed}))
        raise ClusterError(
            f"{len(failed)} of {len(bindings)} rights were not added ({names}): be a super user, or have Alter on the"
            " cluster, and let the cluster have an authorizer"
        )


def in_words(binding: Any) -> str:
    """One right on one line."""
    pattern = binding.resource_pattern
    more = "…" if pattern.pattern_type == ACLResourcePatternType.PREFIXED else ""
    verb = "" if binding.permission_type == ACLPermissionType.ALLOW else f"{binding.permission_type.name} "
    kind = pattern.resource_type.name.lower()
    return f"{binding.principal}  {verb}{binding.operation.name}  {kind} {pattern.resource_name}{more}"


def _bindings(acl: Acl) -> list[ACL]:
    kind = ResourceType[acl.resource.upper().replace("-", "_")]
    pattern = ACLResourcePatternType.PREFIXED if acl.prefixed else ACLResourcePatternType.LITERAL
    resource = ResourcePattern(kind, acl.name, pattern)
    return [
        ACL(acl.principal, _ANY_HOST, ACLOperation[_CODES.get(name, name.upper())], ACLPermissionType.ALLOW, resource)
        for name in acl.operations
    ]


_CODES = {"DescribeConfigs": "DESCRIBE_CONFIGS", "AlterConfigs": "ALTER_CONFIGS"}
