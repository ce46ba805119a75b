"""The metrics of a worker on Kafka: what the topics say, over several partitions, and over a start from nothing."""

import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from cli.homes import livepool
from streams.cluster.connection import VARIABLES, Connection
from streams.cluster.log_reader import LogReader
from streams.cluster.topic_admin import apply_topics
from streams.settings import Settings
from telemetry.runs import gained, of, processed, samples, show

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(120)]
PARTITIONS = 3


def test_a_worker_on_kafka(empty_brokers: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    apply_topics(empty_brokers, PARTITIONS)
    lines = show(1500)
    file = tmp_path / "show.ndjson"
    file.write_bytes(b"".join(line + b"\n" for line in lines))
    monkeypatch.setenv(VARIABLES["brokers"], empty_brokers.brokers)
    settings = Settings(home=tmp_path / "worker", connection=empty_brokers, bad_fuse=False)

    before = samples()
    livepool("send", file)
    processed(settings)
    shutil.rmtree(settings.home)
    first = gained(before)
    livepool("send", file)  # everything once more, to a worker that has lost its state
    processed(settings)
    both = gained(before)

    assert sum(of(first, "events_total").values()) == len(lines)
    assert sum(of(both, "events_total").values()) == 2 * len(lines)
    accepted = [sum(by for (outcome, _), by in of(found, "events_total").items() if outcome == "accepted")
                for found in (first, both)]  # fmt: skip
    assert accepted[0] == accepted[1]  # of the second time all were duplicates, or refused again
    assert of(both, "rebalances_total")[()] >= 2
    assert of(both, "recovery_seconds_count")[()] == 2
    assert of(samples(), "recovery_in_progress")[()] == 0
    assert of(samples(), "recovery_left_offsets")[()] == 0
    assert of(both, "commits_total")[()] == sum(of(both, "batch_records_count").values())
    assert of(both, "commit_failures_total") == {}

    with LogReader(empty_brokers) as reader:
        last = {record.key: record.value for record in reader.read("attributed-sales")}
        sales = [json.loads(value)["data"] for value in last.values() if value]
        letters = sum(1 for _ in reader.read("dead-letters"))
    paid: Counter[Any] = Counter()
    for sale in sales:
        paid[sale["mode"], sale["live"]["rule"], sale["live"]["tier"]] += sale["amount_fen"]
    standing = Counter(of(both, "paid_fen_total"))
    standing.subtract(of(both, "paid_reversed_fen_total"))
    assert +standing == +paid
    assert paid.total() > 0
    assert sum(of(both, "dead_letters_total").values()) == letters
