"""Buyers on several partitions, any of which may be ahead of the others, end as they do on one."""

import json
from collections import Counter
from random import Random
from typing import Any, NamedTuple

import pytest

import in_memory
from in_memory import Dependents, run
from shows import random_show
from streams.core.admission import Admission
from streams.core.archive import Limits
from streams.core.buyer import Buyer
from streams.core.intake import arrive
from streams.core.journey import JourneyMessage, Journeys
from streams.core.origin import Origin
from streams.core.packing import Unpacker, pack
from streams.core.policy import load
from streams.core.reference import Entry
from streams.core.register import State
from streams.core.routing import home_of, routed
from thoroughness import some

_unpack = Unpacker(JourneyMessage)
_unpack_buyer, _unpack_entry = Unpacker(Buyer), Unpacker(Entry)
MANY = {
    "unionid": ("u1", "u2", "u3"),
    "external_userid": ("w1", "w2"),
    "openid": ("x:1", "x:2"),
    "jd_open_id": ("j1", "j2", "j3"),
}
FEW = ("unionid", "openid", "jd_open_id", "douyin_open_id")
LINES = [{"line_id": "1", "item_id": "i", "quantity": 1, "amount_fen": 100}]
POLICY = load({})
TIMES = ("2024-06-18T11:50:00Z", "2024-06-18T12:00:00Z", "2024-06-18T12:10:00Z", "2024-06-20T12:30:00Z")


def test_the_show_on_which_a_buyer_overtook_another():
    """An arrival must not pass the messages held in front of its announcement, nor must a move within a partition."""
    lines = random_show(858)
    assert ends(run(lines, partitions=3, seed=7)) == ends(run(lines))


@pytest.mark.parametrize("partitions", [2, 3, 7])
@pytest.mark.parametrize("late", [False, True])
def test_several_partitions_come_to_the_same(partitions, late):
    for seed in range(some(30)):
        agree(random_show(seed, size=60, malformed=False, repeats=False, late=late), partitions, seed)


@pytest.mark.parametrize("partitions", [2, 3, 7])
def test_however_people_merge_and_part(partitions):
    for seed in range(some(60)):
        agree(Family(seed, many=True).events(40), partitions, seed)


@pytest.mark.parametrize("partitions", [1, 3])
def test_whatever_is_frozen_when_they_do(partitions):
    limits = Limits(keep=1, least=1, views=0)
    for seed in range(some(60)):
        lines = Family(seed, many=True).events(40)
        frozen = run(lines, partitions=partitions, seed=seed, limits=limits)
        assert ends(frozen) == ends(run(lines)), (partitions, seed)


@pytest.mark.parametrize("seed", range(some(60)))
def test_every_schedule_of_a_small_show_comes_to_the_same(seed):
    agree_always(Family(seed, many=False).events(6), 3)


# Of two partitions u2, x:2 and j2 are of the one, w1 and d3 of the other.
SET = {"unionid": "u2", "openid": "x:2", "jd_open_id": "j2"}


def test_what_comes_twice_from_one_buyer_keeps_its_order():
    """A buyer that waited hands over its parts, and after an erasure an order, to one that waited for both."""
    agree_always([
        seen(1, jd_open_id="j2"),
        seen(2, openid="x:2"),
        seen(3, **SET),
        paid(4, TIMES[2], unionid="u2"),
        seen(5, douyin_open_id="d3"),
        seen(6, unionid="u2", douyin_open_id="d3"),
        told(7, "identity.unlinked", TIMES[2], ids_a=SET, ids_b=SET),
        told(8, "buyer.erased", TIMES[2], ids={"jd_open_id": "j2"}),
        seen(9, TIMES[3], unionid="u2", openid="x:2"),
        paid(10, TIMES[1], jd_open_id="j2"),
    ], 2)  # fmt: skip


def test_a_part_that_waits_is_not_forgotten_with_the_set_that_it_was_in_before():
    agree_always([
        seen(1, jd_open_id="j2"),
        seen(2, unionid="u2", jd_open_id="j2"),
        seen(3, douyin_open_id="d3"),
        seen(4, unionid="u2", douyin_open_id="d3"),
        told(5, "buyer.erased", TIMES[2], ids={"unionid": "u2"}),
        seen(6, external_userid="w1", jd_open_id="j2"),
        told(7, "identity.unlinked", TIMES[2], ids_a={"external_userid": "w1"}, ids_b={"jd_open_id": "j2"}),
        seen(8, jd_open_id="j2"),
    ], 2)  # fmt: skip


