"""A day's report is what the lake says of it, whatever kind of day it is."""

from __future__ import annotations

import shutil
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from crypto_assets.lake.lake import Lake
from crypto_assets.model.interval import Interval
from crypto_assets.model.partition import Partition
from crypto_assets.model.report import DayReport, Fact, MarkKind
from crypto_assets.pipeline import gaps, verdicts
from crypto_assets.pipeline.build import build
from crypto_assets.pipeline.html_pages import write_report
from crypto_assets.pipeline.ingest import take
from crypto_assets.pipeline.report import report_of
from crypto_assets.sinks.page.day import html
from crypto_assets.transforms.rollup import roll_up
from crypto_assets_tests import bybit
from crypto_assets_tests.reported import (
    CONDITIONS,
    DAYS,
    DEGRADED,
    EMPTY,
    GOOD,
    HALTED,
    HEALED,
    KLINES_ONLY,
    LACKING,
    TRADES_A_DAY,
    WAS_LACKING,
)
from crypto_assets_tests.sinks.page.reading import bars_of, read, unpacked

UNIT = 10**8


def fact(report: DayReport, name: str) -> Fact:
    (found,) = [one for one in report.facts if one.name == name]
    return found


@pytest.mark.parametrize(("day", "condition"), list(zip(DAYS, CONDITIONS, strict=True)), ids=str)
def test_every_kind_of_day_has_a_page_that_says_its_condition(
    kinds: Lake,
    day: Partition,
    condition: str,
) -> None:
    report = report_of(kinds, day)
    assert report.condition == condition
    page = read(html(report))
    assert f"{day.instrument.symbol} on binance, {day.date}" in page.text
    assert f"The UTC day is {condition}" in page.text
    assert page.loads == []
    assert page.handlers == []


def test_a_good_day_is_proven_step_by_step(kinds: Lake) -> None:
    report = report_of(kinds, GOOD)
    assert (report.rows, report.ids, list(report.missing)) == (TRADES_A_DAY, (1000, 1039), [])
    assert fact(report, "Ids are contiguous").holds
    assert "1039 - 1000 + 1 = 40 = 40 trades" in fact(report, "Ids are contiguous").says
    assert fact(report, "Edge at 00:00").says.endswith("begins with 1000: the very next")
    assert fact(report, "Edge at 24:00").holds
    assert fact(report, "Klines count the trades").holds is None
    assert report.sources == {"archive": TRADES_A_DAY}


def test_sealed_files_are_hashed_again(kinds: Lake, tmp_path: Path) -> None:
    shutil.copytree(kinds.layout.root, tmp_path / "lake")
    lake = Lake(tmp_path / "lake")
    (sealed,) = [one for one in report_of(lake, GOOD).files if one.asset == "daily_trades"]
    assert sealed.is_intact
    manifest = lake.manifest("daily_trades", GOOD)
    assert manifest is not None
    assert (sealed.rows, sealed.logical_hash) == (TRADES_A_DAY, manifest.logical_hash)
    path = lake.layout.file("daily_trades", GOOD)
    data = bytearray(path.read_bytes())
    data[6] ^= 1
    path.unlink()
    path.write_bytes(data)
    (spoilt,) = [one for one in report_of(lake, GOOD).files if one.asset == "daily_trades"]
    assert not spoilt.is_intact
    assert spoilt.sha256 != sealed.sha256
    assert "not what its checksum says" in read(html(report_of(lake, GOOD))).text


def test_a_degraded_day_says_what_is_missing_and_marks_when(kinds: Lake) -> None:
    report = report_of(kinds, DEGRADED)
    assert list(report.missing) == list(LACKING)
    assert fact(report, "Missing ids") == Fact(
        "Missing ids",
        "4 known to exist and not here, in 2 ranges",
        holds=False,
    )
    assert not fact(report, "Ids are contiguous").holds
    assert "1079 - 1040 + 1 = 40 ≠ 36 trades" in fact(report, "Ids are contiguous").says
    marks = [one for one in report.marks if one.kind is MarkKind.MISSING]
    ledger = [gap for gap in gaps.read(kinds, DEGRADED) if gap.state.is_missing]
    assert [(one.from_us, one.until_us) for one in marks] == [
        (gap.before_us, gap.after_us) for gap in ledger
    ]
    assert "3 ids 1050 to 1052" in marks[0].says
    assert report.files == []


def test_what_was_healed_is_marked_with_its_source_and_count(kinds: Lake) -> None:
    report = report_of(kinds, HEALED)
    (mark,) = [one for one in report.marks if one.kind is MarkKind.HEALED]
    first, last = WAS_LACKING[0]
    assert mark.says == f"5 ids {first} to {last}: not published, healed from archive"
    text = " ".join(read(html(report)).text.split())
    assert f"{first} {last} 5 healed not published" in text


@pytest.mark.parametrize("day", DAYS, ids=str)
def test_every_gap_of_the_ledger_is_on_the_page(kinds: Lake, day: Partition) -> None:
    text = " ".join(read(html(report_of(kinds, day))).text.split())
    for gap in gaps.read(kinds, day):
        assert f"{gap.ids[0]} {gap.ids[1]} {gap.count:,} {gap.state}" in text


