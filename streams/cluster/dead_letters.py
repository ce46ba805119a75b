"""Dead letters: what they say, which are wanted, and how one is sent again (spec §5, §8).

A letter is known by its place in `dead-letters`. That it was sent again is noted in the topic
`dead-letters-replayed` under this place, in the same transaction as the record: so it is sent once, whatever
crashes in between and however often a replay is run. (A header of the record alone would have to be sought in
the input topics, which forget after days what dead letters keep for weeks.)
"""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple, Protocol

from schemas.codec import MAX_BYTES, encode
from schemas.topics import TOPICS
from schemas.values import format_time
from streams.cluster.topics import REPLAYED
from streams.transport.batches import Headers, Output, Record

REPLAYED_FROM = "livepool-replayed-from"  # header of a record that was sent again: the place of its letter
_OWN_HEADERS = ("reason", "detail", "topic", "partition", "offset", "time")  # the first ones, then the sender's
CHUNK = 500  # letters of one transaction


class Letter(NamedTuple):
    """A dead letter. `place` is its own, topic to time are those of the event; times are UTC ms or RFC 3339."""

    place: str  # partition-offset
    refused: int
    reason: str
    detail: str
    topic: str
    partition: int
    offset: int
    time: str
    headers: Headers  # of the sender
    key: bytes | None
    payload: bytes

    @classmethod
    def of(cls, record: Record) -> "Letter | None":
        """Read a record of `dead-letters`; None when Livepool did not write it."""
        own = dict(record.headers[: len(_OWN_HEADERS)])
        if tuple(own) != _OWN_HEADERS:
            return None
        text = {name: value.decode("utf-8", "replace") for name, value in own.items()}
        topic = TOPICS.get(text["topic"])
        if topic is None or topic.kind != "input" or not (text["partition"] + text["offset"]).isdecimal():
            return None
        return cls(
            f"{record.partition}-{record.offset}",
            record.timestamp,
            text["reason"],
            text["detail"],
            text["topic"],
            int(text["partition"]),
            int(text["offset"]),
            text["time"],
            record.headers[len(_OWN_HEADERS) :],
            record.key,
            record.value or b"",
        )

    @property
    def sendable(self) -> bool:
        """Can it be accepted at all? What is larger than an event may be (spec §2) is refused by every version."""
        return len(self.payload) <= MAX_BYTES

    def again(self, partitions: int) -> Output:
        """The original record, for its topic, which has so many partitions."""
        headers = tuple(header for header in self.headers if header[0] != REPLAYED_FROM)
        # The same partition, so that it comes after what stood before it there.
        partition = self.partition if self.partition < partitions else None
        return Output(self.topic, self.key, self.payload, (*headers, (REPLAYED_FROM, self.place.encode())), partition)

    def note(self, now_ms: int) -> Output:
        """The note that it was sent again."""
        value = encode({"replayed_at": format_time(now_ms), "topic": self.topic, "reason": self.reason})
        return Output(REPLAYED, self.place.encode(), value)


class Filter(NamedTuple):
    """Which letters; what is empty allows all."""

    reasons: frozenset[str] = frozenset()
    topics: frozenset[str] = frozenset()
    places: frozenset[str] = frozenset()
    since: int = 0  # UTC ms of the refusal

    def allows(self, letter: Letter) -> bool:
        """Is this letter wanted?"""
        return (
            letter.refused >= self.since
            and (not self.reasons or letter.reason in self.reasons)
            and (not self.topics or letter.topic in self.topics)
            and (not self.places or letter.place in self.places)
        )


class LetterBox(Protocol):
    """Where dead letters are: a cluster, or the log of a run on one machine."""

    def records(self) -> Iterator[Record]:
        """The records of `dead-letters` up to the present end, oldest first."""

    def replayed(self) -> set[str]:
        """The places of the letters that were sent again."""

    def replay(self, letters: Iterable[Letter]) -> list[Letter]:
        """Send letters again and note it, in one transaction; returns those that nobody had sent before."""


class Group(NamedTuple):
    """Letters of one reason and topic, and when the first and the last of them were refused (UTC ms)."""

    reason: str
    topic: str
    letters: int
    replayed: int
    first: int
    last: int


def letters(box: LetterBox, wanted: Filter) -> Iterator[Letter]:
    """The letters of a box that are wanted, oldest first."""
    return (letter for record in box.records() if (letter := Letter.of(record)) and wanted.allows(letter))


def groups(found: Iterable[Letter], replayed: set[str]) -> list[Group]:
    """Count letters by reason and topic, the most frequent first."""
    counted: dict[tuple[str, str], Group] = {}
    for letter in found:
        key = (letter.reason, letter.topic)
        group = counted.get(key) or Group(*key, 0, 0, letter.refused, letter.refused)
        counted[key] = group._replace(
            letters=group.letters + 1,
            replayed=group.replayed + (letter.place in replayed),
            first=min(group.first, letter.refused),
            last=max(group.last, letter.refused),
        )
    return sorted(counted.values(), key=lambda group: (-group.letters, group.reason, group.topic))


def in_chunks(found: Iterable[Letter], size: int) -> Iterator[list[Letter]]:
    """The letters, at most `size` at a time."""
    remaining = iter(found)
    while chunk := list(islice(remaining, size)):
        yield chunk
