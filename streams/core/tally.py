"""What a batch adds to the metrics, as plain counts: pure, and added up by `streams.telemetry` after the commit.

A key is the name of a counter, then its labels, as `streams.telemetry.catalogue` lists them. Nothing here names a room,
a buyer, an order, a store or an anchor: every label has a closed list of values.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence

Key = tuple[str, ...]
Tally = Counter[Key]

INVALID = "invalid"  # stands for the type of an event that was refused before its type could be believed
APPENDED = "appended"  # header of `journeys`: when the oldest event of a batch of admission came in (UTC ms)
Counted = tuple[str, str, str, str, str]  # how a sale is counted: mode, live rule and tier, store rule and tier


def refused(reason: str, topic: str) -> tuple[Key, Key]:
    """The counts of an event that was refused before it had a type."""
    return ("events", INVALID, "dead_letter"), ("dead_letters", topic, reason)


def count_sale(tally: Tally, counted: Counted, amount: int, refunded: int) -> None:
    """A sale is credited like this from now on (fen)."""
    mode, rule, tier, store_rule, store_tier = counted
    tally["sales", mode, rule, tier] += 1
    tally["paid_fen", mode, rule, tier] += amount
    tally["store_paid_fen", store_rule, store_tier] += amount
    if refunded:
        tally["refunded_fen", mode, rule, tier] += refunded


def reverse_sale(tally: Tally, counted: Counted, amount: int, refunded: int) -> None:
    """A sale is not credited like this any more (fen)."""
    mode, rule, tier, store_rule, store_tier = counted
    tally["sales_reversed", mode, rule, tier] += 1
    tally["paid_reversed_fen", mode, rule, tier] += amount
    tally["store_paid_reversed_fen", store_rule, store_tier] += amount
    if refunded:
        tally["refunded_reversed_fen", mode, rule, tier] += refunded


def count_refund(tally: Tally, counted: Counted, fen: int) -> None:
    """More (or less) of a sale is refunded, and nothing else has changed."""
    name = "refunded_fen" if fen >= 0 else "refunded_reversed_fen"
    if fen:
        tally[name, *counted[:3]] += abs(fen)


def count_unattributed(tally: Tally, dimension: str, fen: int) -> None:
    """Nobody is credited with these fen; negative: they are taken back."""
    name = "unattributed_fen" if fen >= 0 else "unattributed_reversed_fen"
    tally[name, dimension] += abs(fen)


def ages(times: Iterable[int], now: int, edges: Sequence[float]) -> tuple[list[int], float]:
    """How old moments (UTC ms) are: how many up to each edge (seconds) and beyond the last, and the sum in seconds.

    What is ahead of `now` is 0 s old.
    """
    found = [0] * (len(edges) + 1)
    total = 0.0
    for time in times:
        age = (now - time) / 1000 if time < now else 0.0
        found[bisect_left(edges, age)] += 1
        total += age
    return found, total


def ahead(times: Iterable[int], now: int, tolerated_ms: int) -> int:
    """How many moments (UTC ms) lie further ahead of `now` than clocks may differ."""
    latest = now + tolerated_ms
    return sum(time > latest for time in times)
