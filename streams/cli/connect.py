"""The cluster of the environment, for the commands that talk to Kafka; what goes wrong ends with exit code 1."""

from collections.abc import Iterator
from contextlib import contextmanager

import click

from streams.cluster.connection import VARIABLES, ClusterError, Connection
from streams.cluster.oauth import TokenError
from streams.settings import SettingsError


def find_connection() -> Connection | None:
    """The connection of the environment; None when no brokers are set, a bad one ends with exit code 1."""
    with cluster_command():
        return Connection.from_environment()


def need_connection() -> Connection:
    """The connection of the environment; without one, exit code 1 and the next step."""
    connection = find_connection()
    if connection is None:
        raise click.ClickException(
            f"no brokers: set {VARIABLES['brokers']}=host:port[,host:port…]; `livepool kafka up` starts one here"
        )
    return connection


@contextmanager
def cluster_command() -> Iterator[None]:
    """Show what the cluster or the settings refuse as an error of the command."""
    try:
        yield
    except (SettingsError, ClusterError, TokenError) as error:
        raise click.ClickException(str(error)) from None
