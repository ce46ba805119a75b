"""The figures of one `make bench`: kept as they come, then shown as tables, and written for people and machines.

`python -m bench.report begin` drops those of the run before, `python -m bench.report` shows what there is and writes
.bench/figures.json, .bench/figures.md and, with matplotlib (the extra `bench`), .bench/race.svg.
"""

import json
import os
import platform
import sys
from collections import defaultdict
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

FOLDER = Path(__file__).parents[2] / ".bench"
RESULTS = FOLDER / "results.ndjson"
RACE = "race"
MOST_COLUMNS = 8

Row = dict[str, Any]


def note(section: str, **figures: object) -> None:
    """Keep one row of a section: its columns are the names, which may be any text (`**{"events/s": 1.0}`)."""
    FOLDER.mkdir(exist_ok=True)
    with RESULTS.open("a") as results:
        results.write(json.dumps({"section": section, **figures}, ensure_ascii=False) + "\n")


def sections() -> dict[str, list[Row]]:
    """All rows by section, in the order in which they were noted."""
    found = defaultdict(list)
    for line in RESULTS.read_text().splitlines() if RESULTS.exists() else ():
        row = json.loads(line)
        found[row.pop("section")].append(row)
    return dict(found)


def columns(rows: list[Row]) -> list[str]:
    return list(dict.fromkeys(chain.from_iterable(rows)))


def text(value: object) -> str:
    """A figure as a person reads it: three digits that count, none behind large ones."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.3g}"
    return f"{value:,}" if isinstance(value, int) else "" if value is None else str(value)


def is_number(rows: list[Row], column: str) -> bool:
    return all(isinstance(row.get(column, 0), int | float) for row in rows)


def show(found: dict[str, list[Row]]) -> None:
    console = Console()
    for section, rows in found.items():
        table = Table(title=section, title_justify="left")
        names = columns(rows)
        if len(names) > MOST_COLUMNS:  # turned, or it would not fit in a terminal
            table.show_header = False
            for _ in (names[0], *rows):
                table.add_column(justify="right")
            table.columns[0].justify = "left"
            for name in names:
                table.add_row(name, *(text(row.get(name)) for row in rows))
        else:
            for name in names:
                table.add_column(name, justify="right" if is_number(rows, name) else "left")
            for row in rows:
                table.add_row(*(text(row.get(name)) for name in names))
        console.print(table)


def markdown(found: dict[str, list[Row]]) -> str:
    blocks = []
    for section, rows in found.items():
        names = columns(rows)
        rules = ["---:" if is_number(rows, name) else "---" for name in names]
        cells = [[text(row.get(name)) for name in names] for row in rows]
        lines = "\n".join(f"| {' | '.join(line)} |" for line in [names, rules, *cells])
        blocks.append(f"**{section}**\n\n{lines}\n")
    return "\n".join(blocks)


def plot(rows: list[Row], file: Path) -> None:
    """Bars of events per second: a panel for each transport and mix."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - an extra

    panels: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        panels[f"{row['transport']}, {row['mix']}"].append(row)
    figure = Figure(figsize=(10, 1.5 + 2.5 * len(panels) / 2), layout="constrained")
    axes = figure.subplots((len(panels) + 1) // 2, 2, squeeze=False).flat
    for place, (title, found) in zip(axes, panels.items(), strict=False):
        ordered = sorted(found, key=lambda row: float(row["events/s"]))
        colours = ["tab:orange" if row["contestant"] == "livepool" else "tab:gray" for row in ordered]
        bars = place.barh([row["contestant"] for row in ordered], [row["events/s"] for row in ordered], color=colours)
        place.bar_label(bars, fmt="{:,.0f}", padding=3)
        place.set(title=title, xlabel="events/s", xmargin=0.15)
        place.spines[["top", "right"]].set_visible(False)
    figure.savefig(file)


def machine() -> dict[str, object]:
    """What the figures were measured on."""
    return {
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
    }


def main() -> None:
    if sys.argv[1:] == ["begin"]:
        RESULTS.unlink(missing_ok=True)
        return
    FOLDER.mkdir(exist_ok=True)
    found = sections()
    show(found)
    (FOLDER / "figures.json").write_text(json.dumps({"machine": machine(), **found}, indent=2, ensure_ascii=False))
    (FOLDER / "figures.md").write_text(markdown(found))
    if RACE in found and find_spec("matplotlib"):
        plot(found[RACE], FOLDER / "race.svg")


if __name__ == "__main__":
    main()
