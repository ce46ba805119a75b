"""An embedded home under test: lines in, workers as processes, and everything that came out."""

import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from streams.cli.common import InputLine, dead_letter, to_output
from streams.home import APP_ID, open_log
from streams.settings import Settings
from streams.topology import AGENTS
from streams.transport.batches import Record

COMMAND = [sys.executable, "-c", "from streams.cli import main; main()"]


class Home:
    """One home folder; lines are numbered over all that was sent to it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.log = open_log(Settings(home=path, synchronous="off"))
        self.sent = 0

    def send(self, lines: Iterable[bytes]) -> None:
        numbered = [InputLine(self.sent + n, line) for n, line in enumerate(lines)]
        self.log.append([to_output(line) for line in numbered])
        self.sent += len(numbered)

    def worker(self, *options: str, max_records: int = 2000) -> subprocess.Popen[str]:
        """Start `livepool worker` as a process."""
        environment = {**os.environ, "LIVEPOOL_HOME": str(self.path), "LIVEPOOL_MAX_RECORDS": str(max_records)}
        command = [*COMMAND, "worker", *options]
        return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)

    def drain(self, max_records: int = 2000, policy: Path | None = None) -> None:
        """Process what was sent, to its end."""
        options = () if policy is None else ("--policy", str(policy))
        worker = self.worker("--drain", *options, max_records=max_records)
        _, said = worker.communicate(timeout=120)
        assert worker.returncode == 0, said

    def processed(self) -> int:
        """How many records the agents have committed, over all steps."""
        tps = [tp for agent in AGENTS for topic in agent.reads for tp in self.log.partitions(topic)]
        return sum(self.log.committed(APP_ID, tps).values())

    def lag(self) -> int:
        """How many records wait, over all steps."""
        tps = [tp for agent in AGENTS for topic in agent.reads for tp in self.log.partitions(topic)]
        with self.log.snapshot():
            return self.log.lag(APP_ID, tps)

    def outputs(self) -> dict[str, dict[Any, Any]]:
        """What came out by key: of append-only topics every record in order, of compacted ones the last.

        Dead letters have no key: two agents write them, in no order. Here they go by line and reason.
        """
        return {
            "attributed-sales": self._last("attributed-sales"),
            "credit-ledger": self._all("credit-ledger"),
            "pool-events": self._all("pool-events"),
            "pool-feedback": self._last("pool-feedback"),
            "room-metrics": self._last("room-metrics"),
            "dead-letters": {number: tuple(letter.items()) for number, letter in enumerate(self.dead_letters())},
        }

    def dead_letters(self) -> list[dict[str, Any]]:
        """As a replay shows them, by line and reason."""
        letters = map(dead_letter, self.log.read("dead-letters"))
        return sorted(letters, key=lambda letter: (letter["offset"], letter["reason"]))

    def _all(self, topic: str) -> dict[bytes | None, list[bytes | None]]:
        records: dict[bytes | None, list[bytes | None]] = defaultdict(list)
        for record in self.log.read(topic):
            records[record.key].append(record.value)
        return records

    def _last(self, topic: str) -> dict[bytes | None, bytes | None]:
        """The value of each key; a tombstone leaves none, whether it is still there or compacted away."""
        last: dict[bytes | None, Record] = {record.key: record for record in self.log.read(topic)}
        return {key: record.value for key, record in last.items() if record.value is not None}
