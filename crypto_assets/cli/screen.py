"""What people see: tables and progress, on standard output; errors on standard error."""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

import msgspec
import polars as pl
from rich.box import SIMPLE_HEAD
from rich.console import Console, JustifyMethod
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from crypto_assets.collector import Health
from crypto_assets.collector.keeper import Patience
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


def matrix(days: Sequence[DayStatus]) -> Table:
    """The completeness matrix as a table; symbols of several venues with their venue."""
    is_one_venue = len({day.venue for day in days}) == 1
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
            escape(day.symbol if is_one_venue else f"{day.venue}:{day.symbol}"),
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


def as_json(found: Sequence[Any]) -> None:
    """Write objects as a JSON list."""
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(found), indent=1).decode() + "\n")


_SESSION_COLUMNS: tuple[tuple[str, JustifyMethod], ...] = (
    ("name", "left"),
    ("state", "left"),
    ("began, UTC", "left"),
    ("beat", "right"),
    ("msg/s", "right"),
    ("lag", "right"),
    ("last ids", "left"),
    ("recon.", "right"),
    ("rot.", "right"),
    ("queue", "right"),
    ("clock", "right"),
    ("free", "right"),
)
_IDS_SHOWN = 4


def sessions(found: Iterable[Health], now_ns: int) -> Table:
    """The collectors' sessions as a table.

    The beat is how old the heartbeat is; the lag is without what the clocks differ by; the queue
    is the most that ever waited for the disk; the clock is how far this machine's is ahead of the
    exchange's.
    """
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for name, justify in _SESSION_COLUMNS:
        table.add_column(name, justify=justify, no_wrap=True)
    for health in found:
        began = dt.datetime.fromtimestamp(health.started_ns // 10**9, dt.UTC)
        clock, behind = health.clock_offset_us, health.behind_ms
        table.add_row(
            escape(health.name or "-"),
            _state(health, now_ns),
            f"{began:%m-%d %H:%M:%S}",
            f"{health.age(now_ns):,.0f} s",
            f"{health.frames_per_second:,.0f}" if health.is_alive else "-",
            "-" if behind is None else f"{behind:,.0f} ms",
            escape(_ids(health)),
            str(health.reconnects),
            str(health.rotations),
            _bytes(health.high_water_bytes),
            "-" if clock is None else f"{clock / 1000:+,.1f} ms",
            _bytes(health.free_bytes),
        )
    return table


def _state(health: Health, now_ns: int) -> str:
    if not health.is_alive:
        return "[red]killed[/]" if health.state == "recording" else health.state
    hangs = health.age(now_ns) > Patience().stale
    return "[bold red]hangs[/]" if hangs else f"[green]{health.state}[/]"


def _ids(health: Health) -> str:
    """The last trade of each symbol; other streams only where there is no trade."""
    trades = {s: i for s, i in health.last_ids.items() if s.endswith("@trade")}
    last = sorted((trades or health.last_ids).items())
    told = [f"{stream.removesuffix('@trade').upper()} {id_}" for stream, id_ in last[:_IDS_SHOWN]]
    if len(last) > _IDS_SHOWN:
        told.append(f"and {len(last) - _IDS_SHOWN} more")
    return "\n".join(told) or "-"


def _bytes(count: int | None) -> str:
    """Such as ``1.5 MB``."""
    if count is None:
        return "-"
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= size:
            return f"{count / size:,.1f} {unit}"
    return f"{count} B"
