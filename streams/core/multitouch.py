"""How much of a sale each touch earns (spec §4): exact fractions, in the order of the touches."""

from collections.abc import Callable, Sequence
from fractions import Fraction

from streams.core.policy import HOUR_MS, Policy

BILLION = 1_000_000_000


def _first_touch(count: int) -> list[Fraction]:
    return [Fraction(int(place == 0)) for place in range(count)]


def _last_touch(count: int) -> list[Fraction]:
    return _first_touch(count)[::-1]


def _linear(count: int) -> list[Fraction]:
    return [Fraction(1, count)] * count


def _position_based(count: int) -> list[Fraction]:
    """40/20/40, the 20 shared by those between; two touches 50/50."""
    if count <= 2:
        return _linear(count)
    ends = Fraction(40, 100)
    return [ends, *[Fraction(20, 100) / (count - 2)] * (count - 2), ends]


BY_PLACE: dict[str, Callable[[int], list[Fraction]]] = {
    "first_touch": _first_touch,
    "last_touch": _last_touch,
    "linear": _linear,
    "position_based": _position_based,
}


def weigh(policy: Policy, ages: Sequence[int]) -> list[Fraction]:
    """Weights of touches from their ages (ms before placed_at), oldest first; they need not sum to 1."""
    if policy.live.model in BY_PLACE:
        return BY_PLACE[policy.live.model](len(ages))
    half_life = policy.live.half_life_days * 24 * HOUR_MS
    # round() rounds half to even, as the contract asks.
    weights = [Fraction(round(2 ** (-age / half_life) * BILLION)) for age in ages]
    return weights if any(weights) else _last_touch(len(ages))
