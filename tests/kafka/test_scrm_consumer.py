"""The SCRM's copy is right, whatever happens to the SCRM's consumer, and whatever it reads again."""

import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from faults import lines
from faults.workers import Workers
from streams.cluster.connection import VARIABLES, Connection
from streams.cluster.lag import Lag
from streams.cluster.log_reader import LogReader
from streams.cluster.sender import Sender
from streams.cluster.topic_admin import apply_topics

SCRIPT = Path(__file__).with_name("scrm_consumer.py")
EVENTS = 3_000


def scrm(connection: Connection, copy: Path) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, str(SCRIPT), connection.brokers, str(copy)])


def until(condition: Callable[[], Any], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "the condition did not come true in time"
        time.sleep(0.1)


def expected(connection: Connection) -> tuple[dict[str, Any], dict[str, Any]]:
    """Profiles and events as the topics say."""
    profiles, events = {}, {}
    with LogReader(connection) as reader:
        for record in reader.read("pool-feedback"):
            profiles[record.key.decode()] = json.loads(record.value)["data"] if record.value else None
        for record in reader.read("pool-events"):
            event = json.loads(record.value)
            assert events.setdefault(event["id"], event["data"]) == event["data"]
    return {buyer: profile for buyer, profile in profiles.items() if profile}, events


def held(copy: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    with sqlite3.connect(copy) as database:
        try:
            profiles = database.execute("SELECT buyer_id, profile FROM profiles WHERE profile IS NOT NULL").fetchall()
            events = database.execute("SELECT id, data FROM events").fetchall()
        except sqlite3.OperationalError:  # the consumer has not made its tables yet
            return {}, {}
    return {key: json.loads(value) for key, value in profiles}, {key: json.loads(value) for key, value in events}


def test_the_copy_is_right_over_kills_and_when_everything_is_read_again(empty_brokers, tmp_path):
    connection = empty_brokers
    apply_topics(connection, 2)
    copy = tmp_path / "scrm.db"
    with Workers(tmp_path, {VARIABLES["brokers"]: connection.brokers}) as workers, Sender(connection) as sender:
        workers.add()
        sent = lines.show(EVENTS)
        consumer = scrm(connection, copy)
        for start in range(0, EVENTS, EVENTS // 5):
            sender.send(sent[number].output(number) for number in range(start, start + EVENTS // 5))
            sender.flush()
            seen = len(held(copy)[1])
            until(lambda seen=seen: len(held(copy)[1]) > seen)
            consumer.kill()
            consumer.wait()
            consumer = scrm(connection, copy)
        with Lag(connection) as lag:
            until(lag.drained, 120)
    wanted = expected(connection)
    assert all(map(len, wanted))
    until(lambda: held(copy) == wanted)
    consumer.kill()
    consumer.wait()
    with sqlite3.connect(copy) as database:
        database.execute("DELETE FROM positions")
    consumer = scrm(connection, copy)
    try:
        until(lambda: _positions(copy) and held(copy) == wanted)
    finally:
        consumer.kill()
        consumer.wait()


def _positions(copy: Path) -> int:
    with sqlite3.connect(copy) as database:
        count: int = database.execute("SELECT count(*) FROM positions").fetchone()[0]
    return count
