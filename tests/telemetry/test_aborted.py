"""A batch that was not committed is not counted; when it is processed again it is counted once."""

import pytest

from streams.runner import WorkerFailedError
from streams.transport.log import Log
from telemetry.runs import Samples, gained, of, processed, samples, sent, show
from telemetry.test_numbers import GAUGES

LINES = show(400)


def counts(found: Samples) -> Samples:
    """Without clocks and gauges."""
    return {
        key: by
        for key, by in found.items()
        if not key[0].startswith((*GAUGES, "batch_duration_seconds_sum", "batch_duration_seconds_bucket"))
        and not key[0].startswith(("commit_duration_seconds", "commit_failures", "pool_feedback_age_seconds"))
    }


def test_nothing_is_counted_twice_after_an_aborted_batch(tmp_path, monkeypatch):
    settings = sent(tmp_path / "smooth", LINES, 50)
    before = samples()
    processed(settings)
    smooth = gained(before)

    settings = sent(tmp_path / "rough", LINES, 50)
    before = samples()
    failures = 0
    commit = Log.commit
    for survived in (0, 3, 9, 14):
        left = survived

        def failing(self: Log, *args: object) -> None:
            nonlocal left
            commit(self, *args)  # all is written, but the end of the transaction
            left -= 1
            if left == -1:
                raise OSError("disk full")

        monkeypatch.setattr(Log, "commit", failing)
        with pytest.raises(WorkerFailedError, match="disk full"):
            processed(settings)
        failures += 1
    monkeypatch.setattr(Log, "commit", commit)
    processed(settings)
    rough = gained(before)

    assert of(rough, "commit_failures_total")[()] == failures
    assert of(smooth, "commit_failures_total") == {}
    assert {key: by for key, by in counts(rough).items() if not per_batch(key)} == {
        key: by for key, by in counts(smooth).items() if not per_batch(key)
    }
    records = [of(found, "batch_records_sum") for found in (rough, smooth)]
    for agent in ("intake", "identity", "journey"):  # the board's come from batches of the journeys
        assert records[0][agent,] == records[1][agent,] > 0


def per_batch(key: tuple[str, ...]) -> bool:
    """Where batches of later agents begin and end depends on when their worker began."""
    return key[0].startswith(("batch_", "commits", "room_snapshots", "pool_feedback"))


def test_a_worker_says_what_runs_before_it_has_done_anything(tmp_path):
    settings = sent(tmp_path, [])
    processed(settings)
    found = samples()
    assert list(of(found, "policy_info")) == [(settings.policy.version,)]
    assert of(found, "build_info")
    assert of(found, "last_progress_timestamp_seconds")[()] > 0
    assert len(of(found, "dead_letters_total")) >= 36
