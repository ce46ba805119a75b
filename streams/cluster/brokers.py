"""A real Kafka cluster on this machine, without Docker: for tests and for trying out."""

import socket
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path

from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from streams.cluster.broker_files import HOST, layout_of, read_layout, write_files
from streams.cluster.broker_jars import DEFAULT_VERSION, VERSIONS, BrokersError, Say, jars, java
from streams.cluster.broker_process import BrokerProcess
from streams.cluster.broker_security import ADMIN, Security
from streams.cluster.connection import Connection

__all__ = ["DEFAULT_VERSION", "VERSIONS", "BrokersError", "Cluster", "Security"]

_READY_SECONDS = 60.0
_LOOK_SECONDS = 0.05
_ASK_MS = 2000


class Cluster:
    """Brokers under a folder `home`, numbered from 1. A home keeps its version, addresses, users and data.

    1 broker holds one copy of everything; 3 hold three, of which two must be in sync. Topics are not made by
    themselves. `users` make it a secure cluster (see Security). Brokers that are not `detached` end with this
    process, even when it is killed (Linux only). `say` hears of the download of Kafka, once per machine.
    A new home without a version or number gets DEFAULT_VERSION and 1. BrokersError when a home holds another cluster.
    """

    def __init__(
        self,
        home: Path,
        *,
        version: str | None = None,
        brokers: int | None = None,
        users: tuple[str, ...] | None = None,
        detached: bool = False,
        say: Say = lambda _: None,
    ) -> None:
        self.home = home.absolute()
        self.detached = detached
        self._say = say
        self.layout = layout_of(self.home, version, brokers, users)
        self.secure = Security(self.home / "security", self.layout.users) if self.layout.users else None
        self._processes = {
            broker: BrokerProcess(self.home / f"broker-{broker}") for broker in range(1, len(self.layout.brokers) + 1)
        }

    @staticmethod
    def exists(home: Path) -> bool:
        """Has a cluster been started there before."""
        return read_layout(home) is not None

    @property
    def bootstrap(self) -> str:
        """The addresses of the brokers, `127.0.0.1:port[,…]`; of a secure cluster those for passwords and tokens."""
        return self.bootstrap_sasl if self.secure else self.layout.bootstrap("plain")

    @property
    def bootstrap_sasl(self) -> str:
        """The addresses for SASL_SSL, of a secure cluster: SCRAM-SHA-512 and OAUTHBEARER."""
        return self.layout.bootstrap("sasl")

    @property
    def bootstrap_mtls(self) -> str:
        """The addresses for SSL with a client certificate, of a secure cluster."""
        return self.layout.bootstrap("mtls")

    def connection(self, user: str = ADMIN) -> Connection:
        """How a client connects; to a secure cluster as one of its users, with a password."""
        if not self.secure:
            return Connection(self.bootstrap)
        return Connection(
            self.bootstrap_sasl,
            security="SASL_SSL",
            sasl="SCRAM-SHA-512",
            username=user,
            password_file=self.secure.password_file(user),
            ca_file=self.secure.ca_file,
        )

    @property
    def brokers(self) -> tuple[int, ...]:
        """The numbers of the brokers."""
        return tuple(self._processes)

    def running(self) -> dict[int, int]:
        """The process id of each broker that runs."""
        return {broker: pid for broker, process in self._processes.items() if (pid := process.pid()) is not None}

    def up(self) -> None:
        """Start what does not run and wait until all are ready; the first time, lay out the storage.

        BrokersError without Java, Maven or Maven Central, or when a broker ends again or does not answer within 60 s.
        """
        if len(self.running()) == len(self._processes):
            return
        found, folder = java(), jars(self.layout.version, self._say)
        if self.secure:
            self.secure.make()
        write_files(self.home, self.layout, self.secure)
        self._format(found, folder)
        started = set(self.brokers) - set(self.running())
        try:
            for broker in started:
                self._start(broker, found, folder)
            self._wait_ready(self.brokers)
        except BaseException:  # Ctrl-C, too: nobody would know of what is left
            for broker in started:
                self.kill(broker)
            raise

    def start(self, broker: int) -> None:
        """Start one broker with its data at its address, and wait until the cluster has it."""
        self._start(broker, java(), jars(self.layout.version, self._say))
        self._wait_ready((broker,))

    def stop(self, broker: int) -> None:
        """End one broker in good order: it hands over what it leads."""
        self._processes[broker].terminate()

    def kill(self, broker: int) -> None:
        """End one broker at once, as a crash would."""
        self._processes[broker].kill()

    def down(self) -> None:
        """End all; the data stays."""
        for process in self._processes.values():
            process.ask_to_end()
        for process in self._processes.values():
            process.wait()

    def _start(self, broker: int, java: str, jars: Path) -> None:
        options = self.secure.java_options() if self.secure else []
        self._processes[broker].start([java, *options], jars, detached=self.detached)

    def _format(self, java: str, jars: Path) -> None:
        """Lay out the storage of brokers that have none, at the same time."""
        command = [
            java, "-Xmx128m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", f"{jars}/*",
            "kafka.tools.StorageTool", "format", "--cluster-id", self.layout.cluster_id,
            *(self.secure.format_arguments() if self.secure else ()), "--config",
        ]  # fmt: skip
        started = {
            broker: subprocess.Popen(  # noqa: S603
                [*command, str(process.properties)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
            )
            for broker, process in self._processes.items()
            if not (process.folder / "data" / "meta.properties").exists()
        }
        failed = {broker: said for broker, process in started.items() if (said := _failure(process))}
        for broker, said in failed.items():
            raise BrokersError(f"broker {broker}: its storage could not be laid out:\n{said}")

    def _wait_ready(self, wanted: Iterable[int]) -> None:
        """Wait until every broker that runs knows every other one."""
        end = time.monotonic() + _READY_SECONDS
        while True:
            running = set(self.running())
            for broker in wanted:
                if broker not in running:
                    raise BrokersError(
                        f"broker {broker} ended while it started:\n{self._processes[broker].last_words()}"
                    )
            unready = [broker for broker in sorted(running) if not running <= self._known_to(broker)]
            if not unready:
                return
            if time.monotonic() > end:
                words = self._processes[unready[0]].last_words()
                raise BrokersError(f"broker {unready[0]} is not ready after {_READY_SECONDS:.0f} s:\n{words}")
            time.sleep(_LOOK_SECONDS)

    def _known_to(self, broker: int) -> set[int]:
        """The brokers that one of them knows to take part; none when it does not answer."""
        connection = self._inside(broker)
        host, port = connection.brokers.split(":")
        try:
            socket.create_connection((host, int(port)), timeout=1).close()
            with KafkaAdminClient(
                bootstrap_timeout_ms=_ASK_MS, request_timeout_ms=_ASK_MS, **connection.kafka_python()
            ) as admin:
                # What it has been told by the only broker that it was given; `describe_cluster` asks any.
                return {known.node_id for known in admin._client.cluster.brokers()}
        except (OSError, KafkaError):
            return set()

    def _inside(self, broker: int) -> Connection:
        """The connection to one broker that the brokers use among themselves, as admin."""
        ports = self.layout.ports(broker)
        if not self.secure:
            return Connection(f"{HOST}:{ports.plain}")
        return Connection(
            f"{HOST}:{ports.mtls}",
            security="SSL",
            ca_file=self.secure.ca_file,
            cert_file=self.secure.cert_file(),
            key_file=self.secure.key_file(),
        )


def _failure(process: subprocess.Popen[str]) -> str:
    said, _ = process.communicate()
    return said or "no reason given" if process.returncode else ""
