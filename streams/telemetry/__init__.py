"""Livepool's metrics for Prometheus, `livepool_…`: `catalogue` lists them, `feed` and `transport` feed them.

The registry is our own, with the process, platform and garbage collector metrics of prometheus-client beside ours: into
the default one any library may put its own, such as Faust's sensor, which `promtool check metrics` refuses.
A worker is one process, so it is one registry and one scrape target, without multiprocess mode.

    app.router.add_get("/metrics", metrics_handler)
    sse_clients.inc(); sse_dropped.inc()
"""

from prometheus_client.aiohttp import make_aiohttp_handler

from streams.telemetry.catalogue import COUNTERS, REGISTRY, sse_clients
from streams.telemetry.feed import add, begin, event_lag, feedback_age, live_sessions, measure
from streams.telemetry.transport import TransportMetrics

__all__ = [
    "REGISTRY",
    "TransportMetrics",
    "add",
    "begin",
    "event_lag",
    "feedback_age",
    "live_sessions",
    "measure",
    "metrics_handler",
    "sse_clients",
    "sse_dropped",
]

metrics_handler = make_aiohttp_handler(REGISTRY)
"""aiohttp handler of `/metrics`: Prometheus text, or OpenMetrics for a request that accepts it."""
sse_dropped = COUNTERS["sse_dropped"]
