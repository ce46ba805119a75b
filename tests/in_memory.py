"""The whole core over plain dicts, without Faust and without a log: what the property tests drive."""

import json
from collections import defaultdict, deque
from dataclasses import dataclass, field
from random import Random

from schemas.codec import Rejected, topic_of
from streams.agents.shelf import Shelf
from streams.core.admission import Admission
from streams.core.archive import Archive, Limits, Row
from streams.core.board import Room, Session
from streams.core.buyer import Buyer
from streams.core.intake import arrive
from streams.core.journey import JourneyMessage, Journeys
from streams.core.origin import Origin
from streams.core.outcome import Effects
from streams.core.packing import Unpacker, pack
from streams.core.policy import Policy, load
from streams.core.register import State
from streams.core.routing import home_of, routed

_unpack = Unpacker(JourneyMessage)


class Tables:
    """A batch that is committed at every put: state as bytes, which shelves read anew when they have dropped it."""

    def __init__(self) -> None:
        self.rows = defaultdict(dict)

    def read(self, table, keys):
        return {key: self.rows[table][key] for key in keys if key in self.rows[table]}

    def scan(self, table, prefix=b""):
        return [(key, value) for key, value in sorted(self.rows[table].items()) if key.startswith(prefix)]

    def put_all(self, table, values):
        for key, value in values.items():
            self.rows[table].pop(key, None)
            if value is not None:
                self.rows[table][key] = value


class Dependents:
    """Who asked for what, in a dict."""

    def __init__(self) -> None:
        self.buyers = defaultdict(dict)

    def add(self, key, buyer_id):
        self.buyers[key][buyer_id] = None

    def of(self, key):
        return list(self.buyers.get(key, ()))


@dataclass
class Result:
    """What came out; `topics` holds all records, the rest the final state by key."""

    topics: dict = field(default_factory=lambda: defaultdict(list))
    sales: dict = field(default_factory=dict)
    ledger: dict = field(default_factory=dict)
    profiles: dict = field(default_factory=dict)
    rooms: dict = field(default_factory=dict)
    sessions: dict = field(default_factory=dict)  # session_id -> `Session`
    dead_letters: list = field(default_factory=list)
    duplicates: int = 0
    late: int = 0
    tables: list = field(default_factory=list)  # of each partition, when it is kept in bytes
    waiting: list = field(default_factory=list)  # buyers for whom another never came


def run(lines: list[bytes], policy: Policy | dict | None = None, partitions: int = 1, seed: int = 0,
        limits: Limits | None = None) -> Result:  # fmt: skip
    """Process raw events in arrival order.

    With `limits` buyers are frozen by them, and nothing but bytes is kept from one batch to the next. Without them,
    and with one partition, messages are passed on as the objects that they are, as on one machine; else as bytes.
    Of several partitions of journeys any may be ahead of the others, and take any number of messages in a batch.
    """
    if not isinstance(policy, Policy):
        policy = load(policy or {})
    result = Result()
    admission = Admission(State({}, {}, {}, {}, {}, {}, {}))
    crowd = _Crowd(policy, partitions, Random(seed), result)
    if limits:
        crowd.keep_in_bytes(limits)
    for number, payload in enumerate(lines):
        if not payload.strip():
            continue
        admission.begin()
        try:
            new, event = arrive(payload, Origin("", 0, number))
        except Rejected as rejected:
            _letter(result, rejected, payload, number)
            continue
        admission.admit(event, new, number)
        result.duplicates += admission.duplicates
        for rejected, letter, where in admission.letters:
            _letter(result, rejected, letter, where.offset)
        crowd.take(admission.routes)
    crowd.finish()
    sessions = result.sessions = crowd.sessions
    for session_id, session in sessions.items():
        if session.room.started:
            effects = Effects()
            effects.snapshot(session_id, session.room.changes, 0, session.snapshot(session_id))
            _take(result, effects)
    result.ledger = {key: fen for key, fen in result.ledger.items() if fen}
    return result


class _Crowd:
    """The partitions of journeys; of several, any may be ahead of the others."""

    def __init__(self, policy: Policy, partitions: int, random: Random, result: Result) -> None:
        self.result, self.random, self.version = result, random, 0
        self.haste = self.random.choice((0.1, 0.5, 0.7, 0.9))  # how soon journeys follow admission
        self.queues = [deque() for _ in range(partitions)]
        self.journeys = [
            Journeys(policy, {}, {}, Dependents(), lambda buyer_id, home=home: home_of(buyer_id, partitions) == home)
            for home in range(partitions)
        ]
        self.sessions: dict[str, Session] = {}
        self.shelves = {}

    def keep_in_bytes(self, limits: Limits) -> None:
        for journeys in self.journeys:
            tables = Tables()
            buyers, rows = Shelf("buyers", Buyer, 0), Shelf("archive", Row, 0)
            self.shelves[id(journeys)] = (tables, buyers, rows)
            journeys.buyers, journeys.archive = buyers, Archive(rows, limits)

    def take(self, routes) -> None:
        live = len(self.queues) == 1 and not self.shelves
        for home, message in routed(routes, len(self.queues)):
            self.queues[home].append(message if live else pack(message))
        while any(self.queues) and (len(self.queues) == 1 or self.random.random() < self.haste):
            self.step()

    def finish(self) -> None:
        while any(self.queues):
            self.step()
        if not self.shelves:
            buyers = (buyer for journeys in self.journeys for buyer in journeys.buyers.items())
            self.result.waiting = [buyer_id for buyer_id, buyer in buyers if buyer.held]
        self.result.tables = [tables for tables, _, _ in self.shelves.values()]

    def step(self) -> None:
        home = self.random.choice([home for home, queue in enumerate(self.queues) if queue])
        journeys, queue = self.journeys[home], self.queues[home]
        tables, *shelves = self.shelves.get(id(journeys), (None,))
        for shelf in shelves:
            shelf.open(tables)
        journeys.begin()
        for _ in range(1 if len(self.queues) == 1 else self.random.choice((1, 1, 2, 5, len(queue)))):
            if queue:
                self.version += 1
                message = queue.popleft()
                message = _unpack(message) if isinstance(message, bytes) else message
                journeys.apply(message, f"{home}.{self.version}")
        journeys.profiles()
        for shelf in shelves:
            shelf.flush()
        self.result.late += journeys.late
        for buyer_id, moved in journeys.elsewhere:
            self.queues[home_of(buyer_id, len(self.queues))].append(pack(moved))
        _take(self.result, journeys.effects)
        for session_id, delta in journeys.deltas.by_session.items():
            self.sessions.setdefault(session_id, Session(Room.new())).add(delta)


def _letter(result: Result, rejected: Rejected, payload: bytes, number: int) -> None:
    result.dead_letters.append(
        {
            "reason": rejected.reason,
            "topic": topic_of(payload),
            "offset": number,
            "payload": payload.decode("utf-8", "replace"),
        }
    )


def _take(result: Result, effects: Effects) -> None:
    for topic, key, value in effects.outputs:
        event = value and json.loads(value)
        result.topics[topic].append((key.decode(), event))
        if topic == "credit-ledger":
            data = event["data"]
            party = data["sale_id"], data["dimension"], data["party_id"]
            result.ledger[party] = result.ledger.get(party, 0) + data["amount_fen"]
        table = {
            "attributed-sales": result.sales, "pool-feedback": result.profiles, "room-metrics": result.rooms,
        }.get(topic)  # fmt: skip
        if table is not None and event is None:
            table.pop(key.decode(), None)
        elif table is not None:
            table[key.decode()] = event["data"]
