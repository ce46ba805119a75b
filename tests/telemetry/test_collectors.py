"""Ages by the batch, and the sessions that run."""

import sys
import threading

from prometheus_client import CollectorRegistry, Histogram

from streams.core.tally import ages, ahead
from streams.telemetry.ages import Ages
from streams.telemetry.live import QUIET_SECONDS, LiveSessions

NOW = 1_000_000_000


def test_ages_are_what_a_histogram_of_prometheus_client_would_show():
    edges = (0.1, 1, 60)
    times = [NOW, NOW - 100, NOW - 101, NOW - 1000, NOW - 60_001, NOW + 5000]
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    histogram = Histogram("age_seconds", "Ages.", buckets=edges, registry=theirs)
    for time in times:
        histogram.observe(max(0, NOW - time) / 1000)
    collected = Ages("age_seconds", "Ages.", edges, ours)
    for part in (times[:2], [], times[2:]):
        collected.add(*ages(part, NOW, edges))
    shown = [{(s.name, *s.labels.values()): s.value for f in r.collect() for s in f.samples} for r in (ours, theirs)]
    assert shown[0] == {sample: value for sample, value in shown[1].items() if not sample[0].endswith("_created")}


def test_only_what_clocks_cannot_differ_by_is_ahead():
    assert ahead([NOW - 1, NOW + 60_000, NOW + 60_001], NOW, 60_000) == 1


def test_sessions_that_run():
    clock = [0.0]
    registry = CollectorRegistry()
    live = LiveSessions(registry, lambda: clock[0])

    def shown() -> tuple[float | None, float | None]:
        return registry.get_sample_value("livepool_live_sessions"), registry.get_sample_value("livepool_live_viewers")

    assert shown() == (0, 0)
    live.hear(0, "s1", 10)
    live.hear(3, "s2", 5)
    live.hear(0, "s1", 12)
    assert shown() == (2, 17)
    live.keep({0, 1})  # partition 3 is another worker's now
    assert shown() == (1, 12)
    clock[0] = QUIET_SECONDS - 1
    live.hear(1, "s3", 0)
    assert shown() == (2, 12)
    clock[0] = QUIET_SECONDS + 1
    assert shown() == (1, 0)  # of s1 nothing was heard any more
    live.hear(1, "s3", None)
    live.hear(1, "never heard of", None)
    assert shown() == (0, 0)


def test_a_session_that_has_ended_stays_so_while_another_thread_collects():
    live = LiveSessions(CollectorRegistry())
    done = threading.Event()

    def collect():
        while not done.is_set():
            list(live.collect())

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    thread = threading.Thread(target=collect)
    thread.start()
    try:
        for number in range(200):
            live.hear(0, f"still {number}", 1)
        for number in range(2000):
            live.hear(0, "ends", number)
            live.hear(0, "ends", None)
            assert next(live.collect()).samples[0].value == 200
    finally:
        done.set()
        thread.join()
        sys.setswitchinterval(before)
