"""What is shipped for deployment is what the program understands."""

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from streams.cli import main
from streams.cluster.connection import VARIABLES
from streams.settings import from_environment

DEPLOY = Path(__file__).parent.parent / "deploy"


def test_the_environment_file_names_every_setting_and_is_accepted():
    text = (DEPLOY / "livepool.env").read_text("utf-8")
    named = set(re.findall(r"^#?(LIVEPOOL_\w+)=", text, re.MULTILINE))
    source = (Path(__file__).parent.parent / "streams" / "settings.py").read_text("utf-8")
    assert named == set(re.findall(r'"(LIVEPOOL_\w+)"', source)) | set(VARIABLES.values())
    settings = from_environment(dict(re.findall(r"^(LIVEPOOL_\w+)=(.*)$", text, re.MULTILINE)))
    assert str(settings.home) == "/var/lib/livepool"


@pytest.mark.parametrize("name", ["livepool.service", "livepool@.service"])
def test_the_unit_starts_a_command_that_exists(name):
    unit = (DEPLOY / "systemd" / name).read_text("utf-8")
    (start,) = re.findall(r"^ExecStart=(.*)$", unit, re.MULTILINE)
    program, *arguments = shlex.split(start)
    assert program.endswith("/livepool")
    assert CliRunner().invoke(main, [*arguments, "--help"]).exit_code == 0
