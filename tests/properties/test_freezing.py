"""What is put away early and often comes to the same as what is kept at hand, record by record."""

from collections import Counter
from typing import Any

import pytest

import in_memory
from properties.agreement import differences
from properties.test_oracle_agrees import POLICIES, SHOWS
from shows import random_show
from streams.core.archive import Limits
from thoroughness import some

SOON = (Limits(keep=1, least=1, views=0), Limits(keep=3, least=2, views=2), Limits(keep=8, least=6, views=4))
OF_EACH = 4  # shows per policy and kind


def told(result: in_memory.Result) -> dict[str, Any]:
    """All records in the order of their key, and how they add up."""
    topics: dict[str, list[Any]] = {}
    for topic, records in result.topics.items():
        for key, event in records:
            topics.setdefault(f"{topic} {key}", []).append(event)
    return {
        "topics": topics, "rooms": result.rooms, "ledger": dict(result.ledger), "letters": result.dead_letters,
        "late": result.late,
    }  # fmt: skip


def compare(lines: list[bytes], policy: dict[str, Any], partitions: int, seed: int) -> Counter[str]:
    """Return how many rows of each kind are there in the end."""
    hot = told(in_memory.run(lines, policy, partitions, seed))
    frozen: Counter[str] = Counter()
    for limits in SOON:
        result = in_memory.run(lines, policy, partitions, seed, limits)
        unlike = list(differences(told(result), hot))
        assert not unlike, "\n".join([f"{limits}, seed {seed}", *unlike[:20]])
        frozen.update(key.split()[1].decode() for tables in result.tables for key in tables.rows["archive"])
    return frozen


@pytest.mark.parametrize("kind", SHOWS)
@pytest.mark.parametrize("name", POLICIES)
def test_freezing_changes_nothing(name: str, kind: str) -> None:
    first = 20_000 + OF_EACH * (list(POLICIES).index(name) * len(SHOWS) + list(SHOWS).index(kind))
    frozen: Counter[str] = Counter()
    for seed in range(first, first + OF_EACH):
        frozen += compare(random_show(seed, **SHOWS[kind]), POLICIES[name], 1, seed)
    assert {"chunk", "tally"} <= frozen.keys()


@pytest.mark.parametrize("partitions", [2, 3])
def test_nor_on_several_partitions(partitions: int) -> None:
    for seed in range(21_000, 21_000 + some(20)):
        compare(random_show(seed, late=seed % 2 == 0), {}, partitions, seed)


def test_nor_in_long_histories() -> None:
    frozen: Counter[str] = Counter()
    for seed in range(22_000, 22_000 + max(2, some(4))):
        frozen += compare(random_show(seed, size=400, late=seed % 2 == 0, malformed=False, repeats=False), {}, 1, seed)
    assert {"chunk", "item", "tally", "paid", "placed"} <= frozen.keys()
