"""A flood of dead letters stops the worker: then the configuration is wrong (spec §8)."""

import pytest

from streams.core.intake import BadEventFloodError, Fuse


def test_the_fuse_waits_for_a_full_window():
    fuse = Fuse(0.5, 10)
    for _ in range(9):
        fuse.note(True)
    fuse.check()
    fuse.note(True)
    with pytest.raises(BadEventFloodError, match="10 of the last 10"):
        fuse.check()


def test_the_share_itself_is_allowed_more_is_not():
    fuse = Fuse(0.5, 4)
    for bad in (True, False, True, False, True, False, True):
        fuse.note(bad)  # of the last four, two
    fuse.check()
    fuse.note(True)
    with pytest.raises(BadEventFloodError, match="3 of the last 4"):
        fuse.check()
