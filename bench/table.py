"""The one table of results: on the screen, and as Markdown."""

from __future__ import annotations

from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table

from bench.race import Aim, Race, Results

_HEADINGS = ("", "s", "M rows/s", "MB", "x baseline")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a section, its cells ready to print."""

    cells: tuple[str, str, str, str, str]


@dataclass(slots=True)
class Section:
    """The results of one race."""

    title: str
    lines: list[Line] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def section_of(race: Race, found: Results, load: float) -> Section:
    """Lay out the medians of a race."""
    section = Section(f"{race.title} (load {load:.1f})")
    baseline = found[race.baseline].seconds
    for name, run in found.items():
        rate = run.rows / run.seconds / 1e6
        section.lines.append(
            Line(
                (
                    name,
                    f"{run.seconds:.3f}",
                    f"{rate:.2f}" if rate >= 0.01 else "",
                    f"{run.peak_mb:.0f}",
                    "baseline" if name == race.baseline else f"{run.seconds / baseline:.2f}",
                ),
            ),
        )
    section.notes += [_judged(aim, aim.value(found)) for aim in race.aims]
    section.notes += [race.note] if race.note else []
    return section


def section_of_sizes(sizes: dict[str, int], aim: Aim) -> Section:
    """Lay out sizes at rest; the first is the baseline."""
    section = Section("5. Size at rest")
    baseline = next(iter(sizes.values()))
    for name, size in sizes.items():
        ratio = "baseline" if size == baseline else f"{size / baseline:.3f}"
        section.lines.append(Line((name, "", "", f"{size / 1e6:.1f}", ratio)))
    section.notes.append(_judged(aim, max(list(sizes.values())[1:]) / baseline))
    return section


def _judged(aim: Aim, value: float) -> str:
    return f"{'met' if aim.is_met(value) else 'MISSED'}: {value:.3g} {aim.says}; aim: {aim}"


def show(console: Console, heading: str, sections: list[Section]) -> None:
    """Print the table."""
    table = Table(title=heading, title_justify="left")
    for heading_of_column in _HEADINGS:
        table.add_column(heading_of_column, justify="right" if heading_of_column else "left")
    for section in sections:
        table.add_row(f"[bold]{section.title}")
        for line in section.lines:
            table.add_row(*line.cells)
        for note in section.notes:
            table.add_row(f"[red]{note}" if note.startswith("MISSED") else f"[dim]{note}")
        table.add_section()
    console.print(table)


def markdown(heading: str, sections: list[Section]) -> str:
    """Write the table as Markdown."""
    lines = [heading, "", "| " + " | ".join(_HEADINGS) + " |", "|---|--:|--:|--:|--:|"]
    for section in sections:
        lines.append(f"| **{section.title}** | | | | |")
        lines += ["| " + " | ".join(line.cells) + " |" for line in section.lines]
        lines += [f"| *{note}* | | | | |" for note in section.notes]
    return "\n".join(lines) + "\n"
