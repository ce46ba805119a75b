"""Folding records into the read model comes to what is added up from scratch, whatever the chunks and restarts."""

import os
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from contextlib import closing
from random import Random
from zoneinfo import ZoneInfo

import msgspec
import pytest

from shows import random_show
from streams.core.messages import RoomCard, RoomDetail
from streams.core.packing import Unpacker
from streams.home import open_log
from streams.transport.batches import Output, Record
from streams.transport.compaction import Policy
from streams.transport.log import Log
from streams.views.database import FILE_NAME, connect
from streams.views.feeds import LogFeed
from streams.views.fold import EVER, SUM, Fold
from streams.views.follower import LONGEST_ABSENCE_MS, begin, step, transaction
from views.shows_in_topics import ZONE, last_data, processed, sums_from_scratch, viewed

unpack_detail = Unpacker(RoomDetail)
TABLES = ("sessions", "online", "sales", "shares", "sums", "buyers", "letters")


def fold(home, records, chunks):
    """Fold records in chunks, each with connections of its own, as after a restart; every table as it is then."""
    for chunk in chunks(records):
        with closing(connect(home)) as database, transaction(database):
            Fold(database, ZONE).take(chunk)
    return content(home)


def content(home):
    with closing(sqlite3.connect(home / FILE_NAME)) as database:
        tables = {table: sorted(database.execute(f"SELECT * FROM {table}")) for table in TABLES}
    tables["sessions"] = [(row[0], *row[2:]) for row in tables["sessions"]]  # versions count transactions
    return tables


def at_once(records):
    return [records]


def at_random(rng):
    def chunks(records):
        rest = list(records)
        while rest:
            size = rng.choice((1, 2, 7, 40, 500))
            yield rest[:size]
            del rest[:size]

    return chunks


@pytest.mark.parametrize("seed", range(40_000, 40_012))
def test_it_agrees_with_sums_from_scratch(tmp_path, seed):
    late = seed % 2 == 0
    lines = random_show(seed, size=90, late=late)
    settings = processed(
        tmp_path / "run", lines, max_records=Random(seed).choice((5, 30, 2000)), partitions=1 + seed % 3
    )
    records = viewed(settings)
    found = fold(tmp_path / "views", records, at_random(Random(seed)))

    sales = last_data(records, "attributed-sales")
    assert {sale_id: orjson_data(data) for sale_id, *_, data in found["sales"]} == sales
    sums = {tuple(group): msgspec.structs.astuple(SUM(value)) for *group, value in found["sums"]}
    assert {group: list(value[:6]) for group, value in sums.items()} == sums_from_scratch(sales)
    assert not any(value[6] for value in sums.values())
    assert {tuple(row) for row in found["shares"]} == {
        (credit["store_id"], sale["session_id"] or "", sale_id)
        for sale_id, sale in sales.items() for credit in sale["stores"] if credit["store_id"] != "none"
    }  # fmt: skip
    assert {row[0] for row in found["buyers"]} == last_data(records, "pool-feedback").keys()
    details = [unpack_detail(record.value) for record in records if record.topic == "room-details"]
    minutes = {(it.session_id, it.minute): it.change for it in details if not isinstance(it, RoomCard)}
    assert {(session_id, minute): change for session_id, minute, change in found["online"]} == minutes
    letters = Counter(dict(reversed(it.headers))["reason"].decode() for it in records if it.topic == "dead-letters")
    assert {reason: count for reason, minute, count in found["letters"] if minute == EVER} == letters
    snapshots = {key: msgspec.json.decode(snapshot) for key, card, snapshot in found["sessions"] if snapshot}
    assert snapshots == last_data(records, "room-metrics")


@pytest.mark.parametrize("headers", [(), (("reason", b""),), (("Reason", b"x"), ("topic", b"live-room"))])
def test_a_letter_of_somebody_else_is_counted_too(tmp_path, headers):
    letters = [
        Record("dead-letters", 0, offset, 0, None, b"", each)
        for offset, each in enumerate([headers, (("reason", b"bad_json"),), (("reason", b"\xff"),)])
    ]
    found = fold(tmp_path, letters, at_once)["letters"]
    assert {reason: count for reason, minute, count in found if minute == EVER} == {
        "unknown": 1, "bad_json": 1, "\N{REPLACEMENT CHARACTER}": 1,
    }  # fmt: skip


def orjson_data(data):
    return msgspec.json.decode(data)


@pytest.mark.parametrize("seed", range(40_100, 40_106))
def test_chunks_and_restarts_change_nothing(tmp_path, seed):
    records = viewed(processed(tmp_path / "run", random_show(seed, size=120, late=True), max_records=4))
    whole = fold(tmp_path / "whole", records, at_once)
    assert whole["sales"]
    for number in range(3):
        assert fold(tmp_path / str(number), records, at_random(Random(number))) == whole


def test_what_compaction_has_removed_is_not_missed(tmp_path):
    settings = processed(tmp_path / "run", random_show(40_203, size=120, late=True), max_records=3)
    records = viewed(settings)
    before = fold(tmp_path / "before", records, at_random(Random(1)))
    with open_log(settings) as log:
        policy = Policy(max_dead_ms=0, tombstone_ms=0)
        while log.compact(policy):
            pass
    rest = viewed(settings)
    assert len(rest) < len(records)
    assert fold(tmp_path / "after", rest, at_random(Random(2))) == before


