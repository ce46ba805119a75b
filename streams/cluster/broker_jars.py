"""Java, and the jars of a Kafka version: fetched once per machine by Maven, then kept."""

import contextlib
import os
import re
import shutil
import subprocess
import tempfile
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path

VERSIONS = ("3.9.2", "4.4.0")  # tested against
DEFAULT_VERSION = VERSIONS[-1]
POM = Path(__file__).parents[2] / "deploy" / "kafka" / "pom.xml"
JAVA_VERSION = 17  # Kafka 4 needs it, Kafka 3.9 runs on it
_OWN_BROKER = "or use a broker that you have: LIVEPOOL_BROKERS=host:port, for the tests KAFKA_BOOTSTRAP"
_ENOUGH = 8  # last lines of Maven that say what went wrong

Say = Callable[[str], None]


class BrokersError(RuntimeError):
    """A cluster that cannot be started or used; the text names the next step."""


def java(environment: Mapping[str, str] = os.environ) -> str:
    """The `java` of JAVA_HOME, else of PATH; BrokersError when there is none or it is too old."""
    home = environment.get("JAVA_HOME")
    path = str(Path(home, "bin", "java")) if home else shutil.which("java", path=environment.get("PATH"))
    install = f"install a JDK {JAVA_VERSION} (Debian: openjdk-{JAVA_VERSION}-jdk-headless), {_OWN_BROKER}"
    if path is None:
        raise BrokersError(f"no Java in JAVA_HOME or PATH: {install}")
    try:
        said = subprocess.run([path, "-version"], capture_output=True, text=True, check=True).stderr  # noqa: S603
    except (OSError, subprocess.CalledProcessError) as error:
        raise BrokersError(f"{path} does not run ({error}): {install}") from None
    found = re.search(r'version "(?:1\.)?(\d+)', said)
    if found is None or int(found[1]) < JAVA_VERSION:
        raise BrokersError(f"{path} is not Java {JAVA_VERSION} or later: {install}")
    return path


def cache_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Where jars are kept: LIVEPOOL_CACHE_DIR, else the user's cache (XDG_CACHE_HOME, `~/.cache`)."""
    if own := environment.get("LIVEPOOL_CACHE_DIR"):
        return Path(own) / "kafka"
    return Path(environment.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "livepool" / "kafka"


def jars(version: str, say: Say = lambda _: None, environment: Mapping[str, str] = os.environ) -> Path:
    """The folder with the jars of a Kafka version; `say` hears of every jar while they are fetched.

    They are fetched into a folder of their own that then takes its name in one step, so that of two processes
    each finds either nothing or all. BrokersError without Maven or Maven Central.
    """
    folder = cache_folder(environment) / version
    if folder.is_dir():
        return folder
    if not re.fullmatch(r"[34]\.\d+\.\d+", version):
        raise BrokersError(f"{version!r} is no Kafka version such as {DEFAULT_VERSION}")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{version}-", dir=folder.parent) as temporary:
        _fetch(version, Path(temporary, "jars"), say, environment)
        with contextlib.suppress(OSError):  # another process was first
            Path(temporary, "jars").rename(folder)
    return folder


def _fetch(version: str, folder: Path, say: Say, environment: Mapping[str, str]) -> None:
    maven = shutil.which("mvn", path=environment.get("PATH"))
    if maven is None:
        raise BrokersError(f"no Maven (mvn) in PATH to fetch Kafka {version}: install Maven, {_OWN_BROKER}")
    if not POM.exists():
        raise BrokersError(f"{POM} is missing: work in a checkout of Livepool, {_OWN_BROKER}")
    command = [
        maven, "-B", "-f", str(POM), "-P", f"kafka-{version[0]}", f"-Dkafka.version={version}",
        "dependency:copy-dependencies", f"-DoutputDirectory={folder}",
    ]  # fmt: skip
    last: deque[str] = deque(maxlen=_ENOUGH)
    with subprocess.Popen(  # noqa: S603
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=dict(environment)
    ) as process:
        for line in process.stdout or ():
            if line.startswith("[ERROR]"):
                last.append(line.rstrip())
            if found := re.search(r"Downloaded from .*/([^/ ]+\.jar) (\(.*\))", line):
                say(f"{found[1]} {found[2]}")
    if process.returncode:
        raise BrokersError(
            f"Maven could not fetch Kafka {version}: is that version on Maven Central, and Maven Central reachable"
            f" (proxy: ~/.m2/settings.xml)? Otherwise {_OWN_BROKER[3:]}\n" + "\n".join(last)
        )
