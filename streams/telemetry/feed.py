"""What the agents tell after a commit (`batch.after_commit`): once per batch, never per event."""

import platform
import time
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import version

from prometheus_client import Counter, Histogram

from schemas.events import EVENT_TYPES
from schemas.topics import TOPICS
from streams.core.credits import NONE
from streams.core.policy import TIERS, Policy
from streams.core.tally import Key, ages, ahead
from streams.telemetry import catalogue
from streams.topology import INTAKE
from streams.transport.batches import RecordBatch

_LARGEST = 1 << 53  # a counter is a float, and an amount an integer of any size: more would stop the worker
_CLOCKS_MS = 60_000  # by which the clocks of senders and workers may differ


@cache
def _counter(key: Key) -> Counter:
    name, *labels = key
    counter = catalogue.COUNTERS[name]
    return counter.labels(*labels) if labels else counter


@cache
def _batches(agent: str) -> tuple[Histogram, Histogram]:
    return catalogue.batch_records.labels(agent), catalogue.batch_seconds.labels(agent)


def add(tally: Mapping[Key, int]) -> None:
    """Add the counts of a batch that was committed."""
    for key, count in tally.items():
        _counter(key).inc(min(count, _LARGEST))


def measure(agent: str, batch: RecordBatch, messages: int) -> None:
    """Measure the work on a batch of so many messages, from now to the end of its commit."""
    began = time.perf_counter()

    def done() -> None:
        size, seconds = _batches(agent)
        size.observe(messages)
        seconds.observe(time.perf_counter() - began)

    batch.after_commit(done)


def event_lag(times: Sequence[int]) -> None:
    """Events with these times (UTC ms) are processed."""
    now = time.time_ns() // 1_000_000
    catalogue.event_lag.add(*ages(times, now, catalogue.event_lag.edges))
    if future := ahead(times, now, _CLOCKS_MS):
        catalogue.COUNTERS["future_events"].inc(future)


def feedback_age(appended: int, profiles: int) -> None:
    """So many profiles are fed back because of events of which the oldest was appended at `appended` (UTC ms)."""
    if profiles:
        now = time.time_ns() // 1_000_000
        counts, age = ages((appended,), now, catalogue.feedback_lag.edges)
        catalogue.feedback_lag.add([count * profiles for count in counts], age * profiles)


def live_sessions(partition: int, online: Mapping[str, int | None]) -> None:
    """Sessions of a partition of room-deltas, and how many are online in each; None: it does not run."""
    for session_id, viewers in online.items():
        catalogue.live.hear(partition, session_id, viewers)


def begin(policy: Policy) -> None:
    """Say what runs, and let what has few labels begin at 0, so that its first count is seen as an increase."""
    catalogue.build.info({"version": version("livepool"), "python": platform.python_version()})
    catalogue.policy.info({"version": policy.version})
    for name, counted in catalogue.COUNTED.items():
        if len(counted.labels) == 1 and name != "pool_events":
            add(dict.fromkeys(((name, value) for value in catalogue.LABELS[counted.labels[0]]), 0))
    reasons = catalogue.LABELS["reason"]
    add(dict.fromkeys((("dead_letters", topic, reason) for topic in INTAKE.reads for reason in reasons), 0))
    add(dict.fromkeys((("pool_events", type_) for type_ in TOPICS["pool-events"].event_types), 0))
    add(dict.fromkeys((("events", type_, "accepted") for type_ in EVENT_TYPES), 0))
    tiers = [*TIERS["live"].items(), (NONE, NONE)]
    for name in ("sales", "paid_fen", "refunded_fen"):
        add(dict.fromkeys(((name, mode, *rule) for mode in catalogue.LABELS["mode"] for rule in tiers), 0))
