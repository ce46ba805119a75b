"""How often somebody may ask: a token bucket each. Pure: the time is passed in."""

from collections import OrderedDict

MOST_KEPT = 10_000


class Limits:
    """`rate` per second, and four times as many at once."""

    def __init__(self, rate: float, burst: float | None = None) -> None:
        self._rate = rate
        self._burst = 4.0 * rate if burst is None else burst
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # who -> (tokens, as of)

    def wait(self, who: str, now: float) -> float:
        """Take one; return 0, or after how many seconds there is one again. `now` in seconds of any clock."""
        tokens, then = self._buckets.pop(who, (self._burst, now))
        tokens = min(self._burst, tokens + (now - then) * self._rate)
        missing = 1 - tokens
        self._buckets[who] = (tokens if missing > 0 else tokens - 1, now)
        while len(self._buckets) > MOST_KEPT:
            self._buckets.popitem(last=False)  # asked longest ago: its bucket is the fullest
        return max(0.0, missing / self._rate)
