"""What is pushed: a snapshot, then patches that rebuild the document exactly; slow clients; restarts."""

import asyncio
import json
from copy import deepcopy
from random import Random

import pytest

from shows import random_show
from streams.telemetry.catalogue import REGISTRY
from streams.web.hub import MOST_WAITING, Channel, Client, Hub, Subject
from streams.web.merge import NotAPatch, difference
from views.shows_in_topics import processed
from web.crawl import names_of
from web.serving import served, tokens_of


def merged(target, patch):
    """RFC 7396, as its text has it."""
    if not isinstance(patch, dict):
        return patch
    target = deepcopy(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            target.pop(name, None)
        else:
            target[name] = merged(target.get(name), value)
    return target


class Watcher:
    """An EventSource: reads one stream, event by event."""

    def __init__(self, client, path):
        self._connection = client.connect()
        headers = {"Authorization": f"Bearer {client.token}"} if client.token else {}
        self._connection.request("GET", path, headers=headers)
        self.response = self._connection.getresponse()
        self.status = self.response.status
        self.fields = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._connection.close()

    def next(self):
        """(event, data) of the next one; comments and `retry` are kept in `fields`."""
        event = data = None
        while True:
            line = self.response.readline().decode().rstrip("\n")
            if line == "" and data is not None:
                return event, json.loads(data)
            name, _, value = line.partition(": ")
            self.fields.append((name, value))
            if name == "event":
                event = value
            elif name == "data":
                data = value


# --- patches ---------------------------------------------------------------------------------------------------


def drawn(rng, depth=0):
    kinds = ["object", "number", "text", "list", "flag"] if depth < 3 else ["number", "text"]
    match rng.choice(kinds):
        case "object":
            return {rng.choice("abcd"): drawn(rng, depth + 1) for _ in range(rng.randrange(4))}
        case "list":
            return [rng.choice((None, 0, 1)) for _ in range(rng.randrange(3))]
        case "flag":
            return rng.choice((True, False))
        case "text":
            return rng.choice(("", "x"))
    return rng.choice((0, 1, 2.5))


def test_a_patch_turns_the_one_into_the_other():
    rng = Random(1)
    for _ in range(3000):
        before, after = ({name: drawn(rng) for name in rng.sample("abcdef", 3)} for _ in range(2))
        patch = difference(before, after)
        assert merged(before, patch) == after
        assert bool(patch) == (json.dumps(before, sort_keys=True) != json.dumps(after, sort_keys=True))


@pytest.mark.parametrize(
    ("before", "after"),
    [({"a": 1}, {"a": None}), ({}, {"a": None}), ({"a": 1}, {"a": {"b": None}}), ({"a": {"b": 1}}, {"a": {"b": None}})],
)
def test_what_becomes_null_is_no_patch(before, after):
    with pytest.raises(NotAPatch):
        difference(before, after)


def test_what_stays_null_or_goes_is_one():
    assert difference({"a": None, "b": 1}, {"a": None}) == {"b": None}
    assert difference({"a": None}, {"a": 2}) == {"a": 2}


# --- the hub ---------------------------------------------------------------------------------------------------


def room(n, **more):
    return {"session_id": "s", "value": n, "problems": {"lag": n}, "version": n, "as_of": str(n)} | more


def parsed(event):
    fields = dict(line.split(": ", 1) for line in event.decode().strip().split("\n"))
    return fields["event"], json.loads(fields["data"])


def watching(document, drop=lambda _: None):
    channel = Channel(Subject("s", None), drop)
    channel.document = document
    client = Client(channel)
    channel.clients.add(client)
    return channel, client


def test_a_client_rebuilds_the_document_whatever_it_misses():
    async def play(seed):
        rng = Random(seed)
        drops = []
        channel, client = watching(room(0, gone=1), drops.append)
        held, full = None, 0
        for n in range(1, 300):
            document = room(n if rng.random() < 0.7 else n - 1, as_of=str(n))
            if rng.random() < 0.2:
                document["sometimes"] = rng.choice((None, n, {"x": n}))
            channel.show(document)
            for _ in range(rng.choice((0, 0, 0, 1, 2, 6))):
                if client._waiting or client._is_lost:
                    name, data = parsed(await client.next())
                    full += name == "room"
                    held = data if name == "room" else held if name == "beat" else merged(held, data)
                    if name == "beat":
                        held = merged(held, {"as_of": data["as_of"], "problems": {"lag": data["lag"]}})
            assert len(client._waiting) <= MOST_WAITING
        while client._waiting or client._is_lost:
            name, data = parsed(await client.next())
            if name == "beat":
                held = merged(held, {"as_of": data["as_of"], "problems": {"lag": data["lag"]}})
            else:
                held = data if name == "room" else merged(held, data)
        assert held == channel.document
        assert drops
        return full

    for seed in range(20):
        assert asyncio.run(play(seed)) > 1


def test_a_slow_client_gets_the_newest_whole_document():
    async def play():
        channel, client = watching(room(0))
        assert parsed(await client.next()) == ("room", room(0))
        for n in range(1, MOST_WAITING + 2):
            channel.show(room(n))
        return parsed(await client.next())

    assert asyncio.run(play()) == ("room", room(MOST_WAITING + 1))


def test_what_a_slow_client_does_not_get_is_counted_when_it_happens():
    async def play():
        drops = []
        channel, client = watching(room(0), drops.append)
        found = []
        for n in range(1, MOST_WAITING + 3):
            channel.show(room(n))
            found.append(sum(drops))
        await client.next()
        channel.show(room(n + 1))
        return [*found, sum(drops)]

    # The first of those that wait is the whole document; with what found no place they go together.
    together = MOST_WAITING + 1
    assert asyncio.run(play()) == [0] * (MOST_WAITING - 1) + [together, together + 1, together + 2, together + 2]


def changing():
    """A hub whose document is another at each look."""
    numbers = iter(range(100))

    async def look(_subject):
        return room(next(numbers))

    return Hub(look)


def test_a_hub_counts_drops_while_the_client_is_there_and_once():
    async def play():
        hub, subject = changing(), Subject("s", None)
        client = await hub.join(subject)
        before = dropped()
        for n in range(MOST_WAITING):
            hub._channels[subject].show(room(50 + n))
        there = hub.dropped, dropped() - before
        hub.leave(subject, client)
        return there, (hub.dropped, dropped() - before)

    def dropped():
        return REGISTRY.get_sample_value("livepool_sse_dropped_total")

    there, gone = asyncio.run(play())
    assert there == gone == (MOST_WAITING + 1, MOST_WAITING + 1)


def test_what_cannot_be_told_ends_nothing_and_comes_with_the_next(monkeypatch):
    monkeypatch.setattr("streams.web.hub.TICK_SECONDS", 0.01)
    broken = {"session_id": "s", "problems": {"lag": 1}, "value": "of no version"}

    async def play():
        async def look(_subject):
            return next(documents, room(2))

        documents = iter((room(0), broken))
        hub = Hub(look)
        client = await hub.join(Subject("s", None))
        hub.start()
        found = [parsed(await asyncio.wait_for(client.next(), 5)) for _ in range(2)]
        await hub.stop()
        return found

    assert asyncio.run(play()) == [("room", room(0)), ("room", room(2))]


def test_who_joins_after_what_could_not_be_told_leaves_the_others_right():
    async def play():
        hub, subject = changing(), Subject("s", None)
        early = await hub.join(subject)
        await early.next()
        with pytest.raises(KeyError):
            hub._channels[subject].show({"session_id": "s", "problems": {"lag": 1}})
        late = await hub.join(subject)
        return [parsed(await client.next()) for client in (early, late)]

    assert asyncio.run(play()) == [("room", room(1))] * 2


def test_when_nothing_changes_it_beats():
    async def play():
        channel, client = watching(room(0))
        await client.next()
        channel.show(room(0, as_of="later", problems={"lag": 7}))
        return parsed(await client.next())

    assert asyncio.run(play()) == ("beat", {"as_of": "later", "lag": 7})


def test_one_serialised_event_is_shared_by_all_clients():
    async def play():
        channel, _ = watching(room(0))
        clients = [Client(channel) for _ in range(3)]
        channel.clients.update(clients)
        first = [await client.next() for client in clients]
        channel.show(room(1))
        second = [await client.next() for client in clients]
        return [len({id(event) for event in events}) for events in (first, second)]

    assert asyncio.run(play()) == [1, 1]


def test_who_leaves_is_forgotten():
    async def play():
        async def look(_subject):
            return room(0)

        hub = Hub(look)
        client = await hub.join(Subject("s", None))
        assert hub.clients == 1
        hub.leave(Subject("s", None), client)
        return hub.clients, len(hub._channels)

    assert asyncio.run(play()) == (0, 0)


# --- over the wire ---------------------------------------------------------------------------------------------


def test_the_whole_document_comes_first_and_is_that_of_the_api(board, shared_show):
    session_id = names_of(shared_show).sessions[0]
    with Watcher(board, f"/api/v1/rooms/{session_id}/stream") as watcher:
        assert watcher.response.headers["Content-Type"] == "text/event-stream"
        assert watcher.response.headers["X-Accel-Buffering"] == "no"
        name, data = watcher.next()
        asked = board.get("rooms", session_id)
        assert name == "room"
        assert data | {"as_of": ""} == asked | {"as_of": ""}
        assert ("retry", "2000") in watcher.fields
        assert ("id", str(asked["version"])) in watcher.fields
        name, data = watcher.next()
        assert (name, sorted(data)) == ("beat", ["as_of", "lag"])


def test_the_list_is_pushed(board):
    with Watcher(board, "/api/v1/stream") as watcher:
        name, data = watcher.next()
    assert name == "rooms"
    assert data["rooms"] == board.get("rooms")["rooms"]


def test_changes_of_the_list_follow_a_running_show(tmp_path):
    lines = random_show(51_001, size=200)
    after = random_show(51_002, size=5)
    settings = processed(tmp_path, lines[:60])
    kinds, sizes = [], []
    with served(settings) as client, Watcher(client, "/api/v1/stream") as watcher:
        _, data = watcher.next()
        held = data["rooms"]
        for part in (lines[60:110], lines[110:], *([line] for line in after)):
            processed(tmp_path, part)
            while held != client.get("rooms")["rooms"]:
                name, data = watcher.next()
                kinds.append(name)
                if name == "change":
                    sizes.append(len(data["rooms"]))
                    rows = {row["session_id"]: row for row in [*held, *data["rooms"]]}
                    held = [rows[session_id] for session_id in data.get("order", [row["session_id"] for row in held])]
    assert "rooms" not in kinds
    assert sizes
    assert min(sizes) < len(held)


def test_patches_follow_a_running_show_and_a_restart_begins_anew(tmp_path):
    lines = random_show(51_001, size=200)
    settings = processed(tmp_path, lines[:60])
    session_id = names_of(settings).sessions[0]
    path = f"/api/v1/rooms/{session_id}/stream"
    kinds = set()
    with served(settings) as client:
        with Watcher(client, path) as watcher:
            _, held = watcher.next()
            for part in (lines[60:110], lines[110:150], lines[150:]):
                processed(tmp_path, part)
                version = held["version"]
                while held["version"] == version or watcher_is_behind(client, session_id, held):
                    name, data = watcher.next()
                    kinds.add(name)
                    if name == "beat":
                        data = {"as_of": data["as_of"], "problems": {"lag": data["lag"]}}
                    held = data if name == "room" else merged(held, data)
        asked = client.get("rooms", session_id)
    assert "change" in kinds
    assert still(held) == still(asked)
    with served(settings) as client, Watcher(client, path) as watcher:
        name, data = watcher.next()
    assert name == "room"
    assert still(data) == still(asked)
    assert data["version"] == asked["version"]


def watcher_is_behind(client, session_id, held):
    return client.get("rooms", session_id)["version"] != held["version"]


def still(document):
    """Without what changes at every look."""
    return document | {"as_of": None, "problems": document["problems"] | {"lag": None}}


def test_a_stream_ends_when_its_token_is_taken_away(shared_show, tmp_path):
    file = tmp_path / "tokens.toml"
    tokens = tokens_of(file, "all", "T1")
    with served(shared_show, tokens=file) as client:
        with Watcher(client.with_token(tokens["all"]), "/api/v1/stream") as watcher:
            watcher.next()
            kept = file.read_text().split("[tokens.T1]")[1]
            file.write_text(f"[tokens.T1]{kept}")
            while watcher.response.readline():
                pass
        assert client.with_token(tokens["all"]).ask("/api/v1/rooms").status == 401
        assert client.with_token(tokens["T1"]).ask("/api/v1/rooms").status == 200
