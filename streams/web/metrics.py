"""The place where the worker's metrics are mounted: `streams.telemetry` has them where it is there."""

import importlib
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from streams.web.access import Handler


def telemetry() -> Any:
    """The package with `metrics_handler`, `sse_clients`, `sse_dropped`; None where there is none."""
    return importlib.import_module("streams.telemetry") if find_spec("streams.telemetry") else None


def metrics_handler() -> "Handler | None":
    """What answers `/metrics`; None: nothing does."""
    found = telemetry()
    return None if found is None else found.metrics_handler
