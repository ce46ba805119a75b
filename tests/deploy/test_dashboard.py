"""The dashboard is what its code makes, and asks for what Livepool shows."""

import importlib.util
import json
import re
import subprocess
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from deploy import DEPLOY, sample_names, tool

FOLDER = DEPLOY / "grafana"
RULES = (DEPLOY / "prometheus" / "rules" / "recording.yml").read_text("utf-8")


@pytest.fixture(scope="module")
def code() -> ModuleType:
    spec = importlib.util.spec_from_file_location("dashboard", FOLDER / "dashboard.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def panels() -> list[dict[str, Any]]:
    return json.loads((FOLDER / "dashboards" / "livepool.json").read_text("utf-8"))["panels"]


def expressions() -> list[str]:
    found = [target["expr"] for panel in panels() for target in panel.get("targets", ())]
    assert len(found) > 40
    return found


def test_the_file_is_what_the_code_makes(code: ModuleType) -> None:
    assert code.FILE.read_text("utf-8") == code.text(), "python deploy/grafana/dashboard.py writes it anew"


def test_every_expression_is_promql(tmp_path: Path) -> None:
    promtool = tool("promtool", "prometheus")
    rules = [
        {"record": f"panel:expression{n}", "expr": expression.replace("$__rate_interval", "1m")}
        for n, expression in enumerate(expressions())
    ]
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}), "utf-8")
    done = subprocess.run([promtool, "check", "rules", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_metric_is_one_of_ours() -> None:
    known = sample_names() | set(re.findall(r"record: (\S+)", RULES))
    asked = set()
    for expression in expressions():
        asked |= set(re.findall(r"\b(?:\w+:)?(?:livepool|process)_\w+(?::\w+)?", re.sub(r'"[^"]*"', "", expression)))
    assert asked <= known
    families = {name for name in known if name.startswith("livepool_") and name.endswith(("_total", "_bucket"))}
    shown = {name for name in asked if name in families}
    assert len(shown) > 20


def test_panels_fill_rows_without_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in panels():
        place = panel["gridPos"]
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"])
                 for y in range(place["y"], place["y"] + place["h"])}  # fmt: skip
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells
    assert [panel["title"].split(" · ")[0] for panel in panels() if panel["type"] == "row"] == [
        "Show", "Pipeline", "Workers",
    ]  # fmt: skip
    assert len({panel["id"] for panel in panels()}) == len(panels())


def test_provisioning_is_yaml_with_a_source_and_a_folder() -> None:
    (source,) = yaml.safe_load((FOLDER / "provisioning/datasources/livepool.yml").read_text("utf-8"))["datasources"]
    assert source["type"] == "prometheus"
    scrape = yaml.safe_load((DEPLOY / "prometheus/prometheus.yml").read_text("utf-8"))["global"]["scrape_interval"]
    assert source["jsonData"]["timeInterval"] == scrape
    (provider,) = yaml.safe_load((FOLDER / "provisioning/dashboards/livepool.yml").read_text("utf-8"))["providers"]
    assert provider["type"] == "file"
