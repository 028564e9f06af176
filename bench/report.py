"""Tables of any columns: on the screen, and as Markdown beside the results of the races."""

from __future__ import annotations

import datetime as dt
import os
import platform
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table as Grid

_WIDTH = 150
RESULTS = Path(__file__).resolve().parent / "results"


@dataclass(slots=True)
class Table:
    """Rows of cells ready to print; the first column names what was measured."""

    title: str
    headings: tuple[str, ...]
    rows: list[tuple[str, ...]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def markdown(self) -> str:
        """Write it as Markdown."""
        marks = ["---", *("--:" for _ in self.headings[1:])]
        found = [self.headings, tuple(marks), *self.rows]
        lines = ["| " + " | ".join(cells) + " |" for cells in found]
        return "\n".join([f"## {self.title}", "", *lines, "", *(f"- {n}" for n in self.notes), ""])

    def show(self, console: Console) -> None:
        """Print it."""
        grid = Grid(title=escape(self.title), title_justify="left")
        for number, heading in enumerate(self.headings):
            grid.add_column(heading, justify="right" if number else "left")
        for cells in self.rows:
            grid.add_row(*(escape(cell) for cell in cells))
        console.print(grid)
        for note in self.notes:
            console.print(f"- {note}", style="dim", markup=False, highlight=False)


def machine() -> str:
    """Say what it was measured on, and how busy that is now."""
    load = ", ".join(f"{value:.2f}" for value in os.getloadavg())
    return f"{os.cpu_count()} cores, Python {platform.python_version()}, load {load}"


def wide() -> Console:
    """Give a console on which the tables have room, whatever it says of itself."""
    return Console(width=max(Console().width, _WIDTH))


def publish(name: str, heading: str, tables: list[Table], console: Console) -> Path:
    """Print tables and write them to a file of their own; give its path."""
    console.print(heading, markup=False, highlight=False)
    for table in tables:
        table.show(console)
    RESULTS.mkdir(exist_ok=True)
    stamp = dt.datetime.now(dt.UTC).strftime("%Y%m%dT%H%M%SZ")
    target = RESULTS / f"{stamp}-{name}.md"
    target.write_text("\n".join([heading, "", *(table.markdown() for table in tables)]))
    console.print(f"written to {target}", markup=False, highlight=False)
    return target
