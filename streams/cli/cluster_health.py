"""What may be wrong with a worker on Kafka and its cluster; `doctor` shows it where brokers are set.

Every look at the brokers is bounded in time: what does not come is a FAIL, too.
"""

import os
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from kafka.errors import AuthorizationError, KafkaError

from streams.cli.broker_health import ask_all, check_brokers, check_security, check_version
from streams.cli.group_health import age_of, group_checks
from streams.cli.health import (
    check_dead_letters,
    check_policy,
    last_records,
    valid_policy,
    worker_pid,
)
from streams.cli.installation import (
    STATE,
    Check,
    check_environment,
    check_folder,
    check_port,
    check_versions,
    mib,
    same,
)
from streams.cli.topic_health import OPERATOR, topic_checks
from streams.cluster.connection import ClusterError, Connection
from streams.cluster.log_reader import LogReader
from streams.cluster.oauth import TokenError
from streams.core.definitions import Text
from streams.settings import Settings, SettingsError
from streams.transport.database import FILE_NAME
from streams.transport.kafka_state import MAX_AGE_MS
from streams.transport.log import Log

_LOOK_SECONDS = 20.0
_TAIL = 200  # offsets of dead letters

_T = TypeVar("_T")


def examine_cluster(settings: Settings, connection: Connection, error: str | None) -> Iterator[Check]:
    """Answer every question; `error` is what was wrong with the settings that were asked for."""
    yield check_environment(os.environ, error)
    yield check_versions()
    yield check_folder(settings.home)
    yield check_port(settings.web)
    yield check_state(settings.home / STATE, time.time())
    security = check_security(connection)
    yield security
    if security.status == "FAIL":
        return
    answers = ask_all(connection)
    yield check_brokers(answers)
    if not (up := [answer.address for answer in answers if answer.seconds is not None]):
        return
    yield check_version(answers)
    connection = connection._replace(brokers=",".join(up))  # a silent one would cost every look its patience
    yield from _looked("topics", lambda: topic_checks(connection))
    yield from _looked("group", lambda: group_checks(connection))
    yield from _looked("policy", lambda: [_policy(connection, settings)])
    yield from _looked("dead letters", lambda: [_dead_letters(connection)])


def _looked(name: str, look: Callable[[], list[Check]]) -> list[Check]:
    """What a look at the cluster finds, or that it failed or was refused."""
    try:
        return within(_LOOK_SECONDS, look)
    except (ClusterError, SettingsError, TokenError, KafkaError) as error:
        refused = isinstance(error.__cause__, AuthorizationError)
        return [Check(name, "WARN" if refused else "FAIL", same(str(error)), OPERATOR if refused else None)]


def within(seconds: float, look: Callable[[], _T]) -> _T:
    """What `look` returns or raises; ClusterError when it takes longer. It is left alone then, in its thread."""
    found: queue.SimpleQueue[tuple[_T, None] | tuple[None, Exception]] = queue.SimpleQueue()

    def run() -> None:
        try:
            found.put((look(), None))
        except Exception as error:
            found.put((None, error))

    threading.Thread(target=run, daemon=True).start()
    try:
        result, error = found.get(timeout=seconds)
    except queue.Empty:
        raise ClusterError(f"no answer within {seconds:.0f} s") from None
    if error is not None:
        raise error
    return result  # type: ignore[return-value]  # it is there where no error is


def check_state(folder: Path, now: float) -> Check:
    """Can the copy of the state be used, who uses it, how large and how old is it. `now`: seconds since 1970 UTC."""
    files = list(folder.glob(f"{FILE_NAME}*"))
    if not files:
        return Check(
            "state", "OK", Text("no copy yet: a worker restores it from Kafka", "尚无副本：worker 会从 Kafka 恢复")
        )
    size, written = sum(path.stat().st_size for path in files), max(path.stat().st_mtime for path in files)
    try:
        Log(folder, readonly=True).close()
    except (ValueError, sqlite3.Error) as error:
        return Check(
            "state",
            "FAIL",
            same(f"{folder}: {error}"),
            Text("delete this folder: it comes back from Kafka", "请删除该目录：状态会从 Kafka 恢复"),
        )
    age, pid = max(0.0, now - written), worker_pid(folder)
    user = (
        Text("no worker uses it", "没有 worker 在使用")
        if pid is None
        else Text(f"used by process {pid}", f"进程 {pid} 使用中")
    )
    detail = Text(
        f"{mib(size)}, last written {age_of(age).en} ago, {user.en}", f"{mib(size)}，{age_of(age).zh}前写入，{user.zh}"
    )
    if pid is None and age * 1000 > MAX_AGE_MS:
        old = Text("too old: all of it will be read anew", "已过旧：将全部重新读取")
        detail = Text(f"{detail.en}; {old.en}", f"{detail.zh}；{old.zh}")
    return Check("state", "OK", detail)


def _policy(connection: Connection, settings: Settings) -> Check:
    try:
        with LogReader(connection) as log:
            return check_policy(log, settings)
    except ClusterError as error:
        if isinstance(error.__cause__, AuthorizationError):  # workers and operators may not read sales
            return valid_policy(settings)
        raise


def _dead_letters(connection: Connection) -> Check:
    with LogReader(connection) as log:
        return check_dead_letters(last_records(log, "dead-letters", _TAIL), time.time_ns() // 1_000_000)
