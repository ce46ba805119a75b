import os
import pty
import re
import select
import signal
import subprocess
import sys
import time

import pytest

from schemas.values import format_time, parse_time
from streams.cli import demo, demo_board, playback
from streams.cli.playback import score
from streams.transport.worker_lock import WorkerLock
from tests.cli.homes import HOUR, MINUTE, SECOND, START, as_json, event, livepool

EVENTS = ("--events", "2000")
COMMAND = (sys.executable, "-c", "from streams.cli import main; main()", "demo")


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    home = tmp_path_factory.mktemp("demo") / "home"
    return home, as_json("demo", "--fast", *EVENTS, "--home", home)


# --- figures ---------------------------------------------------------------------------------------------------


def test_the_figures_are_those_that_the_show_was_made_with(played):
    _, figures = played
    assert (figures["as_generated"], figures["audit_ok"], figures["events"]) == (True, True, 2000)
    assert figures["sales"] > 50
    assert {sum(held.values()) for held in figures["credited_fen"].values()} == {figures["net_fen"]}


def test_the_same_seed_gives_the_same_figures_and_another_one_others(played, tmp_path):
    _, figures = played
    home = tmp_path / "demo"
    again = as_json("demo", "--fast", *EVENTS, "--home", home)
    assert again | {"home": ""} == figures | {"home": ""}
    other = as_json("demo", "--fast", *EVENTS, "--seed", "8", "--home", home)
    assert other["net_fen"] != figures["net_fen"]


def test_without_a_terminal_it_ends_with_figures_audit_an_order_and_what_to_do_next(played):
    home, figures = played
    shown = livepool("demo", "--fast", *EVENTS, "--home", home, "--lang", "en").stdout
    assert "\x1b" not in shown
    assert "\r" not in shown
    assert f"{figures['sales']:,} sales" in shown
    assert "every fen is credited exactly once" in shown
    assert f"livepool explain {figures['example']['order_id']} --home {home}" in shown
    assert "Store decision" in shown
    assert f"livepool rooms --home {home}" in shown


def test_every_command_that_it_proposes_works(played, tmp_path):
    home, _ = played
    shown = livepool("demo", "--fast", *EVENTS, "--home", home, "--lang", "en").stdout
    commands = re.findall(r"^  livepool (.+)$", shown, re.MULTILINE)
    assert len(commands) == 5
    policy = tmp_path / "policy.toml"
    policy.write_text("amend_horizon_hours = 24\n")
    for command in commands:
        livepool(*command.replace("POLICY.toml", str(policy)).replace("OUT", str(tmp_path / "out")).split())


def test_it_speaks_chinese(played):
    home, _ = played
    shown = livepool("demo", "--fast", *EVENTS, "--home", home, "--lang", "zh").stdout
    for part in ("视频号", "门户", "转化率", "每一分钱", "接下来可以试试"):
        assert part in shown


# --- its folder ------------------------------------------------------------------------------------------------


def test_a_folder_that_no_demo_made_is_left_as_it_is(tmp_path):
    (tmp_path / "livepool.db").write_text("precious")
    assert "--home" in livepool("demo", "--fast", *EVENTS, "--home", tmp_path, code=2).stderr
    assert (tmp_path / "livepool.db").read_text() == "precious"


def test_a_folder_that_a_worker_uses_is_left_as_it_is(tmp_path):
    (tmp_path / demo.MARK).write_text("")
    (tmp_path / "livepool.db").write_text("precious")
    lock = WorkerLock(tmp_path)
    try:
        assert str(os.getpid()) in livepool("demo", "--fast", *EVENTS, "--home", tmp_path, code=2).stderr
    finally:
        lock.release()
    assert (tmp_path / "livepool.db").read_text() == "precious"


def test_its_folder_is_in_the_home_folder(tmp_path):
    found = as_json("demo", "--fast", "--events", "300", env={"LIVEPOOL_HOME": str(tmp_path)})
    assert found["home"] == str(tmp_path / "demo")
    assert (tmp_path / "demo" / "livepool.db").exists()


# --- playing ---------------------------------------------------------------------------------------------------


