"""What is shipped for Prometheus, Grafana and Alertmanager."""

import shutil
from pathlib import Path

import pytest

from streams.telemetry.catalogue import REGISTRY

DEPLOY = Path(__file__).parents[2] / "deploy"


def tool(name: str, package: str) -> str:
    """The path of a program; the test is skipped where it is missing."""
    if (path := shutil.which(name)) is None:
        pytest.skip(f"{name} is missing: apt-get install --no-install-recommends {package}")
    return path


def sample_names() -> set[str]:
    """The names of all samples, with the suffixes of their type."""
    return {
        name
        for family in REGISTRY.collect()
        for suffix in ("", "_total", "_info", "_bucket", "_count", "_sum")
        for name in [f"{family.name}{suffix}"]
    }
