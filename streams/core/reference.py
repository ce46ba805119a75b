"""Reference data: live sessions, rooms, tokens, sharers (spec §4 and its settled points).

Registrations are small and kept whole, each with the `seq` at which it arrived: an order that was final before
something was known is decided without it. `Lookup` answers the questions of the attribution rules at one
state of knowledge, and remembers what it was asked, so that the answer can be given anew when more arrives.
"""

from collections.abc import Iterable, Mapping, MutableMapping
from typing import NamedTuple, TypeVar

import msgspec

from streams.core.messages import AnchorsChanged, SessionStarted, TokenRegistered

T = TypeVar("T", bound=SessionStarted | AnchorsChanged | TokenRegistered)


class Entry(msgspec.Struct, array_like=True):
    """All that was said of one session, room, token or sharer, in order of (time, source, id)."""

    starts: list[SessionStarted] = []
    changes: list[AnchorsChanged] = []
    registrations: list[TokenRegistered] = []

    def take(self, message: SessionStarted | AnchorsChanged | TokenRegistered) -> None:
        """Keep a message in its place."""
        if isinstance(message, SessionStarted):
            self.starts = _sorted([*self.starts, message])
        elif isinstance(message, AnchorsChanged):
            self.changes = _sorted([*self.changes, message])
        else:
            self.registrations = _sorted([*self.registrations, message])


class Named(NamedTuple):
    """What an event names, its own fields before those of its token; `fault` says why its token names nothing."""

    session_id: str | None
    store_id: str | None
    guide_id: str | None
    sharer_id: str | None
    fault: str | None


class References:
    """Keeps reference data in a mapping `kind:id` -> Entry; kinds: session, room, token, sharer."""

    def __init__(self, entries: MutableMapping[str, Entry]) -> None:
        self.entries = entries

    def start(self, message: SessionStarted) -> list[str]:
        """Take a session start; return what became better known."""
        return [self._add(f"{kind}:{id_}", message) for kind, id_ in
                (("session", message.session_id), ("room", message.room_id))]  # fmt: skip

    def change_anchors(self, message: AnchorsChanged) -> list[str]:
        """Take a change of anchors; return what became better known."""
        return [self._add(f"session:{message.session_id}", message)]

    def is_first(self, message: TokenRegistered) -> bool:
        """Is nothing as early known of the token, or its sharer; then what was before it means something else, too."""
        entries = [self.entries.get(key) for key in _keys(message)]
        return not all(entry and _evidence(entry.registrations[0]) < _evidence(message) for entry in entries)

    def register(self, message: TokenRegistered) -> list[str]:
        """Take a token; return what became better known."""
        return [self._add(key, message) for key in _keys(message)]

    def _add(self, key: str, message: SessionStarted | AnchorsChanged | TokenRegistered) -> str:
        entry = self.entries.get(key) or Entry()
        entry.take(message)
        self.entries[key] = entry
        return key


class Lookup:
    """Reference data as it was known up to `cutoff` (a seq; None: all); `asked` collects every key asked for."""

    def __init__(self, entries: Mapping[str, Entry], cutoff: int | None = None) -> None:
        self._entries = entries
        self.cutoff = cutoff
        self.asked: set[str] = set()

    def session(self, session_id: str) -> SessionStarted | None:
        """The start of a session that stands: the first by (time, source, id)."""
        starts = self._known(self._entry(f"session:{session_id}").starts)
        return starts[0] if starts else None

    def session_in_room(self, room_id: str, time: int) -> SessionStarted | None:
        """The room's last session started at or before `time`, by the start of each session that stands."""
        return _latest(self.starts_in_room(room_id), time)

    def starts_in_room(self, room_id: str) -> list[SessionStarted]:
        """The start of every session of a room that stands, in order of (time, source, id)."""
        starts = self._known(self._entry(f"room:{room_id}").starts)
        return [start for start in starts if start == self.session(start.session_id)]

    def anchors(self, start: SessionStarted, time: int) -> list[str]:
        """Who was on air at `time`: before the start the first set, after the end the last."""
        changes = self._known(self._entry(f"session:{start.session_id}").changes)
        timeline: list[SessionStarted | AnchorsChanged] = [start]
        timeline += [change for change in changes if change.time >= start.time]
        held = _latest(_sorted(timeline), time)
        return held.anchors if held else start.anchors

    def token(self, token: str, time: int) -> tuple[TokenRegistered | None, str | None]:
        """What a token meant at `time`, or None and why: `unknown_token` or `expired_token`."""
        registration = self.registration(token, time)
        if registration is None:
            return None, "unknown_token"
        if registration.expires_at is not None and registration.expires_at < time:
            return None, "expired_token"
        return registration, None

    def registration(self, token: str, time: int) -> TokenRegistered | None:
        """The registration that says what a token meant at `time`, expired or not."""
        return _meaning(self._known(self._entry(f"token:{token}").registrations), time)

    def store_of_sharer(self, sharer_id: str, time: int) -> str | None:
        """The store of a sharer at `time`, from registrations that name both, of whatever token, expired or not."""
        registration = _meaning(self._known(self._entry(f"sharer:{sharer_id}").registrations), time)
        return registration.store_id if registration else None

    def named(self, time: int, token: str | None, own: Iterable[str | None]) -> Named:
        """What an event at `time` names; `own` are its session_id, store_id, guide_id, sharer_id."""
        session_id, store_id, guide_id, sharer_id = own
        if token is None:
            return Named(session_id, store_id, guide_id, sharer_id, None)
        meaning, fault = self.token(token, time)
        if meaning is None:
            return Named(session_id, store_id, guide_id, sharer_id, fault)
        return Named(
            session_id if session_id is not None else meaning.session_id,
            store_id if store_id is not None else meaning.store_id,
            guide_id if guide_id is not None else meaning.guide_id,
            sharer_id if sharer_id is not None else meaning.sharer_id,
            None,
        )

    def _entry(self, key: str) -> Entry:
        self.asked.add(key)
        return self._entries.get(key) or _NOTHING

    def _known(self, messages: list[T]) -> list[T]:
        if self.cutoff is None:
            return messages
        return [message for message in messages if message.seq <= self.cutoff]


_NOTHING = Entry()


def _keys(message: TokenRegistered) -> list[str]:
    """What a registration tells something of; a sharer has a store by registrations that name both."""
    keys = [f"token:{message.token}"]
    if message.sharer_id is not None and message.store_id is not None:
        keys.append(f"sharer:{message.sharer_id}")
    return keys


def _evidence(message: SessionStarted | AnchorsChanged | TokenRegistered) -> tuple[int, str, str]:
    return message.time, message.source, message.id


def _sorted(messages: list[T]) -> list[T]:
    return sorted(messages, key=_evidence)


def _latest(ordered: list[T], time: int) -> T | None:
    """Of messages in order of (time, source, id): the latest at or before `time`, of one moment the first."""
    held = None
    for message in ordered:
        if message.time > time:
            break
        if held is None or message.time > held.time:
            held = message
    return held


def _meaning(ordered: list[TokenRegistered], time: int) -> TokenRegistered | None:
    """The latest registration at or before `time`; if there is none yet, the earliest."""
    return _latest(ordered, time) or (ordered[0] if ordered else None)
