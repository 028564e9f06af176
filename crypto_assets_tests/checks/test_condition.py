"""What verdicts add up to."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec
import polars as pl
import pytest

from crypto_assets.checks import catalogue
from crypto_assets.checks.condition import conclude
from crypto_assets.checks.day import Day, Edge
from crypto_assets.checks.evaluate import evaluate
from crypto_assets.model.manifest import Input
from crypto_assets.model.verdict import Condition, Severity, Verdict

if TYPE_CHECKING:
    from crypto_assets_tests.checks.conftest import Make


def concluded(day: Day) -> Condition:
    """Judge a day as it is and conclude."""
    assets = ["verdicts"]
    assets += ["raw_trades", "bars_1s"] if day.trades is not None else []
    return conclude([found for asset in assets for found in evaluate(asset, day)], day)


def sourced(day: Day, source: str) -> Day:
    """The same day from one input of a source."""
    assert day.trades_summary is not None
    summary = msgspec.structs.replace(
        day.trades_summary,
        inputs=(Input(name="i", sha256="0", source=source, rows=day.trades_summary.rows),),
    )
    return replace(day, trades_summary=summary, trade_parts=(summary,))


def test_both_edges_joined_is_complete(make: Make) -> None:
    assert concluded(make.day(make.trades())) is Condition.COMPLETE


def test_an_edge_unproven_is_provisional(make: Make) -> None:
    day = make.day(make.trades())
    assert concluded(replace(day, next=None)) is Condition.PROVISIONAL
    assert concluded(replace(day, previous=None)) is Condition.PROVISIONAL


def test_klines_that_count_every_trade_prove_the_edges(make: Make) -> None:
    trades = make.trades()
    klines = make.klines(trades).with_columns(open=pl.col("open"))
    day = replace(make.day(trades, klines=klines), previous=None, next=None)
    count = [
        Verdict(
            "verdicts",
            "klines_count_every_trade",
            "T12",
            Severity.ERROR,
            passed=True,
            message="",
            evidence={},
        ),
    ]
    assert conclude(count, day) is Condition.COMPLETE


def test_a_check_that_was_not_made_proves_nothing(make: Make) -> None:
    day = replace(make.day(make.trades()), previous=None)
    for name in ("klines_count_every_trade", "day_edges_join"):
        idle = Verdict(
            "verdicts",
            name,
            "T",
            Severity.INFO,
            passed=True,
            message="",
            evidence={"checked": False},
        )
        assert conclude([idle], day) is Condition.PROVISIONAL


def test_equal_klines_of_the_whole_day_confirm(make: Make) -> None:
    trades = make.trades()
    day = replace(make.day(trades, klines=make.klines(trades)), previous=None, next=None)
    assert concluded(day) is Condition.CONFIRMED


def test_equal_klines_of_a_part_of_the_day_do_not_confirm(make: Make) -> None:
    trades = make.trades()
    day = make.day(trades, klines=make.klines(trades).head(700))
    assert concluded(day) is Condition.COMPLETE


def test_an_archive_file_of_every_id_with_proven_edges_is_confirmed(make: Make) -> None:
    day = sourced(make.day(make.trades()), "archive")
    assert concluded(day) is Condition.CONFIRMED
    assert concluded(replace(day, next=None)) is Condition.PROVISIONAL


def test_an_archive_file_of_some_ids_does_not_confirm(make: Make) -> None:
    day = make.day(make.trades())
    archive = sourced(make.day(make.trades([100, 101, 102])), "archive").trade_parts
    assert concluded(replace(day, trade_parts=(*day.trade_parts, *archive))) is Condition.COMPLETE
    whole = sourced(day, "archive").trade_parts
    assert concluded(replace(day, trade_parts=(*day.trade_parts, *whole))) is Condition.CONFIRMED


def test_the_exchanges_own_aggregates_of_every_id_confirm(make: Make) -> None:
    trades = make.trades()
    whole = make.aggregates(trades)
    assert concluded(make.aggregated(make.day(trades), whole)) is Condition.CONFIRMED
    fetched = make.aggregated(make.day(trades), whole, "rest")
    assert concluded(fetched) is Condition.COMPLETE
    assert concluded(make.aggregated(make.day(trades), whole[1:])) is Condition.COMPLETE
    assert concluded(make.aggregated(make.day(trades[1:]), whole)) is Condition.DEGRADED
    unproven = replace(make.aggregated(make.day(trades), whole), next=None)
    assert concluded(unproven) is Condition.PROVISIONAL


def test_three_sources_that_agree_in_every_bar_confirm(make: Make) -> None:
    said = {"whole_day": True}
    name = "three_sources_agree"
    agree = Verdict("raw_trades", name, "T19", Severity.ERROR, passed=True, message="", evidence={})
    day = make.day(make.trades())
    edges = evaluate("verdicts", day)
    assert conclude([*edges, agree], day) is Condition.COMPLETE
    assert conclude([*edges, replace(agree, evidence=said)], day) is Condition.CONFIRMED


def test_missing_ids_degrade(make: Make) -> None:
    assert concluded(make.day(make.trades([100, 101, 103]))) is Condition.DEGRADED
    day = make.declared(make.day(make.trades()), missing=((101, 101),))
    assert conclude([], day) is Condition.DEGRADED


@pytest.mark.parametrize(
    ("asset", "condition"),
    [
        ("raw_trades", Condition.DEGRADED),
        ("bars_1s", Condition.DEGRADED),
        ("daily_trades", Condition.DEGRADED),
        ("daily_bars", Condition.DEGRADED),
        ("verdicts", Condition.DEGRADED),
        ("raw_quotes", Condition.COMPLETE),
        ("daily_quotes", Condition.COMPLETE),
        ("klines", Condition.COMPLETE),
    ],
)
def test_whose_faults_degrade(make: Make, asset: str, condition: Condition) -> None:
    day = make.day(make.trades())
    joined = list(evaluate("verdicts", day))
    fault = Verdict(
        asset,
        "rows_match_their_schema",
        "R1",
        Severity.ERROR,
        passed=False,
        message="",
        evidence={},
    )
    assert conclude([*joined, fault], day) is condition
    warning = replace(fault, severity=Severity.WARN)
    assert conclude([*joined, warning], day) is Condition.COMPLETE


def test_a_hole_between_two_days_degrades_unless_klines_count_every_trade(make: Make) -> None:
    trades = make.trades()
    day = replace(make.day(trades), previous=Edge(first_id=1, last_id=9))
    assert concluded(day) is Condition.DEGRADED
    assert concluded(replace(day, klines=make.klines(trades).lazy())) is Condition.CONFIRMED


def test_fewer_trades_than_the_klines_count_degrade(make: Make) -> None:
    klines = make.klines(make.trades([100, 101, 102, 103, 104]))
    day = replace(make.day(make.trades(), klines=klines), previous=None, next=None)
    assert concluded(day) is Condition.DEGRADED


def test_nothing_stored_is_missing_not_listed_or_halted(make: Make) -> None:
    nothing = Day(partition=make.partition)
    assert concluded(nothing) is Condition.MISSING
    assert conclude([], nothing, not_listed=True) is Condition.NOT_LISTED
    between = replace(
        nothing,
        previous=Edge(first_id=1, last_id=9),
        next=Edge(first_id=10, last_id=11),
    )
    assert concluded(between) is Condition.HALTED
    assert conclude(evaluate("raw_trades", between), between) is Condition.HALTED
    holed = replace(between, next=Edge(first_id=11, last_id=12))
    assert concluded(holed) is Condition.MISSING


def test_stored_parts_without_a_trade_are_halted_where_the_ids_prove_it(make: Make) -> None:
    empty = make.day(make.trades([]))
    assert concluded(empty) is Condition.PROVISIONAL
    between = replace(
        empty,
        previous=Edge(first_id=1, last_id=9),
        next=Edge(first_id=10, last_id=11),
    )
    assert concluded(between) is Condition.HALTED
    unread = make.declared(empty, unreadable=1)
    assert concluded(unread) is Condition.DEGRADED


def test_what_is_stored_was_listed(make: Make) -> None:
    day = make.day(make.trades())
    assert conclude(evaluate("verdicts", day), day, not_listed=True) is Condition.COMPLETE


def test_the_checks_it_asks_for_are_in_the_catalogue() -> None:
    names = {"day_edges_join", "klines_count_every_trade", "bars_equal_klines"}
    assert names <= catalogue().keys()