def test_a_set_without_an_event_leaves_nothing_behind_when_it_merges():
    """Neither for the buyer that its identifier is after an erasure, nor for what a batch still sends away."""
    lines = [
        seen(1, **SET),
        told(2, "identity.unlinked", TIMES[2], ids_a={"unionid": "u2"}, ids_b=SET),
        seen(3, unionid="u4", openid="x:2"),
        told(4, "buyer.erased", TIMES[2], ids={"unionid": "u4"}),
        seen(5, openid="x:2"),
    ]
    ids = [profile["ids"] for profile in run(lines).profiles.values()]
    assert ids == [{"unionid": ["u2"]}, {"openid": ["x:2"]}]
    for seed in range(some(20)):
        agree(lines, 2, seed)


def agree_always(lines: list[bytes], partitions: int) -> None:
    (one,) = schedules(lines, 1)
    assert schedules(lines, partitions) == {one}


def agree(lines: list[bytes], partitions: int, seed: int) -> None:
    several = run(lines, partitions=partitions, seed=seed)
    assert ends(several) == ends(run(lines)), (partitions, seed)
    assert not several.waiting
    ids = Counter((topic, record["id"]) for topic, found in several.topics.items() for _, record in found if record)
    assert max(ids.values()) == 1


def ends(result: in_memory.Result) -> tuple:
    return without(result.sales, "revision"), result.ledger, without(result.profiles, "reason"), result.rooms


def without(records: dict, name: str) -> dict:
    return {key: {field: value for field, value in data.items() if field != name} for key, data in records.items()}


class Family:
    """Draws shows of which every other event links, parts or forgets people; orders become final in between."""

    def __init__(self, seed: int, *, many: bool) -> None:
        self.rng = rng = Random(seed)
        self.names = MANY if many else {name: (f"x:{rng.randrange(99)}",) for name in FEW}
        self.kinds = ["live.viewer.entered"] * 4 + ["identity.unlinked"] * 2 + ["order.paid", "order.paid"]
        self.kinds += ["live.session.started", "buyer.erased"]
        self.kinds += ["order.placed", "token.registered", "refund.succeeded"] * many + ["pool.contact.added"] * many

    def events(self, size: int) -> list[bytes]:
        return [self.event(self.rng.choice(self.kinds), number) for number in range(size)]

    def people(self) -> dict[str, str]:
        names = self.rng.sample(list(self.names), self.rng.choice((1, 2, 2, min(3, len(self.names)))))
        return {name: self.rng.choice(self.names[name]) for name in names}

    def event(self, type_: str, number: int) -> bytes:
        pick, people = self.rng.choice, self.people
        session, order = {"session_id": pick(("S1", "S2"))}, {"order_id": pick(("1", "2", "3")), "carrier": "jd"}
        claim = order | {"ids": people(), "placed_at": pick(TIMES[:3]), "lines": LINES}
        data = {
            "live.viewer.entered": session | {"ids": people()},
            "live.session.started": session | {"room_id": "R", "carrier": "douyin", "anchor_ids": ["A"]},
            "token.registered": {"token": "K", "store_id": pick(("T1", "T2")), "guide_id": "G"},
            "order.paid": claim,
            "order.placed": claim,
            "pool.contact.added": {"ids": people() | {"external_userid": "w1"}, "guide_id": "G", "token": "K"},
            "identity.unlinked": {"ids_a": people(), "ids_b": people()},
            "buyer.erased": {"ids": people()},
            "refund.succeeded": order | {"refund_id": pick(("F1", "F2")), "amount_fen": pick((1, 60))},
        }[type_]
        return told(number, type_, pick(TIMES), **data)


def told(number: int, type_: str, time: str, **data: Any) -> bytes:
    envelope = {"specversion": "1.0", "id": f"e{number:02}", "source": "s", "type": type_, "time": time}
    return json.dumps(envelope | {"data": data}).encode()


def seen(number: int, time: str = TIMES[0], **ids: str) -> bytes:
    return told(number, "live.viewer.entered", time, session_id="S1", ids=ids)


def paid(number: int, time: str, **ids: str) -> bytes:
    claim = {"order_id": "1", "carrier": "jd", "placed_at": TIMES[0], "lines": LINES}
    return told(number, "order.paid", time, ids=ids, **claim)


class Partition(NamedTuple):
    """One partition of journeys between two batches, as it is kept, and what is still to be read."""

    queue: tuple[bytes, ...] = ()
    buyers: tuple[tuple[str, bytes], ...] = ()
    entries: tuple[tuple[str, bytes], ...] = ()
    dependents: frozenset[tuple[str, str]] = frozenset()


class Moment(NamedTuple):
    """A state of the whole: how many events are admitted, the partitions, and what came out so far."""

    admitted: int
    partitions: tuple[Partition, ...]
    outcome: frozenset


