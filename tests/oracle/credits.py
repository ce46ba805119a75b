"""Every fen exactly once (spec §4): the largest remainder method on exact fractions."""

from collections.abc import Mapping
from fractions import Fraction


def split(amount: int, weights: Mapping[str, int | Fraction]) -> dict[str, int]:
    """Return the amount's parts by weight; what rounding leaves goes to the largest remainders,
    ties to the smaller party. Weights of zero get nothing."""
    total = sum(weights.values())
    if not total:
        return dict.fromkeys(weights, 0)
    exact = {party: Fraction(amount) * weight / total for party, weight in weights.items()}
    parts = {party: int(share) for party, share in exact.items()}
    left = amount - sum(parts.values())
    for party in sorted(exact, key=lambda p: (parts[p] - exact[p], p))[:left]:
        parts[party] += 1
    return parts


def take(credit: dict[str, int], amount: int) -> dict[str, int]:
    """Return what remains after a refund that is spread over the credits that remain."""
    spread = split(amount, credit)
    return {party: fen - spread[party] for party, fen in credit.items()}
