"""What people see of the demo on their terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from crypto_assets.demo.proof import Claim
from crypto_assets.pipeline.status import DayStatus

_COLOURS = {"confirmed": "green", "complete": "green", "degraded": "red", "missing": "red"}
_WIDE = 98


@dataclass(frozen=True, slots=True)
class Teller:
    """Tells a story on a console."""

    console: Console

    def heading(self, text: str) -> None:
        """Begin a part of the story."""
        self.console.print(f"\n[bold]{escape(text)}[/]", highlight=False)

    def tell(self, text: str) -> None:
        """Say a sentence."""
        self.console.print(Padding(escape(text), (0, 0, 0, 2), expand=False), highlight=False)

    def line(self, text: str) -> None:
        """Show something to copy: never broken into lines."""
        self.console.print(f"  {escape(text)}", highlight=False, soft_wrap=True)

    def claims(self, claims: Sequence[Claim]) -> None:
        """Say claims, each marked by whether it is true."""
        grid = Table.grid(padding=(0, 1, 0, 0))
        for claim in claims:
            mark = "[green]✓[/]" if claim.holds else "[bold red]✗[/]"
            grid.add_row(" ", mark, escape(claim.says))
        self.console.print(grid)

    def progress(self) -> Progress:
        """Show how far something is; the bar goes when it is done."""
        return Progress(
            TextColumn("  {task.description:<38}"),
            BarColumn(bar_width=32),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self.console,
            transient=True,
            disable=not self.console.is_terminal,
        )

    def days(self, days: Sequence[tuple[DayStatus, int]]) -> None:
        """Show days, each with how many of its trades are known to be missing."""
        wide = self.console.width >= _WIDE
        table = Table(box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
        for name in ("symbol", "date", "condition"):
            table.add_column(name, no_wrap=True)
        table.add_column("trades", justify="right", no_wrap=True)
        table.add_column("trade ids", no_wrap=wide, min_width=13)
        table.add_column("missing", justify="right", no_wrap=True)
        table.add_column("sealed", no_wrap=True)
        table.add_column("source", no_wrap=True)
        for day, missing in days:
            table.add_row(
                day.symbol,
                day.date,
                f"[{_COLOURS.get(day.condition, 'yellow')}]{day.condition}[/]",
                f"{day.rows:,}",
                f"{day.first_trade_id} to {day.last_trade_id}",
                f"[red]{missing:,}[/]" if missing else "0",
                f"v{day.version}" if day.is_sealed else "no",
                ", ".join(day.sources),
            )
        self.console.print(table)
