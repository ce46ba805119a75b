"""The metrics say what the output topics say, and the same whatever the size of a batch."""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from typing import Any

import pytest

from schemas.codec import Rejected
from shows import random_show
from streams.agents.journey import ONE_PER_EVENT
from streams.core.admission import Admission
from streams.core.intake import Arrived, arrive
from streams.core.messages import Message
from streams.core.origin import Origin
from streams.core.packing import Unpacker
from streams.core.register import State
from streams.home import open_log
from streams.transport.log import Log
from telemetry.runs import Samples, gained, of, processed, samples, sent, show

LINES = [*show(), *random_show(3, late=True, size=400)]
# A batch is what these count: one snapshot of a session, one profile of a buyer that it touched.
PER_BATCH = ("batch_", "commit", "room_snapshots", "pool_feedback")
GAUGES = ("assigned", "build", "lag", "last_progress", "live_", "policy", "recovery", "rebalances", "event_lag", "sse_")


@pytest.fixture(scope="module", params=[2000, 31])
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Log, Samples]]:
    """The log of a run, and by how much the metrics have grown in it."""
    settings = sent(tmp_path_factory.mktemp("home"), LINES, request.param)
    before = samples()
    processed(settings)
    with open_log(settings) as log:
        yield log, gained(before)


def data(log: Log, topic: str) -> list[Any]:
    return [json.loads(record.value)["data"] for record in log.read(topic) if record.value]


def sales(log: Log) -> list[Any]:
    last = {record.key: record.value for record in log.read("attributed-sales")}
    return [json.loads(value)["data"] for value in last.values() if value]


def net(found: Samples, credited: str, reversed_: str) -> Counter[Any]:
    """What stands: what was credited without what was taken back."""
    total = Counter(of(found, f"{credited}_total"))
    total.subtract(of(found, f"{reversed_}_total"))
    return Counter({labels: value for labels, value in total.items() if value})


def test_a_show_has_everything_that_is_counted(run):
    _, found = run
    for name in ("duplicates", "dead_letters", "late_evidence", "refunds", "refunded_fen", "sales_reversed"):
        assert sum(of(found, f"{name}_total").values()) > 0, name
    assert {kind for (kind,) in of(found, "duplicates_total")} == {"delivery", "order_paid", "refund"}


def test_events_by_what_became_of_them(run):
    log, found = run
    events = of(found, "events_total")
    assert sum(events.values()) == len(LINES)
    arrived = Counter(event.type for _, event in valid())
    by_type: Counter[str] = Counter()
    for (_, type_), count in events.items():
        by_type[type_] += count
    assert by_type.pop("invalid") == len(LINES) - arrived.total()
    assert by_type == arrived
    outcomes: Counter[str] = Counter()
    for (outcome, _), count in events.items():
        outcomes[outcome] += count
    assert outcomes["accepted"] == kept(log, "admitted", "accepted")
    refused = Counter(reason for _, reason in letters(log))
    del refused["refund_exceeds_paid"]  # accepted events, refused for what they want
    assert outcomes["dead_letter"] == refused.total()
    assert sum(of(found, "duplicates_total").values()) == kept(log, "admitted", "duplicates")
    assert of(found, "duplicates_total")["delivery",] == outcomes["duplicate"]


def test_dead_letters_by_topic_and_reason(run):
    log, found = run
    expected = Counter((reason, topic) for topic, reason in letters(log))
    assert {(reason, topic): count for (reason, topic), count in of(found, "dead_letters_total").items()} == expected


def test_sales_that_stand_by_mode_rule_and_tier(run):
    log, found = run
    count, paid, refunded, of_stores = Counter(), Counter(), Counter(), Counter()
    for sale in sales(log):
        labels = sale["mode"], sale["live"]["rule"], sale["live"]["tier"]
        count[labels] += 1
        paid[labels] += sale["amount_fen"]
        refunded[labels] += sale["refunded_fen"]
        of_stores[sale["store"]["rule"], sale["store"]["tier"]] += sale["amount_fen"]
    assert net(found, "sales", "sales_reversed") == count
    assert net(found, "paid_fen", "paid_reversed_fen") == +paid
    assert net(found, "refunded_fen", "refunded_reversed_fen") == +refunded
    assert net(found, "store_paid_fen", "store_paid_reversed_fen") == +of_stores
    assert of(found, "sale_revisions_total")[()] == sum(1 for _ in log.read("attributed-sales"))


