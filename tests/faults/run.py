"""One case: a cluster, workers and a producer at work, faults, and the check of all that came out."""

import time
import tomllib
from contextlib import ExitStack, suppress
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any, Self

from faults import lines
from faults.feeding import Feeder
from faults.progress import Progress
from faults.report import Row
from faults.verdict import judge
from faults.workers import Workers
from streams.cluster.brokers import Cluster
from streams.cluster.connection import VARIABLES, ClusterError
from streams.cluster.lag import Lag
from streams.cluster.session import admin_session
from streams.cluster.topic_admin import apply_topics

PARTITIONS = 4
SESSION_SECONDS = 6  # the least that workers take
_LOOK_SECONDS = 0.1


class Run:
    """A context: inside, workers process what is fed at `rate` records a second. `finish` gives the row."""

    def __init__(
        self,
        case: str,
        cluster: Cluster,
        folder: Path,
        records: list[lines.Sent],
        *,
        rate: float,
        workers: int = 2,
        named: bool = False,
    ) -> None:
        self.case, self.cluster, self.records = case, cluster, records
        self.random = Random(case)
        self._folder = folder
        self._count, self._named = workers, named
        self.connection = cluster.connection()
        self._rate = rate
        self.faults: list[float] = []
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self._begun = time.monotonic()
        apply_topics(self.connection, PARTITIONS)
        policy = self._folder / "policy.toml"
        policy.write_text(lines.POLICY)
        environment = {
            VARIABLES["brokers"]: self.connection.brokers,
            "LIVEPOOL_POLICY": str(policy),
            "LIVEPOOL_SESSION_SECONDS": str(SESSION_SECONDS),
        }
        self.progress = self._stack.enter_context(Progress(self.connection))
        self.lag = self._stack.enter_context(Lag(self.connection))
        self.workers = self._stack.enter_context(Workers(self._folder, environment, named=self._named))
        for _ in range(self._count):
            self.workers.add()
        self.feeder = self._stack.enter_context(Feeder(self.connection, self.records, self._rate))
        self.feeder.allow(0.01)
        self.until(lambda: self.progress.committed > 0, 60, "the first commit")
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def fault(self) -> None:
        """Remember that something is broken at this moment."""
        self.faults.append(time.monotonic())

    def worker(self) -> int:
        """One of the workers that run, by chance."""
        self.until(self.workers.running, 60, "running worker")
        return self.random.choice(self.workers.running())

    def pause(self, least: float, most: float) -> None:
        """Let so many seconds pass, by chance."""
        time.sleep(self.random.uniform(least, most))

    def load(self, share: float) -> None:
        """Let this share of the input be sent, the last twentieth only at the end: it shows that all goes on."""
        self.feeder.allow(share * 0.95)

    def wait_for_work(self) -> None:
        """Wait until something is committed from now on, so that the next fault hits workers at work."""
        before = self.progress.committed
        self.until(
            lambda: self.progress.committed > before or (self.feeder.idle and not self.progress.waiting()), 120, "work"
        )

    def wait_for_recovery(self) -> None:
        """Wait until every partition that had records waiting at the last fault has committed some, or all is done."""
        self.until(
            lambda: self.progress.recovered(self.faults[-1]) or (self.feeder.idle and self.drained()),
            180,
            "recovery",
        )

    def drained(self) -> bool:
        """Is all processed that was sent? False when the brokers do not tell at the moment."""
        with suppress(ClusterError):
            return self.lag.drained()
        return False

    def all_in_sync(self) -> bool:
        """Has every replica of every partition caught up?"""
        with admin_session(self.connection) as admin:
            return all(
                len(partition["isr_nodes"]) == len(partition["replica_nodes"])
                for topic in admin.describe_topics()
                for partition in topic["partitions"]
            )

    def until(self, condition: Any, seconds: float, what: str) -> None:
        end = time.monotonic() + seconds
        while not condition():
            for failure in filter(None, (self.feeder.failure, self.progress.failure)):
                raise failure
            if time.monotonic() > end:
                raise AssertionError(f"no {what} in {seconds:.0f} s; {self._state()}")
            time.sleep(_LOOK_SECONDS)

    def finish(self) -> Row:
        """Send the rest, wait until all is processed, end the workers, and check."""
        patience = 120 + len(self.records) / 200
        self.feeder.finish(patience)
        self.until(self.drained, patience, "end of the work")
        self.workers.stop()
        assert self.drained()
        seconds = time.monotonic() - self._begun
        found = judge(self.connection, len(self.records), tomllib.loads(lines.POLICY))
        recovery = [took for fault, then in pairwise([*self.faults, time.monotonic()])
                    if (took := self.progress.recovery(fault, then)) is not None]  # fmt: skip
        return Row(
            self.case, self.cluster.layout.version, found.events, found.sales, len(self.faults), found.lost,
            found.doubled, round(seconds, 1), [round(each, 2) for each in recovery], self.workers.crashes,
            self.workers.bad_ends + found.problems,
        )  # fmt: skip

    def _state(self) -> str:
        behind = self.progress.samples[-1] if self.progress.samples else None
        where = {
            f"{tp.topic}/{tp.partition}": (behind.committed.get(tp), end)
            for tp, end in (behind.ends.items() if behind else ())
            if behind and behind.committed.get(tp, 0) < end
        }
        return f"waiting: {where}; crashes: {self.workers.crashes[-3:]}; {self.workers.last_words()}"
