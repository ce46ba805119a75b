"""Chunks: the facts and ticks of some time of a buyer's past, cut out of its parts and put back as they were."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from itertools import chain

import msgspec

from streams.core.buyer import Buyer, Part
from streams.core.cold import Stay, Tick
from streams.core.facts import (  # fmt: skip
    CARTED,
    CLICKED,
    CONTACT_ADDED,
    CONTACT_REMOVED,
    ENTERED,
    GROUP_JOINED,
    GROUP_LEFT,
    SCANNED,
    SHARE_OPENED,
    Clock,
    Fact,
    Visit,
    latest_first,
    moment,
)

CONTACTS, GROUPS = (CONTACT_ADDED, CONTACT_REMOVED), (GROUP_JOINED, GROUP_LEFT)
ENTRIES, CLICKS, SCANS, SHARES = "entries", "clicks", "scans", "shares"
SCANS_OF_SESSIONS, SHARES_OF_SESSIONS, SCANS_OF_STORES = "scans of sessions", "shares of sessions", "scans of stores"
ITEM = "item "  # and its id


class Chunk(msgspec.Struct, array_like=True, tag="chunk"):
    """Facts and ticks by part, none earlier than `since` (ms; None: the first chunk) but contacts and groups."""

    since: int | None
    facts: dict[str, list[Fact]] = {}
    ticks: dict[str, list[Tick]] = {}
    older: dict[str, int | None] = {}  # mark -> the next older chunk that has it
    stays: dict[str, Stay] = {}  # `Cold.stays` without it

    def all(self) -> Iterator[Fact]:
        """Its facts."""
        return chain.from_iterable(self.facts.values())

    def visits(self) -> dict[str, list[Fact]]:
        """Its viewer and product events by session, in order of (time, source, id)."""
        visits: dict[str, list[Fact]] = {}
        for fact in sorted(self.all(), key=moment):
            if fact.kind <= CARTED:
                visits.setdefault(str(fact.session_id), []).append(fact)
        return visits

    def marks(self) -> list[str]:
        """The marks of its facts, each once."""
        return list(dict.fromkeys(mark for fact in self.all() for mark in marks(fact)))


def item_mark(item_id: str) -> str:
    """The mark of clicks of one item."""
    return ITEM + item_id


def marks(fact: Fact) -> tuple[str, ...]:
    """By what a fact is looked for when an order is decided; a fact with a token may name anything."""
    if fact.kind == ENTERED:
        shared = fact.token is not None or fact.sharer_id is not None
        return (ENTRIES, SHARES, SHARES_OF_SESSIONS) if shared else (ENTRIES,)
    if fact.kind in (CLICKED, CARTED):
        return CLICKS, item_mark(str(fact.item_id))
    if fact.kind == SCANNED:
        session = fact.token is not None or fact.session_id is not None
        store = fact.token is not None or fact.store_id is not None
        return (SCANS, *[SCANS_OF_SESSIONS] * session, *[SCANS_OF_STORES] * store)
    if fact.kind == SHARE_OPENED:
        return (SHARES, SHARES_OF_SESSIONS) if fact.token is not None or fact.session_id is not None else (SHARES,)
    return ()


_KINDS = {
    ENTRIES: (ENTERED,), CLICKS: (CLICKED, CARTED),
    SCANS: (SCANNED,), SCANS_OF_SESSIONS: (SCANNED,), SCANS_OF_STORES: (SCANNED,),
    SHARES: (ENTERED, SHARE_OPENED), SHARES_OF_SESSIONS: (ENTERED, SHARE_OPENED),
}  # fmt: skip
EVIDENCE = frozenset(CONTACTS).union(*_KINDS.values())  # kinds of facts that an order is decided by


def marked(facts: Iterable[Fact], mark: str) -> list[Fact]:
    """Those of some facts that have a mark."""
    if mark.startswith(ITEM):
        item_id = mark.removeprefix(ITEM)
        return [fact for fact in facts if fact.item_id == item_id and fact.kind in _KINDS[CLICKS]]
    kinds = _KINDS[mark]
    return [fact for fact in facts if fact.kind in kinds and mark in marks(fact)]


def cut(buyer: Buyer, before: int) -> Chunk:
    """Cut out what is earlier than `before` (ms) and not the last word on a contact, a group, or a part's time."""
    chunk = Chunk(buyer.cold.before, stays=buyer.cold.stays)
    kept = _last_words(buyer, before)
    for alias, part in buyer.parts.items():
        facts = [fact for fact in part.loose if fact.time < before and id(fact) not in kept]
        part.loose = [fact for fact in part.loose if fact.time >= before or id(fact) in kept]
        for session_id, visit in list(part.visits.items()):
            held = visit.items()
            place = bisect_left(held, before, key=lambda fact: fact.time)
            facts += held[:place]
            if place == len(held):
                del part.visits[session_id]
            elif place:
                part.visits[session_id] = Visit.of(held[place:])
        clock = part.clock.items()
        ticks = min(bisect_left(clock, before, key=lambda tick: tick[0]), len(clock) - 1)
        if facts:
            chunk.facts[alias] = sorted(facts, key=moment)
        if ticks:
            chunk.ticks[alias], part.clock = clock[:ticks], Clock.of(clock[ticks:])
    return chunk


def _last_words(buyer: Buyer, before: int) -> set[int]:
    """The ids of the objects that are the latest fact before `before` on their contact or group."""
    latest: dict[tuple[bool, str | None], Fact] = {}
    for fact in sorted((fact for fact in buyer.loose() if fact.time < before), key=latest_first):
        if fact.kind in CONTACTS:
            latest.setdefault((True, fact.guide_id), fact)
        elif fact.kind in GROUPS:
            latest.setdefault((False, fact.chat_id), fact)
    return {id(fact) for fact in latest.values()}


def put_back(buyer: Buyer, chunk: Chunk) -> None:
    """Make the buyer what it was before the chunk was cut out."""
    for alias, facts in chunk.facts.items():
        part = buyer.parts[alias]
        loose = [fact for fact in facts if fact.kind > CARTED]
        part.loose = sorted([*loose, *part.loose], key=moment)
        visits: dict[str, list[Fact]] = {}
        for fact in facts:
            if fact.kind <= CARTED:
                visits.setdefault(str(fact.session_id), []).append(fact)
        for session_id, visit in visits.items():
            part.visits[session_id] = Visit.of([*visit, *part.visits.get(session_id, ())])
    for alias, ticks in chunk.ticks.items():
        buyer.parts[alias].clock = Clock.of([*ticks, *buyer.parts[alias].clock])


def boundary(buyer: Buyer, keep: int, least: int) -> int | None:
    """The time before which a chunk may go, so that `keep` facts and ticks stay; None when fewer than `least` would go.

    A chunk has fewer than twice `least` of them, unless more happened at one moment.
    """
    parts: list[Part] = list(buyer.parts.values())
    size = sum([len(part.clock) + len(part.loose) + sum(map(len, part.visits.values())) for part in parts])
    if size < keep + least:
        return None
    # What has stayed hot for being the last word is older than the boundary that there is, and stays.
    old = buyer.cold.before
    times = [fact.time for fact in buyer.facts()] + [at for part in parts for at, _ in part.clock]
    times = sorted(times if old is None else [time for time in times if time >= old])
    if len(times) < keep + least:
        return None
    place = min(len(times) - keep, 2 * least - 1)
    before = next((time for time in times[place:-keep] if time > times[0]), times[-keep])
    return None if before == times[0] else before
