"""The commands that look, on a cluster and on one machine: the same answers for the same input."""

import time
from pathlib import Path
from typing import Any

import orjson
import pytest

from cli.homes import as_json, livepool
from streams.cluster.connection import VARIABLES, ClusterError, Connection
from streams.cluster.log_reader import LogReader
from streams.cluster.sender import Sender, key_of
from streams.cluster.topic_admin import apply_topics
from streams.settings import Settings
from streams.show import generate
from streams.transport.batches import Output, partition_of
from system.runs import Home
from web.serving import served
from web.test_service import Worker, get, until

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(120)]
START = 1_793_534_400_000  # 2026-11-01 12:00 UTC
EVENTS = 1500
PARTITIONS = 3
OUTPUTS = ("attributed-sales", "credit-ledger", "pool-feedback", "pool-events", "room-metrics", "dead-letters")


@pytest.fixture
def on_cluster(empty_brokers: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Connection:
    """Commands without --home look at a cluster that has processed a show; `tmp_path/show.ndjson` is the show."""
    apply_topics(empty_brokers, PARTITIONS)
    show = tmp_path / "show.ndjson"
    show.write_bytes(b"".join(line + b"\n" for line in generate(EVENTS, 3, START)))
    monkeypatch.setenv(VARIABLES["brokers"], empty_brokers.brokers)
    livepool("send", show)
    monkeypatch.setenv("LIVEPOOL_HOME", str(tmp_path / "worker"))
    livepool("worker", "--drain")
    return empty_brokers


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same show, processed on one machine in the order in which it was sent; ask for it first."""
    monkeypatch.delenv(VARIABLES["brokers"], raising=False)
    found = Home(tmp_path / "home")
    found.send(generate(EVENTS, 3, START))
    found.drain()
    return found.path


def test_answers_are_those_of_one_machine(home: Path, on_cluster: Connection) -> None:
    here, there = as_json("rooms", "--home", home), as_json("rooms")
    assert here
    assert there == here
    assert as_json("rooms", "--by", "store") == as_json("rooms", "--by", "store", "--home", home)
    audit, expected = as_json("audit"), as_json("audit", "--home", home)
    for told in (audit, expected):
        del told["entries"]  # of several decisions on the way, by the order of arrival
    assert audit == expected
    assert audit["ok"]
    assert audit["order_book"]["lines"] == audit["sales"] > 50


def test_an_order_and_a_buyer(home: Path, on_cluster: Connection) -> None:
    sales = tailed("attributed-sales")
    for sale in list(sales.values())[::20]:
        asked = ("explain", sale["order_id"], "--carrier", sale["carrier"])
        assert without_history(as_json(*asked)) == without_history(as_json(*asked, "--home", home))
        assert as_json("buyer", sale["buyer_id"])["buyer_id"] == sale["buyer_id"]
    livepool("explain", "no-such-order", code=1)


def without_history(told: Any) -> Any:
    """What it came to; by which revisions depends on the order of arrival."""
    if isinstance(told, dict):
        return {key: without_history(value) for key, value in told.items() if key not in ("revision", "history")}
    return [without_history(value) for value in told] if isinstance(told, list) else told


def tailed(topic: str) -> dict[str, Any]:
    lines = map(orjson.loads, livepool("tail", topic, "--drain").stdout.splitlines())
    return {line["data"]["sale_id"]: line["data"] for line in lines}


@pytest.mark.parametrize("topic", OUTPUTS)
def test_nothing_to_look_at(topic: str, empty_brokers: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLES["brokers"], empty_brokers.brokers)
    assert "livepool topics apply" in livepool("tail", topic, "--drain", code=1).stderr
    apply_topics(empty_brokers, 1)
    assert livepool("tail", topic, "--drain").stdout == ""


def test_events_are_sent_under_the_keys_of_the_contract(on_cluster: Connection, tmp_path: Path) -> None:
    lines = (tmp_path / "show.ndjson").read_bytes().splitlines()
    with LogReader(on_cluster) as reader:
        sent = [record for topic in ("live-room", "qr-scan", "checkout", "commands") for record in reader.read(topic)]
    assert sorted(record.value or b"" for record in sent) == sorted(lines)
    for record in sent:
        assert record.key == key_of(record.value or b"")
        if record.key is not None:
            assert record.partition == partition_of(record.key, PARTITIONS)


def test_what_was_not_sent_is_an_error(empty_brokers: Connection) -> None:
    with Sender(empty_brokers) as sender, pytest.raises(ClusterError, match="livepool topics apply"):
        sender.send([Output("live-room", None, b"{}")])


def test_follows(on_cluster: Connection) -> None:
    """As `tail` does without --drain: what is there, then what comes."""
    with LogReader(on_cluster) as reader:
        expected = [record.value for record in reader.read("dead-letters")]
        followed = reader.follow("dead-letters")
        found: list[bytes | None] = []
        while len(found) < len(expected):
            found += [record.value for record in next(followed)]
        assert found == expected
        with Sender(on_cluster) as sender:
            sender.send([Output("dead-letters", None, b"new")])
            sender.flush()
        while len(found) == len(expected):
            found += [record.value for record in next(followed)]
        assert found[-1] == b"new"


def test_the_board_of_a_cluster_is_that_of_one_machine(home: Path, on_cluster: Connection, tmp_path: Path) -> None:
    """Its read model is in a folder of its own, and follows a worker that goes on."""
    here, there = Settings(home), Settings(tmp_path / "board", connection=on_cluster)
    with served(here) as one, served(there) as other:
        assert other.ask("/readyz").status == 200
        for path in ("rooms", "stores", "anchors", "modes"):
            assert other.get(path) == one.get(path)
        rooms = one.get("rooms")["rooms"]
        assert rooms
        for room in rooms:
            answers = [asked.get("rooms", room["session_id"]) for asked in (one, other)]
            for answer in answers:
                del answer["version"], answer["as_of"], answer["problems"]["dead_letters_10m"]
            assert answers[0] == answers[1]
        sale = one.get("rooms", rooms[0]["session_id"], "sales")["sales"][0]
        told = [asked.get("orders", sale["order_id"], carrier=sale["carrier"]) for asked in (one, other)]
        for answer in told:
            del answer["text"]
        assert without_history(told[0]) == without_history(told[1])
        with Sender(on_cluster) as sender:
            sender.send([Output("dead-letters", None, b"new", (("reason", b"bad_json"),))])
            sender.flush()
        before = one.get("status")["dead_letters"]
        until = time.monotonic() + 30
        while other.get("status")["dead_letters"] == before:
            assert time.monotonic() < until
            time.sleep(0.1)
    with served(there) as again:
        assert again.get("status")["dead_letters"] == before | {"bad_json": before["bad_json"] + 1}


def test_a_worker_of_a_cluster_serves_its_board(home: Path, on_cluster: Connection, tmp_path: Path) -> None:
    environment = {VARIABLES["brokers"]: on_cluster.brokers}
    with Worker(tmp_path / "another", "worker", **environment) as worker:
        until(lambda: get(worker.address, "api/v1/status")["ready"], True)
        assert "ready: " in worker.said.read_text()  # what the consumer says when it has its partitions
        with served(Settings(home)) as one:
            assert get(worker.address, "api/v1/rooms") == one.get("rooms")
