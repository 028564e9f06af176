"""T14b."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl

from crypto_assets.model.tables import TRADES

if TYPE_CHECKING:
    from crypto_assets.checks.day import Day
    from crypto_assets_tests.checks.conftest import Make

NAME = "what_differs_from_its_checksum_is_proven"


def _quarantined(make: Make, trades: pl.DataFrame, klines: pl.DataFrame | None = None) -> Day:
    day = make.day(trades, klines=klines)
    return replace(day, trade_parts=(make.published(trades, "mismatch"),))


def test_contiguous_ids_and_equal_klines_prove_a_file_with_a_wrong_checksum(make: Make) -> None:
    trades = make.trades()
    verdict = make.judge("bars_1s", NAME, _quarantined(make, trades, make.klines(trades)))
    assert verdict.passed
    assert "its checksum is wrong and its content is proven" in verdict.message


def test_without_klines_it_stays_in_quarantine(make: Make) -> None:
    verdict = make.judge("bars_1s", NAME, _quarantined(make, make.trades()))
    assert verdict.is_fault
    assert "the klines of the day do not prove it" in verdict.message


def test_klines_that_differ_prove_it_wrong(make: Make) -> None:
    trades = make.trades()
    klines = (
        make.klines(trades).with_columns(pl.col("volume") * 2).cast({"volume": pl.Decimal(28, 8)})
    )
    assert make.judge("bars_1s", NAME, _quarantined(make, trades, klines)).is_fault


def test_klines_of_a_part_of_the_day_prove_nothing(make: Make) -> None:
    trades = make.trades()
    klines = make.klines(trades).head(100)
    assert make.judge("bars_1s", NAME, _quarantined(make, trades, klines)).is_fault


def test_missing_ids_cannot_be_proven(make: Make) -> None:
    trades = make.trades([100, 101, 103, 104])
    verdict = make.judge("bars_1s", NAME, _quarantined(make, trades, make.klines(trades)))
    assert verdict.is_fault
    assert "ids are missing" in verdict.message


def test_a_file_whose_trades_are_held_from_elsewhere_is_not_needed(make: Make) -> None:
    trades = make.trades()
    day = replace(
        make.day(trades),
        trade_parts=(make.manifest(trades, TRADES), make.published(trades.head(2), "mismatch")),
    )
    verdict = make.judge("bars_1s", NAME, day)
    assert verdict.passed
    assert "held from elsewhere" in verdict.message


def test_sound_files_pass(make: Make) -> None:
    trades = make.trades()
    day = replace(make.day(trades), trade_parts=(make.published(trades),))
    assert make.judge("bars_1s", NAME, day).passed
