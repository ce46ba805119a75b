"""How much of the long tests is run: `make test` takes a part of the shows and kills, `make thorough` all of them."""

import os

PERCENT = int(os.environ.get("LIVEPOOL_TEST_PERCENT", "30"))


def some(count: int) -> int:
    """As many of `count` as are to be run, at least one."""
    return max(1, count * PERCENT // 100)
