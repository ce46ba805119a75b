"""Dead letters of a run on one machine: what they say, and that each is sent again once."""

import os
import subprocess
import sys
import time

import orjson
import pytest

from cli.homes import as_json, event, livepool, process, send, work
from schemas.codec import Rejected
from streams.cluster.dead_letters import REPLAYED_FROM, Filter, Letter, in_chunks, letters
from streams.cluster.letter_boxes import EmbeddedLetterBox
from streams.core.intake import arrive
from streams.home import open_log
from streams.settings import Settings
from streams.transport.batches import Output, Record

BAD_JSON = b"{"
NOT_UTF8 = b'{"specversion": "1.0", "x": "\xff"}'
UNKNOWN = event("live.unknown", 0, "u1", session_id="S1")
MISSING = event("scan.code.scanned", 0, "s1")
GOOD = event("live.session.started", 0, "g1", session_id="S1", room_id="R", carrier="douyin", anchor_ids=["a"])


@pytest.fixture
def home(tmp_path):
    return process(tmp_path, [GOOD, BAD_JSON, UNKNOWN, MISSING, NOT_UTF8])


def log_of(home):
    return open_log(Settings(home, synchronous="off"))


def headers_of(topic, partition):
    """The headers that Livepool writes."""
    origin = (("topic", topic.encode()), ("partition", b"%d" % partition), ("offset", b"5"), ("time", b""))
    return (("reason", b"bad_json"), ("detail", b""), *origin)


def found(home, wanted=Filter()):  # noqa: B008 - it is immutable
    with log_of(home) as log:
        return list(letters(EmbeddedLetterBox(log), wanted))


def input_records(home):
    with log_of(home) as log:
        return [record for topic in ("live-room", "qr-scan", "checkout", "commands") for record in log.read(topic)]


def test_a_letter_says_what_came_and_why_it_was_refused(home):
    bad_json, unknown, missing, not_utf8 = found(home)
    assert [letter.reason for letter in (bad_json, unknown, missing, not_utf8)] == [
        "bad_json", "unknown_type", "missing_field", "bad_json",
    ]  # fmt: skip
    assert (missing.topic, missing.partition, missing.offset) == ("qr-scan", 0, 0)
    assert missing.payload == MISSING
    assert not_utf8.payload == NOT_UTF8
    assert missing.headers == (("livepool-line", b"3"),)
    assert "data.ids" in missing.detail


@pytest.mark.parametrize(
    ("wanted", "offsets"),
    [
        (Filter(), [0, 1, 2, 3]),
        (Filter(reasons=frozenset(["bad_json"])), [0, 3]),
        (Filter(topics=frozenset(["qr-scan"])), [2]),
        (Filter(reasons=frozenset(["bad_json"]), topics=frozenset(["qr-scan"])), []),
        (Filter(places=frozenset(["0-1"])), [1]),
        (Filter(since=2**60), []),
    ],
)
def test_filters(home, wanted, offsets):
    assert [letter.place for letter in found(home, wanted)] == [f"0-{offset}" for offset in offsets]


def test_what_livepool_did_not_write_is_no_letter(home):
    with log_of(home) as log:
        log.append([Output("dead-letters", None, b"x"), Output("dead-letters", None, b"x", (("reason", b"bad_json"),))])
    assert len(found(home)) == 4
    forged = headers_of("credit-ledger", 0)
    assert Letter.of(Record("dead-letters", 0, 0, 0, None, b"", forged)) is None


def test_the_sender_cannot_speak_for_livepool():
    own = headers_of("qr-scan", 2)
    letter = Letter.of(Record("dead-letters", 0, 7, 0, b"k", b"p", (*own, ("topic", b"commands"))))
    assert letter.topic == "qr-scan"
    assert letter.again(3) == Output(
        "qr-scan", b"k", b"p", (("topic", b"commands"), (REPLAYED_FROM, b"0-7")), partition=2
    )
    assert letter.again(2).partition is None  # a smaller cluster


def test_letters_are_sent_again_as_they_came_and_once(home):
    before = input_records(home)
    assert as_json("dlq", "replay", "--home", home) == {
        "dry_run": False,
        "letters": 4,
        "groups": [
            {"reason": "bad_json", "topic": "live-room", "letters": 2},
            {"reason": "missing_field", "topic": "qr-scan", "letters": 1},
            {"reason": "unknown_type", "topic": "live-room", "letters": 1},
        ],
    }
    new = [record for record in input_records(home) if record not in before]
    assert sorted(record.value for record in new) == sorted([BAD_JSON, UNKNOWN, MISSING, NOT_UTF8])
    (scan,) = (record for record in new if record.topic == "qr-scan")
    assert dict(scan.headers) == {"livepool-line": b"3", REPLAYED_FROM: b"0-2"}
    assert as_json("dlq", "replay", "--home", home)["letters"] == 0
    assert len(input_records(home)) == len(before) + 4


def test_what_is_refused_again_is_a_new_letter_that_names_the_old_one(home):
    livepool("dlq", "replay", "0-2", "--home", home)
    work(home)
    *_, again = found(home)
    assert (again.place, again.reason) == ("0-4", "missing_field")
    assert dict(again.headers)[REPLAYED_FROM] == b"0-2"
    livepool("dlq", "replay", "4", "--home", home)
    work(home)
    *_, third = found(home)
    assert [value for name, value in third.headers if name == REPLAYED_FROM] == [b"0-4"]


