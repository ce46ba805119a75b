"""What is read and written of a buyer: not more, however long its history is; and nothing once it is forgotten."""

import json
from collections import Counter

import pytest

from in_memory import Tables, run
from schemas.values import format_time
from streams.agents.shelf import Shelf
from streams.core.admission import Admission
from streams.core.archive import Archive, Limits, Row
from streams.core.buyer import Buyer, Part
from streams.core.chunks import Chunk
from streams.core.cold import RowDict, Stay
from streams.core.facts import Clock, Fact, Visit
from streams.core.intake import arrive
from streams.core.journey import Journeys
from streams.core.messages import Activity
from streams.core.origin import Origin
from streams.core.packing import pack
from streams.core.policy import load
from streams.core.register import State

START = 1_793_534_400_000  # 2026-11-01 12:00 UTC
MINUTE = 60_000


class Counted(Tables):
    """Tables that count the bytes that are read and written."""

    def __init__(self):
        super().__init__()
        self.bytes = Counter()

    def read(self, table, keys):
        found = super().read(table, keys)
        self.bytes["read"] += sum(map(len, found.values()))
        return found

    def put_all(self, table, values):
        super().put_all(table, values)
        self.bytes["written"] += sum(len(value or b"") for value in values.values())


class Worker:
    """Takes one event after the other; nothing is remembered in between but bytes."""

    def __init__(self, limits):
        self.tables, self.number = Counted(), 0
        self.admission = Admission(State({}, {}, {}, {}, {}, {}, {}))
        self.buyers, self.rows = Shelf("buyers", Buyer, 0), Shelf("archive", Row, 0)
        archive = Archive(self.rows, limits)
        self.journeys = Journeys(load({}), self.buyers, {}, _Nobody(), archive=archive)

    def take(self, line):
        self.number += 1
        self.admission.begin()
        arrival, event = arrive(line, Origin("live-room", 0, self.number))
        self.admission.admit(event, arrival, self.number)
        for shelf in (self.buyers, self.rows):
            shelf.open(self.tables)
        self.journeys.begin()
        for place, (_, message) in enumerate(self.admission.routes):
            self.journeys.apply(message, f"{self.number}.{place}")
        self.journeys.profiles()
        for shelf in (self.buyers, self.rows):
            shelf.flush()

    def cost(self, lines):
        """Bytes per event."""
        before = Counter(self.tables.bytes)
        for line in lines:
            self.take(line)
        return {name: (self.tables.bytes[name] - before[name]) / len(lines) for name in ("read", "written")}


class _Nobody:
    def add(self, key, buyer_id):
        pass

    def of(self, key):
        return ()


def told(number, type_, time, **data):
    envelope = {"specversion": "1.0", "id": str(number), "source": "/s", "type": type_, "time": format_time(time)}
    return json.dumps({**envelope, "data": {"ids": {"unionid": "u"}, **data}}).encode()


def started(number):
    session = {"session_id": f"S{number}", "room_id": "R", "carrier": "douyin", "anchor_ids": ["A"]}
    return told(f"start {number}", "live.session.started", START, **session)


def event(number, minutes):
    """One event of a busy buyer: it looks, clicks, scans, shares, and buys now and then."""
    time = START + round(number * minutes * MINUTE)
    session = {"session_id": f"S{number // 50}"}
    claim = {"order_id": str(number), "carrier": "jd", "placed_at": format_time(time),
             "lines": [{"line_id": "1", "item_id": f"I{number % 30}", "quantity": 1, "amount_fen": 100}]}  # fmt: skip
    kinds = [
        ("live.viewer.entered", session),
        ("live.product.clicked", {**session, "item_id": f"I{number % 30}"}),
        ("live.viewer.liked", session),
        ("scan.code.scanned", {"store_id": "T"}),
        ("order.paid", claim),
    ]
    type_, data = kinds[0 if number % 5 == 0 else 1 if number % 5 in (1, 2) else 3 if number % 10 == 3 else 2]
    if number % 20 == 19:
        type_, data = kinds[4]
    return told(number, type_, time, **data)