def test_a_show_takes_the_time_that_it_is_given_and_keeps_its_order(tmp_path, monkeypatch):
    monkeypatch.setattr(demo, "SHOW_SECONDS", 3.0)
    monkeypatch.setattr(demo_board, "_LINE_SECONDS", 0.3)
    begun = time.monotonic()
    shown = livepool("demo", *EVENTS, "--home", tmp_path / "d", "--lang", "en").stdout
    assert time.monotonic() - begun > 3.0
    progress = re.findall(r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)  ([\d,]+) of 2,000 events sent, ", shown, re.MULTILINE)
    assert len(progress) > 4
    sent = [int(number.replace(",", "")) for _, number in progress]
    assert sent == sorted(sent)
    assert 0 < sent[1] < 2000
    assert [clock for clock, _ in progress] == sorted(clock for clock, _ in progress)


def test_lines_are_due_by_their_event_time_and_late_ones_at_once():
    times = (0, 10, 20, 5, 30)
    played = score([event("x", at * SECOND, "x") for at in times], 6.0, START)
    assert list(played.due) == pytest.approx([0, 2, 4, 4, 6])
    assert [format_time(at)[14:19] for at in played.clock] == ["00:00", "00:10", "00:20", "00:20", "00:30"]


def test_quiet_hours_pass_quickly():
    times = (0, MINUTE, 2 * MINUTE, 3 * MINUTE, 3 * MINUTE + 10 * HOUR)
    played = score([event("x", at, "x") for at in times], 7.0, START)
    assert list(played.due) == pytest.approx([0, 1, 2, 3, 7])


def test_broken_lines_and_times_of_another_century_do_not_move_the_clock():
    lines = [event("x", 0, "x"), b"{", b"[1]", b'{"time":5}', b'{"time":"2999-01-01T00:00:00Z"}', event("x", 9, "x")]
    assert list(score(lines, 1.0, START).clock) == [START] * 5 + [START + 9]
    assert list(score([], 1.0, START).due) == []
    assert list(score([b"{"] * 3, 1.0, START).due) == [0, 0, 0]


def test_the_feeding_waits_for_the_agents(tmp_path, monkeypatch):
    monkeypatch.setattr(playback, "MOST_AHEAD", 100)
    assert as_json("demo", "--fast", "--events", "500", "--home", tmp_path / "d")["as_generated"]


# --- a terminal ------------------------------------------------------------------------------------------------


def read_until(terminal, pattern, seconds=30):
    """What a terminal shows until it has shown the pattern, or None when it ends before."""
    shown, end = b"", time.monotonic() + seconds
    while time.monotonic() < end:
        if select.select([terminal], [], [], 0.1)[0]:
            try:
                shown += os.read(terminal, 65_536)
            except OSError:
                break
        if pattern and re.search(pattern, shown):
            break
    return shown


def test_in_a_terminal_there_is_a_board_and_ctrl_c_ends_it_cleanly(tmp_path):
    ours, theirs = pty.openpty()
    environment = os.environ | {"TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24", "LANG": "C.UTF-8"}
    process = subprocess.Popen(
        (*COMMAND, "--events", "5000", "--home", tmp_path / "d"), stdin=theirs, stdout=theirs, stderr=theirs,
        env=environment, start_new_session=True, close_fds=True,
    )  # fmt: skip
    os.close(theirs)
    shown = read_until(ours, rb"(?s)Douyin +portal.*store_0\d\d +\xc2\xa5[\d,.]+ .*events sent")
    assert b"Ctrl-C" in shown
    assert b"\x1b[" in shown
    process.send_signal(signal.SIGINT)
    rest = read_until(ours, None)
    assert process.wait(20) == 130
    os.close(ours)
    assert b"stopped; what was processed so far" in rest
    assert b"Traceback" not in shown + rest
    assert b"Task exception" not in shown + rest
    # It stopped between two batches: what is there adds up.
    assert as_json("audit", "--home", tmp_path / "d")["findings"] == []
    assert as_json("rooms", "--home", tmp_path / "d")


def test_its_dates_do_not_depend_on_today(played):
    home, _ = played
    days = as_json("rooms", "--by", "day", "--home", home)["net_fen"]
    assert min(days) == "2026-11-11"
    assert parse_time("2026-11-11T12:00:00Z") == START
