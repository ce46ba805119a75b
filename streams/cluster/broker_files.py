"""The files of a cluster: which ports its brokers have, and what they are configured with."""

import base64
import socket
import uuid
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import msgspec

from streams.cluster.broker_jars import DEFAULT_VERSION, BrokersError
from streams.cluster.broker_security import Security

HOST = "127.0.0.1"
LAYOUT = "cluster.json"
_BIG = 16 * 1024 * 1024  # bytes of the largest message: changelogs hold whole journeys
_CONSOLE = {
    "3": """\
log4j.rootLogger=WARN, console
log4j.logger.kafka=INFO
log4j.logger.org.apache.kafka.common.network.Selector=INFO
log4j.appender.console=org.apache.log4j.ConsoleAppender
log4j.appender.console.layout=org.apache.log4j.PatternLayout
log4j.appender.console.layout.ConversionPattern=%d %p %c %m%n
""",
    "4": """\
rootLogger.level=warn
rootLogger.appenderRef.console.ref=console
logger.kafka.name=kafka
logger.kafka.level=info
logger.refused.name=org.apache.kafka.common.network.Selector
logger.refused.level=info
appender.console.type=Console
appender.console.name=console
appender.console.layout.type=PatternLayout
appender.console.layout.pattern=%d %p %c %m%n
""",
}


class Ports(NamedTuple):
    """The ports of one broker; `sasl` and `mtls` instead of `plain` in a secure cluster."""

    controller: int
    plain: int
    sasl: int
    mtls: int


class Layout(msgspec.Struct, frozen=True):
    """What a cluster keeps over restarts: its version, id, brokers and their addresses."""

    version: str
    cluster_id: str
    brokers: tuple[Ports, ...]
    users: tuple[str, ...] = ()  # of a secure cluster

    def ports(self, broker: int) -> Ports:
        """The ports of a broker; brokers are numbered from 1."""
        return self.brokers[broker - 1]

    def bootstrap(self, listener: str) -> str:
        """The addresses of a listener, a field of Ports: `127.0.0.1:port[,…]`."""
        return ",".join(f"{HOST}:{getattr(ports, listener)}" for ports in self.brokers)


def _new_layout(version: str, brokers: int, users: tuple[str, ...] = ()) -> Layout:
    """A layout of free ports."""
    names = len(Ports._fields)
    with ExitStack() as held:  # all at once, so that none is given out twice
        free = [held.enter_context(socket.create_server((HOST, 0))).getsockname()[1] for _ in range(names * brokers)]
    return Layout(
        version=version,
        cluster_id=base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "A"),
        brokers=tuple(Ports(*free[at : at + names]) for at in range(0, len(free), names)),
        users=users,
    )


def read_layout(home: Path) -> Layout | None:
    """The layout of a cluster that was started before; None when there was none."""
    try:
        return msgspec.json.decode((home / LAYOUT).read_bytes(), type=Layout)
    except FileNotFoundError:
        return None


def layout_of(home: Path, version: str | None, brokers: int | None, users: tuple[str, ...] | None) -> Layout:
    """The layout that a home has, or a new one; what is None is taken as it is.

    BrokersError when the home holds another cluster than the one that is asked for.
    """
    kept = read_layout(home)
    if kept is None:
        if brokers not in (None, 1, 3):
            raise BrokersError(f"a cluster has 1 or 3 brokers, not {brokers}")
        return _new_layout(version or DEFAULT_VERSION, brokers or 1, users or ())
    held = (kept.version, len(kept.brokers), kept.users)
    wanted = (version or held[0], brokers or held[1], held[2] if users is None else users)
    if wanted != held:
        raise BrokersError(
            f"{home} holds {_described(*held)}, not {_described(*wanted)}: name another folder, or remove this one"
        )
    return kept


def _described(version: str, brokers: int, users: tuple[str, ...]) -> str:
    who = f", for {', '.join(users)}" if users else ""
    return f"Kafka {version} with {brokers} {'broker' if brokers == 1 else 'brokers'}{who}"


def write_files(home: Path, layout: Layout, security: Security | None) -> None:
    """Write what the brokers read when they start; LAYOUT last."""
    for broker in range(1, len(layout.brokers) + 1):
        folder = home / f"broker-{broker}"
        folder.mkdir(parents=True, exist_ok=True)
        properties = broker_properties(layout, broker, folder / "data") | listeners(layout, broker, security)
        text = "".join(f"{name}={value}\n" for name, value in properties.items())
        (folder / "server.properties").write_text(text, "utf-8")
        (folder / "logging.properties").write_text(_CONSOLE[layout.version[0]], "utf-8")
    (home / LAYOUT).write_bytes(msgspec.json.format(msgspec.json.encode(layout)))


def broker_properties(layout: Layout, broker: int, data: Path) -> dict[str, object]:
    """What a broker needs besides its listeners. Broker and controller are one process (KRaft)."""
    count = len(layout.brokers)
    copies, in_sync = (3, 2) if count >= 3 else (1, 1)
    voters = ",".join(f"{node}@{HOST}:{ports.controller}" for node, ports in enumerate(layout.brokers, 1))
    return {
        "process.roles": "broker,controller",
        "node.id": broker,
        "controller.quorum.voters": voters,
        "log.dirs": data,
        "auto.create.topics.enable": "false",
        "default.replication.factor": copies,
        "min.insync.replicas": in_sync,
        "offsets.topic.replication.factor": copies,
        "offsets.topic.num.partitions": 4,
        "transaction.state.log.replication.factor": copies,
        "transaction.state.log.min.isr": in_sync,
        "transaction.state.log.num.partitions": 4,
        "message.max.bytes": _BIG,
        "replica.fetch.max.bytes": _BIG,
        "log.cleaner.enable": "true",
        "log.cleaner.dedupe.buffer.size": 2 * _BIG,  # the default is a quarter of the heap
        "group.initial.rebalance.delay.ms": 0,
        "group.min.session.timeout.ms": 1000,
        # A killed broker is missed, and may come back, after this long.
        "broker.session.timeout.ms": 3000,
        "broker.heartbeat.interval.ms": 500,
        "num.network.threads": 2,
        "num.io.threads": 4,
    }


def listeners(layout: Layout, broker: int, security: Security | None) -> dict[str, object]:
    """Where a broker listens, and to whom."""
    ports = layout.ports(broker)
    if security is not None:
        return security.listeners(HOST, ports.controller, ports.sasl, ports.mtls)
    return {
        "listeners": f"PLAINTEXT://{HOST}:{ports.plain},CONTROLLER://{HOST}:{ports.controller}",
        "advertised.listeners": f"PLAINTEXT://{HOST}:{ports.plain}",
        "inter.broker.listener.name": "PLAINTEXT",
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
    }
