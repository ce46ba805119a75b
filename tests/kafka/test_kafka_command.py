"""`livepool kafka`: from nothing to a cluster and back, as an operator sees it."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from streams.cli import main
from streams.cluster.brokers import Cluster

pytestmark = [pytest.mark.kafka, pytest.mark.faults]  # of the tools: `make faults` has the time


def kafka(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["kafka", *arguments, "--home", str(home)])


def test_up_status_down(own_version: str, tmp_path: Path) -> None:
    try:
        assert kafka(tmp_path, "status").exit_code == 2
        up = kafka(tmp_path, "up", "--version", own_version, "--lang", "zh")
        address = Cluster(tmp_path / "kafka").bootstrap
        assert (up.exit_code, f"export LIVEPOOL_BROKERS={address}\n" in up.stdout) == (0, True)
        assert "下一步" in up.stdout
        told = json.loads(kafka(tmp_path, "status", "--json").stdout)
        assert (told["version"], told["bootstrap"]) == (own_version, address)
        assert told["brokers"] == [{"broker": 1, "pid": Cluster(tmp_path / "kafka").running()[1]}]
        another = kafka(tmp_path, "up", "--brokers", "3")
        assert (another.exit_code, "not Kafka" in another.stderr) == (1, True)
    finally:
        down = kafka(tmp_path, "down")
    assert down.exit_code == 0
    assert kafka(tmp_path, "status").exit_code == 1
    assert Cluster(tmp_path / "kafka").running() == {}
