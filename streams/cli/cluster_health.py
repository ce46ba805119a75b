"""What may be wrong with a worker on Kafka and its cluster; `doctor` shows it where brokers are set.

Every look at the brokers is bounded in time: what does not come is a FAIL, too.
"""

import os
import queue
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

from kafka import TopicPartition
from kafka.admin import OffsetSpec
from kafka.errors import AuthorizationError, KafkaError

from streams.cli.broker_health import ask_all, check_brokers, check_security, check_version, quick_session
from streams.cli.health import (
    MUCH_LAG,
    check_dead_letters,
    check_policy,
    last_records,
    valid_policy,
    worker_pid,
)
from streams.cli.installation import (
    STATE,
    Check,
    check_clock,
    check_environment,
    check_folder,
    check_port,
    check_versions,
    mib,
    same,
)
from streams.cli.topic_health import OPERATOR, topic_checks
from streams.cluster.connection import Connection
from streams.cluster.lag import Lag, PartitionLag
from streams.cluster.log_reader import LogReader
from streams.cluster.oauth import TokenError
from streams.cluster.session import ClusterError
from streams.cluster.topics import GROUP
from streams.core.definitions import Text
from streams.settings import Settings, SettingsError
from streams.transport.database import FILE_NAME
from streams.transport.kafka_state import MAX_AGE_MS
from streams.transport.log import Log

LONG_OPEN_SECONDS = 120.0  # a broker aborts what a worker has left open after 60 s
_LOOK_SECONDS = 20.0
_TAIL = 200  # offsets of dead letters

_T = TypeVar("_T")


class Opened(NamedTuple):
    """An open transaction on a topic-partition; readers wait for its end."""

    topic: str
    partition: int
    seconds: float  # since its last record


def examine_cluster(settings: Settings, connection: Connection, error: str | None) -> Iterator[Check]:
    """Answer every question; `error` is what was wrong with the settings that were asked for."""
    yield check_environment(os.environ, error)
    yield check_versions()
    yield check_folder(settings.home)
    yield check_port()
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
    yield from _looked("group", lambda: _group_checks(connection))
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
        f"{mib(size)}, last written {_age(age).en} ago, {user.en}", f"{mib(size)}，{_age(age).zh}前写入，{user.zh}"
    )
    if pid is None and age * 1000 > MAX_AGE_MS:
        old = Text("too old: all of it will be read anew", "已过旧：将全部重新读取")
        detail = Text(f"{detail.en}; {old.en}", f"{detail.zh}；{old.zh}")
    return Check("state", "OK", detail)


def _age(seconds: float) -> Text:
    if seconds < 120:
        return Text(f"{seconds:.0f} s", f"{seconds:.0f} 秒")
    if seconds < 7200:
        return Text(f"{seconds / 60:.0f} min", f"{seconds / 60:.0f} 分钟")
    return Text(f"{seconds / 3600:.0f} h", f"{seconds / 3600:.0f} 小时")


def _group_checks(connection: Connection) -> list[Check]:
    with Lag(connection) as reader:
        lags = reader.partitions()
    with quick_session(connection) as admin:
        group = admin.describe_groups([GROUP])[GROUP]
        pending = [TopicPartition(each.topic, each.partition) for each in lags if each.pending]
        producers = admin.describe_producers(pending)
        newest = admin.list_partition_offsets(
            {TopicPartition(each.topic, each.partition): OffsetSpec.MAX_TIMESTAMP for each in lags}
        )
    now = time.time()
    opened = [
        Opened(tp.topic, tp.partition, now - producer.last_timestamp / 1000)
        for tp, state in producers.items()
        for producer in state.active_producers
        if producer.current_transaction_start_offset >= 0
    ]
    last_append_ms = max((place.timestamp for place in newest.values()), default=-1)
    return [
        check_clock(int(now * 1000), last_append_ms if last_append_ms >= 0 else None),
        check_group(len(group["members"]), group["group_state"], lags),
        check_transactions(opened),
    ]


def check_group(members: int, state: str, lags: Sequence[PartitionLag]) -> Check:
    """Are workers running, do they keep up, and is there still all that they have to read."""
    behind: Counter[str] = Counter()
    for each in lags:
        behind[each.agent] += each.lag
    if lost := [f"{each.topic}/{each.partition} ({each.expired})" for each in lags if each.expired]:
        names = ", ".join(lost)
        return Check(
            "group",
            "FAIL",
            Text(f"deleted by retention before they were read: {names}", f"尚未读取即被保留策略删除的记录：{names}"),
            Text(
                f"raise the retention; to go on without them: kafka-consumer-groups --group {GROUP} --reset-offsets",
                f"请延长保留时间；放弃这些记录：kafka-consumer-groups --group {GROUP} --reset-offsets",
            ),
        )
    waiting = ", ".join(f"{agent} {count:,}" for agent, count in behind.items())
    moving = state in ("PreparingRebalance", "CompletingRebalance")
    workers = Text(
        f"{members or 'no'} worker{'s' * (members != 1)}{', rebalancing' * moving}",
        f"{members} 个 worker{'，正在再均衡' * moving}",
    )
    oldest = max((each.seconds for each in lags if each.seconds is not None), default=None)
    since = (
        Text("", "") if oldest is None else Text(f", the oldest {_age(oldest).en} ago", f"，最早 {_age(oldest).zh}前")
    )
    detail = Text(f"{workers.en}; to be read: {waiting}{since.en}", f"{workers.zh}；待处理：{waiting}{since.zh}")
    if not members and behind.total():
        return Check("group", "WARN", detail, Text("start a worker: `livepool worker`", "请启动 `livepool worker`"))
    if max(behind.values(), default=0) > MUCH_LAG:
        step = Text(
            "see with `livepool lag` whether this falls; if not, start more workers, up to the number of partitions",
            "请用 `livepool lag` 观察是否下降；若否，请增加 worker（至多与分区数相同）",
        )
        return Check("group", "WARN", detail, step)
    return Check("group", "OK", detail)


def check_transactions(opened: Sequence[Opened]) -> Check:
    """Is a transaction open for so long that readers wait for nothing."""
    if stuck := [each for each in opened if each.seconds > LONG_OPEN_SECONDS]:
        names = ", ".join(f"{each.topic}/{each.partition} ({_age(each.seconds).en})" for each in stuck)
        return Check(
            "transactions",
            "WARN",
            Text(f"open without a new record: {names}", f"长时间未结束：{names}"),
            Text(
                "the agents wait behind it: end its producer, or `kafka-transactions.sh find-hanging`, then `abort`",
                "处理器在其后等待：请结束其生产者，或 `kafka-transactions.sh find-hanging` 后 `abort`",
            ),
        )
    return Check("transactions", "OK", Text(f"{len(opened)} open, none for long", f"{len(opened)} 个进行中，均未超时"))


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