def schedules(lines: list[bytes], partitions: int) -> set[frozenset]:
    """The outcomes of all schedules: admission and each partition at any speed, in any order.

    Two schedules differ only by the order in which a queue is appended to. So whatever appends to no queue of
    another is done at once, and a moment that was reached before is not looked at again.
    """
    routes = admitted(lines, partitions)
    outcomes, seen, ahead = set(), set(), [Moment(0, (Partition(),) * partitions, frozenset())]
    while ahead:
        moment = ahead.pop()
        if moment in seen:
            continue
        seen.add(moment)
        following = [stepped(moment, home) for home, one in enumerate(moment.partitions) if one.queue]
        silent = [after for after, sends in following if not sends]
        if silent:
            ahead.append(silent[0])
            continue
        ahead += [after for after, _ in following]
        if moment.admitted < len(lines):
            ahead.append(sent(moment, routes[moment.admitted])._replace(admitted=moment.admitted + 1))
        elif not following:
            outcomes.add(moment.outcome)
            assert not any(_unpack_buyer(buyer).held for one in moment.partitions for _, buyer in one.buyers)
    return outcomes


def admitted(lines: list[bytes], partitions: int) -> list[list[tuple[int, bytes]]]:
    admission = Admission(State({}, {}, {}, {}, {}, {}, {}))
    found = []
    for number, payload in enumerate(lines):
        admission.begin()
        arrival, event = arrive(payload, Origin("live-room", 0, number))
        admission.admit(event, arrival, number)
        found.append([(home, pack(message)) for home, message in routed(admission.routes, partitions)])
    return found


def sent(moment: Moment, messages: list[tuple[int, bytes]]) -> Moment:
    partitions = list(moment.partitions)
    for home, message in messages:
        partitions[home] = partitions[home]._replace(queue=(*partitions[home].queue, message))
    return moment._replace(partitions=tuple(partitions))


def stepped(moment: Moment, home: int) -> tuple[Moment, bool]:
    """The moment after one partition took one message, and whether it sent any to another."""
    partitions = len(moment.partitions)
    (message, *queue), buyers, entries, asked = moment.partitions[home]
    dependents = Dependents()
    for key, buyer_id in sorted(asked):
        dependents.add(key, buyer_id)
    journeys = Journeys(
        POLICY,
        {key: _unpack_buyer(value) for key, value in buyers},
        {key: _unpack_entry(value) for key, value in entries},
        dependents,
        lambda buyer_id: home_of(buyer_id, partitions) == home,
    )
    journeys.apply(_unpack(message), "v")
    journeys.profiles()
    for sale in (sale for buyer in journeys.buyers.values() for view in buyer.paid() for sale in view.sales.values()):
        sale.revision, sale.history = 0, []  # how often it was published does not make it another moment
    after = Partition(
        tuple(queue),
        tuple(sorted((key, pack(value)) for key, value in journeys.buyers.items())),
        tuple(sorted((key, pack(value)) for key, value in journeys.entries.items())),
        frozenset((key, buyer_id) for key, found in dependents.buyers.items() for buyer_id in found),
    )
    moved = [(home_of(buyer_id, partitions), pack(moved)) for buyer_id, moved in journeys.elsewhere]
    whole = (*moment.partitions[:home], after, *moment.partitions[home + 1 :])
    outcome = added(moment.outcome, journeys)
    return sent(Moment(moment.admitted, whole, outcome), moved), bool(moved)


def added(outcome: frozenset, journeys: Journeys) -> frozenset:
    """What came out so far: tables by key, and sums of the ledger and of what the board adds up."""
    tables = dict(outcome)
    for output in journeys.effects.outputs:
        data = json.loads(output.value)["data"] if output.value else {}
        if output.topic == "credit-ledger":
            party = output.topic, data["sale_id"], data["dimension"], data["party_id"]
            tables[party] = tables.get(party, 0) + data["amount_fen"]
        elif output.topic != "pool-events":
            told = {name: value for name, value in data.items() if name not in ("revision", "reason")}
            tables[output.topic, output.key] = json.dumps(told, sort_keys=True) if told else 0
    for session_id, delta in journeys.deltas.by_session.items():
        steps = Counter()
        for kind, time, buyer_id, amount in delta.facts:
            steps["facts", kind, time, buyer_id] += amount
        for name in ("online", "watch"):
            steps.update({(name, at): by for at, by in getattr(delta, name).items()})
        steps.update({("people", sort): by for sort, by in enumerate(delta.people)})
        for step, by in steps.items():
            tables[session_id, *step] = tables.get((session_id, *step), 0) + by
    return frozenset((key, value) for key, value in tables.items() if value)
