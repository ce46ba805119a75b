"""`identity unlink`, `forget`: commands of the merchant about people. They are events like any other."""

import re
import time
import uuid
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import click
import msgspec

from schemas.codec import decode, encode
from schemas.envelope import Ids
from schemas.topics import DAY_MS, TOPICS
from schemas.values import NAMESPACES, format_time
from streams.cli.common import as_json, home_option, open_source, say, sending
from streams.cli.connect import cluster_command
from streams.core.buyer import Buyer
from streams.core.identity import Person, buyer_id_of
from streams.core.packing import Unpacker
from streams.kept.source import Source
from streams.transport.batches import Output

SOURCE = "livepool/cli"
NEXT = "A running worker takes it; otherwise `livepool worker --drain`."
_BUYER_ID = re.compile(r"b[0-9a-f]{16}")


class Known(NamedTuple):
    """A buyer as it is now; `person` is None for one with a single identifier, `named` what was asked for."""

    buyer_id: str
    named: list[str]  # `namespace:value`
    person: Person | None
    is_known: bool


@click.group()
def identity() -> None:
    """Who is one person, and who is not."""


@identity.command()
@home_option
@click.argument("a")
@click.argument("b")
@as_json
def unlink(home: Path | None, a: str, b: str, as_json: bool) -> None:
    """Withdraw the link between A and B, each `namespace:value` or a buyer_id (then all its identifiers).

    The set falls apart when nothing else holds it together; its open sales are decided again. A link that a
    later event makes stands again.
    """
    with cluster_command(), open_source(home) as log:
        one, other = _find(log, a), _find(log, b)
        left = [name for name in one.named if len(one.named) == 1 or name not in other.named]
        right = [name for name in other.named if name not in left]
        for name in (*left, *right):
            if name.startswith("device_id:"):
                raise click.UsageError(f"{name}: a device never links people, so there is no link to withdraw")
        if not left or not right:
            raise click.UsageError(f"{a} and {b} are the same: name two different identifiers")
        now = _now()
        at = max(now, _latest_link(one, other))
        events = [
            _event("identity.unlinked", at, {"ids_a": ids_a, "ids_b": ids_b})
            for ids_a, ids_b in product(_as_ids(left), _as_ids(right))
        ]
        _append(home, events)
    if as_json:
        click.echo(encode({"events": events, "linked_now": one.buyer_id == other.buyer_id}))
        return
    if one.buyer_id == other.buyer_id:
        click.echo(f"Withdrawn from buyer {one.buyer_id}: every link between")
    else:
        click.echo("They are not one buyer now. Withdrawn for events that are still to come: every link between")
    click.echo("\n".join((*(f"  {name}" for name in left), "and", *(f"  {name}" for name in right))))
    click.echo(f"made up to {format_time(at)}.")
    if at > now:
        say("The link is dated in the future, so the withdrawal is dated like it.")
    say(NEXT)


@click.command()
@home_option
@click.argument("id_", metavar="ID")
@click.option("--yes", is_flag=True, help="Do not ask.")
@as_json
def forget(home: Path | None, id_: str, yes: bool, as_json: bool) -> None:
    """Carry out a deletion request for ID, `namespace:value` or a buyer_id. This cannot be undone."""
    with cluster_command(), open_source(home) as log:
        known = _find(log, id_)
        if not known.is_known:
            say(f"Error: nothing is known of {id_}. Are its events still to be processed? `livepool worker --drain`")
            raise click.exceptions.Exit(1)
        names = known.person.identifiers if known.person else known.named
        if not yes:
            say(_what_happens(known.buyer_id, names))
            click.confirm("Erase this buyer?", abort=True, err=True)
        events = [_event("buyer.erased", _now(), {"ids": ids}) for ids in _as_ids(names)]
        _append(home, events)
    if as_json:
        click.echo(encode({"events": events, "buyer_id": known.buyer_id}))
        return
    click.echo(f"Deletion request written for buyer {known.buyer_id} ({len(names)} identifiers).")
    say(NEXT)


