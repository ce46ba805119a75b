"""A worker with the rights that `livepool topics acls` gives it, and none more, over every way to log in."""

import time

import pytest

from cluster.rights import allow, logins
from faults import lines
from faults.workers import Workers
from streams.cluster.connection import VARIABLES, Connection
from streams.cluster.lag import Lag
from streams.cluster.log_reader import LogReader
from streams.cluster.sender import Sender

EVENTS = 300


def environment(connection: Connection) -> dict[str, str]:
    return {VARIABLES[field]: str(value) for field, value in connection._asdict().items() if value is not None}


@pytest.mark.parametrize("way", ["password", "certificate", "token"])
def test_a_worker_with_its_rights_does_all_its_work(without_rights, tmp_path, way):
    allow(without_rights, "worker", "livepool")
    sent = lines.show(EVENTS)
    with Sender(allow(without_rights, "producer", "producer")) as sender:
        sender.send(record.output(number) for number, record in enumerate(sent))
        sender.flush()
    connection = logins(without_rights, "livepool", tmp_path)[way]
    with Workers(tmp_path, environment(connection)) as workers, Lag(without_rights.connection()) as lag:
        workers.add()
        until = time.monotonic() + 60
        while not lag.drained():
            assert time.monotonic() < until, workers.last_words()
            time.sleep(0.2)
        workers.stop()
        assert workers.crashes == []
    with LogReader(allow(without_rights, "scrm", "scrm")) as reader:
        assert list(reader.read("pool-feedback"))


def test_a_worker_without_rights_says_what_it_lacks(without_rights, tmp_path):
    with Workers(tmp_path, environment(without_rights.connection("livepool"))) as workers:
        workers.add()
        until = time.monotonic() + 30
        while not workers.crashes:
            assert time.monotonic() < until
            time.sleep(0.1)
    assert "livepool topics acls" in workers.crashes[0]
