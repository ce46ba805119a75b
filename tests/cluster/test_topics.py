"""The topic table of a cluster, and the plan from what is there to what should be."""

import pytest

from schemas.topics import TOPICS
from streams import topology
from streams.cluster.topic_admin import TopicsRefusedError, apply, reasons
from streams.cluster.topic_plan import ExistingTopic, plan, refused, to_do
from streams.cluster.topics import REPLAYED, changelog, cluster_topics

DAY = 86_400_000
TABLE = {topic.name: topic for topic in cluster_topics(8, 3)}


def existing(topics, **changes):
    """The topics as a cluster has them that was made from the table; `changes` by name with `_` for `-`."""
    found = {t.name: ExistingTopic(t.name, t.partitions, t.replication, dict(t.configs)) for t in topics}
    for name, change in changes.items():
        topic = found[name.replace("_", "-")]
        configs = dict(topic.configs) | change.pop("configs", {})
        found[topic.name] = topic._replace(configs=configs, **change)
    return found


def actions(changes):
    return {change.topic.name: change.action for change in changes if change.action != "keep"}


def test_the_table_has_every_topic_and_every_changelog_and_no_other():
    changelogs = {changelog(table) for agent in topology.AGENTS for table in agent.keeps}
    assert set(TABLE) == set(TOPICS) | changelogs | {REPLAYED}
    assert "livepool-buyers-changelog" in TABLE


def test_an_agents_topics_and_changelogs_have_the_same_number_of_partitions():
    for agent in topology.AGENTS:
        for table in agent.keeps:
            assert TABLE[changelog(table)].partitions == TABLE[agent.reads[0]].partitions
    assert {name for name, topic in TABLE.items() if topic.partitions == 1} == {
        "arrivals", "dead-letters", REPLAYED, *(changelog(table) for table in topology.IDENTITY.keeps),
    }  # fmt: skip


def test_retention_is_that_of_the_contract_and_internal_topics_outlive_the_inputs():
    for name, topic in TOPICS.items():
        configs = TABLE[name].configs
        assert configs["cleanup.policy"] == ("compact" if topic.compacted else "delete")
        if topic.kind == "internal" and not topic.compacted:
            assert int(configs["retention.ms"]) == 7 * DAY == TOPICS["checkout"].retention_ms
        elif not topic.compacted:
            assert configs["retention.ms"] == str(-1 if topic.retention_ms is None else topic.retention_ms)


def test_what_a_step_passes_on_fits_into_the_next_topic():
    size = {name: int(topic.configs["max.message.bytes"]) for name, topic in TABLE.items()}
    for agent in topology.AGENTS:
        assert max(size[name] for name in agent.reads) <= min(size[name] for name in agent.writes)
    assert {size[changelog(table)] for agent in topology.AGENTS for table in agent.keeps} == {16 << 20}


@pytest.mark.parametrize(("replication", "in_sync"), [(1, "1"), (2, "1"), (3, "2"), (5, "2")])
def test_one_replica_may_be_down_when_there_are_three(replication, in_sync):
    assert {topic.configs["min.insync.replicas"] for topic in cluster_topics(1, replication)} == {in_sync}


def test_a_new_cluster_gets_all_and_a_second_plan_is_empty():
    wanted = list(TABLE.values())
    changes = plan(wanted, {})
    assert [change.topic for change in to_do(changes)] == wanted
    assert not to_do(plan(wanted, existing(wanted)))


def test_numbers_are_compared_as_numbers():
    found = existing(TABLE.values(), livepool_buyers_changelog={"configs": {"min.cleanable.dirty.ratio": "0.20"}})
    assert actions(plan(TABLE.values(), found)) == {}


def test_a_setting_that_differs_is_changed_and_only_that():
    found = existing(TABLE.values(), checkout={"configs": {"message.timestamp.type": "CreateTime", "flush.ms": "7"}})
    (change,) = to_do(plan(TABLE.values(), found))
    assert (change.action, change.topic.name) == ("configure", "checkout")
    assert change.settings == (("message.timestamp.type", "CreateTime", "LogAppendTime"),)
    assert not change.loses


@pytest.mark.parametrize(
    ("topic", "configs", "loses"),
    [
        ("pool_events", {"retention.ms": str(31 * DAY)}, True),
        ("pool_events", {"retention.ms": "-1"}, True),
        ("pool_events", {"retention.ms": str(29 * DAY)}, False),
        ("credit_ledger", {"retention.ms": str(29 * DAY)}, False),
        ("credit_ledger", {"cleanup.policy": "compact"}, True),
        ("credit_ledger", {"retention.bytes": "1000"}, False),
        ("room_metrics", {"cleanup.policy": "delete"}, True),
    ],
)
def test_what_may_delete_records_is_named_and_not_done_unasked(topic, configs, loses):
    changes = plan(TABLE.values(), existing(TABLE.values(), **{topic: {"configs": configs}}))
    (change,) = to_do(changes)
    assert change.loses == loses
    if loses:
        with pytest.raises(TopicsRefusedError, match="records may be deleted"):
            apply(None, changes)


def test_partitions_are_decided_once():
    changes = plan(cluster_topics(16, 3), existing(TABLE.values()))
    assert not to_do(changes)
    assert {change.topic.name for change in refused(changes)} == {
        name for name, topic in TABLE.items() if topic.partitions == 8
    }
    (reason,) = {change.reason for change in refused(changes) if "state" in change.reason}
    assert "has 8 partitions, not 16" in reason
    assert "a new cluster" in reason


def test_partitions_are_not_taken_away():
    (reason,) = reasons(plan(cluster_topics(4, 3), existing(TABLE.values())))
    assert "has 8 partitions, not 4: Kafka cannot take partitions away" in reason
    assert reason.startswith("live-room, ")


def test_a_topic_without_keys_may_get_more():
    wanted = [topic._replace(partitions=2) if topic.name == "dead-letters" else topic for topic in TABLE.values()]
    assert actions(plan(wanted, existing(TABLE.values()))) == {"dead-letters": "grow"}


@pytest.mark.parametrize("missing", ["livepool-rooms-changelog", "room-deltas"])
def test_a_changelog_that_does_not_fit_its_topic_is_refused(missing):
    """Also when the one of the two that is missing would be made with the number that was asked for."""
    found = existing(TABLE.values(), room_deltas={"partitions": 4}, livepool_rooms_changelog={"partitions": 4},
                     livepool_recent_changelog={"partitions": 4})  # fmt: skip
    del found[missing]
    (change,) = [c for c in refused(plan(TABLE.values(), found)) if c.topic.name == "livepool-rooms-changelog"]
    assert "room-deltas, of which it keeps the state" in change.reason


def test_with_a_refusal_nothing_is_done():
    found = existing(TABLE.values(), journeys={"partitions": 4})
    del found["checkout"]
    with pytest.raises(TopicsRefusedError, match="journeys: has 4 partitions"):
        apply(None, plan(TABLE.values(), found))


def test_replicas_are_named_and_not_moved_and_writes_go_on():
    found = existing(TABLE.values())
    found = {
        name: topic._replace(replication=1, configs={**topic.configs, "min.insync.replicas": "1"})
        for name, topic in found.items()
    }
    changes = plan(TABLE.values(), found)
    assert set(actions(changes).values()) == {"note"}
    assert not to_do(changes)  # two in sync of one replica would refuse every write
    assert "kafka-reassign-partitions" in changes[0].reason
    changes = plan(cluster_topics(8, 1), existing(TABLE.values()))
    assert not to_do(changes)  # and three replicas are not made worth less
    assert set(actions(changes).values()) == {"note"}