def _what_happens(buyer_id: str, names: list[str]) -> str:
    days = {name: (topic.retention_ms or 0) // DAY_MS for name, topic in TOPICS.items()}
    return "\n".join((
        f"Buyer {buyer_id} is known as:",
        *(f"  {name}" for name in names),
        "What will happen:",
        "  - identifiers and profile leave the state; a tombstone deletes the profile from pool-feedback;",
        "  - orders, sales and ledger stay, under an anonymous id: not one fen changes;",
        "  - a later event with one of these identifiers begins a new buyer.",
        "What was written before stays readable until its time is over:",
        f"  input events for {days['live-room']} days, pool-events and dead-letters for {days['pool-events']} days.",
        "What consumers have copied is theirs to delete.",
    ))  # fmt: skip


def _find(log: Source, text: str) -> Known:
    """The buyer that an argument names; a bad one ends with exit code 2."""
    is_buyer_id = _BUYER_ID.fullmatch(text) is not None
    alias = text if is_buyer_id else buyer_id_of(_identifier(text))
    member = log.state_get("members", None, alias.encode())
    buyer_id = Unpacker[str](str)(member) if member else alias
    person, buyer = _person(log, buyer_id), _buyer(log, buyer_id)
    if not is_buyer_id:
        return Known(buyer_id, [text], person, bool(person or buyer))
    if buyer_id != text:
        raise click.UsageError(f"buyer {text} is part of {buyer_id} now: name that one, or a single identifier")
    if person or buyer:
        return Known(text, person.identifiers if person else buyer.identifiers if buyer else [], person, is_known=True)
    raise click.UsageError(
        f"no buyer {text}: name one of its identifiers as namespace:value, or process what is waiting by"
        " `livepool worker --drain`"
    )


def _identifier(text: str) -> str:
    namespace, colon, value = text.partition(":")
    if not colon or namespace not in NAMESPACES:
        raise click.UsageError(
            f"{text!r} is neither a buyer_id (b and 16 hex digits) nor namespace:value;"
            f" namespaces: {', '.join(NAMESPACES)}"
        )
    try:
        msgspec.convert({namespace: value}, Ids)
    except msgspec.ValidationError as error:
        raise click.UsageError(f"{text!r}: {str(error).partition(' - at')[0]}") from None
    return text


def _person(log: Source, buyer_id: str) -> Person | None:
    value = log.state_get("people", None, buyer_id.encode())
    return Unpacker[Person](Person)(value) if value else None


def _buyer(log: Source, buyer_id: str) -> Buyer | None:
    """The buyer of this id, unless it has become another's."""
    value = log.state_get("buyers", None, buyer_id.encode())
    buyer = Unpacker[Buyer](Buyer)(value) if value else None
    return None if buyer is None or buyer.moved_to is not None else buyer


def _latest_link(one: Known, other: Known) -> int:
    """When the links between the two were last made, UTC ms; 0 when there are none."""
    links = {**(one.person.links if one.person else {}), **(other.person.links if other.person else {})}
    left, right = ({*map(buyer_id_of, known.named)} for known in (one, other))
    ends = ((set(pair.split()), at) for pair, at in links.items())
    return max((at for pair, at in ends if pair & left and pair & right), default=0)


def _as_ids(names: list[str]) -> Iterator[dict[str, str]]:
    """Identifiers as `ids` objects, which hold one of each namespace."""
    waiting = list(names)
    while waiting:
        ids: dict[str, str] = {}
        for name in waiting:
            namespace, _, value = name.partition(":")
            ids.setdefault(namespace, value)
        waiting = [name for name in waiting if ids[name.partition(":")[0]] != name.partition(":")[2]]
        yield ids


def _event(type_: str, at: int, data: dict[str, Any]) -> dict[str, Any]:
    return {
        "specversion": "1.0", "id": str(uuid.uuid4()), "source": SOURCE, "type": type_,
        "time": format_time(at), "data": data,
    }  # fmt: skip


def _append(home: Path | None, events: list[dict[str, Any]]) -> None:
    payloads = [encode(event) for event in events]
    for payload in payloads:
        decode(payload)  # never write what the worker would refuse
    with sending(home) as send:
        send([Output("commands", None, payload) for payload in payloads])


def _now() -> int:
    return time.time_ns() // 1_000_000
