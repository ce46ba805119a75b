"""Node, where it is: the page's modules that need no browser run in it."""

import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
STATIC = HERE.parents[2] / "streams" / "web" / "static"


def run_node(*args: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run node in the folder of these tests; without it the test is skipped."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node: install Node.js 20 or later (`apt-get install nodejs`) to test the page's modules")
    return subprocess.run([node, *args], cwd=HERE, input=stdin, capture_output=True, text=True, timeout=60, check=False)