@pytest.mark.parametrize("day", DAYS, ids=str)
def test_every_verdict_is_on_the_page(kinds: Lake, day: Partition) -> None:
    text = " ".join(read(html(report_of(kinds, day))).text.split())
    found = verdicts.glance(kinds, day).verdicts
    assert found
    for verdict in found:
        said = f"{verdict.code} {verdict.asset} {verdict.check.replace('_', ' ')}"
        assert said in text
        assert " ".join(verdict.message.split()) in text


def test_the_data_of_the_page_are_exactly_the_bars(kinds: Lake) -> None:
    report = report_of(kinds, DEGRADED)
    day = read(html(report)).data["day"]
    found = bars_of(day["grids"][0])
    bars = kinds.scan("bars_1s", DEGRADED).collect()
    assert len(found) == 86_400
    for name in ("open", "high", "low", "close", "volume", "trade_count", "is_complete"):
        assert [bar[name] for bar in found] == whole(bars[name]), name
    assert bars["close"].null_count() > 0
    columns, places = unpacked(day["grids"][1])
    minutes = roll_up(bars.lazy(), Interval.MINUTE).collect()
    unit = 10 ** (8 - places["quote_volume"])
    assert [value * unit for value in columns["quote_volume"]] == whole(minutes["quote_volume"])


def whole(column: pl.Series) -> list[Any]:
    return [int(v * UNIT) if isinstance(v, Decimal) else v for v in column.to_list()]


def test_curves_and_profile_are_those_of_the_transforms(kinds: Lake) -> None:
    report = report_of(kinds, GOOD)
    assert [curve.step_us // 60_000_000 for curve in report.curves] == [1, 5, 15, 60]
    assert all(len(values) == 1_440 for values in report.curves[0].columns.values())
    assert "sma_20" in report.curves[0].columns
    assert report.profile is not None
    traded = kinds.scan("raw_trades", GOOD).select(pl.col("quantity").sum()).collect().item()
    assert report.profile["volume"].sum() == traded
    assert sum(one.bought + one.sold for one in report.sizes) == TRADES_A_DAY


def test_a_halted_day_is_marked_all_day_and_says_why(kinds: Lake) -> None:
    report = report_of(kinds, HALTED)
    (mark,) = report.marks
    assert (mark.kind, mark.from_us, mark.until_us) == (
        MarkKind.HALT,
        HALTED.start_us,
        HALTED.end_us,
    )
    assert fact(report, "Ids around the day").holds
    assert report.bars is None


def test_of_an_empty_day_the_ids_around_it_tell_what_is_lost(kinds: Lake) -> None:
    report = report_of(kinds, EMPTY)
    around = fact(report, "Ids around the day")
    assert around.holds is False
    assert around.says.endswith("40 ids between them")
    assert "Nothing to draw" in read(html(report)).text


def test_a_day_of_klines_alone_draws_those(kinds: Lake) -> None:
    report = report_of(kinds, KLINES_ONLY)
    assert (report.drawn, report.step_us) == ("klines", 60_000_000)
    page = read(html(report))
    assert "Drawn from the exchange's own klines" in page.text
    (grid,) = page.data["day"]["grids"]
    bars = bars_of(grid)
    klines = kinds.scan("klines", KLINES_ONLY).collect()
    assert len(bars) == 1_440
    assert [bar["close"] for bar in bars if bar["close"] is not None] == whole(klines["close"])
    assert sum(bar["volume"] for bar in bars) == sum(whole(klines["volume"]))


def test_a_day_without_numbered_ids_says_that_volume_proves_it(lake: Lake, tmp_path: Path) -> None:
    trades = bybit.a_day(300)
    for path in (
        bybit.archive(tmp_path, trades),
        bybit.klines(tmp_path, bybit.kline_rows(trades)),
    ):
        take(lake, path, "bybit")
    build(lake, [bybit.DAY])
    report = report_of(lake, bybit.DAY)
    assert (report.condition, report.ids) == ("confirmed", None)
    assert fact(report, "Trade ids").holds is None
    assert "named by ids that are not numbered" in fact(report, "Trade ids").says
    assert fact(report, "Klines measure the volume").holds
    assert not any(one.name.startswith("Edge") for one in report.facts)
    assert "bybit" in read(html(report)).text


def test_the_same_data_give_the_same_bytes_and_are_left_alone(kinds: Lake, tmp_path: Path) -> None:
    first = write_report(kinds, HEALED, tmp_path / "page.html")
    before = first.path.stat().st_mtime_ns
    again = write_report(Lake(kinds.layout.root), HEALED, tmp_path / "page.html")
    assert (first.changed, again.changed) == (True, False)
    assert again.path.stat().st_mtime_ns == before
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]


def test_its_place_is_in_the_lake(kinds: Lake) -> None:
    written = write_report(kinds, GOOD)
    assert written.path == (
        kinds.layout.root / "reports/venue=binance/symbol=币安人生USDT/date=2024-03-02/report.html"
    )


def test_a_damaged_file_is_told_and_not_drawn(kinds: Lake, tmp_path: Path) -> None:
    shutil.copytree(kinds.layout.root, tmp_path / "lake")
    lake = Lake(tmp_path / "lake")
    for asset in ("bars_1s", "daily_bars", "raw_trades", "daily_trades", "gaps"):
        for path in lake.layout.files(asset, HEALED):
            path.unlink()
            path.write_bytes(b"PAR1 torn")
    page = read(html(report_of(lake, HEALED)))
    assert "The UTC day is degraded" in page.text
    assert "expected a Parquet file" in page.text
    assert "Nothing to draw" in page.text
