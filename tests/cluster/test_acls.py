"""The rights of each role: what it needs, and nothing that it does not."""

import shlex

import orjson
import pytest
from click.testing import CliRunner

from schemas.topics import TOPICS
from streams import topology
from streams.cli import main
from streams.cluster.acls import ROLES, acls, commands
from streams.cluster.topics import changelog, cluster_topics


def rights(role):
    """(resource, name) -> operations; a prefix ends with `*`."""
    found = acls({role: ["User:x"]})
    return {(acl.resource, acl.name + "*" * acl.prefixed): set(acl.operations) for acl in found}


def topics_with(role, operation):
    return {name for (kind, name), operations in rights(role).items() if kind == "topic" and operation in operations}


def test_a_worker_reads_and_writes_what_the_topology_says():
    changelogs = {changelog(table) for agent in topology.AGENTS for table in agent.keeps}
    internal = {name for name, topic in TOPICS.items() if topic.kind == "internal"}
    outputs = {name for name, topic in TOPICS.items() if topic.kind == "output"}
    assert topics_with("worker", "Read") == {*topology.INPUTS, *topology.VIEWED} | internal | changelogs
    assert topics_with("board", "Read") == topics_with("worker", "Read")
    assert not topics_with("board", "Write")
    assert topics_with("worker", "Write") == outputs | internal | changelogs
    assert rights("worker")["group", "livepool"] == {"Read", "Describe"}
    assert rights("worker")["transactional-id", "livepool-*"] == {"Write", "Describe"}


def test_consumers_read_their_topics_in_groups_of_their_own():
    assert topics_with("scrm", "Read") == {"pool-feedback", "pool-events"}
    assert topics_with("finance", "Read") == topics_with("analyst", "Read") == {"attributed-sales", "credit-ledger"}
    for role in ("scrm", "finance", "analyst"):
        assert not topics_with(role, "Write")
        assert [name for kind, name in rights(role) if kind != "topic"] == [f"{role}-*"]


def test_a_producer_writes_inputs_and_reads_nothing():
    assert topics_with("producer", "Write") == {*topology.INPUTS}
    assert not topics_with("producer", "Read")


def test_an_operator_writes_nothing_but_replays():
    assert topics_with("operator", "Write") == {*topology.INPUTS, "dead-letters-replayed"}
    assert topics_with("operator", "Describe") == {topic.name for topic in cluster_topics()}
    assert rights("operator")["group", "livepool"] == {"Describe"}  # it cannot move the worker's offsets


@pytest.mark.parametrize("role", ROLES)
def test_no_role_has_a_wildcard_or_a_right_that_it_does_not_need(role):
    found = rights(role)
    assert all(name not in ("*", "") for _, name in found)
    assert all(kind in ("topic", "group", "transactional-id") for kind, _ in found)
    operations = set().union(*found.values())
    assert not operations & {"All", "ClusterAction", "Delete"}
    assert bool(operations & {"Create", "Alter", "AlterConfigs"}) == (role == "admin")


def test_roles_of_one_principal_are_united():
    both = acls({"scrm": ["User:x"], "producer": ["User:x", "User:y"]})
    assert {acl.principal for acl in both} == {"User:x", "User:y"}
    assert len({(acl.principal, acl.resource, acl.name) for acl in both}) == len(both)


def test_commands_say_the_same():
    said = set()
    for line in commands(acls({"scrm": ["User:CN=a$b"]})):
        words = shlex.split(line)
        values = dict(zip(words[1::2], words[2::2], strict=True))
        assert values["--allow-principal"] == "User:CN=a$b"
        prefixed = values.get("--resource-pattern-type") == "prefixed"
        pairs = list(zip(words[1::2], words[2::2], strict=True))
        operations = [value for name, value in pairs if name == "--operation"]
        said |= {
            (kind[2:], name + "*" * prefixed, operation)
            for kind, name in pairs if kind in ("--topic", "--group")
            for operation in operations
        }  # fmt: skip
    meant = {(kind, name, operation) for (kind, name), operations in rights("scrm").items() for operation in operations}
    assert said == meant


def test_the_command_prints_for_people_and_machines():
    shown = CliRunner().invoke(main, ["topics", "acls", "--scrm", "User:scrm"])
    assert shown.exit_code == 0
    assert shown.stdout.startswith("kafka-acls.sh --bootstrap-server")
    data = orjson.loads(CliRunner().invoke(main, ["topics", "acls", "--scrm", "User:scrm", "--json"]).stdout)
    assert {entry["name"] for entry in data} == {"pool-feedback", "pool-events", "scrm-"}


@pytest.mark.parametrize("arguments", [[], ["--worker", "livepool"], ["--worker", "User:*"]])
def test_the_command_wants_principals(arguments):
    assert CliRunner().invoke(main, ["topics", "acls", *arguments]).exit_code == 2
