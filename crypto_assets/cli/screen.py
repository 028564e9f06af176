"""What people see: tables and progress, on standard output; errors on standard error."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from decimal import Decimal

import polars as pl
from rich.box import SIMPLE_HEAD
from rich.console import Console, JustifyMethod
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from crypto_assets.collector import Health
from crypto_assets.pipeline.status import DayStatus

_PIPED_WIDTH = 120
console = Console(width=None if sys.stdout.isatty() else _PIPED_WIDTH)
errors = Console(stderr=True, width=None if sys.stderr.isatty() else _PIPED_WIDTH)

_COLOURS = {
    "confirmed": "bold green",
    "complete": "green",
    "provisional": "yellow",
    "degraded": "bold red",
    "missing": "red",
    "halted": "cyan",
    "not_listed": "dim",
}
_COLUMNS: tuple[tuple[str, JustifyMethod], ...] = (
    ("symbol", "left"),
    ("date", "left"),
    ("condition", "left"),
    ("trades", "right"),
    ("trade ids", "left"),
    ("missing", "right"),
    ("sealed", "right"),
)
_ROWS_SHOWN = 50


def progress() -> Progress:
    """A progress bar, on standard error and only where somebody watches."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=errors,
        transient=True,
        disable=not errors.is_terminal,
    )


def matrix(days: Iterable[DayStatus]) -> Table:
    """The completeness matrix as a table."""
    table = Table(
        title="Completeness by symbol and day",
        title_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
    )
    for name, justify in _COLUMNS:
        table.add_column(name, justify=justify, no_wrap=True)
    for day in days:
        colour = _COLOURS.get(day.condition, "")
        ids = "-" if day.first_trade_id is None else f"{day.first_trade_id}..{day.last_trade_id}"
        missing = sum(last - first + 1 for first, last in day.missing)
        table.add_row(
            escape(day.symbol),
            day.date,
            f"[{colour}]{day.condition}[/]",
            f"{day.rows:,}",
            ids,
            f"[red]{missing:,}[/]" if missing else "-",
            f"v{day.version}" if day.version else "-",
        )
    return table


def faults(days: Iterable[DayStatus]) -> Iterable[str]:
    """One line for every check that did not pass."""
    for day in days:
        for fault in day.faults:
            colour = "red" if fault.severity == "ERROR" else "yellow"
            yield (
                f"[{colour}]{fault.severity}[/] {escape(day.symbol)} {day.date} "
                f"{fault.asset}.{fault.check}: {escape(fault.message)}"
            )


def rows(frame: pl.DataFrame) -> Table:
    """A query's result as a table, the first rows of it."""
    table = Table()
    for name, dtype in frame.schema.items():
        table.add_column(escape(name), justify="right" if dtype.is_numeric() else "left")
    for row in frame.head(_ROWS_SHOWN).iter_rows():
        table.add_row(*(escape(_shown(value)) for value in row))
    if frame.height > _ROWS_SHOWN:
        caption = f"{_ROWS_SHOWN} of {frame.height:,} rows; --format csv gives all"
        table.caption, table.min_width = caption, len(caption)
    return table


def _shown(value: object) -> str:
    """Decimals with all their places: Python shows a zero of 8 places as 0E-8."""
    if isinstance(value, Decimal):
        return f"{value:f}"
    return "" if value is None else str(value)


def sessions(found: Iterable[Health]) -> Table:
    """The collectors' sessions as a table."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in ("session", "state", "frames", "a second", "lag ms", "reconnects", "last ids"):
        table.add_column(name, justify="left" if name in ("session", "last ids") else "right")
    for health in found:
        state = health.state if health.is_alive or health.state != "recording" else "gone"
        ids = ", ".join(f"{stream} {last}" for stream, last in sorted(health.last_ids.items())[:4])
        table.add_row(
            health.session,
            state,
            f"{health.frames:,}",
            f"{health.frames_per_second:,.0f}",
            "-" if health.lag_ms is None else f"{health.lag_ms:,.0f}",
            str(health.reconnects),
            escape(ids) or "-",
        )
    return table
