"""Each alert fires when it should, and only then: the rules as promtool evaluates them over four hours."""

import re
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from click.testing import CliRunner

from deploy import DEPLOY, tool
from deploy.shows import (
    DROPPED,
    ENTRIES,
    FUTURE,
    HEALTHY,
    JOINS,
    LAG,
    LETTERS,
    MINUTES,
    NO_SHOW,
    NOBODYS,
    PAID,
    POLICY,
    PROGRESS,
    REBALANCES,
    RECOVERING,
    REFUNDED,
    REFUNDS,
    SALES,
    SCANS,
    STARTED,
    UP,
    WORK,
    Values,
    arrival,
    commit,
    ends,
    feedback,
    grows,
    grows_then,
    is_,
    is_then,
    series,
)  # fmt: skip
from streams.cli import main
from streams.telemetry.catalogue import REGISTRY

FOLDER = DEPLOY / "prometheus"
RULES = sorted((FOLDER / "rules").glob("*.yml"))


class Case(NamedTuple):
    """What differs from a healthy show, and which alerts fire at a minute."""

    changes: dict[str, Values]
    at: int = MINUTES - 1
    fires: str = ""


def other(name: str, labels: str = "") -> str:
    return series(name, labels, instance="w2")


GONE: dict[str, Values] = dict.fromkeys(HEALTHY)
NO_SALES = {PAID: grows_then(10_000, 200, 0), SALES: grows_then(5, 200, 0)}
NOBODY = {NOBODYS: grows_then(300, 200, 4_000)}
REFUSED = {LETTERS: grows_then(0, 200, 10)}
RETURNED = {REFUNDED: grows_then(500, 200, 5_000), REFUNDS: grows_then(1, 200, 10)}
NO_JOINS = {JOINS: grows_then(2, 200, 0)}
STUCK = {PROGRESS: f"0+60x200 12000x{MINUTES - 201}"}
FAR_BEHIND = {LAG: is_then(5, 200, 5_000)}
SLOW_FEEDBACK = feedback(grows_then(100, 200, 0), grows(100))
LATE_EVENTS = arrival(grows_then(100, 200, 0), grows(100))
RESTARTED = {  # a worker that begins anew: its counters at 0, those of sales not there until there is one
    STARTED: is_then(7, 232, 13_920),
    PAID: f"{ends(grows(10_000), 232)}",
    SALES: f"{ends(grows(5), 232)}",
    WORK: f"0+600x232 0+600x{MINUTES - 233}",
    ENTRIES: f"0+100x232 0+100x{MINUTES - 233}",
    REBALANCES: is_(1),
    RECOVERING: is_then(0, 237, 1),
}

