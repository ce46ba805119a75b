"""The peers, each in a virtual environment of its own under .bench/, made when it is not there, of the latest release.

What the core imports is installed next to the peer; the core itself comes from this folder, by PYTHONPATH.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from shutil import rmtree, which

from bench.report import FOLDER

ROOT = Path(__file__).parents[2]
PEERS = {"Bytewax": ["bytewax[kafka]"], "Quix": ["quixstreams"]}
CORE = ["msgspec>=0.22,<0.23", "orjson>=3.11,<4", "tzdata>=2025.2"]  # as in pyproject.toml
# A peer may have no build for the newest Python yet.
PYTHONS = (sys.executable, "python3.13", "python3.12", "python3.11")


class NoPeerError(RuntimeError):
    """A peer could not be installed; the text is what pip said."""


def python_of(peer: str, say: Callable[[str], None] = print) -> Path:
    """The interpreter of a peer's environment."""
    home = FOLDER / f"venv-{peer.lower()}"
    python = home / "bin" / "python"
    if not (home / "ready").exists():
        say(f"installing {peer} (once)")
        _make(home, python, [*PEERS[peer], *CORE])
        (home / "ready").touch()
    return python


def _make(home: Path, python: Path, requirements: list[str]) -> None:
    failures = []
    for base in filter(which, PYTHONS):
        rmtree(home, ignore_errors=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        for command in ([base, "-m", "venv", str(home)], [*install, "--only-binary", ":all:", *requirements]):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                failures.append(f"{base}: {done.stderr.strip()}")
                break
        else:
            return
    raise NoPeerError("\n".join(failures))


def version_of(peer: str) -> str:
    """The release that is installed."""
    name = PEERS[peer][0].partition("[")[0]
    code = f"import importlib.metadata as m; print(m.version({name!r}))"
    return subprocess.run([python_of(peer), "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def without_settings() -> dict[str, str]:
    """The environment of this process, without settings of Livepool, and without its board."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LIVEPOOL_")}
    return {**kept, "LIVEPOOL_WEB": "off"}


def environment() -> dict[str, str]:
    """What every contestant starts with."""
    return {**without_settings(), "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")])}
