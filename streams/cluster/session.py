"""Clients of kafka-python that are closed when they are done with, and errors that say what to do next."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer
from kafka.errors import AuthorizationError, KafkaConnectionError, KafkaError, KafkaTimeoutError

from streams.cluster.connection import VARIABLES, ClusterError, Connection
from streams.cluster.header_names import tolerate_header_names

CLIENT_ID = "livepool"
BOOTSTRAP_MS = 10_000
_PASSWORD = ("username", "password_file")
_CONNECTING = logging.getLogger("kafka.net.manager")


def admin_client(connection: Connection) -> KafkaAdminClient:
    """An admin client, for who keeps one; errors are kafka-python's."""
    return KafkaAdminClient(
        **{"client_id": CLIENT_ID, "bootstrap_timeout_ms": BOOTSTRAP_MS, **connection.kafka_python()}
    )


@contextmanager
def admin_session(connection: Connection) -> Iterator[KafkaAdminClient]:
    """An admin client; ClusterError when the brokers cannot be reached or refuse."""
    with cluster_errors(connection), admin_client(connection) as admin:
        yield admin


def reading_consumer(connection: Connection, isolation: str = "read_committed", **settings: Any) -> KafkaConsumer:
    """A consumer without a group, for topics that are there, from their beginning; `settings` add to these."""
    tolerate_header_names()
    return KafkaConsumer(
        **{"client_id": CLIENT_ID, "bootstrap_timeout_ms": BOOTSTRAP_MS, **connection.kafka_python()},
        isolation_level=isolation,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        allow_auto_create_topics=False,
        **settings,
    )


@contextmanager
def cluster_errors(connection: Connection) -> Iterator[None]:
    """Turn errors of kafka-python into ClusterError."""
    causes = _Causes()
    _CONNECTING.addHandler(causes)
    try:
        yield
    except KafkaError as error:
        raise ClusterError(_in_words(error, connection, causes)) from error
    finally:
        _CONNECTING.removeHandler(causes)


class _Causes(logging.Handler):
    """Why connections failed. kafka-python tries again until the time is over, and says why in its log only."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the exceptions that a line is about."""
        arguments = record.args if isinstance(record.args, tuple) else ()
        self.found += [str(argument) for argument in arguments if isinstance(argument, BaseException)]

    def telling(self, *words: str) -> str | None:
        """The first cause with one of these words."""
        return next((cause for cause in self.found if any(word in cause for word in words)), None)


def _in_words(error: KafkaError, connection: Connection, causes: _Causes) -> str:
    if isinstance(error, AuthorizationError):
        return f"{error}. Not allowed: `livepool topics acls` prints the rights that each role needs"
    if not isinstance(error, KafkaTimeoutError | KafkaConnectionError):
        return str(error)
    # Brokers hang up on a wrong password; whether their answer is still read before that is a matter of luck.
    if connection.sasl is not None and (cause := causes.telling("AuthenticationFailed", "disconnected")):
        login = ("token_file", "token_url", "client_id") if connection.sasl == "OAUTHBEARER" else _PASSWORD
        return f"{connection.brokers} did not let us in: {cause}. Check {_names('security', 'sasl', *login)}"
    if cause := causes.telling("CERTIFICATE", "SSL"):
        return f"no TLS with {connection.brokers}: {cause}. Check {_names('security', 'ca_file', 'cert_file')}"
    return (
        f"no answer from {connection.brokers} with security {connection.security}: is it up, and are"
        f" {_names('brokers', 'security')} right? ({causes.found[0] if causes.found else error})"
    )


def _names(*fields: str) -> str:
    return ", ".join(VARIABLES[field] for field in fields)
