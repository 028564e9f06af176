"""All checks of an asset at once."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest

from crypto_assets.checks import catalogue, checks_of
from crypto_assets.checks.assets import TABLE_OF
from crypto_assets.checks.day import Day, Rules
from crypto_assets.checks.evaluate import blocked_by, evaluate
from crypto_assets.model.interval import Interval
from crypto_assets.model.tables import TRADES
from crypto_assets.model.verdict import Severity, Verdict
from crypto_assets.transforms.indicators import indicators
from crypto_assets.transforms.volume_profile import volume_profile

if TYPE_CHECKING:
    from crypto_assets_tests.checks.conftest import Make

ASSETS = (*TABLE_OF, "verdicts")
SEALED = ("daily_trades", "daily_quotes", "daily_bars")


def whole(make: Make, trades: pl.DataFrame) -> Day:
    """A day with everything there is to judge."""
    klines = pl.concat([make.klines(trades, Interval.SECOND), make.klines(trades)])
    day = make.aggregated(
        make.day(trades, make.quotes(), klines),
        make.aggregates(trades),
    )
    for asset in SEALED:
        day = make.sealed(day, asset)
    return replace(
        day,
        trade_parts=(make.manifest(trades, TRADES), make.published(trades)),
        republished={},
        rebuilt_bars_hash="hash of bars",
        rules=Rules(tick_size=Decimal("0.001"), step_size=Decimal("0.01")),
        ohlcv=make.ohlcv().lazy(),
        ohlcv_until={"1h": make.partition.end_us},
        indicators=indicators(make.bars(trades).lazy(), [], make.partition).lazy(),
        profile=volume_profile(trades.lazy(), Decimal("0.001")).lazy(),
        outdated=(),
    )


def test_a_real_day_with_everything_passes_every_check(make: Make) -> None:
    day = whole(make, make.nexo())
    for asset in ASSETS:
        verdicts = evaluate(asset, day)
        assert [verdict.check for verdict in verdicts] == list(checks_of(asset))
        for verdict in verdicts:
            assert verdict.passed, verdict
            # What proves the days of venues whose ids are no numbers is not for this one.
            if verdict.check != "klines_measure_every_trade":
                assert verdict.evidence != {"checked": False}, verdict


def test_evidence_is_plain_json_whether_a_check_passes_or_fails(make: Make) -> None:
    good = whole(make, make.trades())
    bad = replace(
        good,
        trades=make.trades([5, 5, -1], [0, -9, 10**13], ["0", "1.0001", "2"]).lazy(),
        klines=make.klines(make.trades([1])).lazy(),
        aggregates=make.aggregates(make.trades([2, 5])).lazy(),
        quotes=make.quotes(bids=("9", "-1", "1.23456")).lazy(),
        ohlcv=make.ohlcv(slots=[-1, 0, 0]).with_columns(low=pl.col("high") + 1).lazy(),
        sealed={},
    )
    for day in (good, bad, Day(partition=make.partition)):
        for asset in ASSETS:
            for verdict in evaluate(asset, day):
                assert json.loads(json.dumps(verdict.evidence)) == verdict.evidence, verdict


def test_a_day_of_no_trade_and_of_one_is_judged_without_a_fault(make: Make) -> None:
    for trades in (make.trades([]), make.trades([7])):
        day = whole(make, trades)
        for asset in ASSETS:
            faults = [verdict for verdict in evaluate(asset, day) if verdict.is_fault]
            assert not faults


def test_what_is_not_stored_fails_every_check_that_reads_it(make: Make) -> None:
    day = Day(partition=make.partition, rules=Rules(tick_size=Decimal(1), step_size=Decimal(1)))
    idle = {
        "aggregates_cover_the_trades",
        "bars_equal_klines",
        "klines_add_up_to_the_trades",
        "rebuilding_gives_the_same_bars",
        "three_sources_agree",
    }
    for asset in TABLE_OF:
        for verdict in evaluate(asset, day):
            if verdict.check in idle:
                assert verdict.evidence == {"checked": False}, verdict
            else:
                assert not verdict.passed
                assert "cannot be judged" in verdict.message, verdict


def test_a_column_that_lacks_fails_the_checks_and_stops_nothing(make: Make) -> None:
    day = make.day(make.trades())
    assert day.trades is not None
    verdicts = evaluate("raw_trades", replace(day, trades=day.trades.drop("price")))
    failed = {verdict.check for verdict in verdicts if not verdict.passed}
    measured = {name for name, check in checks_of("raw_trades").items() if check.measures}
    assert failed == measured | {"rows_match_their_schema"}
    (unique,) = [found for found in verdicts if found.check == "trade_ids_are_unique"]
    assert "ColumnNotFoundError" in unique.message


def test_a_torn_file_fails_the_checks_and_stops_nothing(make: Make, tmp_path: Path) -> None:
    path = tmp_path / "torn.parquet"
    make.trades().write_parquet(path)
    path.write_bytes(path.read_bytes()[:-40])
    day = replace(make.day(make.trades()), trades=pl.scan_parquet(path, schema=TRADES.schema))
    verdicts = evaluate("raw_trades", day)
    assert not next(found for found in verdicts if found.check == "trade_ids_are_unique").passed


def test_differences_between_rows_are_right_across_the_parts_of_a_scan(
    make: Make,
    tmp_path: Path,
) -> None:
    """One hole, one inversion and one twin, each at the border of two files and row groups."""
    count = 400_000
    ids = pl.int_range(count, dtype=pl.Int64, eager=True)
    frame = (
        make.trades([0])
        .drop("trade_id", "ts_event")
        .join(
            pl.DataFrame({"trade_id": ids, "ts_event": ids * 1_000 + make.start}),
            how="cross",
        )
    )
    frame = frame.select(TRADES.schema.names()).cast(TRADES.schema)
    thirds = [frame.slice(0, 100_000), frame.slice(99_999, 100_001), frame.slice(200_001)]
    for at, part in enumerate(thirds):
        part.write_parquet(tmp_path / f"{at}.parquet", row_group_size=1_000)
    scan = pl.scan_parquet(sorted(tmp_path.iterdir()))
    day = Day(partition=make.partition, trades_summary=make.manifest(frame, TRADES))
    found = {v.check: v for v in evaluate("raw_trades", replace(day, trades=scan))}
    assert found["trade_ids_are_unique"].evidence["first"] == [99_999]
    assert found["trade_ids_are_contiguous"].evidence["missing"] == [[200_000, 200_000]]
    assert found["trade_times_do_not_run_backwards"].passed
    swapped = pl.concat([pl.scan_parquet(tmp_path / "2.parquet"), frame.head(10).lazy()])
    found = {v.check: v for v in evaluate("raw_trades", replace(day, trades=swapped))}
    assert found["trade_times_do_not_run_backwards"].evidence["inversions"] == 1


@pytest.mark.parametrize(
    ("of", "check", "blocked"),
    [
        ("raw_trades", "trade_ids_are_unique", {"bars_1s", *SEALED, "verdicts", "raw_quotes"}),
        ("raw_trades", "trade_ids_are_contiguous", set(SEALED)),
        ("raw_trades", "trade_times_do_not_run_backwards", set()),
        ("raw_quotes", "update_ids_rise", {"daily_quotes"}),
        ("daily_quotes", "sealing_lost_nothing", set()),
        ("klines", "rows_match_their_schema", set()),
        ("agg_trades", "rows_match_their_schema", set()),
        ("verdicts", "klines_count_every_trade", set(SEALED)),
        ("bars_1s", "bars_equal_klines", set(SEALED)),
        ("daily_trades", "bytes_match_their_checksum", {"daily_bars", "daily_quotes", "bars_1s"}),
        ("raw_trades", "a_check_of_another_version", set(SEALED)),
    ],
)
def test_what_a_fault_keeps_from_being_built(of: str, check: str, blocked: set[str]) -> None:
    fault = Verdict(of, check, "X", Severity.ERROR, passed=False, message="", evidence={})
    for asset in ("raw_quotes", "bars_1s", *SEALED, "verdicts"):
        if asset in blocked:
            assert blocked_by([fault], asset) == (fault,), asset
        elif asset in SEALED or not blocked:
            assert blocked_by([fault], asset) == (), asset


def test_only_failed_errors_block() -> None:
    fault = Verdict(
        "raw_trades",
        "trade_ids_are_unique",
        "T1",
        Severity.ERROR,
        passed=False,
        message="",
        evidence={},
    )
    for harmless in (replace(fault, passed=True), replace(fault, severity=Severity.WARN)):
        assert blocked_by([harmless], "bars_1s") == ()


def test_an_asset_without_checks_has_no_verdicts(make: Make) -> None:
    assert evaluate("segments", make.day()) == ()


def test_codes_are_unique_and_propositions_are_sentences() -> None:
    checks = catalogue()
    assert len({check.code for check in checks.values()}) == len(checks)
    for name, check in checks.items():
        assert check.says.endswith("."), name
        assert set(check.assets) <= set(ASSETS), name


def test_every_check_has_its_test() -> None:
    tests = {path.stem.removeprefix("test_") for path in Path(__file__).parent.glob("test_*.py")}
    assert catalogue().keys() <= tests
