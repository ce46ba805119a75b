"""What the follower says of itself: how fresh its numbers are, and since when they are whole."""

import threading
import time
from contextlib import closing
from types import SimpleNamespace

import pytest

from shows import random_show
from streams.home import open_log
from streams.transport.batches import Output
from streams.transport.log import Log
from streams.views import follower
from streams.views.database import FILE_NAME, connect
from streams.views.feeds import LogFeed
from streams.views.follower import Follower, begin
from views.shows_in_topics import processed


@pytest.fixture(scope="module")
def run_of_a_show(tmp_path_factory):
    return processed(tmp_path_factory.mktemp("run"), random_show(41_400, size=40))


def until(look):
    end = time.monotonic() + 20
    while not look():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_numbers_are_fresh_only_when_all_was_taken(run_of_a_show, monkeypatch):
    """One record a step, with pauses between: it is behind for long."""
    monkeypatch.setattr(follower, "MAX_RECORDS", 1)
    monkeypatch.setattr(follower.step, "__defaults__", (1,))
    (run_of_a_show.home / FILE_NAME).unlink(missing_ok=True)
    slow = Follower(run_of_a_show, share=0.05)
    slow.start()
    try:
        until(lambda: slow.lag is not None)  # of the first step
        assert (slow.looked_at, slow.behind_seconds, slow.ready) == (0, None, False)
        until(lambda: slow.ready)
        assert abs(slow.looked_at / 1000 - time.time()) < 60
    finally:
        slow.stop()


def test_a_steady_load_does_not_keep_it_from_being_level(tmp_path, monkeypatch):
    """There is something new at each look, and at no time nothing."""
    clock = SimpleNamespace(
        seconds=1.0, monotonic=lambda: clock.seconds, thread_time=time.thread_time, time_ns=time.time_ns
    )
    monkeypatch.setattr(follower, "time", clock)
    settings = processed(tmp_path, random_show(41_401, size=10))
    ended = threading.Event()

    def write():
        with open_log(settings) as log:
            while not ended.wait(0.005):
                log.append([Output("dead-letters", None, b"", (("reason", b"bad_json"),))])

    writer = threading.Thread(target=write)
    steady = Follower(settings)
    writer.start()
    steady.start()
    try:
        until(lambda: steady.looked_at)
        assert not steady.ready
        clock.seconds += follower.STEADY_SECONDS
        until(lambda: steady.ready)
    finally:
        steady.stop()
        ended.set()
        writer.join()


def test_it_is_said_when_the_model_was_begun_anew(run_of_a_show, tmp_path):
    with Log(run_of_a_show.home, readonly=True) as log, closing(connect(tmp_path)) as database:
        feed = LogFeed(log)
        assert begin(feed, database, "Asia/Shanghai")
        assert not begin(feed, database, "Asia/Shanghai")
        assert begin(feed, database, "Europe/Paris")


def test_a_model_that_is_begun_anew_has_not_been_level(run_of_a_show, monkeypatch):
    """The file is taken away under a follower that is level: it fails, begins anew, and is held back there."""
    monkeypatch.setattr(follower, "RETRY_SECONDS", 0.05)
    again = Follower(run_of_a_show)
    again.start()
    try:
        until(lambda: again.ready)
        step, may_go = follower.step, []

        def fails_once(*asked):
            if may_go:
                return step(*asked)
            for suffix in ("", "-wal", "-shm"):
                run_of_a_show.home.joinpath(FILE_NAME + suffix).unlink(missing_ok=True)
            raise OSError("the file is gone")

        monkeypatch.setattr(follower, "step", fails_once)
        until(lambda: not again.has_been_level)
        may_go.append(True)
        until(lambda: again.ready)
    finally:
        again.stop()
