"""What may be wrong between this machine and the brokers: secrets, addresses, versions."""

import ipaddress
import stat
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from kafka import KafkaAdminClient

from streams.cli.installation import Check, same
from streams.cluster.broker_jars import VERSIONS
from streams.cluster.connection import VARIABLES, ClusterError, Connection
from streams.cluster.oauth import TokenError, read_secret
from streams.cluster.session import CLIENT_ID, cluster_errors
from streams.core.definitions import Text
from streams.settings import SettingsError

SLOW_SECONDS = 1.0  # to connect, log in and be told of the cluster
_BOOTSTRAP_MS = 3_000
_REQUEST_MS = 10_000
_LISTED = 6  # brokers that are named one by one
_TEXTS = ("password_file", "key_password_file", "token_file", "client_secret_file")
_TESTED = [tuple(map(int, version.split(".")[:2])) for version in VERSIONS]


class Answer(NamedTuple):
    """What came from one address."""

    address: str
    broker: int | None  # its number; None where no broker says that this is its address
    seconds: float | None  # None: no answer, `error` says why
    version: tuple[int, ...] | None = None  # of the protocol that it speaks
    error: str = ""


@contextmanager
def quick_session(connection: Connection) -> Iterator[KafkaAdminClient]:
    """An admin client that gives up soon; ClusterError when the brokers cannot be reached or refuse."""
    patience = {"bootstrap_timeout_ms": _BOOTSTRAP_MS, "request_timeout_ms": _REQUEST_MS}
    with (
        cluster_errors(connection),
        KafkaAdminClient(client_id=CLIENT_ID, **patience, **connection.kafka_python()) as admin,
    ):
        yield admin


def check_security(connection: Connection) -> Check:
    """Are the files of the connection usable and its secrets secret."""
    try:
        connection.kafka_python()
        for field in _TEXTS:
            if (path := getattr(connection, field)) is not None:
                read_secret(VARIABLES[field], path)
    except SettingsError as error:
        return Check("security", "FAIL", same(str(error)), Text("correct it and run this again", "改正后再次运行"))
    login = f"{connection.sasl} {connection.username or ''}".strip() if connection.sasl else ""
    how = ", ".join(filter(None, (connection.security, login)))
    if exposed := [path for path in _secrets(connection) if path.stat().st_mode & stat.S_IROTH]:
        names = " ".join(map(str, exposed))
        return Check(
            "security",
            "WARN",
            Text(f"{how}; everybody on this machine may read {names}", f"{how}；本机所有用户均可读取 {names}"),
            Text(
                f"chmod o= {names}  (Kubernetes: defaultMode 0440)", f"chmod o= {names}（Kubernetes：defaultMode 0440）"
            ),
        )
    if not connection.security.endswith("SSL") and not _near(connection.brokers):
        return Check(
            "security",
            "WARN",
            Text(f"{how}: nothing is encrypted on the way to the brokers", f"{how}：与 broker 之间的传输未加密"),
            Text(
                f"set {VARIABLES['security']} to SASL_SSL or SSL", f"请将 {VARIABLES['security']} 设为 SASL_SSL 或 SSL"
            ),
        )
    return Check("security", "OK", same(how))


def _secrets(connection: Connection) -> Iterator[Path]:
    fields = (*_TEXTS, "cert_file" if connection.key_file is None else "key_file")  # a key may be in its certificate
    return (path for field in fields if (path := getattr(connection, field)) is not None)


def _near(brokers: str) -> bool:
    """Are all brokers on this machine."""
    hosts = {address.rpartition(":")[0].strip("[]") for address in brokers.split(",")} - {"localhost"}
    try:
        return all(ipaddress.ip_address(host).is_loopback for host in hosts)
    except ValueError:
        return False


def ask_all(connection: Connection) -> list[Answer]:
    """Ask each address of the settings, and each that a broker of the cluster says to be its own."""
    given = connection.brokers.split(",")
    answers: dict[str, Answer] = {}
    brokers: dict[str, int] = {}
    for address in given:
        answers[address], told = _ask(connection, address)
        brokers |= told
    for address in brokers.keys() - set(given):
        answers[address], _ = _ask(connection, address)
    return [answer._replace(broker=brokers.get(address)) for address, answer in answers.items()]


def _ask(connection: Connection, address: str) -> tuple[Answer, dict[str, int]]:
    begun = time.monotonic()
    try:
        with quick_session(connection._replace(brokers=address)) as admin:
            seconds = time.monotonic() - begun
            # What the only broker that it was given has said; its methods ask any broker.
            client = admin._client
            told = {f"{broker.host}:{broker.port}": broker.node_id for broker in client.cluster.brokers()}
            return Answer(address, None, seconds, client.get_broker_version()), told
    except (ClusterError, SettingsError, TokenError) as error:
        return Answer(address, None, None, error=str(error)), {}


def check_brokers(answers: list[Answer]) -> Check:
    """Does each broker answer, and soon. One that the cluster counts on must; another address need not."""
    silent = [answer for answer in answers if answer.seconds is None]
    if silent:
        lost = len(silent) == len(answers) or any(answer.broker is not None for answer in silent)
        words = "; ".join(dict.fromkeys(answer.error for answer in silent))
        answering = _times(answers)
        return Check(
            "brokers",
            "FAIL" if lost else "WARN",
            same(f"{answering}; {words}" if answering else words),
            Text(
                "start it, or let this machine reach the address that the broker advertises (advertised.listeners)",
                "请启动该 broker，或确保本机可访问其公布的地址（advertised.listeners）",
            ),
        )
    if any((answer.seconds or 0) > SLOW_SECONDS for answer in answers):
        return Check(
            "brokers",
            "WARN",
            same(_times(answers)),
            Text("look at the network and at the load of the slow ones", "请检查网络及较慢 broker 的负载"),
        )
    return Check("brokers", "OK", same(_times(answers)))


def _times(answers: Iterable[Answer]) -> str:
    found = [(answer, answer.seconds) for answer in answers if answer.seconds is not None]
    if len(found) <= _LISTED:
        return ", ".join(f"{answer.address} {1000 * seconds:.0f} ms" for answer, seconds in found)
    times = sorted(seconds for _, seconds in found)
    return f"{len(found)}: {1000 * times[0]:.0f}–{1000 * times[-1]:.0f} ms"


def check_version(answers: Iterable[Answer]) -> Check:
    """Are the brokers of a version that Livepool is tested with. They tell the protocol that they speak."""
    found = sorted({answer.version for answer in answers if answer.version is not None})
    text = ", ".join(".".join(map(str, version)) for version in found)
    detail = Text(f"the protocol of Kafka {text}", f"Kafka {text} 的协议")
    tested = ", ".join(VERSIONS)
    if any(version < min(_TESTED) or version[0] > max(_TESTED)[0] for version in found):
        step = Text(f"Livepool is tested with {tested}", f"Livepool 已测试的版本：{tested}")
        return Check("kafka version", "WARN", detail, step)
    return Check("kafka version", "OK", detail)
