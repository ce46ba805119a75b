"""The wire between the platforms and us: envelopes, disorder, repeated deliveries, conflicts of ids.

The show happens in order of event time; what `arrived` hands out is in order of arrival. An event is
never in the future of its arrival and arrives about 40 hours late at most, inside the
horizon of 48 (spec §4).
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from heapq import heappop, heappush
from typing import Any

import orjson

from streams.show.truth import Truth

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

Sent = tuple[str, str, int, dict[str, Any]]
"""An event: its type, source, time (UTC ms) and data."""

_MILLIS = tuple(f"{ms:03d}" for ms in range(1000))

_SHARE_REPEATED = 0.02
_SHARE_CONFLICTING = 0.001
_CONFLICTING = frozenset({"live.viewer.liked", "live.viewer.commented"})
_IN_BEIJING_TIME = ("wecom/", "wechat/")
_FIRST_ID = 7_300_000_000_000_000_000


class Wire:
    """Takes events as they happen and hands out lines as they arrive; `left` lines may still be sent."""

    def __init__(self, lines: int, random: Callable[[], float], truth: Truth) -> None:
        self.left = lines
        self._random = random
        self._truth = truth
        self._serial = 0
        self._under_way: list[tuple[int, int, bytes]] = []
        self._second = (-1, "")

    def time(self, ms: int, beijing: bool = False) -> str:
        """RFC 3339 text of a UTC time in ms; `beijing` writes the offset +08:00, as WeChat's systems do."""
        second, milli = divmod(ms + 8 * HOUR if beijing else ms, SECOND)
        if second != self._second[0]:
            self._second = (second, datetime.fromtimestamp(second, UTC).isoformat()[:19])
        return f"{self._second[1]}.{_MILLIS[milli]}{'+08:00' if beijing else 'Z'}"

    def send(self, kind: str, source: str, at: int, data: dict[str, Any], hold: int = 0) -> bool:
        """Send one event that happened at `at` (UTC ms); false when the show has no line left for it.

        `hold` delays the arrival by so many ms more than chance does.
        """
        if self.left <= 0:
            return False
        random = self._random
        self._truth.count(kind)
        event = self._envelope(kind, source, at, data)
        payload = orjson.dumps(event)
        luck = random()
        if luck < 0.92:
            arrival = at + hold + int(luck * 2_200)
        elif luck < 0.98:
            arrival = at + hold + int((luck - 0.92) * MINUTE / 0.06)
        elif luck < 0.998:
            arrival = at + hold + int((luck - 0.98) * 10 * MINUTE / 0.018)
        else:
            self._push(at + hold + int(HOUR + (luck - 0.998) * 39 * HOUR / 0.002), payload)
            return True
        self._push(arrival, payload)
        luck = random()
        if luck < _SHARE_REPEATED:
            self._repeat(arrival, payload)
        elif luck < _SHARE_REPEATED + _SHARE_CONFLICTING and kind in _CONFLICTING:
            self._conflict(arrival, event)
        return True

    def reject(self, payload: bytes, at: int, reason: str) -> bool:
        """Send a line that must become a dead letter for `reason`; false when no line is left."""
        if self.left <= 0:
            return False
        self._truth.reject(reason)
        self._push(at + int(self._random() * 2 * SECOND), payload)
        return True

    def deliver(self, event: Sent) -> bool:
        """Send an event that has no accidents on the way: soon, and once."""
        if self.left <= 0:
            return False
        self._truth.count(event[0])
        self._push(event[2] + int(self._random() * 2 * SECOND), orjson.dumps(self._envelope(*event)))
        return True

    def refused(self, event: Sent, reason: str) -> bool:
        """Send a well-formed event that a rule refuses, soon and once."""
        return self.reject(orjson.dumps(self._envelope(*event)), event[2], reason)

    def arrived(self, now: int) -> Iterator[bytes]:
        """Lines that have arrived by `now`, in order of arrival."""
        while self._under_way and self._under_way[0][0] <= now:
            yield heappop(self._under_way)[2]

    def rest(self) -> Iterator[bytes]:
        """All lines still under way."""
        while self._under_way:
            yield heappop(self._under_way)[2]

    def _envelope(self, kind: str, source: str, at: int, data: dict[str, Any]) -> dict[str, Any]:
        self._serial += 1
        return {
            "specversion": "1.0",
            "id": str(_FIRST_ID + self._serial),
            "source": source,
            "type": kind,
            "time": self.time(at, source.startswith(_IN_BEIJING_TIME)),
            "data": data,
        }

    def _push(self, arrival: int, payload: bytes) -> None:
        self.left -= 1
        self._truth.lines += 1
        heappush(self._under_way, (arrival, self._truth.lines, payload))

    def _repeat(self, arrival: int, payload: bytes) -> None:
        """The same bytes again, mostly soon, at the latest 6 hours after: well inside the promised 24."""
        if self.left > 0:
            self._truth.duplicates += 1
            luck = self._random()
            self._push(arrival + SECOND + int(luck * luck * luck * 6 * HOUR), payload)

    def _conflict(self, arrival: int, event: dict[str, Any]) -> None:
        """The same id with another count; it arrives later, so the first stands."""
        if self.left > 0:
            self._truth.reject("id_conflict")
            data = event["data"]
            payload = orjson.dumps({**event, "data": {**data, "count": data.get("count", 1) + 1}})
            self._push(arrival + SECOND, payload)