def test_unattributed_fen_are_those_of_the_ledger(run):
    log, found = run
    credited, reversed_ = Counter(), Counter()
    for entry in data(log, "credit-ledger"):
        if entry["party_id"] == "none":
            side = credited if entry["amount_fen"] >= 0 else reversed_
            side[entry["dimension"],] += abs(entry["amount_fen"])
    assert of(found, "unattributed_fen_total") == +credited
    assert of(found, "unattributed_reversed_fen_total") == +reversed_


def test_the_private_pool(run):
    log, found = run
    types = Counter((json.loads(record.value)["type"],) for record in log.read("pool-events") if record.value)
    assert of(found, "pool_events_total") == types
    records = Counter(("profile" if record.value else "deletion",) for record in log.read("pool-feedback"))
    assert of(found, "pool_feedback_total") == records
    assert of(found, "pool_feedback_age_seconds_count")[()] == records.total()
    assert of(found, "refunds_total")[()] >= types["buyer.refunded",] > 0  # nobody is told of those without a name
    assert of(found, "late_evidence_total")[()] == kept(log, "journeyed", "late_evidence")


def test_the_event_lag_counts_each_event_of_a_buyer_or_session_once(run):
    _, found = run
    messages = [message for _, message in admitted()]
    events = {(m.time, m.type, m.seq) if hasattr(m, "seq") else (m.source, m.id) for m in messages
              if isinstance(m, ONE_PER_EVENT)}  # fmt: skip
    assert of(found, "event_lag_seconds_count")[()] == of(found, "event_lag_seconds_bucket")["+Inf",] == len(events)


def test_batches_and_commits(run):
    log, found = run
    batches = of(found, "batch_records_count")
    sizes = of(found, "batch_records_sum")
    assert sizes.pop(("board",)) >= batches["board",]
    assert sizes == {("intake",): len(LINES), ("identity",): len(valid()), ("journey",): len(admitted())}
    assert kept(log, "journeyed", "taken") == len(admitted())
    assert of(found, "batch_duration_seconds_count") == batches
    committed = of(found, "commits_total")[()]
    assert committed == of(found, "commit_duration_seconds_count")[()]
    # What one batch became goes through all agents in one transaction; no agent has two batches in it.
    assert max(batches.values()) <= committed < sum(batches.values())
    assert of(found, "commit_failures_total") == {}


def test_counts_are_the_same_whatever_the_size_of_a_batch(tmp_path):
    grown = []
    for size in (7, 500):
        settings = sent(tmp_path / str(size), LINES[-800:], size)
        before = samples()
        processed(settings)
        found = gained(before)
        grown.append({key: by for key, by in found.items() if not key[0].startswith((*PER_BATCH, *GAUGES))})
    assert grown[0] == grown[1]
    assert len(grown[0]) > 50


@cache
def valid() -> list[Arrived]:
    """The lines that are events."""
    found = []
    for line in LINES:
        with suppress(Rejected):
            found.append(arrive(line, Origin("live-room", 0, 0)))
    return found


@cache
def admitted() -> list[tuple[str | None, Message]]:
    """What the journeys are told of them."""
    admission = Admission(State({}, {}, {}, {}, {}, {}, {}))
    for number, (arrival, event) in enumerate(valid()):
        admission.admit(event, arrival, number)
    return admission.routes


def kept(log: Log, table: str, key: str) -> int:
    value = log.state_get(table, None, key.encode())
    return Unpacker(int)(value) if value else 0


def letters(log: Log) -> list[tuple[str, str]]:
    headers = [dict(reversed(record.headers)) for record in log.read("dead-letters")]
    return [(found["topic"].decode(), found["reason"].decode()) for found in headers]
