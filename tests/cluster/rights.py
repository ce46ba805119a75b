"""Users of a secure cluster: rights given and taken, and the ways to log in."""

import time
from pathlib import Path

from kafka import KafkaAdminClient
from kafka.admin import (
    ACLFilter,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    ResourcePatternFilter,
    ResourceType,
)

from cluster.emptying import delete_topics
from streams.cluster.acl_admin import add_acls, missing_acls
from streams.cluster.acls import Role, acls
from streams.cluster.brokers import Cluster
from streams.cluster.connection import Connection
from streams.cluster.session import admin_session

_EVERY_ACL = ACLFilter(
    None, None, ACLOperation.ANY, ACLPermissionType.ANY,
    ResourcePatternFilter(ResourceType.ANY, None, ACLResourcePatternType.ANY),
)  # fmt: skip


def allow(cluster: Cluster, role: Role, user: str) -> Connection:
    """Give a user a role; how this user connects."""
    wanted = acls({role: [f"User:{user}"]})
    with admin_session(cluster.connection()) as admin:
        add_acls(admin, missing_acls(admin, wanted)[0])
        while missing_acls(admin, wanted)[0]:
            time.sleep(0.02)  # brokers learn of it a moment later
    return cluster.connection(user)


def logins(cluster: Cluster, user: str, folder: Path) -> dict[str, Connection]:
    """How a user connects: by password, certificate or token."""
    security = cluster.secure
    assert security is not None
    token = folder / "token"
    token.write_text(security.token(user))
    trust = {"ca_file": security.ca_file}
    return {
        "password": cluster.connection(user),
        "certificate": Connection(
            cluster.bootstrap_mtls, "SSL", cert_file=security.cert_file(user), key_file=security.key_file(user), **trust
        ),
        "token": Connection(cluster.bootstrap_sasl, "SASL_SSL", "OAUTHBEARER", token_file=token, **trust),
    }


def clear(admin: KafkaAdminClient) -> None:
    """Take all rights, and delete all topics."""
    admin.delete_acls([_EVERY_ACL])
    delete_topics(admin)
