import io
import logging

import pytest
from rich.console import Console

from streams.cli.worker_view import WorkerView, in_short
from streams.transport.kafka_restore import Progress


@pytest.mark.parametrize(
    ("places", "short"),
    [
        (["arrivals/0", "journeys/0", "journeys/1", "journeys/2"], "arrivals 0, journeys 0–2"),
        (["checkout/7", "checkout/10", "checkout/0", "checkout/8"], "checkout 0,7–8,10"),
        (["no partitions"], "no partitions"),
    ],
)
def test_partitions_are_told_in_short(places, short):
    assert in_short(places) == short


@pytest.fixture
def out():
    return io.StringIO()


@pytest.fixture
def view(out):
    view = WorkerView(
        Console(file=out, force_terminal=True, width=90, color_system=None, markup=False, highlight=False)
    )
    view.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    return view


def say(view, text, *args):
    view.handle(logging.LogRecord("livepool", logging.INFO, "", 0, text, args, None))


def test_lines_stand_above_the_bar_and_the_bar_goes(view, out):
    view.show(Progress(5_000, 20_000, 12))
    say(view, "restoring state: %s of %s offsets in %s partitions", 5_000, 20_000, 12)
    say(view, "hello [bold]")
    view.show(Progress(20_000, 20_000, 12))
    say(view, "ready: %s", "arrivals/0, journeys/0, journeys/1")
    shown = out.getvalue()
    assert "restoring the state of 12 partitions" in shown
    assert "5000/20000" in shown
    assert "\x1b[2KINFO hello [bold]" in shown
    assert "restoring state:" not in shown  # the bar says it
    assert shown.rstrip().endswith("INFO ready: arrivals 0, journeys 0–1")


def test_nothing_to_restore_shows_nothing(view, out):
    view.show(Progress(0, 0, 0))
    view.show(Progress(7, 7, 1))
    assert out.getvalue() == ""
