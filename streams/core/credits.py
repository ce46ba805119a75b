"""How an amount of fen is shared out so that not one fen is lost (spec §4, "every fen is credited exactly once").

Weights are integers, so every share is an exact fraction `amount * weight / sum(weights)`; what the
integer parts leave over goes to the largest remainders, ties to the smaller party id.
"""

from collections.abc import Iterable, Mapping

NONE = "none"  # the party that gets what nobody earned


def split(amount: int, weights: Mapping[str, int]) -> dict[str, int]:
    """Share `amount` fen (0 or more) by `weights` (0 or more, not all 0): party -> fen, zeros included."""
    total = sum(weights.values())
    if len(weights) == 1:
        return dict.fromkeys(weights, amount)
    shares = {party: amount * weight // total for party, weight in weights.items()}
    left = amount - sum(shares.values())
    if left:
        # Largest remainder first; str compares like its UTF-8 bytes.
        ranked = sorted(weights, key=lambda party: (-(amount * weights[party] % total), party))
        for party in ranked[:left]:
            shares[party] += 1
    return shares


def take(remaining: dict[str, int], amount: int) -> dict[str, int]:
    """Spread a refund of `amount` fen over what remains, in place; return what each party gave back."""
    returned = split(amount, {party: fen for party, fen in remaining.items() if fen})
    for party, fen in returned.items():
        remaining[party] -= fen
    return returned


def after(credit: Mapping[str, int], refunds: Iterable[int]) -> dict[str, int]:
    """What each party keeps of its credit after refunds, taken in turn: party -> fen, zeros left out."""
    remaining = dict(credit)
    for refund in refunds:
        take(remaining, refund)
    return {party: fen for party, fen in remaining.items() if fen}
