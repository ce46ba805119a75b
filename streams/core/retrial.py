"""A decision made once more, from what was known when it was made (spec §4).

An open order is decided from all that has arrived; a final one from what had arrived when stream time passed its
horizon, by the people that were its buyer then. No list of those is kept: what leads to the published decision is
what was known.
"""

from collections.abc import Iterator, Mapping
from itertools import combinations

from streams.core.attribution import decide
from streams.core.buyer import Buyer
from streams.core.case import Case, Past
from streams.core.policy import Policy
from streams.core.reference import Entry, Lookup
from streams.core.views import View

MOST_OTHERS = 5  # parts beside the order's own that are tried in all combinations


def retry(view: View, buyer: Buyer, entries: Mapping[str, Entry], policy: Policy) -> Case | None:
    """The case as it was decided; None when what is known today does not lead to the decisions that stand."""
    for one, cutoff in _states(view, buyer, policy):
        case = Case(view.claim, view.type, Past(one), Lookup(entries, cutoff), policy)
        if [decide(case, line) for line in view.claim.lines] == view.decisions:
            return case
    return None


def _states(view: View, buyer: Buyer, policy: Policy) -> Iterator[tuple[Buyer, int | None]]:
    """The states of knowledge in which the order may have become final: the buyer then, and the last seq."""
    if view.final:
        time = view.claim.placed_at + policy.horizon
        for one in _selves(view, buyer):
            passed = {seq for part in one.parts.values() if (seq := Buyer([], {"": part}).passed(time)) is not None}
            yield from ((one, seq) for seq in sorted(passed))
    yield buyer, None


def _selves(view: View, buyer: Buyer) -> Iterator[Buyer]:
    """The buyer, then what it may have been before others became it: fewer and fewer of its parts."""
    yield buyer
    others = [alias for alias in buyer.parts if alias != view.claim.alias]
    if len(others) > MOST_OTHERS or len(others) == len(buyer.parts):
        return
    for count in range(len(others) - 1, -1, -1):
        for some in combinations(others, count):
            yield Buyer([], {alias: buyer.parts[alias] for alias in (view.claim.alias, *some)})
