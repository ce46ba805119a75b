"""What happens without Java or Maven, and when two processes fetch Kafka at once."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from streams.cluster.broker_jars import BrokersError, cache_folder, jars, java

FETCH = """\
for argument; do case $argument in -DoutputDirectory=*) folder=${argument#*=};; esac; done
mkdir -p "$folder"; sleep 0.2; echo $$ > "$folder/kafka.jar"
echo "[INFO] Downloaded from central: https://repo.example/org/kafka/kafka.jar (9.4 MB at 3.1 MB/s)"
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A machine with neither Java nor Maven: only a shell and what `program` adds."""
    (tmp_path / "bin").mkdir()
    for name in ("sh", "mkdir", "sleep"):
        (tmp_path / "bin" / name).symlink_to(
            next(path for path in (Path("/bin", name), Path("/usr/bin", name)) if path.exists())
        )
    return {"PATH": str(tmp_path / "bin"), "LIVEPOOL_CACHE_DIR": str(tmp_path / "cache")}


def program(environment: dict[str, str], name: str, script: str) -> Path:
    file = Path(environment["PATH"], name)
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o700)
    return file


def test_without_java(environment: dict[str, str]) -> None:
    with pytest.raises(BrokersError, match=r"no Java.*install a JDK 17.*KAFKA_BOOTSTRAP"):
        java(environment)


def test_java_of_java_home_comes_first(environment: dict[str, str], tmp_path: Path) -> None:
    program(environment, "java", """echo 'openjdk version "11.0.2" 2019-01-15' >&2""")
    with pytest.raises(BrokersError, match="not Java 17 or later: install"):
        java(environment)
    (tmp_path / "jdk").mkdir()
    Path(environment["PATH"]).rename(tmp_path / "jdk" / "bin")
    program({"PATH": str(tmp_path / "jdk" / "bin")}, "java", """echo 'openjdk version "21" 2023-09-19' >&2""")
    assert java(environment | {"JAVA_HOME": str(tmp_path / "jdk")}) == str(tmp_path / "jdk" / "bin" / "java")
    with pytest.raises(BrokersError, match="gone/bin/java does not run"):
        java(environment | {"JAVA_HOME": str(tmp_path / "gone")})


def test_without_maven(environment: dict[str, str]) -> None:
    with pytest.raises(BrokersError, match=r"no Maven.*install Maven.*KAFKA_BOOTSTRAP"):
        jars("4.4.0", environment=environment)


def test_when_maven_fails_nothing_is_kept(environment: dict[str, str]) -> None:
    program(environment, "mvn", "echo '[ERROR] Unknown host repo.maven.apache.org'; exit 1")
    with pytest.raises(BrokersError, match=r"could not fetch Kafka 4\.4\.0(?s:.*)Unknown host"):
        jars("4.4.0", environment=environment)
    assert list(cache_folder(environment).iterdir()) == []


@pytest.mark.parametrize("version", ["latest", "2.8.0", "4.4", "../4.4.0"])
def test_what_is_no_version(environment: dict[str, str], version: str) -> None:
    with pytest.raises(BrokersError, match="is no Kafka version such as"):
        jars(version, environment=environment)


def test_of_two_that_fetch_at_once_both_get_the_same(environment: dict[str, str]) -> None:
    program(environment, "mvn", FETCH)
    said: list[str] = []
    with ThreadPoolExecutor(2) as two:
        both = list(two.map(lambda _: jars("4.4.0", said.append, environment), range(2)))
    assert both == [cache_folder(environment) / "4.4.0"] * 2
    assert [file.name for file in both[0].iterdir()] == ["kafka.jar"]
    assert os.listdir(cache_folder(environment)) == ["4.4.0"]
    assert said == ["kafka.jar (9.4 MB at 3.1 MB/s)"] * 2
    assert jars("4.4.0", said.append, environment) == both[0]
    assert len(said) == 2


def test_where_jars_are_kept() -> None:
    assert cache_folder({"LIVEPOOL_CACHE_DIR": "/a", "XDG_CACHE_HOME": "/b"}) == Path("/a/kafka")
    assert cache_folder({"XDG_CACHE_HOME": "/b"}) == Path("/b/livepool/kafka")
    assert cache_folder({}) == Path.home() / ".cache" / "livepool" / "kafka"
