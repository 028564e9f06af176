"""A day of an exchange that names its trades by UUIDs, from its files to the day's condition."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest

from crypto_assets.lake.lake import Lake
from crypto_assets.model.numbering import Numbering
from crypto_assets.model.verdict import Condition, Verdict
from crypto_assets.pipeline import gaps, query, verdicts
from crypto_assets.pipeline.build import build
from crypto_assets.pipeline.ingest import take
from crypto_assets.pipeline.status import status_of
from crypto_assets.pipeline.verify import verify
from crypto_assets_tests.bybit import DAY, Match, a_day, archive, capture, kline_rows, klines

TRADES = a_day()


def built(lake: Lake, files: Sequence[Path]) -> verdicts.Stored:
    for path in files:
        assert take(lake, path, "bybit").record.unreadable == 0
    build(lake, [DAY])
    found = verdicts.read(lake, DAY)
    assert found is not None
    return found


def faults(stored: verdicts.Stored) -> list[Verdict]:
    return [v for v in stored.verdicts if v.is_fault and not verdicts.is_consequence(v)]


def proof(stored: verdicts.Stored) -> Verdict:
    (found,) = [v for v in stored.verdicts if v.check == "klines_measure_every_trade"]
    return found


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Lake, verdicts.Stored]:
    """A recording of most of the day, the exchange's file of all of it, and its klines."""
    directory = tmp_path_factory.mktemp("bybit")
    lake = Lake(directory / "lake")
    files = [
        capture(directory / "recorded.jsonl", TRADES[200:]),
        archive(directory, TRADES),
        klines(directory, kline_rows(TRADES)),
    ]
    return lake, built(lake, files)


def test_a_day_whose_klines_add_up_is_confirmed(whole: tuple[Lake, verdicts.Stored]) -> None:
    _, stored = whole
    assert not faults(stored)
    assert stored.condition is Condition.CONFIRMED
    evidence = proof(stored).evidence
    assert (evidence["proof"], evidence["ids"]) == ("volume", "opaque")
    assert evidence["whole_day"] is True


def test_what_ids_cannot_tell_is_said_not_to_be_checked(
    whole: tuple[Lake, verdicts.Stored],
) -> None:
    _, stored = whole
    unchecked = {v.check for v in stored.verdicts if v.evidence == {"checked": False}}
    assert unchecked >= {
        "trade_ids_are_contiguous",
        "day_edges_join",
        "klines_count_every_trade",
        "bar_ids_tile",
    }


def test_each_match_is_there_once_whatever_ways_it_came(
    whole: tuple[Lake, verdicts.Stored],
) -> None:
    lake, _ = whole
    found = lake.scan("daily_trades", DAY).collect()
    assert sorted(found["match_id"].to_list()) == sorted(one.name for one in TRADES)
    assert found["trade_id"].is_sorted()
    by_name = {one.name: one for one in TRADES}
    for row in found.iter_rows(named=True):
        one = by_name[row["match_id"]]
        # The archive's tenths of a millisecond are kept.
        assert row["ts_event"].microsecond == one.us % 1_000_000
        assert (row["price"], row["quantity"]) == (one.price, one.quantity)
        assert row["is_buyer_maker"] is one.sold
    manifest = lake.manifest("daily_trades", DAY)
    assert manifest is not None
    assert manifest.numbering is Numbering.OPAQUE
    assert (manifest.missing, manifest.inversions) == ((), 0)
    assert manifest.duplicates == len(TRADES) - 200


def test_bars_equal_the_klines_and_are_complete(whole: tuple[Lake, verdicts.Stored]) -> None:
    lake, stored = whole
    (equal,) = [
        v for v in stored.verdicts if (v.asset, v.check) == ("bars_1s", "bars_equal_klines")
    ]
    assert equal.passed
    assert equal.evidence["whole_day"] is True
    bars = lake.scan("daily_bars", DAY).collect()
    assert bars["is_complete"].all()
    assert bars["trade_count"].sum() == len(TRADES)
    first = TRADES[0].us - DAY.start_us
    assert bars["close"].null_count() == first // 1_000_000
    assert bars["close"][-1] == TRADES[-1].price


def test_such_a_day_has_no_gaps_and_names_no_ids(whole: tuple[Lake, verdicts.Stored]) -> None:
    lake, _ = whole
    assert gaps.refresh(lake, DAY, 0) == []
    assert not len(lake.coverage(DAY))
    status = status_of(lake, DAY)
    assert (status.first_trade_id, status.last_trade_id, status.missing) == (None, None, [])
    assert status.is_sealed
    assert [found.fault for found in verify(lake)] == [None, None]


def test_sql_finds_a_trade_by_its_name(whole: tuple[Lake, verdicts.Stored]) -> None:
    lake, _ = whole
    found = query.query(
        lake,
        f"SELECT venue, price FROM trades WHERE match_id = '{TRADES[7].name}'",
    )
    assert found.rows() == [("bybit", TRADES[7].price)]


def test_the_same_day_has_the_same_hash_by_either_door(
    whole: tuple[Lake, verdicts.Stored],
    tmp_path: Path,
) -> None:
    lake, _ = whole
    alone = Lake(tmp_path / "lake")
    built(alone, [archive(tmp_path, TRADES[::-1])])
    mine, other = lake.manifest("daily_trades", DAY), alone.manifest("daily_trades", DAY)
    assert mine is not None
    assert other is not None
    assert mine.logical_hash == other.logical_hash


def without(number: int) -> list[Match]:
    return [*TRADES[:number], *TRADES[number + 1 :]]


def test_a_lost_trade_degrades_the_day_and_names_its_minute(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    files = [archive(tmp_path, without(700)), klines(tmp_path, kline_rows(TRADES))]
    stored = built(lake, files)
    assert stored.condition is Condition.DEGRADED
    verdict = proof(stored)
    minute = DAY.start_us + (TRADES[700].us - DAY.start_us) // 60_000_000 * 60_000_000
    expected = pl.Series([minute]).cast(pl.Datetime("us", "UTC")).dt.to_string("iso:strict").item()
    assert verdict.is_fault
    assert [one["ts_open"] for one in verdict.evidence["differ"]] == [expected]  # type: ignore[attr-defined]
    assert expected in verdict.message
    bars = lake.scan("bars_1s", DAY).filter(~pl.col("is_complete")).collect()
    assert bars["ts_open"].dt.truncate("1m").unique().to_physical().to_list() == [minute]
    assert lake.manifest("daily_trades", DAY) is None


def test_a_day_without_klines_is_provisional(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    stored = built(lake, [archive(tmp_path, TRADES)])
    assert not faults(stored)
    assert stored.condition is Condition.PROVISIONAL
    assert proof(stored).evidence == {"checked": False}
    assert not lake.scan("bars_1s", DAY).select("is_complete").collect().to_series().any()


def test_klines_that_come_later_confirm_the_day(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    built(lake, [archive(tmp_path, TRADES)])
    stored = built(lake, [klines(tmp_path, kline_rows(TRADES))])
    assert stored.condition is Condition.CONFIRMED
    assert lake.scan("daily_bars", DAY).select("is_complete").collect().to_series().all()


def test_a_price_no_order_of_the_trades_explains_is_a_fault(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    rows = kline_rows(TRADES)
    rows[700][4] = str(TRADES[0].price + 1_000)
    stored = built(lake, [archive(tmp_path, TRADES), klines(tmp_path, rows)])
    assert {verdict.check for verdict in faults(stored)} == {"bars_equal_klines"}
    assert proof(stored).passed
    assert stored.condition is Condition.DEGRADED
