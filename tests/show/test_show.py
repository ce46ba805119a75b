"""The synthetic show: repeatable, bounded, and true to what it says of itself.

The truth is checked against the lines, read back with the codec and counted again here, never against
the generator's own counters.
"""

import os
import subprocess
import sys
from collections import Counter, defaultdict
from dataclasses import dataclass, field

import orjson
import pytest

from schemas.codec import Rejected, canonical, decode
from schemas.events import TOPIC_OF_TYPE
from streams.show import Truth, generate

START = 1_793_534_400_000  # 2026-11-01 12:00 UTC, an evening in Shanghai
HOUR = 3_600_000


@dataclass
class Recount:
    """What the lines of a show hold, counted from the lines."""

    lines: list[bytes]
    truth: dict
    first: dict = field(default_factory=dict)
    arrived: list = field(default_factory=list)
    duplicates: list = field(default_factory=list)
    dead: Counter = field(default_factory=Counter)

    def __post_init__(self):
        newest = 0
        for line in self.lines:
            try:
                event = decode(line)
            except Rejected as rejected:
                self.dead[rejected.reason] += 1
                continue
            key, newest = (event.source, event.id), max(newest, event.time)
            if key not in self.first:
                self.first[key] = (line, newest)
                self.arrived.append((orjson.loads(line), event.time, newest))
            elif canonical(line) == canonical(self.first[key][0]):
                self.duplicates.append(newest - self.first[key][1])
            else:
                self.dead["id_conflict"] += 1

    def of(self, kind):
        return [event["data"] for event, _, _ in self.arrived if event["type"] == kind]

    def paid(self):
        return {(order["carrier"], order["order_id"]): order for order in self.of("order.paid")}

    def refunds(self):
        return {(refund["carrier"], refund["refund_id"]): refund for refund in self.of("refund.succeeded")}


def play(count, seed, **options):
    truth = Truth()
    lines = list(generate(count, seed, START, truth, **options))
    return Recount(lines, truth.as_dict())


@pytest.fixture(scope="module", params=[{}, {"orders_heavy": True}], ids=["usual", "orders_heavy"])
def show(request):
    return play(60_000, 11, **request.param)


def amount(lines):
    return sum(line["amount_fen"] for line in lines)


def test_the_lines_are_counted_exactly():
    for count in (0, 1, 2, 3, 7, 40, 999, 5_001):
        truth = Truth()
        assert len(list(generate(count, 5, START, truth))) == truth.lines == count
        assert truth.accepted + truth.duplicates + sum(truth.dead_letters.values()) == count


def test_a_line_is_one_line(show):
    assert not any(b"\n" in line or not line for line in show.lines)


def test_the_same_seed_gives_the_same_bytes_under_any_hash_seed():
    program = (
        "import hashlib, sys; from streams.show import generate; digest = hashlib.sha256();"
        f"[digest.update(line) for line in generate(6_000, 3, {START})]; sys.stdout.write(digest.hexdigest())"
    )
    digests = [
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed, "TZ": zone},
            check=True,
            capture_output=True,
        ).stdout
        for seed, zone in (("1", "UTC"), ("2", "America/New_York"))
    ]
    assert digests[0] == digests[1]
    assert len(digests[0]) == 64
    assert play(6_000, 3).lines != play(6_000, 4).lines


def test_the_truth_about_events_holds(show):
    kinds = Counter(event["type"] for event, _, _ in show.arrived)
    # These two are well-formed: only state can tell that they are refused. Others check them below.
    refused = {
        reason: show.truth["dead_letters"].pop(reason) for reason in ("identity_too_large", "refund_exceeds_paid")
    }
    assert show.dead == show.truth["dead_letters"]
    show.truth["dead_letters"] |= refused
    assert len(show.duplicates) == show.truth["duplicates"]
    kinds["scan.code.scanned"] -= refused["identity_too_large"]
    kinds["refund.succeeded"] -= refused["refund_exceeds_paid"]
    assert kinds == show.truth["by_type"]
    assert sum(kinds.values()) == show.truth["accepted"]


