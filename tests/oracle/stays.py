"""When each viewer was in which session (spec §6)."""

from collections import defaultdict
from dataclasses import dataclass
from fractions import Fraction

from .envelope import Event

MINUTE = 60_000


@dataclass
class Stay:
    """From the first event to the last; for `online` it goes on until `end`, which is not part of it."""

    session_id: str
    start: int
    last: int
    end: Fraction | int


def stays(events: list[Event], timeout: Fraction | int) -> list[Stay]:
    """Return the stays of one buyer in all sessions."""
    by_session: dict[str, list[Event]] = defaultdict(list)
    for event in sorted(events, key=lambda e: e.order):
        if event.type.startswith(("live.viewer.", "live.product.")):
            by_session[event.data["session_id"]].append(event)
    return [stay for session_id, own in by_session.items() for stay in _in_session(session_id, own, timeout)]


def _in_session(session_id: str, events: list[Event], timeout: Fraction | int) -> list[Stay]:
    found: list[Stay] = []
    is_open = False
    for event in events:
        if not is_open or event.time - found[-1].last > timeout:
            found.append(Stay(session_id, event.time, event.time, event.time))
        stay = found[-1]
        is_open = event.type != "live.viewer.left"
        stay.last = event.time
        stay.end = event.time + timeout if is_open else event.time
    return found


def current(own: list[Stay], at: int) -> str | None:
    """Return the session that a buyer is in: of several the one begun last, then the smaller session_id."""
    inside = [s for s in own if s.start <= at < s.end]
    return min(inside, key=lambda s: (-s.start, s.session_id)).session_id if inside else None


def online(found: list[Stay], minute: int) -> int:
    return sum(s.start <= minute < s.end for s in found)


def peak(found: list[Stay], after: float, to: int, end: float) -> int:
    """Return the largest number online at whole minutes in `(after, to]` before the end.

    It can only grow at the first minute of a stay, or be there from the first minute of the window.
    """
    starts = {-(-s.start // MINUTE) * MINUTE for s in found}
    if after != float("-inf"):
        starts.add((int(after) // MINUTE + 1) * MINUTE)
    return max((online(found, m) for m in starts if after < m <= to and m < end), default=0)


def watched(found: list[Stay], after: float, to: float) -> float:
    """Return the milliseconds of the stays, from first to last event, that lie in the window."""
    return sum(max(0, min(s.last, to) - max(s.start, after)) for s in found)
