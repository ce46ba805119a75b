"""What the live board shows of a session beside its numbers: the same whatever the batches and partitions."""

import asyncio
from itertools import accumulate

import msgspec
import pytest

import in_memory
import oracle
from shows import random_show, reshuffled
from streams.app import build_app
from streams.cli.common import InputLine, to_output
from streams.core.board import card
from streams.core.messages import RoomCard, RoomDetail
from streams.core.packing import Unpacker
from streams.home import open_log
from streams.runner import run
from streams.settings import Settings
from thoroughness import some

unpack = Unpacker(RoomDetail)


def expected(lines):
    """The cards, and who was online at each minute."""
    details = oracle.run(lines).details
    online = {session_id: detail.pop("online") for session_id, detail in details.items()}
    return {session_id: {"session_id": session_id, **detail} for session_id, detail in details.items()}, online


def levels(changes, minutes):
    """Who is online at each of the minutes."""
    at = sorted(changes)
    sums = list(accumulate(changes[minute] for minute in at))
    return {minute: next((sums[i] for i in reversed(range(len(at))) if at[i] <= minute), 0) for minute in minutes}


@pytest.mark.parametrize("partitions", [1, 3])
def test_cards_and_minutes_agree_with_the_oracle(partitions):
    seen = 0
    for seed in range(30_000, 30_000 + some(60)):
        lines = random_show(seed)
        cards, online = expected(lines)
        sessions = in_memory.run(lines, {}, partitions, seed).sessions
        found = {key: card(key, session.room) for key, session in sessions.items()}
        assert {key: msgspec.structs.asdict(it) for key, it in found.items() if it} == cards, seed
        for key, minutes in online.items():
            assert levels(sessions[key].room.online, minutes) == minutes, (seed, key)
        seen += len(cards)
    assert seen > some(60)


def test_the_order_of_arrival_does_not_matter():
    for seed in range(30_100, 30_100 + some(30)):
        lines = random_show(seed)
        ends = []
        for order in (lines, reshuffled(lines, seed)):
            sessions = in_memory.run(order).sessions
            ends.append({key: (card(key, it.room), it.room.online) for key, it in sessions.items()})
        assert ends[0] == ends[1], seed


def worked(home, lines, *, max_records, partitions):
    """What the topic says in the end when the agents take the lines in so large batches."""
    settings = Settings(home, synchronous="off", max_records=max_records, partitions=partitions, bad_fuse=False)
    with open_log(settings) as log:
        log.append(to_output(InputLine(number, line)) for number, line in enumerate(lines))
    asyncio.run(run(build_app(settings), drain=True))
    cards, online = {}, {}
    with open_log(settings) as log:
        last = {record.key: unpack(record.value) for record in log.read("room-details")}
    for detail in last.values():
        if isinstance(detail, RoomCard):
            cards[detail.session_id] = msgspec.structs.asdict(detail)
        else:
            online.setdefault(detail.session_id, {})[detail.minute] = detail.change
    return cards, online


@pytest.mark.parametrize(("max_records", "partitions"), [(3, 1), (2000, 1), (7, 4)])
def test_the_topic_tells_them(tmp_path, max_records, partitions):
    lines = random_show(30_204, size=80)
    cards, online = expected(lines)
    assert cards
    found, changes = worked(tmp_path, lines, max_records=max_records, partitions=partitions)
    assert found == cards
    for key, minutes in online.items():
        assert levels(changes.get(key, {}), minutes) == minutes