def test_the_truth_about_orders_holds(show):
    paid, truth = show.paid(), show.truth
    lines = [line for order in paid.values() for line in order["lines"]]
    placed = {(order["carrier"], order["order_id"]): order for order in show.of("order.placed")}
    assert truth["orders_paid"] == len(paid)
    assert truth["orders_placed"] == len(placed.keys() | paid.keys())
    assert truth["sales"] == len(lines)
    assert truth["units"] == sum(line["quantity"] for line in lines)
    assert truth["gmv_paid_fen"] == amount(lines)
    created = {
        (key, line["line_id"]): line["amount_fen"]
        for key, order in {**paid, **placed}.items()
        for line in order["lines"]
    }
    for change in show.of("order.amended"):
        for line in change["lines"]:
            created[(change["carrier"], change["order_id"]), line["line_id"]] = line["amount_fen"]
    assert truth["gmv_created_fen"] == sum(created.values())
    repeats = len(show.of("order.paid")) - len(paid) + len(show.of("refund.succeeded")) - len(show.refunds())
    assert truth["repeats"] == repeats > 0


def test_the_truth_about_refunds_holds_in_whatever_order_they_come(show):
    paid, left = show.paid(), defaultdict(int)
    for key, order in paid.items():
        left[key] = amount(order["lines"])
        for line in order["lines"]:
            left[*key, line["line_id"]] = line["amount_fen"]
    exceeding, waiting, by_order, by_line = 0, 0, Counter(), Counter()
    for refund in show.refunds().values():
        key = (refund["carrier"], refund["order_id"])
        scope = (*key, refund["line_id"]) if "line_id" in refund else key
        if key not in paid:
            waiting += 1
        elif refund["amount_fen"] > left[scope]:
            exceeding += 1
        elif "line_id" in refund:
            by_line[scope] += refund["amount_fen"]
        else:
            by_order[scope] += refund["amount_fen"]
    # All others of an order fit together: none depends on which came first.
    assert not by_order.keys() & {scope[:2] for scope in by_line}
    assert all(fen <= left[scope] for scope, fen in (by_order + by_line).items())
    assert exceeding == show.truth["dead_letters"]["refund_exceeds_paid"] > 0
    assert waiting == show.truth["refunds_waiting"] > 0
    assert by_order.total() + by_line.total() == show.truth["refunded_fen"]
    assert show.truth["gmv_net_fen"] == sum(show.truth["net_fen_by_carrier"].values())


def test_refused_links_are_those_of_one_crowded_phone(show):
    phones = defaultdict(set)
    alone = Counter()
    for event, _, _ in show.arrived:
        ids = event["data"].get("ids", {})
        others = [f"{namespace}:{value}" for namespace, value in ids.items() if namespace != "phone_hash"]
        if "phone_hash" in ids:
            phones[ids["phone_hash"]].update(others)
        alone.update(others)
    crowded = {phone: people for phone, people in phones.items() if len(people) > 31}
    assert sum(len(people) - 31 for people in crowded.values()) == show.truth["dead_letters"]["identity_too_large"]
    assert all(alone[one] == 1 for people in crowded.values() for one in people)


def test_no_other_set_of_people_comes_near_the_limit(show):
    parent: dict[str, str] = {}

    def root(one):
        while parent.setdefault(one, one) != one:
            one = parent[one]
        return one

    for event, _, _ in show.arrived:
        ids = event["data"].get("ids", {})
        named = [f"{key}:{value}" for key, value in ids.items() if key != "device_id"]
        for one in named[1:]:
            parent[root(one)] = root(named[0])
    sizes = sorted(Counter(root(one) for one in list(parent)).values())
    crowds = show.truth["dead_letters"]["identity_too_large"] // 5
    assert [size for size in sizes if size > 24] == [37] * crowds
    assert sizes[-crowds - 1] > 6


