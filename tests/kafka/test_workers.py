"""Workers that come, go, stall and lose what they had: the state moves with the partitions, and nothing is lost."""

import os
import re
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from contract.kafka_transport import Kafka
from streams.transport.batches import Output
from streams.transport.log import Log, TopicConfig
from streams.transport.watchdog import EXIT_CODE

KEYS = [b"key-%d" % n for n in range(40)]


@pytest.fixture
def kafka(brokers: Any, tmp_path: Path) -> Iterator[Kafka]:
    chosen = Kafka(tmp_path, brokers.bootstrap)
    yield chosen
    chosen.close()


class Workers:
    """Worker processes of the `chain` app, each with a directory and a log file of its own."""

    def __init__(self, kafka: Kafka, stack: ExitStack) -> None:
        self.kafka = kafka
        self.stack = stack

    def start(self, name: str, *, app: str = "chain", **options: Any) -> "subprocess.Popen[str]":
        worker = self.kafka.worker(app, directory=name, log=self.kafka.home / f"{name}.log", **options)
        self.stack.callback(worker.wait)
        self.stack.callback(worker.kill)
        return worker

    def said(self, name: str) -> str:
        return (self.kafka.home / f"{name}.log").read_text()


@pytest.fixture
def workers(kafka: Kafka) -> Iterator[Workers]:
    with ExitStack() as stack:
        yield Workers(kafka, stack)


def declare(kafka: Kafka, partitions: int = 4, **others: int) -> None:
    counts = dict.fromkeys(("source", "copied", "counted"), partitions) | others
    kafka.declare(*(TopicConfig(*count) for count in counts.items()))


def send(kafka: Kafka, rounds: int, *topics: str) -> None:
    """Each key goes to one topic."""
    topics = topics or ("source",)
    kafka.append(*(Output(topics[n % len(topics)], key, b"x") for _ in range(rounds) for n, key in enumerate(KEYS)))


