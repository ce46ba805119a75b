"""Stays: when a viewer was in a session (spec §6).

A stay opens at a viewer's first event, goes on while the next one comes within the presence timeout, and ends
at `live.viewer.left` or one timeout after its last event. Stays reach the board as changes of two step
functions (how many are online, how many are being watched), which simply add up over buyers.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence

from streams.core.cold import Stay
from streams.core.facts import LEFT, Fact
from streams.core.policy import MINUTE_MS


def stays(visit: Iterable[Fact], timeout: int) -> list[Stay]:
    """The stays of one buyer in one session, from its events in order of (time, source, id)."""
    found: list[Stay] = []
    first = last = None
    for fact in visit:
        if first is None or last is None:
            first = fact.time
        elif fact.time - last > timeout:
            found.append(Stay(first, last, last + timeout))
            first = fact.time
        last = fact.time
        if fact.kind == LEFT:
            found.append(Stay(first, last, last))
            first = None
    if first is not None and last is not None:
        found.append(Stay(first, last, last + timeout))
    return found


def last_stay(before: Stay | None, visit: Sequence[Fact], timeout: int) -> Stay:
    """The last stay of a visit that comes after the stay `before`, and may let it go on."""
    *earlier, last = stays(visit, timeout)
    goes_on = before is not None and not earlier and last.first <= before.end
    return last._replace(first=before.first) if before is not None and goes_on else last


def stay_at(before: Stay | None, visit: Sequence[Fact], time: int, timeout: int) -> int | None:
    """When the stay began in which a buyer was at `time`; None when it was in none. `before`: the one that was first.

    The same as looking through `stays`, but only at the events from the beginning of that stay to `time`.
    """
    place = bisect_right(visit, time, key=lambda fact: fact.time) - 1
    if place < 0:
        return before.first if before is not None and time < before.end else None
    if visit[place].kind == LEFT or time >= visit[place].time + timeout:
        # Only an event within the timeout, and none does follow so soon, could let the stay go on to `time`.
        return None
    while place and visit[place - 1].kind != LEFT and visit[place].time - visit[place - 1].time <= timeout:
        place -= 1
    return before.first if before is not None and not place and visit[0].time <= before.end else visit[place].time


def stay_of(fact: Fact, timeout: int) -> Stay:
    """The stay of one event."""
    return Stay(fact.time, fact.time, fact.time if fact.kind == LEFT else fact.time + timeout)


def add_event(before: Stay | None, fact: Fact, timeout: int, online: dict[int, int], watch: dict[int, int]) -> None:
    """Add an event that is later than all others of its buyer in its session; `before` ends with the one before it.

    The same as taking back all stays and adding those with the event, without looking at them.
    """
    end = stay_of(fact, timeout).end
    if before is not None and fact.time <= before.end:
        change(online, whole_minute(before.end), 1)
        change(watch, before.last, 1)
    else:
        change(online, whole_minute(fact.time), 1)
        change(watch, fact.time, 1)
    change(online, whole_minute(end), -1)
    change(watch, fact.time, -1)


def change(steps: dict[int, int], at: int, by: int) -> None:
    """Let a step function rise by `by` at `at`; a step of 0 is no step."""
    step = steps.get(at, 0) + by
    if step:
        steps[at] = step
    else:
        steps.pop(at, None)


def add_stays(found: Iterable[Stay], sign: int, online: dict[int, int], watch: dict[int, int]) -> None:
    """Add (-1: take back) stays: steps of `online` at whole minutes (start <= minute < end), of `watch` in ms."""
    for stay in found:
        change(online, whole_minute(stay.first), sign)
        change(online, whole_minute(stay.end), -sign)
        change(watch, stay.first, sign)
        change(watch, stay.last, -sign)


def whole_minute(time: int) -> int:
    """The first whole minute at or after `time`."""
    return -(-time // MINUTE_MS) * MINUTE_MS
