"""Every alert says whom it is for and what to do, in both languages, and the runbook holds what it promises."""

import re

import pytest
from click.testing import CliRunner

from deploy import DEPLOY, sample_names
from deploy.test_alerts import alerts
from streams.cli import main


@pytest.mark.parametrize("alert", alerts())
def test_an_alert_tells_whom_and_what_to_do(alert: str) -> None:
    rule = alerts()[alert]
    assert rule["labels"]["severity"] in {"show", "page", "ticket"}
    assert rule["labels"]["audience"] == ("operators" if rule["labels"]["severity"] == "show" else "sre")
    notes = rule["annotations"]
    assert notes.keys() == {"summary", "description", "summary_zh", "description_zh", "runbook_url"}
    assert all(re.search("[\u4e00-\u9fff]", notes[name]) for name in ("summary_zh", "description_zh"))
    file, _, anchor = notes["runbook_url"].partition("#")
    assert (file, anchor) == ("deploy/prometheus/RUNBOOK.md", alert.lower())
    section = re.search(rf"^## {alert}\n(.*?)(?=^## |\Z)", runbook(), re.MULTILINE | re.DOTALL)
    assert section, f"the runbook has no section {alert}"
    for part in ("**What it means.**", "**Look.**", "**Do.**"):
        assert part in section[1]
    if rule["labels"]["severity"] == "show":
        assert "job:livepool_live_sessions:sum > 0" in rule["expr"]


def runbook() -> str:
    return (DEPLOY / "prometheus" / "RUNBOOK.md").read_text("utf-8")


def test_the_runbook_has_no_section_without_an_alert() -> None:
    assert re.findall(r"^## (\w+)", runbook(), re.MULTILINE) == list(alerts())


def test_the_runbook_names_commands_that_exist() -> None:
    commands = {tuple(found.split()) for found in re.findall(r"`livepool ([a-z]+(?: [a-z]+)?)", runbook())}
    assert len(commands) >= 8
    for command in commands:
        words = command if command[0] in {"dlq", "topics", "policy"} else command[:1]
        assert CliRunner().invoke(main, [*words, "--help"]).exit_code == 0, command
    texts = runbook()
    for metric in re.findall(r"livepool_\w+", texts):
        assert metric in sample_names(), metric
