"""Where the CPU time of an event goes: by stage, and in each by what is done there. Microseconds per input event.

The worker's clocks (`watched.py`) tell fetch, state, commit, and the body of each agent. What of a body is the decoding
of events and the encoding of outputs is found afterwards: the same functions do it again on what the run has left in
its topics, all of it in one go. This is the least that it can cost; `core` is what remains. Between the agents of one
machine nothing is encoded (`handover`).
"""

import time
from collections.abc import Callable, Iterable
from typing import Any

import orjson

from bench.worker import Part
from schemas.codec import Rejected, decode, encode
from streams.topology import AGENTS, INPUTS
from streams.transport.log import Log

TIMES = 3
PARTS = ("fetch", "decode", "core", "encode", "state", "commit")
Codec = Callable[[Any], Any]


def valid(payload: bytes) -> Any:
    """An event as intake reads it; None: a dead letter."""
    try:
        return decode(payload)
    except Rejected:
        return None


# The topics of which an agent decodes every record, and those of which it has encoded every record.
DECODES = {"intake": INPUTS}
ENCODES = {
    "journey": ("attributed-sales", "credit-ledger", "pool-feedback", "pool-events"),
    "board": ("room-metrics",),
}


def by_stage(part: Part, log: Log, after: dict[tuple[str, int], int]) -> dict[str, dict[str, float]]:
    """Stage -> part -> µs per event; `after`: where each topic stood when the part began."""
    found = {}
    for agent in AGENTS:
        told = {name: 1e6 * seconds / part.events for name, seconds in part.told["cpu"][agent.name].items()}
        decoding = 1e6 * _decoding(agent.name, log, after) / part.events
        encoding = 1e6 * _encoding(agent.name, log, after) / part.events
        state = told.get("state", 0.0)
        core = told["body"] - state - decoding - encoding
        figures = (told.get("fetch", 0.0), decoding, core, encoding, state, told.get("commit", 0.0))
        found[agent.name] = dict(zip(PARTS, figures, strict=True))
    return found


def beside(part: Part, stages: dict[str, dict[str, float]]) -> dict[str, float]:
    """What belongs to no stage, µs per event: other threads (waits for the disk), compaction, and Faust itself."""
    threads = 1e6 * part.told["threads"] / part.events
    compaction = 1e6 * part.told["cpu"].get("", {}).get("commit", 0.0) / part.events
    known = sum(sum(stage.values()) for stage in stages.values())
    rest = part.cpu_per_event - known - threads - compaction
    return {"threads": threads, "compaction": compaction, "Faust and event loop": rest}


def _decoding(stage: str, log: Log, after: dict[tuple[str, int], int]) -> float:
    return _seconds(valid, _values(log, DECODES.get(stage, ()), after))


def _encoding(stage: str, log: Log, after: dict[tuple[str, int], int]) -> float:
    return _seconds(encode, [orjson.loads(value) for value in _values(log, ENCODES.get(stage, ()), after)])


def _values(log: Log, topics: Iterable[str], after: dict[tuple[str, int], int]) -> list[bytes]:
    start = {topic: {partition: offset for (of, partition), offset in after.items() if of == topic} for topic in topics}
    return [record.value for topic in topics for record in log.read(topic, start[topic]) if record.value is not None]


def _seconds(codec: Codec, values: list[Any]) -> float:
    """CPU time of one pass over all values, the best of some."""
    passes = []
    for _ in range(TIMES):
        begun = time.thread_time()
        for value in values:
            codec(value)
        passes.append(time.thread_time() - begun)
    return min(passes)
