"""The watchdog looks at what a worker shows of itself; a real worker under it: tests/kafka/test_workers.py."""

import itertools
import time
from collections.abc import Callable, Iterator

import pytest

from streams.transport import watchdog
from streams.transport.watchdog import EXIT_CODE, Pulse, Watchdog

TICK = 0.005


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Callable[[int], Pulse]], list[int]]]:
    """Run a watchdog of ten looks over pulses for forty looks; give the codes with which it has ended the process."""
    monkeypatch.setattr(watchdog, "_TICK_SECONDS", TICK)
    monkeypatch.setattr("logging.shutdown", lambda: None)
    dogs = []

    def run(pulse: Callable[[int], Pulse]) -> list[int]:
        looks, codes = itertools.count(), []
        dog = Watchdog(10 * TICK, lambda: pulse(next(looks)), codes.append)
        dogs.append(dog)
        dog.start()
        until = time.monotonic() + 20
        while next(looks) < 80 and not codes and time.monotonic() < until:
            time.sleep(TICK)
        return codes

    yield run
    for dog in dogs:
        dog.stop()
        dog.join()


def test_a_worker_at_work_is_left_alone(ended):
    assert ended(lambda look: Pulse(look, (look,), True, ("tp", look))) == []


def test_a_worker_with_nothing_to_do_is_left_alone(ended):
    assert ended(lambda look: Pulse(look, (7,), False, None)) == []


def test_a_stuck_event_loop_is_ended(ended):
    assert ended(lambda look: Pulse(7, (look,), False, None)) == [EXIT_CODE]


def test_work_of_which_none_gets_done_is_ended(ended):
    assert ended(lambda look: Pulse(look, (7,), True, None)) == [EXIT_CODE]


def test_one_batch_that_is_stuck_while_others_go_on_is_ended(ended):
    assert ended(lambda look: Pulse(look, (look,), True, ("tp", 7))) == [EXIT_CODE]
