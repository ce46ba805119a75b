"""The lag of a run on one machine."""

from cli.homes import as_json, event, livepool, send, work

STARTED = event("live.session.started", 0, "s", session_id="S1", room_id="R", carrier="douyin", anchor_ids=["a"])
EVENTS = [STARTED, *(
    event("live.viewer.entered", n, f"v{n}", session_id="S1", ids={"douyin_open_id": f"d{n}"}) for n in range(5)
)]  # fmt: skip


def test_what_is_sent_is_lag_until_it_is_processed(tmp_path):
    send(tmp_path, EVENTS)
    found = as_json("lag", "--home", tmp_path)
    assert found["lag"] == 6
    assert found["agents"] == {"intake": 6, "identity": 0, "journey": 0, "board": 0}
    (room,) = (place for place in found["partitions"] if place["topic"] == "live-room")
    assert (room["committed"], room["end"], room["lag"]) == (0, 6, 6)
    assert 0 <= room["seconds"] < 60
    work(tmp_path)
    found = as_json("lag", "--home", tmp_path)
    assert found["lag"] == 0
    (room,) = (place for place in found["partitions"] if place["topic"] == "live-room")
    assert (room["committed"], room["end"], room["seconds"]) == (6, 6, None)


def test_partitions_without_lag_are_shown_on_demand(tmp_path):
    send(tmp_path, EVENTS)
    shown = livepool("lag", "--home", tmp_path).stdout
    assert "live-room" in shown
    assert "checkout" not in shown
    assert "checkout" in livepool("lag", "--home", tmp_path, "--all").stdout
    assert "积压" in livepool("lag", "--home", tmp_path, "--lang", "zh").stdout


def test_no_run(tmp_path):
    assert "livepool worker" in livepool("lag", "--home", tmp_path / "none", code=2).stderr
