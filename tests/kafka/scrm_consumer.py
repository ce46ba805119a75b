"""An SCRM's own copy of the private pool, kept up from Kafka: `python scrm_consumer.py BROKERS FILE.db`.

It needs kafka-python and nothing of Livepool. What makes the copy right:
- `read_committed`: what a batch of Livepool wrote is seen whole or not at all;
- the copy's position is in the copy, changed in one transaction with it, so a crash repeats nothing;
- should something be read again all the same (a position lost, topics read anew), it changes nothing: an event is
  known by its `id`, a profile by the offset that it came from, and a deleted buyer stays deleted.
"""

import json
import sqlite3
import sys

from kafka import KafkaConsumer, TopicPartition

SCHEMA = """
CREATE TABLE IF NOT EXISTS profiles (buyer_id TEXT PRIMARY KEY, place INTEGER NOT NULL, stage TEXT, profile TEXT);
CREATE TABLE IF NOT EXISTS events (id TEXT PRIMARY KEY, type TEXT NOT NULL, buyer_id TEXT NOT NULL, data TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS positions (topic TEXT, partition INTEGER, next INTEGER, PRIMARY KEY (topic, partition));
"""
UPSERT = """
INSERT INTO profiles VALUES (:buyer_id, :place, :stage, :profile)
ON CONFLICT DO UPDATE SET place = :place, stage = :stage, profile = :profile WHERE :place > place
"""


def apply(copy: sqlite3.Connection, record) -> None:
    """Take one record into the copy."""
    event = json.loads(record.value) if record.value is not None else None
    if record.topic == "pool-feedback":
        # No value: the buyer was merged into another one, or has asked to be forgotten. The row stays, empty.
        stage = event["data"]["stage"] if event else None
        row = {"buyer_id": record.key.decode(), "place": record.offset, "stage": stage}
        copy.execute(UPSERT, {**row, "profile": json.dumps(event["data"]) if event else None})
    else:
        row = (event["id"], event["type"], event["data"]["buyer_id"], json.dumps(event["data"]))
        copy.execute("INSERT OR IGNORE INTO events VALUES (?, ?, ?, ?)", row)
        # Here an SCRM greets a new member, or pays the guide a commission: once per id.


def main(brokers: str, path: str) -> None:
    """Follow both topics for ever."""
    copy = sqlite3.connect(path)
    copy.executescript(SCHEMA)
    consumer = KafkaConsumer(
        bootstrap_servers=brokers.split(","), isolation_level="read_committed", enable_auto_commit=False
    )
    topics = ("pool-feedback", "pool-events")
    tps = [TopicPartition(topic, number) for topic in topics for number in consumer.partitions_for_topic(topic)]
    consumer.assign(tps)
    consumer.seek_to_beginning()
    for topic, partition, position in copy.execute("SELECT * FROM positions"):
        consumer.seek(TopicPartition(topic, partition), position)
    while True:
        for tp, records in consumer.poll(timeout_ms=200).items():
            with copy:
                for record in records:
                    apply(copy, record)
                copy.execute("REPLACE INTO positions VALUES (?, ?, ?)", (*tp[:2], records[-1].offset + 1))


if __name__ == "__main__":
    main(*sys.argv[1:])
