"""From the bytes of an input topic to a valid event on its way, or a dead letter (spec §2)."""

from collections import deque
from collections.abc import Sequence
from hashlib import blake2b
from typing import NamedTuple

from schemas.codec import canonical, decode
from schemas.events import AnyEvent
from streams.core.origin import Origin
from streams.core.packing import Unpacker, pack
from streams.core.register import Arrival

BEGINNING = 24  # bytes of an id

_unpack: Unpacker[list[Arrival]] = Unpacker(list[Arrival])


class Arrived(NamedTuple):
    """A valid event: what is written of it, and what that says."""

    arrival: Arrival
    event: AnyEvent


def arrive(payload: bytes, origin: Origin) -> Arrived:
    """Validate an event. Raises `schemas.codec.Rejected` with the reason of its dead letter."""
    event = decode(payload)
    digest = blake2b(canonical(payload), digest_size=16).digest()
    return Arrived(Arrival(key_of(event), digest, payload, origin), event)


def pack_arrivals(arrived: Sequence[Arrived]) -> bytes:
    """Write valid events; who reads them decodes their payloads again."""
    return pack([arrival for arrival, _ in arrived])


def unpack_arrivals(packed: bytes) -> list[Arrived]:
    """Read what `pack_arrivals` wrote."""
    return [Arrived(arrival, decode(arrival.payload)) for arrival in _unpack(packed)]


def key_of(event: AnyEvent) -> bytes:
    """What identifies an event: how its id begins, then 16 bytes for its (source, id).

    Most ids count up, or begin with the time. So events that come together stand together in the state.
    """
    digest = blake2b(f"{len(event.source)} {event.source}{event.id}".encode(), digest_size=16).digest()
    return event.id.encode()[:BEGINNING] + digest


class BadEventFloodError(RuntimeError):
    """A flood of dead letters: the configuration is wrong, not the events (spec §8)."""


class Fuse:
    """Blows when more than `share` of the last `window` events were bad."""

    def __init__(self, share: float, window: int) -> None:
        self.share, self.window = share, window
        self.last: deque[bool] = deque(maxlen=window)
        self.bad = 0
        self.flood: str | None = None

    def note(self, bad: bool) -> None:
        """Take the fate of one event."""
        if len(self.last) == self.window:
            self.bad -= self.last[0]
        self.last.append(bad)
        self.bad += bad
        if self.flood is None and len(self.last) == self.window and self.bad > self.share * self.window:
            self.flood = (
                f"{self.bad} of the last {self.window} events were dead letters (bad_share = {self.share}). "
                "Look at the topic dead-letters for their reasons, mend the producer or the policy, start again."
            )

    def check(self) -> None:
        """Raise BadEventFloodError if it has blown: at the end of a batch, whose dead letters are to be seen."""
        if self.flood is not None:
            raise BadEventFloodError(self.flood)
