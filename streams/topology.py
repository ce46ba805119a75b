"""Livepool on one page. Read this first, then `agents/journey.py`, `core/journey.py`, `core/attribution.py`.

    live-room ─┐
    qr-scan   ─┤            arrivals              journeys               room-deltas
    checkout  ─┼─► intake ──────────► identity ──────────────► journey ──────────────► board ──► room-metrics
    commands  ─┘   valid?              new? whose?  key: buyer   │  decide, account        add up, key: session
                     │                 which order?              ├─► attributed-sales, credit-ledger
                     └─► dead-letters ◄──┘                       └─► pool-feedback, pool-events ──► SCRM

    room-metrics, room-details, attributed-sales, pool-feedback, dead-letters ──► views ──► web: board, API

Each arrow is a topic, each word between arrows a Faust agent: it takes a record batch, folds it through the
pure functions of `streams/core`, and commits outputs, state and input offsets in one transaction.

`arrivals` has one partition on purpose. Whether an event is new (the same `(source, id)` may come on two
topics), whose it is (a link is refused because of all links before it), and which order a refund belongs to are
questions about all events; they need one order, and what counts for nothing must be known before it counts.
"""

from typing import NamedTuple

from schemas.topics import TOPICS

INPUTS = tuple(name for name, topic in TOPICS.items() if topic.kind == "input")


class Agent(NamedTuple):
    """One agent: the topics it reads, the tables it keeps, the topics it writes."""

    name: str
    reads: tuple[str, ...]
    keeps: tuple[str, ...]
    writes: tuple[str, ...]


INTAKE = Agent("intake", INPUTS, (), ("arrivals", "dead-letters"))
IDENTITY = Agent(
    "identity",
    ("arrivals",),
    ("seen", "people", "members", "cuts", "orders", "refunds", "erasures", "admitted"),
    ("journeys", "dead-letters"),
)
JOURNEY = Agent(
    "journey",
    ("journeys",),
    ("buyers", "archive", "references", "dependents", "journeyed"),
    ("attributed-sales", "credit-ledger", "pool-feedback", "pool-events", "room-deltas", "journeys"),
)
BOARD = Agent("board", ("room-deltas",), ("rooms", "recent"), ("room-metrics", "room-details"))
AGENTS = (INTAKE, IDENTITY, JOURNEY, BOARD)
# What people watch (`streams/views`): every worker reads these in full, so any of them answers for any room.
VIEWED = ("room-metrics", "room-details", "attributed-sales", "pool-feedback", "dead-letters")
