"""What an event costs in machine instructions, counted by valgrind: the same however busy the machine is.

Of the contestants on the embedded transport, in user mode; what the system does for them (files, waiting) is not in it.
Each is run with a short and a long show, and the difference counts: what a start costs is in neither. A contestant is
some fifty times slower so, and what it does by the clock (compaction, telling its lag) comes as much more often.
"""

import re
import shutil
from pathlib import Path

import pytest

from bench import race, streams_of_events, tracks
from bench.report import note
from bench.test_race import MIXES, say

pytestmark = [pytest.mark.bench, pytest.mark.timeout(3600)]
SHORT, LONG = 1000, 3000  # events
COUNTING = ("valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null")
COUNTED = re.compile(r"I +refs: +([\d,]+)")


@pytest.mark.skipif(shutil.which("valgrind") is None, reason="no valgrind: apt-get install valgrind")
@pytest.mark.parametrize("mix", MIXES)
def test_instructions_per_event(mix: str, tmp_path: Path) -> None:
    each = {name: per_event(name, mix, tmp_path / name) for name in ("livepool", "limit", "plain Faust")}
    for name, instructions in each.items():
        say(f"{mix}: {name} {instructions:,.0f} instructions per event")
        ratio = {"times those of Livepool": instructions / each["livepool"]}
        note("instructions per event, one machine", mix=mix, contestant=name, instructions=instructions, **ratio)


def per_event(contestant: str, mix: str, folder: Path) -> float:
    """Instructions per event of the show."""
    counts = [count(contestant, mix, events, folder / f"{events}") for events in (SHORT, LONG)]
    return (counts[1] - counts[0]) / (LONG - SHORT)


def count(contestant: str, mix: str, events: int, folder: Path) -> int:
    """All instructions of a process from its start to its end."""
    parts = list(streams_of_events.show(events, orders_heavy=MIXES[mix]))
    with tracks.one_machine(folder) as track:
        race.run(contestant, track, parts, COUNTING)
        said = (track.home / race.SAID).read_text(errors="replace")
    found = COUNTED.search(said)
    assert found, said[-3000:]
    return int(found[1].replace(",", ""))
