"""All that came out of a cluster compared with all that went in."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from click.testing import CliRunner

import oracle
from properties.agreement import differences, of_oracle, of_topics
from schemas.topics import TOPICS
from streams import topology
from streams.cli import main
from streams.cli.common import dead_letter
from streams.cluster.connection import VARIABLES, Connection
from streams.cluster.log_reader import LogReader
from streams.core.intake import unpack_arrivals
from streams.transport.batches import Record

Place = tuple[str, int, int]  # topic, partition and offset of an input record
# Reasons of the intake. What identity or a later arrival refuses was accepted into `arrivals` before.
AT_THE_DOOR = {"too_large", "bad_json", "bad_envelope", "unknown_type", "missing_field", "wrong_type"}
MOST_SHOWN, LONGEST = 10, 300


class Verdict(NamedTuple):
    """Counts, and what is wrong; `lost` and `doubled` are input records without a fate, and with several."""

    events: int
    accepted: int
    sales: int
    lost: int
    doubled: int
    problems: list[str]


def judge(connection: Connection, sent: int, policy: dict[str, Any]) -> Verdict:
    """Read everything and compare. `sent`: how many records the producer has sent."""
    with LogReader(connection) as reader:
        inputs = {_place(record): record.value for topic in topology.INPUTS for record in reader.read(topic)}
        parcels = [unpack_arrivals(record.value or b"") for record in reader.read("arrivals")]
        outputs = {name: list(reader.read(name)) for name, topic in TOPICS.items() if topic.kind == "output"}
    arrivals = [arrival for parcel in parcels for arrival, _ in parcel]
    door = [letter for letter in outputs["dead-letters"] if _reason(letter) in AT_THE_DOOR]
    # In the order in which they were accepted; what was refused at the door was so whenever it came.
    order = [(arrival.origin[:3], arrival.payload) for arrival in arrivals]
    order += [(_origin(letter.headers), letter.value or b"") for letter in door]
    fates = Counter(place for place, _ in order)
    lost = len(inputs.keys() - fates.keys())
    doubled = sum(count - 1 for count in fates.values())
    found = _found(outputs, {place: number for number, (place, _) in enumerate(order)})
    expected = of_oracle(oracle.run([payload + b"\n" for _, payload in order], policy))
    del expected["duplicates"]
    problems = [
        *([] if len(inputs) == sent else [f"{sent} records were sent, {len(inputs)} are in the input topics"]),
        *(f"{place} is {payload[:80]!r}, but was sent as {(inputs.get(place) or b'')[:80]!r}"
          for place, payload in order if payload != (inputs.get(place) or b"")),
        *_blank(door),
        *_ids_twice(outputs),
        *_revisions(outputs),
        *differences(found, expected),
        *_audit(connection, len(expected["sales"])),
    ]  # fmt: skip
    shown = [problem[:LONGEST] for problem in problems[:MOST_SHOWN]]
    return Verdict(len(inputs), len(arrivals), len(found["sales"]), lost, doubled, shown)


def _place(record: Record) -> Place:
    return record.topic, record.partition, record.offset


def _own(headers: Iterable[tuple[str, bytes]]) -> dict[str, bytes]:
    """The headers that Livepool wrote: they come first, and a sender may have some of the same names."""
    return dict(reversed([*headers]))


def _origin(headers: Iterable[tuple[str, bytes]]) -> Place:
    own = _own(headers)
    return own["topic"].decode(), int(own["partition"]), int(own["offset"])


def _reason(letter: Record) -> str:
    return _own(letter.headers)["reason"].decode()


def _found(outputs: dict[str, list[Record]], numbers: dict[Place, int]) -> Any:
    lines: dict[str, list[Any]] = {
        topic: [value for value in {record.key: record.value for record in outputs[topic]}.values() if value]
        for topic in ("attributed-sales", "pool-feedback", "room-metrics")
    }
    lines["credit-ledger"] = [record.value for record in outputs["credit-ledger"]]
    lines["dead-letters"] = [
        json.dumps({**dead_letter(letter), "offset": numbers[_origin(letter.headers)]})
        for letter in outputs["dead-letters"]
        if (letter.value or b"").strip()  # an oracle skips empty lines, see `_blank`
    ]
    return of_topics(lines)


def _blank(door: Iterable[Record]) -> Iterator[str]:
    for letter in door:
        if not (letter.value or b"").strip() and _reason(letter) != "bad_json":
            yield f"an empty event was refused as {_reason(letter)}"


def _ids_twice(outputs: dict[str, list[Record]]) -> Iterator[str]:
    """Every output is there once: of events by their id, of dead letters by what they are about."""
    for topic, records in outputs.items():
        if topic == "dead-letters":
            names: Iterable[Any] = ((_origin(letter.headers), _reason(letter)) for letter in records)
        else:
            names = (json.loads(record.value)["id"] for record in records if record.value)
        twice = [name for name, count in Counter(names).items() if count > 1]
        if twice:
            yield f"{topic}: {len(twice)} are there more than once, one of them {twice[0]}"


def _revisions(outputs: dict[str, list[Record]]) -> Iterator[str]:
    """The n-th record of a sale is its revision n, and a ledger entry belongs to a revision that there is."""
    revisions: dict[bytes | None, int] = defaultdict(int)
    for record in outputs["attributed-sales"]:
        revisions[record.key] += 1
        if record.value and (found := json.loads(record.value)["data"]["revision"]) != revisions[record.key]:
            yield f"{record.key!r}: record {revisions[record.key]} is revision {found}"
    for record in outputs["credit-ledger"]:
        found = json.loads(record.value or b"")["data"]["revision"]
        if not 1 <= found <= revisions[record.key]:
            yield f"{record.key!r}: a ledger entry of revision {found}, of {revisions[record.key]}"


def _audit(connection: Connection, sales: int) -> Iterator[str]:
    environment = {VARIABLES["brokers"]: connection.brokers}
    done = CliRunner(env=environment).invoke(main, ["audit", "--json"])
    if done.exit_code:
        yield f"livepool audit: {done.output[-300:]}"
        return
    told = json.loads(done.stdout)
    if (told["sales"], told["order_book"]["lines"]) != (sales, sales):
        yield f"livepool audit: {told['sales']} sales, order book {told['order_book']}; there are {sales}"