CASES = {
    "a healthy show": Case({}),
    "the night": Case(NO_SHOW | {name: is_(7) for name in (PAID, SALES, ENTRIES, SCANS, JOINS, WORK)}),
    "a restart and a rebalance": Case(RESTARTED | {other("livepool_rebalances_total"): is_then(1, 232, 2)}),
    "workers of before our metrics of sales": Case(dict.fromkeys((PAID, SALES, REFUNDED, REFUNDS, NOBODYS, JOINS))),
    # Operators
    "no sales": Case(NO_SALES, 220, "LivepoolSalesStopped"),
    "no sales for a few minutes": Case(NO_SALES, 208),
    "no sales without a show": Case(NO_SALES | NO_SHOW),
    "no sales since the show began": Case({PAID: is_(0), SALES: is_(0)}),
    "money that nobody gets": Case(NOBODY, fires="LivepoolUnattributedShareJumped"),
    "money that nobody gets, a moment later": Case(NOBODY, 205),
    "money that nobody gets, as always": Case({NOBODYS: grows(4_000)}),
    "money that nobody gets, of few sales": Case(NOBODY | {SALES: grows_then(5, 200, 0.2)}),
    "money that nobody gets without a show": Case(NOBODY | NO_SHOW),
    "refunds": Case(RETURNED, fires="LivepoolRefundRateJumped"),
    "refunds, as always": Case({REFUNDED: grows(5_000), REFUNDS: grows(10)}),
    "a few large refunds": Case({REFUNDED: grows_then(500, 200, 5_000), REFUNDS: grows_then(1, 200, 0.1)}),
    "refunds after the show": Case(RETURNED | NO_SHOW),
    "scans, and nobody joins": Case(NO_JOINS, 230, "LivepoolPoolJoinsStopped"),
    "nobody joins for ten minutes": Case(NO_JOINS, 212),
    "nobody scans": Case(NO_JOINS | {SCANS: grows_then(10, 200, 0)}, 230),
    "nobody ever joined": Case({JOINS: is_(0)}),
    "nobody joins without a show": Case(NO_JOINS | NO_SHOW, 230),
    # SREs
    "a worker that is down": Case({UP: is_then(1, 230, 0)}, fires="LivepoolWorkerDown"),
    "a worker that was down for a minute": Case({UP: f"1x230 0x0 1x{MINUTES - 232}"}),
    "all workers gone": Case(GONE, fires="LivepoolGone"),
    "another program at our address": Case(GONE | {UP: is_(1)}, fires="LivepoolGone"),
    "work, and no progress": Case(STUCK, fires="LivepoolNoProgress"),
    "no work": Case(STUCK | {LAG: is_(0)}),
    "work, while state is read": Case(STUCK | {RECOVERING: is_then(0, 237, 1)}),
    "no events": Case(
        {name: grows_then(100, 200, 0) for name in (ENTRIES, SCANS)}, 215, "LivepoolInputStopped",
    ),
    "no events without a show": Case({name: is_(9) for name in (ENTRIES, SCANS)} | NO_SHOW),
    "behind": Case(FAR_BEHIND, fires="LivepoolBehind"),
    "behind for a minute": Case(FAR_BEHIND, 202),
    "behind, and quick": Case(FAR_BEHIND | {WORK: grows(60_000)}),
    "behind without a show": Case(FAR_BEHIND | NO_SHOW),
    "behind for long": Case({LAG: is_then(5, 150, 5_000)} | NO_SHOW, fires="LivepoolBehindForLong"),
    "dead letters": Case({LETTERS: grows_then(0, 200, 1)}, fires="LivepoolDeadLetters"),
    "three dead letters": Case({LETTERS: is_then(0, 200, 3)}),
    "a flood of dead letters": Case(REFUSED, fires="LivepoolDeadLetterFlood LivepoolDeadLetters"),
    "a flood without a show": Case(REFUSED | NO_SHOW, fires="LivepoolDeadLetters"),
    "a recovery that does not end": Case({RECOVERING: is_then(0, 230, 1)}, fires="LivepoolRecoveryTooLong"),
    "a recovery": Case({RECOVERING: is_then(0, 236, 1)}),
    "feedback that is late": Case(SLOW_FEEDBACK, fires="LivepoolFeedbackLate"),
    "feedback that was late for a moment": Case(SLOW_FEEDBACK, 204),
    "feedback that is late without a show": Case(SLOW_FEEDBACK | NO_SHOW),
    "events that are late": Case(LATE_EVENTS, fires="LivepoolEventsArriveLate"),
    "events that are late because of us": Case(LATE_EVENTS | SLOW_FEEDBACK, fires="LivepoolFeedbackLate"),
    "a rebalance storm": Case({REBALANCES: grows_then(0, 225, 1)}, fires="LivepoolRebalanceStorm"),
    "three rebalances": Case({REBALANCES: f"1x230 2 3 4x{MINUTES - 233}"}),
    "many workers, one rebalance of each": Case(
        {other("up"): is_(1), REBALANCES: is_then(1, 230, 2), other("livepool_rebalances_total"): is_then(1, 230, 2)}
    ),
    "restarts": Case({STARTED: grows_then(0, 234, 60)}, fires="LivepoolWorkerRestarts"),
    "slow commits": Case(commit(grows_then(100, 200, 0), grows(100)), fires="LivepoolCommitsSlow"),
    "events of the future": Case({FUTURE: grows_then(0, 200, 2)}, fires="LivepoolClockAhead"),
    "an event of the future": Case({FUTURE: is_then(0, 200, 1)}),
    "two policies": Case({other("livepool_policy_info", 'version="b"'): is_(1)}, fires="LivepoolPoliciesDiffer"),
    "two workers, one policy": Case({other("livepool_policy_info", 'version="a"'): is_(1)}),
    "a new policy": Case({POLICY: ends(is_(1), 230), series("livepool_policy_info", 'version="b"'): is_then(1, 230, 1)}),
    "pushes that are dropped": Case({DROPPED: grows(600)}, fires="LivepoolBoardDropping"),
    "a push that is dropped": Case({DROPPED: is_then(0, 200, 3)}),
}  # fmt: skip


def alerts() -> dict[str, Any]:
    groups = [group for path in RULES for group in yaml.safe_load(path.read_text("utf-8"))["groups"]]
    return {rule["alert"]: rule for group in groups for rule in group["rules"] if "alert" in rule}


def promtool_test(name: str, case: Case) -> dict[str, Any]:
    fires = sorted(case.fires.split())
    there = {series_: values for series_, values in (HEALTHY | case.changes).items() if values is not None}
    return {
        "name": name,
        "interval": "1m",
        "input_series": [
            {"series": name, "values": values}
            for name, values in (HEALTHY | case.changes).items()
            if values is not None
        ],
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
        "evaluation_interval": "1m",
        "tests": [test_of(name, CASES[name])],
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
    return (FOLDER / "RUNBOOK.md").read_text("utf-8")


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
        assert metric in names(), metric


def names() -> set[str]:
    """The names of all samples, with the suffixes of their type."""
    return {
        name
        for family in REGISTRY.collect()
        for suffix in ("", "_total", "_info", "_bucket", "_count", "_sum")
        for name in [f"{family.name}{suffix}"]
    }


def test_rules_ask_for_metrics_that_exist() -> None:
    known = names()
    recorded = set(re.findall(r"record: (\S+)", "".join(path.read_text("utf-8") for path in RULES)))
    for path in RULES:
        for group in yaml.safe_load(path.read_text("utf-8"))["groups"]:
            for rule in group["rules"]:
                text = re.sub(r'"[^"]*"', "", rule["expr"])
                for metric in re.findall(r"(?:\w+:)?\blivepool_\w+(?::\w+)?", text):
                    assert metric in (recorded if ":" in metric else known), metric
