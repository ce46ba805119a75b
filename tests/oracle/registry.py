"""Reference data of spec §4: what sessions, tokens and sharers meant at a moment."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from .contract import MODES
from .envelope import Event


def holds(events: Iterable[Event], at: int) -> Event | None:
    """Return the latest at or before the moment, else the earliest; of several at one moment the smallest."""
    known = list(events)
    before = [e for e in known if e.time <= at]
    if before:
        return min(before, key=lambda e: (-e.time, e.source, e.id))
    return min(known, key=lambda e: e.order, default=None)


@dataclass
class Session:
    """A live session that has started."""

    start: Event
    end: Event | None
    changes: list[Event]  # with the start itself

    @property
    def mode(self) -> str:
        return MODES[self.start.data["carrier"]]

    def anchors(self, at: int) -> list[str]:
        """Return those on air: before the start the first set, after the end the last."""
        change = holds(self.changes, max(at, self.start.time))
        return sorted(set(change.data["anchor_ids"])) if change else []


class Registry:
    """Sessions, tokens and sharers of the given arrivals."""

    def __init__(self, arrived: list[Event]) -> None:
        by_type: dict[str, list[Event]] = defaultdict(list)
        for event in arrived:
            by_type[event.type].append(event)
        self.sessions: dict[str, Session] = {}
        for start in sorted(by_type["live.session.started"], key=lambda e: e.order, reverse=True):
            sid = start.data["session_id"]
            ends = [e for e in by_type["live.session.ended"] if e.data["session_id"] == sid]
            changes = [e for e in by_type["live.anchors.changed"] if e.data["session_id"] == sid]
            self.sessions[sid] = Session(
                start,
                min(ends, key=lambda e: e.order, default=None),
                [start, *(c for c in changes if c.time >= start.time)],
            )
        self.registrations = by_type["token.registered"]
        self.tokens: dict[str, list[Event]] = defaultdict(list)
        for event in self.registrations:
            self.tokens[event.data["token"]].append(event)

    def named(self, event: Event, field: str, at: int) -> tuple[str | None, str | None]:
        """Return what the event or its token names in the field, or why its token names nothing."""
        token = event.get("token")
        if event.get(field) is not None or token is None:
            return event.get(field), None
        registration = holds(self.tokens[token], at) if token in self.tokens else None
        if registration is None:
            return None, "unknown_token"
        expires = registration.get("expires_at")
        if expires is not None and expires < at:
            return None, "expired_token"
        return registration.get(field), None

    def last_session(self, room_id: str, at: int) -> str | None:
        """Return the room's last session that started at or before the moment."""
        starts = [s.start for s in self.sessions.values() if s.start.data["room_id"] == room_id]
        found = holds([s for s in starts if s.time <= at], at)
        return found.data["session_id"] if found else None

    def store_of_sharer(self, sharer_id: str, at: int) -> str | None:
        """Return the store of the registration that names both, whatever its token, expired or not."""
        both = [r for r in self.registrations if r.get("sharer_id") == sharer_id and r.get("store_id") is not None]
        found = holds(both, at)
        return found.data["store_id"] if found else None
