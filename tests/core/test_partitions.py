"""Buyers on several partitions, any of which may be ahead of the others, end as they do on one."""

import pytest

from in_memory import run
from shows import random_show


@pytest.mark.parametrize("seed", range(60))
def test_several_partitions_come_to_the_same(seed):
    lines = random_show(seed, size=25, malformed=False, repeats=False)
    one, three = run(lines), run(lines, partitions=3, seed=seed)
    assert ignoring(one.sales, "revision") == ignoring(three.sales, "revision")
    assert one.ledger == three.ledger
    assert ignoring(one.profiles, "reason") == ignoring(three.profiles, "reason")
    assert one.rooms == three.rooms


def ignoring(records: dict, name: str) -> dict:
    return {key: {field: value for field, value in data.items() if field != name} for key, data in records.items()}
