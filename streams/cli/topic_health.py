"""What may be wrong with the topics of a cluster and with the rights on them."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from streams.cli.broker_health import quick_session
from streams.cli.installation import Check, same
from streams.cli.rights_health import check_rights, held_rights, is_denied, some
from streams.cluster.connection import ClusterError, Connection
from streams.cluster.topic_admin import cluster_partitions, reasons, survey
from streams.cluster.topic_plan import Change, refused
from streams.cluster.topics import DEFAULT_REPLICATION, cluster_topics, min_insync
from streams.core.definitions import Text

_INTERNAL = ("__consumer_offsets", "__transaction_state")  # of Kafka: what they lose, every commit loses
OPERATOR = Text(
    "look as an operator: `livepool topics acls --operator`",
    "请以 operator 身份查看：`livepool topics acls --operator`",
)


class Replicas(NamedTuple):
    """The copies of one topic-partition."""

    topic: str
    partition: int
    leader: bool
    brokers: tuple[int, ...]  # that should have one
    in_sync: tuple[int, ...]
    min_insync: int


def topic_checks(connection: Connection) -> list[Check]:
    """Look at the topics: as planned, replicated, and may this user do its work."""
    with quick_session(connection) as admin:
        names = [*(topic.name for topic in cluster_topics()), *_INTERNAL]
        described = {topic["name"]: topic for topic in admin.describe_topics(names)}
        denied = [name for name, topic in described.items() if is_denied(topic) and name not in _INTERNAL]
        held = held_rights(admin, described)
        configs: dict[str, Mapping[str, str]] = {}
        try:
            found = survey(admin)
        except ClusterError:  # the settings are hidden: what a worker may know is all there is
            topics = _without_settings(connection)
        else:
            topics = check_topics(found.plan(), denied)
            configs = {name: topic.configs for name, topic in found.existing.items()}
    replicas = _replicas(described, configs)
    return [topics, *([check_replication(replicas)] if replicas else []), check_rights(held)]


def check_topics(changes: Sequence[Change], denied: Sequence[str] = ()) -> Check:
    """Are all topics there, fit together and have the settings of the plan."""
    missing = [change.topic.name for change in changes if change.action == "create" and change.topic.name not in denied]
    if refused(changes):
        return Check(
            "topics",
            "FAIL",
            same("; ".join(reasons(changes))),
            Text("`livepool topics plan`", "`livepool topics plan`"),
        )
    if missing:
        names = some(missing)
        return Check(
            "topics",
            "FAIL",
            Text(f"{len(missing)} missing: {names}", f"缺少 {len(missing)} 个：{names}"),
            Text("make them: `livepool topics apply`", "请创建：`livepool topics apply`"),
        )
    if denied:
        names = some(denied)
        return Check("topics", "WARN", Text(f"hidden from this user: {names}", f"当前用户不可见：{names}"), OPERATOR)
    if different := [change for change in changes if change.action in ("configure", "grow")]:
        names = some(_difference(change) for change in different)
        return Check(
            "topics",
            "WARN",
            Text(f"not as planned: {names}", f"与计划不符：{names}"),
            Text("compare: `livepool topics plan`, then `apply`", "请比较：`livepool topics plan`，然后 `apply`"),
        )
    count = len({change.topic.name for change in changes})
    partitions = max((change.topic.partitions for change in changes), default=0)
    return Check(
        "topics",
        "OK",
        Text(f"{count} as planned, {partitions} partitions", f"{count} 个，与计划一致，{partitions} 个分区"),
    )


def _difference(change: Change) -> str:
    settings = ", ".join(f"{setting.name} {setting.old} ≠ {setting.new}" for setting in change.settings)
    return f"{change.topic.name} ({settings or change.reason})"


def _without_settings(connection: Connection) -> Check:
    try:
        partitions = cluster_partitions(connection)
    except ClusterError as error:
        return Check("topics", "FAIL", same(str(error)))
    return Check(
        "topics",
        "WARN",
        Text(
            f"there, and fit together ({partitions} partitions); their settings are hidden from this user",
            f"齐全且相互匹配（{partitions} 个分区）；当前用户无权查看其配置",
        ),
        OPERATOR,
    )


def _replicas(described: Mapping[str, Any], configs: Mapping[str, Mapping[str, str]]) -> list[Replicas]:
    return [
        Replicas(
            name,
            partition["partition_index"],
            partition["leader_id"] >= 0,
            tuple(partition["replica_nodes"]),
            tuple(partition["isr_nodes"]),
            int(configs.get(name, {}).get("min.insync.replicas", min_insync(len(partition["replica_nodes"])))),
        )
        for name, topic in described.items()
        for partition in topic["partitions"]
    ]


def check_replication(replicas: Sequence[Replicas]) -> Check:
    """Can every partition be written, and does the loss of a disk lose nothing."""
    if stopped := [each for each in replicas if not each.leader or len(each.in_sync) < each.min_insync]:
        names = some(f"{each.topic}/{each.partition}" for each in stopped)
        return Check(
            "replication",
            "FAIL",
            Text(f"{len(stopped)} partitions cannot be written: {names}", f"{len(stopped)} 个分区不可写：{names}"),
            Text("bring their brokers back: too few copies are in sync", "请恢复其 broker：同步副本不足"),
        )
    if behind := [each for each in replicas if set(each.brokers) - set(each.in_sync)]:
        brokers = sorted({broker for each in behind for broker in set(each.brokers) - set(each.in_sync)})
        names, places = ", ".join(map(str, brokers)), some(f"{each.topic}/{each.partition}" for each in behind)
        return Check(
            "replication",
            "WARN",
            Text(
                f"{len(behind)} partitions lack a copy on broker {names}: {places}",
                f"{len(behind)} 个分区在 broker {names} 上缺少同步副本：{places}",
            ),
            Text("is it down? Copies catch up when it is back", "该 broker 是否停机？恢复后副本会自动追上"),
        )
    fewest = min((len(each.brokers) for each in replicas), default=0)
    if few := {each.topic for each in replicas if len(each.brokers) < DEFAULT_REPLICATION}:
        names = "" if len(few) == len({each.topic for each in replicas}) else f": {some(sorted(few))}"
        risk = Text("records are lost with the disk of one broker", "一个 broker 的磁盘损坏即丢失数据")
        if fewest > 1:
            risk = Text("with one broker down a single copy is left", "一个 broker 停机时仅剩一份副本")
        return Check(
            "replication",
            "WARN",
            Text(
                f"{fewest} of {DEFAULT_REPLICATION} copies, {risk.en}{names}",
                f"{fewest} 份副本（应为 {DEFAULT_REPLICATION}），{risk.zh}{names}",
            ),
            Text(
                "run three brokers for more than a trial; `livepool topics plan` names what to move",
                "正式使用请运行三个 broker；`livepool topics plan` 会列出需迁移的主题",
            ),
        )
    needed = min((each.min_insync for each in replicas), default=0)
    return Check(
        "replication",
        "OK",
        Text(f"{fewest} copies, {needed} must be in sync", f"{fewest} 份副本，至少 {needed} 份同步"),
    )
