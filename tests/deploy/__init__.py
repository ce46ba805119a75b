"""What is shipped for Prometheus, Grafana and Alertmanager."""

import shutil
from pathlib import Path

import pytest

DEPLOY = Path(__file__).parents[2] / "deploy"


def tool(name: str, package: str) -> str:
    """The path of a program; the test is skipped where it is missing."""
    if (path := shutil.which(name)) is None:
        pytest.skip(f"{name} is missing: apt-get install --no-install-recommends {package}")
    return path
