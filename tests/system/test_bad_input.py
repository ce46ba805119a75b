"""Whatever comes in ends as accepted, duplicate or dead letter, and the stream goes on (spec §2, §8)."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from click.testing import CliRunner

import oracle
from schemas.codec import Rejected, canonical, decode
from shows import random_show
from shows.faults import malformed
from streams.cli import main
from streams.core.intake import key_of
from system.runs import Home

REASONS = {"too_large", "bad_json", "bad_envelope", "unknown_type", "missing_field", "wrong_type",
           "id_conflict", "identity_too_large", "refund_exceeds_paid"}  # fmt: skip
VALUES: list[Any] = [
    None, True, 0, -1, 1.0, 1.5, 1e400, "", "x", "a-b", "x" * 31, "x" * 200, [], [None], ["a", "a"], {},
    {"unionid": "u"}, {"unionid": None}, {"qq": "1"}, {"device_id": 5}, "2026-02-30T12:00:00Z",
    "2026-11-01T23:59:60Z", "f" * 64, "\ud800", "长" * 40,
]  # fmt: skip


def events() -> list[dict[str, Any]]:
    """Valid events of every kind."""
    lines = [line for seed in range(8) for line in random_show(seed, size=70, malformed=False, repeats=False)]
    return [json.loads(line) for line in lines]


def mutated(event: dict[str, Any], random: Random) -> bytes:
    """An event with one place removed or filled with something else: of two faults either may be named."""
    event = json.loads(json.dumps(event))
    event["id"] = f"m{random.randrange(10**9)}"
    *path, last = random.choice(list(places(event)))
    holder = event
    for step in path:
        holder = holder[step]
    if random.random() < 0.3:
        del holder[last]
    else:
        holder[last] = random.choice(VALUES)
    return json.dumps(event).encode()


def places(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    steps = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for step, below in steps:
        yield (*path, step)
        yield from places(below, (*path, step))


def torn(event: dict[str, Any], random: Random) -> bytes:
    """The bytes of an event, cut short or with bytes changed, put in or taken out."""
    line = bytearray(json.dumps(event).encode())
    for _ in range(random.randint(1, 4)):
        at = random.randrange(len(line))
        line[at : at + random.randint(0, 3)] = random.randbytes(random.randint(0, 3))
    return bytes(line[: random.randrange(1, len(line))] if random.random() < 0.3 else line)


def noise(_: dict[str, Any], random: Random) -> bytes:
    return b"\xff" + random.randbytes(random.randrange(300)).rstrip(b"\r\n")


def huge(event: dict[str, Any], random: Random) -> bytes:
    """Just under and over 64 KiB, in characters of one or three bytes."""
    event = {**event, "id": f"h{random.randrange(10**9)}", "subject": ""}
    room = 65_536 - len(json.dumps(event).encode()) + random.randint(-1, 1)
    letter = random.choice(["x", "长"])
    filling = letter * (room // len(letter.encode())) + "x" * (room % len(letter.encode()))
    return json.dumps({**event, "subject": filling}, ensure_ascii=False).encode()


def nested(_: dict[str, Any], random: Random) -> bytes:
    return random.choice([b"[", b'{"a":', b"[{}," * 3]) * random.choice([10, 2000, 20_000])


def again(event: dict[str, Any], random: Random) -> bytes:
    """An event that came before: as it was, in other words, or with another payload."""
    changed = {**event, "subject": "another"} if random.random() < 0.3 else event
    return json.dumps(changed, indent=random.choice([None, 1])).encode()


def flood(count: int) -> list[bytes]:
    """Good and bad lines, mixed."""
    random = Random(20)
    good = events()
    crowd = [json.loads(line) for line in random_show(3, size=60, too_large=True, malformed=False, repeats=False)]
    good = [{**event, "id": f"{event['id']}.{number}"} for number, event in enumerate([*crowd, *good])]
    bad: list[Callable[[dict[str, Any], Random], bytes]] = [
        mutated, mutated, mutated, torn, torn, noise, huge, nested, again, again, malformed
    ]  # fmt: skip
    lines = [json.dumps(event).encode() for event in good]
    while len(lines) < count:
        lines.insert(random.randrange(len(lines) + 1), random.choice(bad)(random.choice(good), random))
    return lines


@pytest.fixture(scope="module")
def lines() -> list[bytes]:
    return flood(2500)


@pytest.fixture(scope="module")
def home(lines: list[bytes], tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home over which all lines have gone; the fuse is set not to blow."""
    path = tmp_path_factory.mktemp("fuzzed")
    (path / "policy.toml").write_text("bad_share = 1.0")
    home = Home(path)
    home.send(lines)
    home.drain(max_records=400, policy=path / "policy.toml")
    return home


def test_a_dead_letter_has_a_reason_and_the_original_bytes(lines: list[bytes], home: Home) -> None:
    letters = list(home.log.read("dead-letters"))
    assert letters
    for record in letters:
        headers = dict(record.headers)
        assert headers["reason"].decode() in REASONS
        assert record.value == lines[int(headers["livepool-line"])]
        assert {"detail", "topic", "partition", "offset", "time"} <= headers.keys()


def test_all_kinds_of_dead_letters_came_up(home: Home) -> None:
    assert {letter["reason"] for letter in home.dead_letters()} == REASONS