# Hours apart, and so dense that a presence timeout and the stays that began in it reach over several chunks.
@pytest.mark.parametrize("minutes", [45, 0.1])
def test_an_event_costs_the_same_however_long_the_history_is(minutes):
    worker = Worker(Limits())
    worker.cost([started(session) for session in range(44)])
    events = [event(number, minutes) for number in range(2_200)]
    worker.cost(events[:100])
    early = worker.cost(events[100:300])
    worker.cost(events[300:2_000])
    late = worker.cost(events[2_000:])
    assert late["written"] < 1.1 * early["written"], (early, late)
    assert late["read"] < 1.3 * early["read"], (early, late)


def test_a_scan_looks_at_no_frozen_visit():
    worker = Worker(Limits())
    worker.cost([started(session) for session in range(3)])
    worker.cost([told(n, "live.viewer.liked", START + n * 500, session_id=f"S{n % 3}") for n in range(500)])
    scans = [told(n, "scan.code.scanned", START + n * 500, store_id="T") for n in range(500, 510)]
    read = worker.cost(scans)["read"]
    (row,) = worker.tables.rows["buyers"].values()
    assert read < 1.1 * len(row)


def test_chunks_of_much_at_once_are_small():
    facts = [
        Fact.of(Activity("b", "unionid:u", "live.viewer.liked", START + n, "/s", str(n), n, "S")) for n in range(999)
    ]
    part = Part(START, Clock.of((fact.time, fact.seq) for fact in facts), {"S": Visit.of(facts)})
    buyer = Buyer(["unionid:u"], {"b": part})
    rows, limits = RowDict(), Limits()
    archive, hot = Archive(rows, limits), pack(buyer)
    archive.freeze("b", buyer, 15 * MINUTE)
    chunks = [row for row in rows.values() if isinstance(row, Chunk)]
    assert max(len(list(chunk.all())) for chunk in chunks) <= limits.least
    assert len(buyer.visit("S")) < limits.keep + limits.least
    assert buyer.cold.stays == {"S": Stay(START, buyer.cold.before - 1, buyer.cold.before - 1 + 15 * MINUTE)}
    archive.thaw("b", buyer)
    assert pack(buyer) == hot
    assert not rows


def test_nothing_is_left_of_who_was_forgotten():
    lines = [event(number, 45) for number in range(120)]
    lines.append(told(999, "buyer.erased", START + 120 * 45 * MINUTE))
    result = run(lines, limits=Limits(keep=4, least=4, views=2))
    (tables,) = result.tables
    assert len(tables.rows["archive"]) > 20
    (anonymous,) = tables.rows["buyers"]
    assert all(key.startswith(anonymous + b" ") for key in tables.rows["archive"])


def test_what_told_nothing_may_tell_something_after_news():
    """Scans of a code for a store; then the code turns out to have meant a session from the beginning."""
    scans = [told(number, "scan.code.scanned", START + number * 1_000, token="K") for number in range(20)]
    tokens = [
        registered(name, START + at * MINUTE, **means)
        for name, at, means in (("k1", -10, {"store_id": "T"}), ("k2", -5, {"store_id": "T", "session_id": "S0"}))
    ]
    lines = [started(0), tokens[0], *scans, *(bought(number) for number in (30, 31)), tokens[1], bought(32)]
    frozen, hot = (run(lines, limits=limits) for limits in (Limits(keep=1, least=1, views=0), None))
    assert {sale["live"]["rule"] for sale in hot.sales.values()} == {"scan"}
    assert frozen.sales == hot.sales


def registered(name, time, **means):
    return told(name, "token.registered", time, token="K", **means)


def bought(number):
    line = {"line_id": "1", "item_id": "I", "quantity": 1, "amount_fen": 100}
    time = START + number * 1_000
    return told(
        number, "order.paid", time, order_id=str(number), carrier="jd", placed_at=format_time(time), lines=[line]
    )
