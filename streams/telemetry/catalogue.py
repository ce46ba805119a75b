"""Every metric: its name, what it means, its labels and their values. `deploy/prometheus/METRICS.md` is made from this.

Units are base units (seconds, records, fen), and each label has a closed list of values: no room, buyer, order, store
or anchor. Of sales both sides are counted, as the credit ledger has them: what was credited, and what was taken back
when a sale was decided anew. So a counter only grows, and `credited - reversed` is what stands.

The sum over all workers has a meaning for each of them: counters and gauges add up, since each partition is one
worker's; a restart begins at 0, which `rate` and `increase` know.
"""

from typing import Literal, NamedTuple, get_args, get_origin

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    Info,
    PlatformCollector,
    ProcessCollector,
    Summary,
    disable_created_metrics,
)

from schemas.events import EVENT_TYPES
from schemas.topics import TOPICS
from schemas.values import Dimension, LiveRule, Mode, Reason, StoreRule, Tier
from streams import topology
from streams.core.tally import INVALID
from streams.telemetry.ages import Ages
from streams.telemetry.live import LiveSessions

disable_created_metrics()  # type: ignore[no-untyped-call]  # else every counter has a twin that promtool lints
REGISTRY = CollectorRegistry(auto_describe=True)
for _collector in (ProcessCollector, PlatformCollector, GCCollector):
    _collector(registry=REGISTRY)


class Counted(NamedTuple):
    """A counter that batches feed, `livepool_NAME_total`: what it counts, and its labels."""

    documentation: str
    labels: tuple[str, ...] = ()


_CREDIT, _STORE = ("mode", "rule", "tier"), ("rule", "tier")
COUNTED = {
    "events": Counted("Input events by what became of them; a refused one has the type invalid.", ("type", "outcome")),
    "duplicates": Counted("Events that repeat what was known: a delivery, an order, a payment, a refund.", ("kind",)),
    "dead_letters": Counted("Records written to dead-letters, by the topic that they came on.", ("topic", "reason")),
    "future_events": Counted("Events more than a minute ahead of this worker's clock."),
    "late_evidence": Counted("Evidence that came after the horizon of an order that it bears on: it is not used."),
    "sales": Counted("Sales credited, by mode and live decision; again when decided anew.", _CREDIT),
    "sales_reversed": Counted("Sales taken back, because they were decided anew.", _CREDIT),
    "paid_fen": Counted("Paid amount of the sales credited (0.01 CNY).", _CREDIT),
    "paid_reversed_fen": Counted("Paid amount of the sales taken back (0.01 CNY).", _CREDIT),
    "refunded_fen": Counted("Refunded amount of the sales credited (0.01 CNY).", _CREDIT),
    "refunded_reversed_fen": Counted("Refunded amount of the sales taken back (0.01 CNY).", _CREDIT),
    "store_paid_fen": Counted("Paid amount of the sales credited, by store decision (0.01 CNY).", _STORE),
    "store_paid_reversed_fen": Counted("Paid amount of the sales taken back, by store decision (0.01 CNY).", _STORE),
    "unattributed_fen": Counted("Amount credited to nobody, party none of the ledger (0.01 CNY).", ("dimension",)),
    "unattributed_reversed_fen": Counted("Amount of party none taken back by a refund or anew.", ("dimension",)),
    "sale_revisions": Counted("Records written to attributed-sales, deletions included."),
    "refunds": Counted("Refunds that stand, each once, when it takes effect."),
    "pool_feedback": Counted("Records written to pool-feedback.", ("record",)),
    "pool_events": Counted("Records written to pool-events.", ("type",)),
    "room_snapshots": Counted("Records written to room-metrics."),
    "sse_dropped": Counted("Pushes to viewers of the board that were dropped, because the viewer was too slow."),
}
COUNTERS = {
    name: Counter(f"livepool_{name}", counted.documentation, counted.labels, registry=REGISTRY)
    for name, counted in COUNTED.items()
}


def _values(literals: object) -> tuple[str, ...]:
    """The values of a Literal, or of a union of some."""
    parts = [literals] if get_origin(literals) is Literal else get_args(literals)
    return tuple(dict.fromkeys(value for part in parts for value in get_args(part)))


LABELS = {
    "agent": tuple(agent.name for agent in topology.AGENTS),
    "dimension": _values(Dimension),
    "kind": ("delivery", "order_placed", "order_paid", "refund"),
    "mode": _values(Mode),
    "outcome": ("accepted", "duplicate", "dead_letter"),
    "reason": _values(Reason),
    "record": ("profile", "deletion"),
    "rule": tuple(dict.fromkeys((*_values(LiveRule), *_values(StoreRule)))),
    "tier": _values(Tier),
    "topic": tuple(topic for agent in topology.AGENTS for topic in agent.reads),
    "type": (*EVENT_TYPES, INVALID, *TOPICS["pool-events"].event_types),
}
"""The values that each label may have; version and implementation of the `_info` metrics aside."""

# Edges at the objectives: processed within 5 s, in the private pool within 10 s; what comes days late is the last ones.
event_lag = Ages(
    "livepool_event_lag_seconds",
    "From the time of a buyer's or session's event to the commit of what it changed.",
    (0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300, 3600, 86_400),
    REGISTRY,
)
feedback_lag = Ages(
    "livepool_pool_feedback_age_seconds",
    "From the append of the oldest event of a batch to the commit of the profiles that the batch changed, per profile.",
    (0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300),
    REGISTRY,
)
batch_records = Histogram(
    "livepool_batch_records",
    "Records of one batch; of an internal topic the messages in them.",
    ("agent",),
    buckets=(1, 10, 50, 100, 500, 1000, 2000, 5000),
    registry=REGISTRY,
)
batch_seconds = Histogram(
    "livepool_batch_duration_seconds",
    "From the delivery of a batch to the end of its commit.",
    ("agent",),
    buckets=(0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10),
    registry=REGISTRY,
)
commit_seconds = Histogram(
    "livepool_commit_duration_seconds",
    "One transaction of outputs, state and input offsets that was committed.",
    buckets=(0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10),
    registry=REGISTRY,
)
commits = Counter("livepool_commits", "Transactions that were committed.", registry=REGISTRY)
commit_failures = Counter(
    "livepool_commit_failures", "Transactions that failed; each ends the worker.", registry=REGISTRY
)
progress = Gauge(
    "livepool_last_progress_timestamp_seconds", "Of the last commit; at first of the start.", registry=REGISTRY
)
lag = Gauge(
    "livepool_lag_records",
    "Records that this worker has still to process; one of an internal topic holds up to thousands of messages.",
    ("topic",),
    registry=REGISTRY,
)
rebalances = Counter("livepool_rebalances", "Assignments of partitions to this worker.", registry=REGISTRY)
partitions = Gauge("livepool_assigned_partitions", "Partitions of its input that this worker has.", registry=REGISTRY)
recovering = Gauge(
    "livepool_recovery_in_progress", "1 while what was assigned is being made ready, else 0.", registry=REGISTRY
)
recovery_left = Gauge("livepool_recovery_left_offsets", "Offsets of changelogs still to be read.", registry=REGISTRY)
recovery_seconds = Summary(
    "livepool_recovery_seconds", "From an assignment until all of it was ready.", registry=REGISTRY
)
live = LiveSessions(REGISTRY)
sse_clients = Gauge("livepool_sse_clients", "Viewers of the board that this worker pushes to.", registry=REGISTRY)
build = Info("livepool_build", "What runs.", registry=REGISTRY)
policy = Info("livepool_policy", "The attribution policy, by the hash of its content.", registry=REGISTRY)
