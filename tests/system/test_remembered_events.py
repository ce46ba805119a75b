"""Which events are remembered: those of the last generation and this one, however long the worker runs."""

from random import Random

import pytest

from in_memory import Tables
from streams.agents.identity import GENERATION_MS, IdentityPartition
from streams.core.intake import Fuse
from streams.core.origin import Origin
from streams.core.register import Arrival
from streams.settings import Settings


class Worker:
    """Remembers the events of one batch after the other, as identity does."""

    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        self.partition = IdentityPartition(Settings(), Fuse(0.5, 1000))

    def take(self, keys: list[bytes], generation: int) -> set[bytes]:
        """Which of these events, appended in a generation, are known; they are remembered then."""
        appended = generation * GENERATION_MS + GENERATION_MS // 2
        arrivals = [Arrival(key, b"", b"", Origin("live-room", 0, 0, appended)) for key in keys]
        known = self.partition._recall(self.tables, arrivals)
        self.partition.admission.state.seen |= dict.fromkeys(keys, b"digest")
        self.partition._remember(self.tables, arrivals, known)
        return known

    def generations(self) -> set[int]:
        return {int.from_bytes(key[:4], "big") for key in self.tables.rows["seen"]}


def keys_of(batch: int) -> list[bytes]:
    return [b"%08d-%07d" % (batch, number) for number in range(20)]


@pytest.mark.parametrize("restarts", [False, True])
def test_what_is_two_generations_old_is_forgotten_and_nothing_younger(restarts):
    worker = Worker(Tables())
    batch = 0
    for generation in range(100, 106):
        for _ in range(10):
            batch += 1
            assert worker.take(keys_of(batch), generation) == set()
            assert worker.take(keys_of(batch), generation) == set(keys_of(batch))
            if restarts:
                worker = Worker(worker.tables)
        assert worker.generations() == {generation, generation - 1} - {99}  # it forgets twice as fast as it remembers
    assert worker.take(keys_of(batch - 10), 105) == set(keys_of(batch - 10))  # of the generation before
    assert worker.take(keys_of(batch - 25), 105) == set()  # of the one before that


def test_what_comes_late_after_a_restart_is_remembered():
    tables = Tables()
    Worker(tables).take(keys_of(1), 101)
    worker = Worker(tables)
    assert worker.take(keys_of(2), 100) == set()
    assert worker.take(keys_of(2), 101) == set(keys_of(2))


def test_events_of_several_generations_in_turn():
    random, worker = Random(5), Worker(Tables())
    for batch in range(200):
        generation = 100 + batch // 40 - random.choice((0, 0, 0, 1))
        assert worker.take(keys_of(batch), generation) == set()
        assert {generation} <= worker.generations()
    worker.take(keys_of(1000), 104)
    worker.take(keys_of(1001), 104)
    assert worker.generations() <= {103, 104}