def revised(sale, **changes):
    event = {
        "specversion": "1.0",
        "id": "x",
        "source": "s",
        "type": "sale.attributed",
        "time": "",
        "data": sale | changes,
    }
    return msgspec.json.encode(event)


def test_a_sale_that_is_withdrawn_or_moves_leaves_nothing_behind(tmp_path):
    settings = processed(tmp_path / "run", random_show(40_301, size=120))
    records = viewed(settings)
    sales = last_data(records, "attributed-sales")
    moved = next(sale for sale in sales.values() if sale["session_id"] and sale["stores"])
    others = [{"store_id": "elsewhere", "amount_fen": moved["net_fen"]}]
    with open_log(settings) as log:
        outputs = [Output("attributed-sales", key.encode(), None) for key in sales if key != moved["sale_id"]]
        changed = revised(moved, session_id="another", stores=others, quantity=10**30)  # integers of any size
        log.append([*outputs, Output("attributed-sales", moved["sale_id"].encode(), changed)])
    found = fold(tmp_path / "views", viewed(settings), at_random(Random(3)))
    assert [row[0] for row in found["sales"]] == [moved["sale_id"]]
    assert [row[0] for row in found["shares"]] == ["elsewhere"]
    units = {tuple(group): SUM(value).units for *group, value in found["sums"]}
    assert units
    assert set(units.values()) == {10**30}
    assert moved["session_id"] not in {session_id for session_id, *_ in units}


# --- following a log -------------------------------------------------------------------------------------------


def follow(settings, home, *, zone="Asia/Shanghai", steps=1_000_000, most=7):
    """Take so many steps at most; how many records came."""
    taken = 0
    with Log(settings.home, readonly=True) as log, closing(connect(home)) as database:
        feed = LogFeed(log)
        begin(feed, database, zone)
        model = Fold(database, ZoneInfo(zone))
        for _ in range(steps):
            took = step(feed, database, model, most)
            taken += took
            if not took:
                break
    return taken


@pytest.fixture(scope="module")
def run_of_a_show(tmp_path_factory):
    return processed(tmp_path_factory.mktemp("run"), random_show(40_400, size=150, late=True), max_records=5)


def test_it_goes_on_where_it_was(run_of_a_show, tmp_path):
    records = viewed(run_of_a_show)
    assert follow(run_of_a_show, tmp_path, steps=5) == 35
    assert follow(run_of_a_show, tmp_path) == len(records) - 35
    assert follow(run_of_a_show, tmp_path) == 0
    assert content(tmp_path) == fold(tmp_path / "whole", records, at_once)


def test_another_time_zone_makes_it_anew(run_of_a_show, tmp_path):
    follow(run_of_a_show, tmp_path)
    assert follow(run_of_a_show, tmp_path, zone="America/New_York") == len(viewed(run_of_a_show))


def test_after_a_long_absence_it_is_made_anew(run_of_a_show, tmp_path):
    follow(run_of_a_show, tmp_path)
    with closing(connect(tmp_path)) as database:
        database.execute("UPDATE meta SET value = value - ? WHERE name = 'looked_at'", (LONGEST_ABSENCE_MS + 1,))
    assert follow(run_of_a_show, tmp_path) == len(viewed(run_of_a_show))


def test_topics_that_are_not_the_same_any_more_make_it_anew(run_of_a_show, tmp_path):
    follow(run_of_a_show, tmp_path)
    other = processed(tmp_path / "other", random_show(40_500, size=10))
    assert follow(other, tmp_path) == len(viewed(other))
    assert content(tmp_path) == fold(tmp_path / "whole", viewed(other), at_once)


def test_a_file_that_cannot_be_read_is_made_anew(run_of_a_show, tmp_path, caplog):
    (tmp_path / FILE_NAME).write_bytes(b"this is no database, and long enough to be taken for one" * 100)
    assert follow(run_of_a_show, tmp_path) == len(viewed(run_of_a_show))
    assert "made anew" in caplog.text


def test_two_that_follow_into_one_file_take_each_record_once(run_of_a_show, tmp_path):
    with (
        Log(run_of_a_show.home, readonly=True) as log,
        closing(connect(tmp_path)) as one,
        closing(connect(tmp_path)) as two,
    ):
        feed = LogFeed(log)
        for database in (one, two):
            begin(feed, database, "Asia/Shanghai")
        models = [(one, Fold(one, ZONE)), (two, Fold(two, ZONE))]
        rng = Random(5)
        while step(feed, *rng.choice(models), 5):
            pass
    assert content(tmp_path) == fold(tmp_path / "whole", viewed(run_of_a_show), at_once)


KILLED = """
import sys
from pathlib import Path
from views.test_fold import follow
from streams.settings import Settings
print("begun", flush=True)
follow(Settings(Path(sys.argv[1])), Path(sys.argv[2]), most=3)
"""


def test_a_kill_at_any_moment_loses_and_doubles_nothing(run_of_a_show, tmp_path):
    rng = Random(6)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    for _ in range(4):
        process = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(run_of_a_show.home), str(tmp_path)],
            env=environment, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert process.stdout.readline() == "begun\n"
        try:
            process.wait(rng.uniform(0.01, 0.15))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
    follow(run_of_a_show, tmp_path)
    assert content(tmp_path) == fold(tmp_path / "whole", viewed(run_of_a_show), at_once)
