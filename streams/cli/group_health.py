"""What may be wrong with the workers of a cluster: none runs, they do not keep up, a transaction holds them up."""

import time
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from kafka import TopicPartition
from kafka.admin import OffsetSpec

from streams.cli.broker_health import quick_session
from streams.cli.health import MUCH_LAG
from streams.cli.installation import Check, check_clock
from streams.cluster.connection import Connection
from streams.cluster.lag import Lag, PartitionLag
from streams.cluster.topics import GROUP
from streams.core.definitions import Text

LONG_OPEN_SECONDS = 120.0  # a broker aborts what a worker has left open after 60 s


class Opened(NamedTuple):
    """An open transaction on a topic-partition; readers wait for its end."""

    topic: str
    partition: int
    seconds: float  # since its last record


def group_checks(connection: Connection) -> list[Check]:
    """Look at the clock, the group of the workers and open transactions."""
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
        Text("", "")
        if oldest is None
        else Text(f", the oldest {age_of(oldest).en} ago", f"，最早 {age_of(oldest).zh}前")
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
        names = ", ".join(f"{each.topic}/{each.partition} ({age_of(each.seconds).en})" for each in stuck)
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


def age_of(seconds: float) -> Text:
    """How long ago, for people."""
    if seconds < 120:
        return Text(f"{seconds:.0f} s", f"{seconds:.0f} 秒")
    if seconds < 7200:
        return Text(f"{seconds / 60:.0f} min", f"{seconds / 60:.0f} 分钟")
    return Text(f"{seconds / 3600:.0f} h", f"{seconds / 3600:.0f} 小时")
