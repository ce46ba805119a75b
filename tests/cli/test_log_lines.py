import logging

from streams.cli.log_lines import OnceInAWhile


def test_what_is_said_over_and_over_is_said_once_in_a_while(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    sparing = OnceInAWhile()

    def passes(name: str, text: str, *values: object) -> bool:
        return sparing.filter(logging.LogRecord(name, logging.ERROR, "file", 1, text, values, None))

    assert [passes("aiokafka", "no answer from %s", node) for node in (1, 2, 3)] == [True, False, False]
    assert passes("aiokafka", "another thing")
    assert all(passes("livepool.partitions", "ready: %s", node) for node in (1, 2))
    now[0] += 10
    assert passes("aiokafka", "no answer from %s", 4)
