"""Each alert reaches those who can act."""

import re
import subprocess

import pytest
import yaml

from deploy import DEPLOY, tool
from deploy.test_alerts import alerts

FILE = DEPLOY / "alertmanager" / "alertmanager.yml"
TOLD_TO_BOTH = {"LivepoolInputStopped", "LivepoolBehind", "LivepoolGone"}
RECEIVER = {"show": "operators-wecom", "page": "sre-pager", "ticket": "sre-tickets"}


def amtool(*arguments: str) -> str:
    command = [tool("amtool", "prometheus-alertmanager"), *arguments]
    done = subprocess.run(command, cwd=FILE.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_configuration_is_accepted_with_its_templates() -> None:
    assert "1 templates" in amtool("check-config", str(FILE))


@pytest.mark.parametrize("alert", alerts())
def test_who_is_told(alert: str) -> None:
    labels = alerts()[alert]["labels"]
    told = RECEIVER[labels["severity"]] + (",operators-wecom" if alert in TOLD_TO_BOTH else "")
    pairs = [f"{name}={value}" for name, value in {"alertname": alert, "job": "livepool", **labels}.items()]
    amtool("config", "routes", "test", f"--config.file={FILE}", f"--verify.receivers={told}", *pairs)


def test_a_wrong_receiver_would_be_noticed() -> None:
    with pytest.raises(AssertionError):
        amtool("config", "routes", "test", f"--config.file={FILE}", "--verify.receivers=sre-pager", "severity=show")


def test_what_inhibits_and_what_is_inhibited_exist() -> None:
    rules = yaml.safe_load(FILE.read_text("utf-8"))["inhibit_rules"]
    named = set(re.findall(r"Livepool\w+", str(rules)))
    assert named
    assert named <= alerts().keys()