def test_every_line_ends_as_exactly_one_thing(lines: list[bytes], home: Home) -> None:
    """By line number: dead letters; of the others the first of each (source, id) is accepted, the rest repeats."""
    letters = Counter(letter["offset"] for letter in home.dead_letters())
    assert set(letters.values()) == {1}
    rejected_later = {"refund_exceeds_paid"}  # they are accepted first, and judged then
    dead = {letter["offset"] for letter in home.dead_letters() if letter["reason"] not in rejected_later}
    first: dict[bytes, bytes] = {}
    for number, line in enumerate(lines):
        if number in dead:
            continue
        try:
            key = key_of(decode(line))
        except Rejected as rejected:
            pytest.fail(f"line {number} is {rejected.reason} and is no dead letter: {line[:200]!r}")
        assert first.setdefault(key, canonical(line)) == canonical(line), f"line {number} is an id conflict"
    accepted = dict(home.log.state_scan("seen"))
    assert {key[4:] for key in accepted} == first.keys()  # a row's key begins with the time of its arrival


def test_the_oracle_gives_every_line_the_same_fate(lines: list[bytes], home: Home) -> None:
    expected = oracle.run(lines, {"bad_share": 1.0}).dead_letters
    assert list(map(fate, home.dead_letters())) == sorted(map(fate, expected))


def fate(letter: dict[str, Any]) -> tuple[int, str, str, str]:
    return letter["offset"], letter["reason"], str(letter["topic"]), letter["payload"]


def test_the_stream_goes_on(home: Home) -> None:
    """A good event after all that is processed by the next worker."""
    home.send([paid("after")])
    home.drain()
    assert b"jd:after:L1" in home.outputs()["attributed-sales"]


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    """A policy with a small window, of which half may be bad."""
    path = tmp_path / "policy.toml"
    path.write_text("bad_share = 0.5\nbad_window = 100")
    return path


MESSAGE = "Error: 51 of the last 100 events were dead letters (bad_share = 0.5). Look at the topic dead-letters"


def test_a_flood_of_bad_events_stops_the_worker(policy: Path, tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.send([*(paid(f"before-{n}") for n in range(100)), *[b"no event"] * 51])
    worker = home.worker("--policy", str(policy), "--drain", max_records=10)
    _, said = worker.communicate(timeout=60)
    assert worker.returncode == 1
    assert said.rstrip().splitlines()[-1].startswith(MESSAGE)


def test_a_flood_in_one_batch_leaves_its_dead_letters(policy: Path, tmp_path: Path) -> None:
    """They are what the message tells to look at; and what was good before them is processed."""
    home = Home(tmp_path / "home")
    home.send([*(paid(f"before-{n}") for n in range(100)), *[b"no event"] * 51])
    worker = home.worker("--policy", str(policy), "--drain")
    worker.communicate(timeout=60)
    assert worker.returncode == 1
    assert len(home.dead_letters()) == 51
    home.drain(policy=policy)
    assert len(home.outputs()["attributed-sales"]) == 100


def test_just_as_many_bad_events_as_allowed_do_not_stop_it(policy: Path, tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.send(line for n in range(200) for line in (paid(f"{n}"), b"no event"))
    home.drain(policy=policy)
    assert len(home.dead_letters()) == 200


@pytest.mark.parametrize("number", [2**63 - 1, 2**64, 10**400], ids=["63 bits", "65 bits", "400 digits"])
def test_integers_of_any_size_do_not_stop_it(number: int, tmp_path: Path) -> None:
    """Nor do their sums: accepted or dead letters, what comes after is processed."""
    big = {"session_id": "S2", "ids": {"unionid": "u"}, "count": number}
    room = {"session_id": "S2", "room_id": "R1", "carrier": "jd", "anchor_ids": ["A"]}
    amount = {"order_id": "big", "carrier": "jd"}
    home = Home(tmp_path / "home")
    home.send([
        started("S1"),
        paid("big", number, number, number),
        event("weighed", "live.session.started", {**room, "store_weights": {"T": number}}),
        *(event(f"like {n}", "live.viewer.liked", big) for n in range(3)),
        event("amended", "order.amended", {**amount, "lines": [{"line_id": "L1", "amount_fen": number}]}),
        event("refund", "refund.succeeded", {**amount, "refund_id": "F1", "amount_fen": number}),
        paid("after"),
    ])  # fmt: skip
    home.drain()
    assert b"jd:after:L1" in home.outputs()["attributed-sales"]


def test_a_replay_has_no_fuse(policy: Path, tmp_path: Path) -> None:
    show = tmp_path / "show.ndjson"
    show.write_bytes(b"".join(line + b"\n" for line in [*[b"no event"] * 300, paid("after")]))
    out = tmp_path / "out"
    done = CliRunner().invoke(main, ["replay", str(show), "--out", str(out), "--policy", str(policy)])
    assert done.exit_code == 0, done.output
    assert len((out / "dead-letters.ndjson").read_bytes().splitlines()) == 300
    assert len((out / "attributed-sales.ndjson").read_bytes().splitlines()) == 1


def started(session_id: str) -> bytes:
    data = {"session_id": session_id, "room_id": "R1", "carrier": "jd", "anchor_ids": ["A1"]}
    return event(session_id, "live.session.started", data)


def paid(order_id: str, *amounts: int) -> bytes:
    lines = [
        {"line_id": f"L{number}", "item_id": "I1", "quantity": 1, "amount_fen": amount, "session_id": "S1"}
        for number, amount in enumerate(amounts or [100], 1)
    ]
    data = {"order_id": order_id, "carrier": "jd", "ids": {"unionid": "u"}, "lines": lines,
            "placed_at": "2026-11-01T12:00:00Z"}  # fmt: skip
    return event(order_id, "order.paid", data)


def event(id_: str, type_: str, data: dict[str, Any]) -> bytes:
    envelope = {"specversion": "1.0", "id": id_, "source": "/jd", "type": type_, "time": "2026-11-01T12:00:00Z"}
    return json.dumps({**envelope, "data": data}).encode()