def test_filters_choose_what_is_sent_and_a_dry_run_sends_nothing(home):
    before = len(input_records(home))
    assert as_json("dlq", "replay", "--home", home, "--dry-run")["letters"] == 4
    assert len(input_records(home)) == before
    assert as_json("dlq", "replay", "--home", home, "--topic", "qr-scan")["letters"] == 1
    assert as_json("dlq", "replay", "--home", home, "--reason", "bad_json", "--since", "1h")["letters"] == 2
    assert as_json("dlq", "replay", "--home", home, "--since", "2999-01-01T00:00:00Z")["letters"] == 0
    assert as_json("dlq", "replay", "--home", home, "--dry-run")["letters"] == 1


def test_the_rate_is_kept(home):
    began = time.monotonic()
    assert as_json("dlq", "replay", "--home", home, "--rate", "10")["letters"] == 4
    assert time.monotonic() - began >= 0.4


def test_two_replays_at_a_time_send_a_letter_once(home):
    everything = found(home)
    before = len(input_records(home))
    with log_of(home) as one, log_of(home) as other:
        boxes = (EmbeddedLetterBox(one), EmbeddedLetterBox(other))
        assert [box.replayed() for box in boxes] == [set(), set()]
        assert boxes[0].replay(everything[:3]) == everything[:3]
        assert boxes[1].replay(everything) == everything[3:]
    assert len(input_records(home)) == before + 4


CRASH = """
import os, sys
from pathlib import Path
from streams.home import open_log
from streams.cluster.dead_letters import Filter, letters
from streams.cluster.letter_boxes import EmbeddedLetterBox
from streams.settings import Settings
log = open_log(Settings(Path(sys.argv[1])))
log.end = lambda: os._exit(9)  # killed between the writes and their commit
box = EmbeddedLetterBox(log)
box._log.declare = lambda _: None
box.replay(list(letters(box, Filter())))
"""


def test_a_replay_that_is_killed_has_sent_nothing(home):
    livepool("dlq", "replay", "0", "--home", home)
    before = len(input_records(home))
    assert subprocess.run([sys.executable, "-c", CRASH, str(home)], env=os.environ, check=False).returncode == 9
    assert len(input_records(home)) == before
    assert as_json("dlq", "replay", "--home", home)["letters"] == 3


def test_a_mended_event_is_accepted_when_it_is_sent_again(home, monkeypatch):
    """What was unknown when it came is known now: as after an update of Livepool."""
    later = event("live.session.ended", 1000, "e1", session_id="S1")
    monkeypatch.setattr("streams.agents.intake.arrive", _refuse(later))
    send(home, [later])
    work(home)
    monkeypatch.undo()
    *_, letter = found(home)
    assert letter.payload == later
    livepool("dlq", "replay", letter.place, "--home", home)
    work(home)
    assert found(home)[-1] == letter
    assert [session["live"] for session in as_json("rooms", "--home", home)] == [False]


def _refuse(payload):
    """`arrive` as a version before would have had it, without this type."""

    def older(given, origin):
        if given == payload:
            raise Rejected("unknown_type", "type: not known yet")
        return arrive(given, origin)

    return older


def test_what_is_too_large_for_every_version_is_not_sent_again(tmp_path):
    process(tmp_path, [b'{"x": "%s"}' % (b"x" * 65_536), BAD_JSON])
    assert as_json("dlq", "replay", "--home", tmp_path)["groups"] == [
        {"reason": "bad_json", "topic": "live-room", "letters": 1}
    ]


def test_chunks():
    assert list(in_chunks(range(5), 2)) == [[0, 1], [2, 3], [4]]


def test_ls_counts_by_reason_and_topic(home):
    livepool("dlq", "replay", "0", "--home", home)
    rows = as_json("dlq", "ls", "--home", home)
    assert [(row["reason"], row["topic"], row["letters"], row["replayed"]) for row in rows] == [
        ("bad_json", "live-room", 2, 1), ("missing_field", "qr-scan", 1, 0), ("unknown_type", "live-room", 1, 0),
    ]  # fmt: skip
    assert all(row["first"] <= row["last"] for row in rows)
    shown = livepool("dlq", "ls", "--home", home).stdout
    assert "missing_field" in shown
    assert "原因" in livepool("dlq", "ls", "--home", home, "--lang", "zh").stdout
    each = livepool("dlq", "ls", "--letters", "--home", home).stdout.splitlines()
    assert [line.split()[0] for line in each] == ["0-0", "0-1", "0-2", "0-3"]
    assert "[sent again]" in each[0]
    lines = livepool("dlq", "ls", "--letters", "--json", "--reason", "unknown_type", "--home", home).stdout.splitlines()
    assert [orjson.loads(line)["event"]["id"] for line in lines] == ["u1"]


def test_show_has_all_of_a_letter(home):
    data = as_json("dlq", "show", "2", "--home", home)
    assert (data["place"], data["topic"], data["offset"], data["replayed"]) == ("0-2", "qr-scan", 0, False)
    assert data["event"] == orjson.loads(MISSING)
    shown = livepool("dlq", "show", "0-2", "--home", home).stdout
    assert "missing_field" in shown
    assert '"type": "scan.code.scanned"' in shown
    assert "�" in livepool("dlq", "show", "3", "--home", home).stdout
    assert as_json("dlq", "show", "3", "--home", home)["event"] is None


def test_show_of_a_letter_that_is_none(home):
    assert "no dead letter 0-77" in livepool("dlq", "show", "77", "--home", home, code=1).stderr
    livepool("dlq", "show", "x", "--home", home, code=2)
    livepool("dlq", "ls", "--since", "yesterday", "--home", home, code=2)
