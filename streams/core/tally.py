"""What a batch adds to the metrics, as plain counts: pure, and added up by `streams.telemetry` after the commit.

A key is the name of a counter, then its labels, as `streams.telemetry.catalogue` lists them. Nothing here names a room,
a buyer, an order, a store or an anchor: every label has a closed list of values.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Collection, Sequence
from itertools import pairwise

Key = tuple[str, ...]
Tally = defaultdict[Key, int]  # three times as fast as a Counter

INVALID = "invalid"  # stands for the type of an event that was refused before its type could be believed
APPENDED = "appended"  # header of `journeys`: when the oldest event of a batch of admission came in (UTC ms)
Counted = tuple[str, str, str, str, str]  # how a sale is counted: mode, live rule and tier, store rule and tier


def refuse(tally: Tally, reason: str, topic: str) -> None:
    """An event was refused before it had a type."""
    tally["events", INVALID, "dead_letter"] += 1
    tally["dead_letters", topic, reason] += 1


def count_sale(tally: Tally, counted: Counted, amount: int, refunded: int) -> None:
    """A sale is credited like this from now on (fen)."""
    _count(tally, "", counted, amount, refunded)


def reverse_sale(tally: Tally, counted: Counted, amount: int, refunded: int) -> None:
    """A sale is not credited like this any more (fen)."""
    _count(tally, "_reversed", counted, amount, refunded)


def _count(tally: Tally, sense: str, counted: Counted, amount: int, refunded: int) -> None:
    mode, rule, tier, store_rule, store_tier = counted
    tally[f"sales{sense}", mode, rule, tier] += 1
    tally[f"paid{sense}_fen", mode, rule, tier] += amount
    tally[f"store_paid{sense}_fen", store_rule, store_tier] += amount
    if refunded:
        tally[f"refunded{sense}_fen", mode, rule, tier] += refunded


def count_refund(tally: Tally, counted: Counted, fen: int) -> None:
    """More (or less) of a sale is refunded, and nothing else has changed."""
    name = "refunded_fen" if fen >= 0 else "refunded_reversed_fen"
    if fen:
        tally[name, *counted[:3]] += abs(fen)


def count_unattributed(tally: Tally, dimension: str, fen: int) -> None:
    """Nobody is credited with these fen; negative: they are taken back."""
    name = "unattributed_fen" if fen >= 0 else "unattributed_reversed_fen"
    tally[name, dimension] += abs(fen)


def ages(times: Collection[int], now: int, edges: Sequence[float]) -> tuple[list[int], float]:
    """How old moments (UTC ms) are: how many up to each edge (seconds) and beyond the last, and the sum in seconds.

    What is ahead of `now` is 0 s old.
    """
    ordered = sorted(times)
    younger = [len(ordered) - bisect_left(ordered, now - edge * 1000) for edge in edges]  # or as old
    past = ordered[: bisect_right(ordered, now)]
    found = [more - fewer for fewer, more in pairwise([0, *younger, len(ordered)])]
    return found, (len(past) * now - sum(past)) / 1000


def ahead(times: Collection[int], now: int, tolerated_ms: int) -> int:
    """How many moments (UTC ms) lie further ahead of `now` than clocks may differ."""
    latest = now + tolerated_ms
    return sum(time > latest for time in times) if max(times, default=now) > latest else 0
