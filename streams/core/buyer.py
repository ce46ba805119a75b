"""What is kept of one buyer: facts and orders, by the identifier that they came with.

A buyer is the union of its *parts*, one per identifier that its events came with. So two buyers become one by
putting their parts together, and fall apart by dealing the parts out again, whatever has happened before.
"""

from bisect import bisect_left
from collections.abc import Iterator

import msgspec

from streams.core.cold import Cold, ColdOrders
from streams.core.facts import Clock, Fact, Visit, moment, time_of
from streams.core.views import View


class Part(msgspec.Struct, array_like=True):
    """The facts of one identifier."""

    first_seen: int
    clock: Clock
    visits: dict[str, Visit] = {}  # session_id -> viewer and product events
    loose: list[Fact] = []  # all other activities
    placed: dict[str, View] = {}
    paid: dict[str, View] = {}

    def see(self, time: int, seq: int) -> None:
        """Take the time of an accepted event."""
        self.first_seen = min(self.first_seen, time)
        if time > self.clock.time:
            self.clock.append((time, seq))

    def without_name(self, alias: str) -> "Part":
        """The part as it may be kept after a deletion request: what happened, under another alias."""
        for view in (*self.placed.values(), *self.paid.values()):
            view.claim = msgspec.structs.replace(view.claim, alias=alias)
        return self

    def merge(self, other: "Part") -> None:
        """Take everything of another part."""
        self.first_seen = min(self.first_seen, other.first_seen)
        ticks = sorted([*self.clock, *other.clock], key=lambda tick: (tick[1], tick[0]))
        self.clock = Clock.of(ticks[:1])
        for time, seq in ticks[1:]:
            self.see(time, seq)
        for session_id, visit in other.visits.items():
            self.visits[session_id] = Visit.of(sorted([*self.visits.get(session_id, ()), *visit], key=moment))
        self.loose = sorted([*self.loose, *other.loose], key=moment)
        self.placed |= other.placed
        self.paid |= other.paid


# A message that has to wait, with the seq of the last reference data before it.
Held = tuple[int, bytes]


class Buyer(msgspec.Struct, array_like=True):
    """One buyer; `tally`: session_id -> facts per sort of people (see `figures.PEOPLE`)."""

    identifiers: list[str]
    parts: dict[str, Part] = {}
    tally: dict[str, list[int]] = {}
    moved_to: str | None = None
    anonymous: bool = False
    held: list[Held] = []  # messages for later; the first is an `Await` for one who is still on the way
    cold: Cold = msgspec.field(default_factory=Cold)  # the rest is in rows of its own: see `archive`
    cold_orders: ColdOrders = msgspec.field(default_factory=ColdOrders)

    def part(self, alias: str, time: int, seq: int) -> Part:
        """The part of an identifier, which has been seen at `time`."""
        part = self.parts.get(alias)
        if part is None:
            part = self.parts[alias] = Part(time, Clock.of([(time, seq)]))
        else:
            part.see(time, seq)
        return part

    def take(self, alias: str, part: Part) -> None:
        """Take over a part."""
        if alias in self.parts:
            self.parts[alias].merge(part)
        else:
            self.parts[alias] = part

    @property
    def stream_time(self) -> int:
        """The latest event time seen of this buyer (spec §4), which is last_seen as well."""
        return max([part.clock.time for part in self.parts.values()], default=0)

    def reaches(self, time: int) -> bool:
        """Is anything of this buyer as late as `time`; an order may be placed later than all that was seen."""
        # A frozen order that has become final since is earlier than stream time.
        return (
            self.stream_time >= time
            or any(view.claim.placed_at >= time for view in self.open_views())
            or any(last >= time for _, last in self.cold_orders.open.values())
        )

    def passed(self, time: int) -> int | None:
        """The seq at which stream time became later than `time`; None when it has not."""
        return min((seq for part in self.parts.values() for at, seq in part.clock if at > time), default=None)

    def facts(self) -> Iterator[Fact]:
        """Every activity, in no order."""
        for part in self.parts.values():
            yield from part.loose
            for visit in part.visits.values():
                yield from visit

    def loose(self, since: int | None = None) -> Iterator[Fact]:
        """Every activity, from `since` on (ms; None: ever), that is no viewer or product event."""
        for part in self.parts.values():
            if part.loose:
                yield from part.loose if since is None else part.loose[bisect_left(part.loose, since, key=time_of) :]

    def visit(self, session_id: str) -> list[Fact]:
        """The viewer and product events in one session, in order of (time, source, id)."""
        visits = self._visits(session_id)
        facts = [fact for visit in visits for fact in visit]
        return facts if len(visits) == 1 else sorted(facts, key=moment)

    def latest(self, session_id: str) -> Fact | None:
        """The last viewer or product event in one session."""
        return max([visit.last for visit in self._visits(session_id) if visit.last], key=moment, default=None)

    def _visits(self, session_id: str) -> list[Visit]:
        return [part.visits[session_id] for part in self.parts.values() if session_id in part.visits]

    def sessions(self) -> dict[str, None]:
        """Every session_id in its viewer and product events."""
        return {session_id: None for part in self.parts.values() for session_id in part.visits}

    def ordered_since(self, time: int) -> bool:
        """May any order, frozen ones included, have been placed at `time` (ms) or later."""
        last = self.cold_orders.last
        return (last is not None and last >= time) or any(view.claim.placed_at >= time for view in self.views())

    def views(self) -> list[View]:
        """Every placed and paid order that is at hand; of most buyers there is none: this is asked at every event."""
        found: list[View] = []
        for part in self.parts.values():
            if part.placed:
                found += part.placed.values()
            if part.paid:
                found += part.paid.values()
        return found

    def open_views(self) -> list[View]:
        """Those that later evidence may still change."""
        return [view for view in self.views() if not view.final]

    def paid(self) -> list[View]:
        """Every paid order that is at hand."""
        return [view for part in self.parts.values() for view in part.paid.values()]
