"""What checks say of a day whose ids are no numbers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec
import polars as pl
import pytest

from crypto_assets.checks.day import Day
from crypto_assets.model.interval import SECOND_US
from crypto_assets.model.numbering import Numbering
from crypto_assets_tests.checks.test_klines_measure_every_trade import published

if TYPE_CHECKING:
    from crypto_assets_tests.checks.conftest import Make

IDS = [5 << 22, 9 << 22, 9 << 22, (9 << 22) + 3]


def a_day(make: Make, names: str = "abcd", us: list[int] | None = None) -> Day:
    """Four trades of which three are of one millisecond and two share an id."""
    times = us or [5_000, 9_000, 9_300, 9_100]
    trades = make.trades(IDS, times).with_columns(match_id=pl.Series(list(names)))
    day = replace(make.day(trades), numbering=Numbering.OPAQUE, previous=None, next=None)
    changes = {"numbering": Numbering.OPAQUE, "missing": ()}
    return make.declared(day, **changes)


@pytest.mark.parametrize(
    ("asset", "check"),
    [
        ("raw_trades", "trade_ids_are_contiguous"),
        ("verdicts", "day_edges_join"),
        ("verdicts", "klines_count_every_trade"),
        ("bars_1s", "bar_ids_tile"),
    ],
)
def test_a_proposition_about_a_sequence_is_not_checked(make: Make, asset: str, check: str) -> None:
    day = a_day(make)
    assert day.trades is not None
    klines = published(make.klines(day.trades.collect())).lazy()
    verdict = make.judge(asset, check, replace(day, klines=klines))
    assert verdict.evidence == {"checked": False}
    assert verdict.message == "not checked: ids of this venue are not numbered"


def test_a_long_silence_is_neither_a_halt_nor_a_loss(make: Make) -> None:
    us = [0, *(at * SECOND_US for at in range(1_000, 1_003))]
    verdict = make.judge("raw_trades", "silence_is_a_halt_or_a_loss", a_day(make, us=us))
    assert verdict.evidence == {"checked": False}


def test_a_summary_that_is_not_of_the_rows_is_still_a_fault(make: Make) -> None:
    day = make.declared(a_day(make), rows=5)
    assert make.judge("raw_trades", "trade_ids_are_contiguous", day).is_fault


def test_trades_of_one_id_are_told_apart_by_their_names(make: Make) -> None:
    assert make.judge("raw_trades", "trade_ids_are_unique", a_day(make)).passed
    doubled = make.judge("raw_trades", "trade_ids_are_unique", a_day(make, "abbd"))
    assert doubled.is_fault
    assert doubled.evidence["first"] == [IDS[1]]
    assert make.judge("raw_trades", "trade_ids_are_unique", a_day(make, "acbd")).is_fault


def test_times_are_in_order_down_to_the_millisecond(make: Make) -> None:
    assert make.judge("raw_trades", "trade_times_do_not_run_backwards", a_day(make)).passed
    late = a_day(make, us=[5_000, 9_000, 9_300, 8_999])
    assert not make.judge("raw_trades", "trade_times_do_not_run_backwards", late).passed


def test_two_row_groups_may_meet_in_one_id(make: Make) -> None:
    day = make.sealed(a_day(make), "daily_trades")
    groups = ((1, 5), (5, 9))
    for numbering, passes in ((Numbering.OPAQUE, True), (Numbering.SEQUENCE, False)):
        sealed = day.sealed["daily_trades"]
        manifest = msgspec.structs.replace(sealed.manifest, numbering=numbering)
        file = replace(sealed, manifest=manifest, row_group_keys=groups)
        met = make.sealed_as(day, "daily_trades", file)
        check = "row_groups_are_sorted_and_disjoint"
        assert make.judge("daily_trades", check, met).passed is passes
    apart = replace(day.sealed["daily_trades"], row_group_keys=((1, 6), (5, 9)))
    overlapping = make.sealed_as(day, "daily_trades", apart)
    assert not make.judge("daily_trades", "row_groups_are_sorted_and_disjoint", overlapping).passed


def test_unreadable_lines_were_no_trades_where_klines_measure_the_day(make: Make) -> None:
    day = make.declared(a_day(make), unreadable=2)
    assert day.trades is not None
    klines = published(make.klines(day.trades.collect()))
    check = "unreadable_lines_hide_no_trade"
    assert make.judge("raw_trades", check, day).is_fault
    assert make.judge("raw_trades", check, replace(day, klines=klines.lazy())).passed
    part = replace(day, klines=klines.head(7).lazy())
    assert make.judge("raw_trades", check, part).is_fault


def test_minutes_are_the_same_both_ways_where_ids_do_not_follow_the_time(make: Make) -> None:
    day = a_day(make)
    assert day.trades is not None
    by_time = make.bars(day.trades.collect().sort("ts_event"))
    first, last = min(IDS), max(IDS)
    bars = by_time.with_columns(
        first_trade_id=pl.when(pl.col("trade_count") > 0).then(first),
        last_trade_id=pl.when(pl.col("trade_count") > 0).then(last),
    )
    check = "minutes_from_seconds_equal_minutes_from_trades"
    minutes = bars.group_by(pl.col("ts_open").dt.truncate("1m"), maintain_order=True).first()
    assert make.judge("bars_1s", check, replace(day, rolled={"1m": minutes.lazy()})).passed
    by_id = replace(day, numbering=Numbering.SEQUENCE, rolled={"1m": minutes.lazy()})
    assert make.judge("bars_1s", check, by_id).is_fault