def test_the_truth_about_sessions_holds(show):
    counted = defaultdict(Counter)
    columns = {
        "live.viewer.entered": "views",
        "live.viewer.commented": "comments",
        "live.viewer.liked": "likes",
        "live.viewer.shared": "shares",
        "live.viewer.followed": "follows",
        "live.viewer.joined_fan_club": "fan_club_joins",
        "live.product.clicked": "product_clicks",
        "live.product.carted": "product_clicks",
    }
    for event, _, _ in show.arrived:
        if event["type"] in columns:
            session = counted[event["data"]["session_id"]]
            session[columns[event["type"]]] += event["data"].get("count", 1)
    ended = {data["session_id"] for data in show.of("live.session.ended")}
    assert len(show.truth["sessions"]) == len(show.of("live.session.started")) == 14
    for data in show.of("live.session.started"):
        truth = show.truth["sessions"][data["session_id"]]
        expected = {name: counted[data["session_id"]][name] for name in columns.values()}
        assert truth == {"carrier": data["carrier"], "ended": data["session_id"] in ended, **expected}


def test_lateness_stays_within_the_horizon():
    show = play(110_000, 6)  # three evenings: room for a lateness of 50 hours to be seen
    late = [newest - time for _, time, newest in show.arrived]
    assert 36 * HOUR < max(late) < 41 * HOUR
    assert 0.0005 < sum(ms > HOUR for ms in late) / len(late) < 0.006
    assert sum(ms > 0 for ms in late) > len(late) // 20
    assert HOUR < max(show.duplicates) < 8 * HOUR


def test_some_amounts_need_more_than_32_bits():
    orders = play(60_000, 2, orders_heavy=True).paid().values()
    assert max(line["amount_fen"] for order in orders for line in order["lines"]) > 2**32


def test_every_kind_of_event_and_carrier_is_in_it():
    show = play(60_000, 2)
    assert set(show.truth["by_type"]) == set(TOPIC_OF_TYPE)
    assert {order["carrier"] for order in show.paid().values()} >= {
        *("douyin", "kuaishou", "taobao", "jd", "tmall", "wechat_channels", "wechat_mini_program"),
        *("youzan", "store_pos"),
    }
    assert set(show.truth["dead_letters"]) == {
        *("too_large", "bad_json", "bad_envelope", "unknown_type", "missing_field", "wrong_type"),
        *("id_conflict", "identity_too_large", "refund_exceeds_paid"),
    }
    lines = [line for order in show.paid().values() for line in order["lines"]]
    amounts = Counter(line["amount_fen"] for line in lines)
    assert amounts[0] > 10
    assert amounts[1] > 10
    assert any(len(order["lines"]) > 3 for order in show.paid().values())
    (ten,) = {tuple(data["store_ids"]) for data in show.of("live.session.started") if len(data["store_ids"]) > 1}
    assert len(ten) == 10


def test_the_proportions_are_as_promised(show):
    heavy = len(show.paid()) > 6_000
    live = sum(TOPIC_OF_TYPE[event["type"]] == "live-room" for event, _, _ in show.arrived)
    per_order = live / show.truth["orders_placed"]
    assert 1.6 < per_order < 2.4 if heavy else 17 < per_order < 23
    assert 0.01 < show.truth["duplicates"] / len(show.lines) < 0.03
    assert 0.002 < sum(show.dead.values()) / len(show.lines) < 0.006
    assert 0.6 < show.truth["orders_paid"] / show.truth["orders_placed"] < 0.95


def test_small_shows_cover_the_three_modes_and_end():
    show = play(1_000, 9)
    assert {session["carrier"] for session in show.truth["sessions"].values()} == {
        "douyin",
        "kuaishou",
        "wechat_channels",
    }
    assert all(session["ended"] for session in show.truth["sessions"].values())
    assert show.truth["orders_paid"] > 10
    assert show.truth["refunded_fen"] > 0


def test_memory_does_not_grow_with_the_show():
    program = (
        "import resource, sys; from streams.show import generate\n"
        f"for _ in generate(int(sys.argv[1]), 3, {START}): pass\n"
        "sys.stdout.write(str(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss))"
    )
    peaks = [
        int(subprocess.run([sys.executable, "-c", program, lines], check=True, capture_output=True).stdout)
        for lines in ("100000", "300000")
    ]
    assert peaks[1] < 1.2 * peaks[0]
