"""The topics as code, on real brokers: what is planned is made, and made once."""

import os
import signal
import time
from collections.abc import Iterator
from threading import Timer

import orjson
import pytest
from click.testing import CliRunner, Result
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType

from streams.cli import main
from streams.cluster.brokers import Cluster
from streams.cluster.connection import VARIABLES, ClusterError, Connection
from streams.cluster.session import admin_session
from streams.cluster.topic_admin import TopicsRefusedError, apply_topics, create, existing_topics, survey
from streams.cluster.topic_plan import to_do
from streams.cluster.topics import ClusterTopic, cluster_topics

pytestmark = pytest.mark.kafka


@pytest.fixture
def admin(empty_brokers: Connection) -> Iterator[KafkaAdminClient]:
    with admin_session(empty_brokers) as client:
        yield client


def livepool(connection: Connection, *args: str, code: int = 0) -> Result:
    environment = dict.fromkeys((name for name in os.environ if name.startswith("LIVEPOOL_")), "")
    environment |= {"LANG": "C", "LC_ALL": "", "COLUMNS": "160", VARIABLES["brokers"]: connection.brokers}
    result = CliRunner(env=environment).invoke(main, args)
    assert result.exit_code == code, (result.output, result.exception)
    return result


def configure(admin: KafkaAdminClient, topic: str, **configs: str) -> None:
    values = {name.replace("_", "."): value for name, value in configs.items()}
    answer = admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, values)])
    assert set(answer["topic"].values()) == {"OK"}
    while not values.items() <= existing_topics(admin, [topic])[topic].configs.items():
        time.sleep(0.02)  # brokers learn of it a moment later


def test_every_topic_is_made_as_planned_and_a_second_time_nothing(
    empty_brokers: Connection, admin: KafkaAdminClient
) -> None:
    made = apply_topics(empty_brokers, partitions=3)
    wanted = {topic.name: topic for topic in cluster_topics(3, 1)}
    assert [change.topic.name for change in made] == list(wanted)
    found = existing_topics(admin, wanted)
    for name, topic in wanted.items():
        assert (found[name].partitions, found[name].replication) == (topic.partitions, 1)
        assert {key: found[name].configs[key] for key in topic.configs} == topic.configs
    assert apply_topics(empty_brokers, partitions=3) == []
    assert apply_topics(empty_brokers) == []  # and the count is known from the cluster


def test_what_was_made_by_hand_is_completed(empty_brokers: Connection, admin: KafkaAdminClient) -> None:
    admin.create_topics({"checkout": {"num_partitions": 2, "replication_factor": 1}}, wait_for_metadata=True)
    done = {change.topic.name: change for change in apply_topics(empty_brokers, partitions=2)}
    assert done["checkout"].action == "configure"
    assert ("message.timestamp.type", "CreateTime", "LogAppendTime") in done["checkout"].settings
    assert len(done) == len(cluster_topics())
    assert apply_topics(empty_brokers) == []


def test_a_shorter_retention_needs_a_yes(empty_brokers: Connection, admin: KafkaAdminClient) -> None:
    apply_topics(empty_brokers, partitions=1)
    configure(admin, "pool-events", retention_ms=str(90 * 86_400_000))
    configure(admin, "live-room", min_insync_replicas="2")
    with pytest.raises(TopicsRefusedError, match="pool-events: records may be deleted"):
        apply_topics(empty_brokers)
    assert existing_topics(admin, ["live-room"])["live-room"].configs["min.insync.replicas"] == "2"  # nothing was done
    done = apply_topics(empty_brokers, may_lose=True)
    assert [(change.topic.name, change.settings[0].new) for change in done] == [
        ("live-room", "1"), ("pool-events", str(30 * 86_400_000)),
    ]  # fmt: skip


def test_a_changelog_that_a_broker_made_by_itself_is_refused(
    empty_brokers: Connection, admin: KafkaAdminClient
) -> None:
    admin.create_topics(
        {"livepool-buyers-changelog": {"num_partitions": 1, "replication_factor": 1}}, wait_for_metadata=True
    )
    with pytest.raises(TopicsRefusedError, match="livepool-buyers-changelog: has 1 partitions, and journeys"):
        apply_topics(empty_brokers, partitions=2)
    assert "journeys" not in admin.list_topics()


def test_more_replicas_than_brokers(admin: KafkaAdminClient) -> None:
    assert survey(admin).replication == 1
    with pytest.raises(ClusterError, match="2 replicas need 2 brokers, 1 are up"):
        survey(admin, replication=2)


def test_brokers_that_stood_still_are_waited_for(admin: KafkaAdminClient, brokers: Cluster) -> None:
    create(admin, [ClusterTopic("before", 1, 1, {}, keyed=True)])
    (pid,) = brokers.running().values()
    os.kill(pid, signal.SIGSTOP)
    time.sleep(10)  # the controller gives up a broker after 9 s, and takes it back when it is heard of again
    Timer(1, lambda: os.kill(pid, signal.SIGCONT)).start()
    create(admin, [ClusterTopic("after", 1, 1, {}, keyed=True)])  # the first that the broker hears
    assert {"before", "after"} <= set(admin.list_topics())


def test_the_command_plans_and_applies(empty_brokers: Connection) -> None:
    planned = livepool(empty_brokers, "topics", "plan", "--partitions", "2", "--json", code=2)
    plan = orjson.loads(planned.stdout)
    assert (plan["partitions"], plan["replication"], plan["brokers"]) == (2, 1, 1)
    assert {change["action"] for change in plan["changes"]} == {"create"}
    assert "1 replica(s) of each record instead of 3" in planned.stderr
    applied = livepool(empty_brokers, "topics", "apply", "--partitions", "2").stdout
    assert all(topic.name in applied for topic in cluster_topics())
    assert "nothing to do" in livepool(empty_brokers, "topics", "apply").stdout
    livepool(empty_brokers, "topics", "plan")
    refused = livepool(empty_brokers, "topics", "plan", "--partitions", "4", code=1)
    assert "with more, keys would move away from their state" in " ".join(refused.stdout.split())
    livepool(empty_brokers, "topics", "apply", "--partitions", "1", code=1)


def test_the_command_asks_before_records_are_deleted(empty_brokers: Connection, admin: KafkaAdminClient) -> None:
    apply_topics(empty_brokers, partitions=1)
    configure(admin, "credit-ledger", cleanup_policy="compact")
    said = livepool(empty_brokers, "topics", "apply", code=1)
    assert "cleanup.policy: compact → delete (may delete records)" in said.stdout
    assert "--yes" in said.stderr
    livepool(empty_brokers, "topics", "apply", "--yes")
    livepool(empty_brokers, "topics", "plan")


def test_three_brokers_hold_three_copies_of_which_two_are_in_sync(three_brokers: Cluster) -> None:
    connection = three_brokers.connection()
    apply_topics(connection, partitions=2)
    with admin_session(connection) as admin:
        found = survey(admin)
        assert (found.brokers, found.replication) == (3, 3)
        assert {topic.replication for topic in found.existing.values()} == {3}
        assert {topic.configs["min.insync.replicas"] for topic in found.existing.values()} == {"2"}
        assert not to_do(found.plan())
        assert to_do(survey(admin, replication=1).plan()) == []
