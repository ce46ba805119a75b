"""Each alert fires when it should, and only then: the rules as promtool evaluates them over some hours."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy import DEPLOY, sample_names, tool
from deploy.cases import CASES, Case
from deploy.shows import HEALTHY

FOLDER = DEPLOY / "prometheus"
RULES = sorted((FOLDER / "rules").glob("*.yml"))


def alerts() -> dict[str, Any]:
    groups = [group for path in RULES for group in yaml.safe_load(path.read_text("utf-8"))["groups"]]
    return {rule["alert"]: rule for group in groups for rule in group["rules"] if "alert" in rule}


def promtool_test(name: str, case: Case) -> dict[str, Any]:
    fires = sorted(case.fires.split())
    there = {series_: values for series_, values in (HEALTHY | case.changes).items() if values is not None}
    return {
        "name": name,
        "interval": "1m",
        "input_series": [{"series": series_, "values": values} for series_, values in there.items()],
        "promql_expr_test": [
            {
                "expr": 'count by (alertname) (ALERTS{alertstate="firing"})',
                "eval_time": f"{case.at}m",
                "exp_samples": [{"labels": f'{{alertname="{alert}"}}', "value": 1} for alert in fires],
            }
        ],
    }


@pytest.mark.parametrize("name", CASES)
def test_what_fires(name: str, tmp_path: Path) -> None:
    promtool = tool("promtool", "prometheus")
    file = tmp_path / "test.yml"
    body = {
        "rule_files": [str(path) for path in RULES],
        "evaluation_interval": "2m",
        "tests": [promtool_test(name, CASES[name])],
    }
    file.write_text(yaml.safe_dump(body, allow_unicode=True), "utf-8")
    done = subprocess.run([promtool, "test", "rules", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_is_seen_to_fire_and_not_to() -> None:
    fired = {alert for case in CASES.values() for alert in case.fires.split()}
    assert fired == alerts().keys()
    assert sum(not case.fires for case in CASES.values()) > len(fired)


def test_prometheus_takes_configuration_and_rules() -> None:
    promtool = tool("promtool", "prometheus")
    for arguments in (["check", "config", "prometheus.yml"], ["check", "rules", "--lint=all", *map(str, RULES)]):
        done = subprocess.run([promtool, *arguments], cwd=FOLDER, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_rules_ask_for_metrics_that_exist() -> None:
    known = sample_names()
    recorded = set(re.findall(r"record: (\S+)", "".join(path.read_text("utf-8") for path in RULES)))
    for path in RULES:
        for group in yaml.safe_load(path.read_text("utf-8"))["groups"]:
            for rule in group["rules"]:
                text = re.sub(r'"[^"]*"', "", rule["expr"])
                for metric in re.findall(r"(?:\w+:)?\blivepool_\w+(?::\w+)?", text):
                    assert metric in (recorded if ":" in metric else known), metric


def test_the_page_warns_where_the_alerts_do() -> None:
    """One limit for an operator at the board and for Alertmanager."""
    page = (DEPLOY.parent / "streams/web/static/parts/problems.js").read_text("utf-8")
    limits = dict(re.findall(r"(\w+): ([\d.]+)[,\s]", page[page.index("const LIMITS") :].partition("}")[0]))
    assert f"livepool_lag_records:sum > {limits['lag']} " in alerts()["LivepoolBehind"]["expr"]
    for dimension in ("store", "anchor"):
        jumped = alerts()["LivepoolUnattributedShareJumped"]["expr"]
        assert re.search(
            rf'ratio_rate30m{{dimension=~".*{dimension}.*"}} > {limits[f"unattributed_{dimension}_share"]}\s', jumped
        )
