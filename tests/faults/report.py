"""The table of the runs: one JSON line for each, and the same as Markdown."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

HEADS = ("Case", "Kafka", "Events", "Sales", "Faults", "Lost", "Doubled", "Recovery, s (median, max)", "Total, s")


@dataclass
class Row:
    """One run of a case; `recovery` is in seconds, of each fault that found records waiting."""

    case: str
    kafka: str
    events: int
    sales: int
    faults: int
    lost: int
    doubled: int
    total_seconds: float
    recovery: list[float] = field(default_factory=list)
    crashes: list[str] = field(default_factory=list)  # ends of workers that nobody caused directly
    problems: list[str] = field(default_factory=list)

    def cells(self) -> tuple[str, ...]:
        seconds = sorted(self.recovery)
        shown = f"{seconds[len(seconds) // 2]:.1f}, {seconds[-1]:.1f}" if seconds else "–"
        return (
            self.case, self.kafka, f"{self.events:,}", f"{self.sales:,}", str(self.faults), str(self.lost),
            str(self.doubled), shown, f"{self.total_seconds:.0f}",
        )  # fmt: skip


def add(folder: Path, row: Row) -> None:
    """Add a run to `runs.ndjson`, and write `table.md` anew: of each case and version the last run."""
    folder.mkdir(parents=True, exist_ok=True)
    runs = folder / "runs.ndjson"
    with runs.open("a") as file:
        file.write(json.dumps(asdict(row), ensure_ascii=False) + "\n")
    rows = [Row(**json.loads(line)) for line in runs.read_text().splitlines()]
    last = {(row.case, row.kafka): row for row in rows}
    lines = [
        HEADS,
        tuple("---" if head in HEADS[:2] else "---:" for head in HEADS),
        *(r.cells() for r in last.values()),
    ]
    (folder / "table.md").write_text("".join(f"| {' | '.join(cells)} |\n" for cells in lines))
