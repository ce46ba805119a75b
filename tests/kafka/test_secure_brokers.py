"""The secure cluster: who gets in, as whom, and who does not."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka import KafkaAdminClient
from kafka.admin import (
    ACL,
    ACLFilter,
    ACLOperation,
    ACLPermissionType,
    NewTopic,
    ResourcePattern,
    ResourceType,
)
from kafka.errors import KafkaTimeoutError

from streams.cluster.brokers import BrokersError, Cluster
from streams.cluster.connection import Connection

pytestmark = [pytest.mark.kafka, pytest.mark.faults]  # of the tools: `make faults` has the time

TOPIC = "test-secure"


def by_password(cluster: Cluster, user: str) -> Connection:
    return cluster.connection(user)


def by_certificate(cluster: Cluster, user: str) -> Connection:
    secure = cluster.secure
    assert secure is not None
    return Connection(
        cluster.bootstrap_mtls,
        security="SSL",
        ca_file=secure.ca_file,
        cert_file=secure.cert_file(user),
        key_file=secure.key_file(user),
    )


def with_token(cluster: Cluster, file: Path, token: str) -> Connection:
    assert cluster.secure is not None
    file.write_text(token)
    return Connection(
        cluster.bootstrap_sasl,
        security="SASL_SSL",
        sasl="OAUTHBEARER",
        token_file=file,
        ca_file=cluster.secure.ca_file,
    )


def topics(connection: Connection) -> list[str]:
    """The topics that a user may see."""
    with KafkaAdminClient(bootstrap_timeout_ms=2000, **connection.kafka_python()) as admin:
        return [name for name in admin.list_topics() if not name.startswith("__")]


@pytest.fixture(scope="module")
def secured(secure_brokers: Cluster) -> Iterator[Cluster]:
    """With a topic that `livepool` may see and `scrm` may not."""
    acl = (
        "User:livepool", "*", ACLOperation.DESCRIBE, ACLPermissionType.ALLOW, ResourcePattern(ResourceType.TOPIC, TOPIC)
    )  # fmt: skip
    with KafkaAdminClient(**secure_brokers.connection().kafka_python()) as admin:
        admin.create_topics([NewTopic(TOPIC, 1, 1)])
        admin.create_acls([ACL(*acl)])
        yield secure_brokers
        admin.delete_acls([ACLFilter(*acl)])
        admin.delete_topics([TOPIC])


def test_a_user_is_the_same_principal_however_they_connect(secured: Cluster, tmp_path: Path) -> None:
    assert secured.secure is not None
    for user, seen in (("livepool", [TOPIC]), ("scrm", []), ("admin", [TOPIC])):
        token = secured.secure.token(user)
        assert topics(by_password(secured, user)) == seen
        assert topics(by_certificate(secured, user)) == seen
        assert topics(with_token(secured, tmp_path / "token", token)) == seen


def refused(cluster: Cluster, connection: Connection, why: str) -> None:
    """The broker's log tells why: the client is sometimes only cut off."""
    log = cluster.home / "broker-1" / "server.log"
    before = len(log.read_text())
    with pytest.raises(KafkaTimeoutError):
        topics(connection)
    assert why in log.read_text()[before:]


def test_a_wrong_password_is_refused(secured: Cluster, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("guessed")
    connection = by_password(secured, "livepool")._replace(password_file=tmp_path / "password")
    refused(secured, connection, "invalid credentials with SASL mechanism SCRAM-SHA-512")


def test_an_expired_token_is_refused(secured: Cluster, tmp_path: Path) -> None:
    assert secured.secure is not None
    connection = with_token(secured, tmp_path / "token", secured.secure.token("admin", -120))
    refused(secured, connection, "The JWT is no longer valid")


def test_a_forged_token_is_refused(secured: Cluster, tmp_path: Path) -> None:
    assert secured.secure is not None
    connection = with_token(secured, tmp_path / "token", as_another(secured.secure.token("scrm"), "admin"))
    refused(secured, connection, "JWT rejected due to invalid signature")


def as_another(token: str, subject: str) -> str:
    """The token with another subject and the signature that it had."""
    header, claims, signature = token.split(".")
    changed = json.loads(base64.urlsafe_b64decode(claims + "==")) | {"sub": subject}
    return f"{header}.{base64.urlsafe_b64encode(json.dumps(changed).encode()).decode().rstrip('=')}.{signature}"


def test_without_a_certificate_nobody_gets_in(secured: Cluster) -> None:
    connection = by_certificate(secured, "admin")._replace(cert_file=None, key_file=None)
    refused(secured, connection, "SSL handshake failed")


def test_secrets_are_for_their_owner_only(secured: Cluster) -> None:
    assert secured.secure is not None
    files = list(secured.secure.folder.iterdir())
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    assert secured.secure.password("livepool") not in "".join(
        map(str, [secured.connection("livepool"), secured.layout])
    )


@pytest.mark.parametrize("name", ["broker", "ca", "Big", "a/b", ""])
def test_names_that_are_no_users(tmp_path: Path, name: str) -> None:
    with pytest.raises(BrokersError, match="is no name for a user"):
        Cluster(tmp_path, users=(name,))
