"""What people see is what was found, whatever it contains."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import msgspec
import polars as pl
import pytest
from rich.console import Console
from rich.table import Table

from crypto_assets.cli import screen
from crypto_assets.model.verdict import Condition
from crypto_assets.pipeline.status import DayStatus, Fault

DAY = DayStatus(
    venue="binance",
    symbol="币安人生USDT",
    date="2024-07-24",
    condition="degraded",
    rows=12_215,
    first_trade_id=1,
    last_trade_id=20_000,
    missing=[(3, 4), (9, 1_010)],
    duplicates=0,
    sources={},
    is_sealed=True,
    version=2,
    sha256=None,
    logical_hash=None,
    unreadable=0,
    faults=[Fault("raw_trades", "sources_agree", "ERROR", "ids [1] and [/2]")],
)


def shown(table: Table | str) -> str:
    console = Console(width=160)
    with console.capture() as captured:
        console.print(table, soft_wrap=True)
    return captured.get()


@pytest.mark.parametrize("condition", list(Condition))
def test_every_condition_is_shown_by_its_name(condition: Condition) -> None:
    found = shown(screen.matrix([msgspec.structs.replace(DAY, condition=condition.value)]))
    assert condition.value in found


def test_a_day_is_one_row_with_its_trades_ids_and_holes() -> None:
    (row,) = [line for line in shown(screen.matrix([DAY])).splitlines() if "2024" in line]
    assert row.split() == [
        "币安人生USDT",
        "2024-07-24",
        "degraded",
        "12,215",
        "1..20000",
        "1,004",
        "v2",
    ]


def test_a_day_of_nothing_has_dashes() -> None:
    empty = msgspec.structs.replace(
        DAY,
        rows=0,
        first_trade_id=None,
        last_trade_id=None,
        missing=[],
        version=None,
    )
    (row,) = [line for line in shown(screen.matrix([empty])).splitlines() if "2024" in line]
    assert row.split()[3:] == ["0", "-", "-", "-"]


def test_every_fault_is_one_line_and_its_brackets_are_no_markup() -> None:
    (line,) = screen.faults([DAY])
    expected = "ERROR 币安人生USDT 2024-07-24 raw_trades.sources_agree: ids [1] and [/2]\n"
    assert shown(line) == expected


def test_values_are_shown_whole_and_decimals_without_an_exponent() -> None:
    frame = pl.DataFrame(
        {
            "[b]name[/]": ["[red]x[/]"],
            "zero": [Decimal("0E-8")],
            "nothing": [None],
            "when": [dt.date(2024, 7, 24)],
        },
    )
    found = shown(screen.rows(frame))
    for text in ("[b]name[/]", "[red]x[/]", "0.00000000", "2024-07-24"):
        assert text in found
    assert "None" not in found


def test_progress_is_silent_where_nobody_watches(capfd: pytest.CaptureFixture[str]) -> None:
    with screen.progress() as bar:
        bar.advance(bar.add_task("x", total=2))
    assert capfd.readouterr() == ("", "")
