"""What people see is what was found, whatever it contains."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import msgspec
import polars as pl
import pytest
from rich.console import Console
from rich.table import Table

from crypto_assets.cli import screen
from crypto_assets.model.verdict import Condition
from crypto_assets.pipeline.status import DayStatus, Fault
from crypto_assets_tests.collector.test_keeper import session

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


NOW = 1_795_000_000 * 10**9


def row_of(**fields: Any) -> str:
    return shown(screen.sessions([session(**fields)], NOW)).splitlines()[3].strip()


def test_a_living_collector_is_one_row_with_its_rate_lag_ids_and_room() -> None:
    row = row_of(
        frames_per_second=1234.5,
        lag_ms=1_207.0,
        clock_offset_us=1_200_000,
        last_ids={"btcusdt@trade": 9, "btcusdt@bookTicker": 7},
        reconnects=2,
        rotations=3,
        high_water_bytes=1_500_000,
        free_bytes=77_500_000_000,
    )
    told = "main recording 11-18 10:06:40 0 s 1,234 7 ms BTCUSDT 9 2 3 1.5 MB +1,200.0 ms 77.5 GB"
    assert " ".join(row.split()) == told


def test_a_collector_that_hangs_was_killed_or_ended_says_so() -> None:
    assert row_of(heartbeat_ns=NOW - 61 * 10**9).split()[:2] == ["main", "hangs"]
    assert row_of(is_alive=False).split()[:2] == ["main", "killed"]
    ended = row_of(is_alive=False, state="refused", name=None, frames_per_second=77.0)
    assert ended.split()[:2] == ["-", "refused"]
    assert "77" not in ended


def test_many_symbols_are_cut_and_counted_and_no_id_is_a_dash() -> None:
    many = {f"s{n}@trade": n for n in range(9)}
    assert "and 5 more" in shown(screen.sessions([session(last_ids=many)], NOW))
    assert "DEPTH 3" not in row_of(last_ids={"a@trade": 1, "a@depth": 3})
    nothing = row_of(last_ids={}, lag_ms=None, clock_offset_us=None, free_bytes=None)
    assert nothing.count(" - ") >= 3


def test_symbols_of_several_venues_are_shown_with_theirs() -> None:
    other = msgspec.structs.replace(DAY, venue="bybit", first_trade_id=None, last_trade_id=None)
    text = shown(screen.matrix([DAY, other]))
    assert f"{DAY.venue}:{DAY.symbol}" in text
    assert f"bybit:{DAY.symbol}" in text
    assert f":{DAY.symbol}" not in shown(screen.matrix([DAY]))
