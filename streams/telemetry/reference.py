"""The reference of all metrics, `deploy/prometheus/METRICS.md`: `python -m streams.telemetry.reference` writes it."""

from collections.abc import Iterator
from pathlib import Path

from streams.telemetry.catalogue import COUNTED, LABELS, REGISTRY

FILE = Path(__file__).parents[2] / "deploy" / "prometheus" / "METRICS.md"
_HEAD = """# The metrics of Livepool

Made by `python -m streams.telemetry.reference` from `streams/telemetry/catalogue.py`.

Each worker is one process and one target; it shows what it has done since it was started, so ask for `rate` or
`increase`, and for `sum` over the workers: each partition is one worker's, nothing is counted by two. All numbers are
of batches that were committed. A counter with `_reversed` is the other side of the one without: the difference is what
stands, as in the credit ledger. Amounts are fen, 0.01 CNY. Beside these there are the metrics `process_…`, `python_…`
of the process itself.

| metric | type | labels | what it is |
|---|---|---|---|
"""


def reference() -> str:
    """The text of the file."""
    return _HEAD + "".join(_metrics()) + "\n| label | values |\n|---|---|\n" + "".join(_labels())


def _metrics() -> Iterator[str]:
    for family in sorted(REGISTRY.collect(), key=lambda family: family.name):
        if family.name.startswith("livepool_"):
            suffix = {"counter": "_total", "info": "_info"}.get(family.type, "")
            yield f"| `{family.name}{suffix}` | {family.type} | {_names(family.name)} | {family.documentation} |\n"


def _names(name: str) -> str:
    labels: tuple[str, ...] = ()
    if counted := COUNTED.get(name.removeprefix("livepool_")):
        labels = counted.labels
    elif collector := REGISTRY._names_to_collectors.get(name):
        labels = getattr(collector, "_labelnames", ())
    return " ".join(f"`{label}`" for label in labels)


def _labels() -> Iterator[str]:
    for name, values in LABELS.items():
        yield f"| `{name}` | {' '.join(f'`{value}`' for value in values)} |\n"


if __name__ == "__main__":
    FILE.write_text(reference(), "utf-8")