def eventually(condition: Callable[[], Any], seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "the condition did not come true in time"
        time.sleep(0.1)


def drained(kafka: Kafka, *sources: str) -> Callable[[], bool]:
    """Whether all is done: of `chain`, or of `pair` with the topics that it reads."""
    return lambda: kafka.lag("pair" if sources else "chain", *(sources or ("source",)), "copied") == 0


def check(kafka: Kafka, rounds: int) -> None:
    """Each record was counted once, in order, whoever counted it."""
    counted: dict[bytes, list[int]] = {key: [] for key in KEYS}
    for record in kafka.read("counted"):
        counted[record.key].append(int(record.value))
    assert counted == {key: list(range(1, rounds + 1)) for key in KEYS}
    assert Counter({key: int(value) for key, value in kafka.state("counts").items()}) == dict.fromkeys(KEYS, rounds)


def partitions_of(workers: Workers, name: str) -> set[str]:
    """The partitions of `copied` that a worker has told it is ready for, as of its last word on them."""
    found = re.findall(r"ready: (.*)", workers.said(name))
    return set(re.findall(r"copied/\d", found[-1])) if found else set()


def test_a_worker_that_joins_and_one_that_leaves_move_partitions_with_their_state(kafka, workers):
    declare(kafka)
    send(kafka, 50)
    first = workers.start("a")
    eventually(drained(kafka))
    assert len(partitions_of(workers, "a")) == 4
    workers.start("b")
    eventually(lambda: len(partitions_of(workers, "a")) == len(partitions_of(workers, "b")) == 2)
    send(kafka, 50)
    eventually(drained(kafka))
    first.terminate()
    assert first.wait(20) == 0
    send(kafka, 50)
    eventually(drained(kafka))
    assert len(partitions_of(workers, "b")) == 4
    check(kafka, 150)


def test_a_standby_has_the_state_when_the_worker_is_killed(kafka, workers):
    declare(kafka)
    workers.start("a", standbys=1)
    workers.start("b", standbys=1)
    eventually(lambda: len(partitions_of(workers, "a")) == len(partitions_of(workers, "b")) == 2)
    for _ in range(20):
        send(kafka, 20)
    eventually(drained(kafka))

    def copy(name: str) -> dict[bytes, bytes]:
        with Log(kafka.home / name, readonly=True) as log:
            return dict(log.state_scan("counts"))

    eventually(lambda: copy("a") == copy("b") == dict.fromkeys(KEYS, b"400"))
    os.kill(workers.stack and _pid(workers, "a"), signal.SIGKILL)
    send(kafka, 20)
    eventually(drained(kafka))
    assert "restored" not in workers.said("b")  # there was nothing left to read
    check(kafka, 420)


def test_a_worker_without_its_directory_restores_everything_from_kafka(kafka, workers):
    declare(kafka)
    send(kafka, 30)
    first = workers.start("a")
    eventually(drained(kafka))
    first.kill()
    first.wait()
    shutil.rmtree(kafka.home / "a")
    workers.start("a2")
    send(kafka, 30)
    eventually(drained(kafka))
    assert re.search(r"restored \d+ offsets of state", workers.said("a2"))
    check(kafka, 60)


@pytest.mark.parametrize("sources", [(), ("source", "second")], ids=["one topic", "two topics"])
def test_a_worker_that_was_stopped_too_long_is_fenced(kafka, workers, sources):
    app = "pair" if sources else "chain"
    declare(kafka, **dict.fromkeys(sources, 4))
    first = workers.start("a", app=app, session_seconds=6)
    eventually(lambda: len(partitions_of(workers, "a")) == 4)
    workers.start("b", app=app, session_seconds=6)
    eventually(lambda: len(partitions_of(workers, "b")) == 2)
    send(kafka, 100, *sources)  # so that the worker stops with a batch in its hands
    time.sleep(0.3)
    first.send_signal(signal.SIGSTOP)
    eventually(lambda: len(partitions_of(workers, "b")) == 4)
    send(kafka, 50, *sources)
    eventually(drained(kafka, *sources))
    first.send_signal(signal.SIGCONT)
    send(kafka, 50, *sources)
    eventually(lambda: first.poll() is not None or len(partitions_of(workers, "a")) == 2)
    eventually(drained(kafka, *sources))
    check(kafka, 200)


def test_topics_of_one_agent_may_have_different_numbers_of_partitions(kafka, workers):
    """A worker may have the partition of one topic then, and another one that of the other."""
    sources = ("source", "second")
    declare(kafka, second=2)
    first = workers.start("a", app="pair")
    send(kafka, 50, *sources)
    eventually(drained(kafka, *sources))
    workers.start("b", app="pair")
    eventually(lambda: len(partitions_of(workers, "a")) == len(partitions_of(workers, "b")) == 2)
    send(kafka, 50, *sources)
    eventually(drained(kafka, *sources))
    first.kill()
    send(kafka, 50, *sources)
    eventually(lambda: len(partitions_of(workers, "b")) == 4)
    eventually(drained(kafka, *sources))
    check(kafka, 150)


@pytest.mark.parametrize("app", ["hanging", "frozen"])
def test_the_watchdog_ends_a_worker_that_gets_nothing_done(kafka, workers, app):
    kafka.declare(TopicConfig("source"))
    kafka.append(Output("source", b"k", b"v"))
    worker = workers.start("a", app=app, watchdog_seconds=3)
    assert worker.wait(60) == EXIT_CODE
    assert "this worker ends, to be started again" in workers.said("a")


def test_records_that_retention_deleted_unread_are_not_passed_over(kafka, workers):
    declare(kafka, 1)
    send(kafka, 10)
    first = workers.start("a")
    eventually(drained(kafka))
    first.terminate()
    first.wait(20)
    send(kafka, 10)
    kafka.delete_records("source", 500)
    second = workers.start("b")
    assert second.wait(30) != 0
    assert "retention has deleted offsets 400 to 499, which no worker has processed" in workers.said("b")


def _pid(workers: Workers, name: str) -> int:
    return int((workers.kafka.home / name / "worker.lock").read_text())
