"""T11."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto_assets.checks import covering
from crypto_assets.checks.aggregates_cover_the_trades import CHECK
from crypto_assets.checks.check import Finding
from crypto_assets.checks.day import Day, Edge
from crypto_assets.model.interval import DAY_US, SECOND_US
from crypto_assets.model.tables import AGG_TRADES
from crypto_assets.model.verdict import Severity, Verdict

if TYPE_CHECKING:
    from crypto_assets_tests.checks.conftest import Make

NAME = "aggregates_cover_the_trades"
NOON = DAY_US // 2
IDS = range(100, 112)
# Orders of one, two and more trades: 100, 101-102, 103-106, 107, 108-109, 110-111.
ORDERS = (0, 1, 1, 2, 2, 2, 2, 3, 4, 4, 5, 5)


@pytest.fixture(params=[2, 5, 250_000])
def window(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Look at so many trades at once."""
    monkeypatch.setattr(covering, "WINDOW", request.param)
    size: int = request.param
    return size


def trades(make: Make) -> pl.DataFrame:
    return make.trades(
        IDS,
        us=[NOON + order * SECOND_US for order in ORDERS],
        prices=[f"1.{order}" for order in ORDERS],
    ).with_columns(is_buyer_maker=pl.Series([order % 2 == 1 for order in ORDERS]))


def judged(make: Make, held: pl.DataFrame, whole: pl.DataFrame, **changes: object) -> Finding:
    day = Day(partition=make.partition, trades=held.lazy())
    if not held.is_empty():
        first, last = int(held["trade_id"][0]), int(held["trade_id"][-1])
        before, after = Edge(first_id=1, last_id=first - 1), Edge(first_id=last + 1, last_id=999)
        day = replace(day, previous=before, next=after)
    day = make.aggregated(day, whole)
    return CHECK.judge(replace(day, **changes), {})  # type: ignore[arg-type]


def changed(aggregates: pl.DataFrame, first: int, **values: object) -> pl.DataFrame:
    """The same aggregates, but for some columns of the one that begins with a trade."""
    is_it = pl.col("first_trade_id") == first
    return aggregates.with_columns(
        pl.when(is_it).then(pl.lit(value)).otherwise(pl.col(name)).alias(name)
        for name, value in values.items()
    ).cast(AGG_TRADES.schema)


def faults(verdict: Verdict | Finding) -> dict[str, int]:
    assert not verdict.passed
    assert (verdict.severity or CHECK.severity) is Severity.ERROR
    assert verdict.evidence["whole_day"] is False
    found = verdict.evidence["faults"]
    assert isinstance(found, dict)
    return found


def test_aggregates_made_of_the_trades_pass(make: Make, window: int) -> None:
    held = trades(make)
    verdict = judged(make, held, make.aggregates(held))
    assert verdict.passed, verdict
    assert verdict.evidence == {
        "aggregates": 6,
        "ids": 12,
        "covers": [100, 111],
        "quantity": {"aggregates": "3.30000000", "trades": "3.30000000"},
        "whole_day": True,
        "published": True,
        "uncovered": [],
        "across_midnight": [],
    }


def test_a_real_day_is_covered(make: Make) -> None:
    held = make.nexo()
    verdict = judged(make, held, make.aggregates(held))
    assert verdict.passed
    assert verdict.evidence["ids"] == 12_215


@pytest.mark.parametrize(
    ("first", "values", "expected"),
    [
        (103, {"quantity": Decimal("1.10000001")}, {"quantity": 1}),
        (103, {"price": Decimal("1.3")}, {"price": 1}),
        (108, {"is_buyer_maker": True}, {"side": 1}),
        (103, {"first_trade_id": 104}, {"holes": 1, "quantity": 1}),
        (103, {"first_trade_id": 102}, {"overlaps": 1, "price": 1, "quantity": 1, "side": 1}),
        (103, {"last_trade_id": 105}, {"holes": 1, "quantity": 1}),
        (103, {"last_trade_id": 107}, {"overlaps": 1, "price": 1, "quantity": 1, "side": 1}),
        (103, {"last_trade_id": 102}, {"backwards": 1, "holes": 1}),
        (110, {"last_trade_id": 112}, {"trades": 1}),
        (100, {"first_trade_id": 99}, {"trades": 1}),
    ],
)
def test_an_aggregate_that_is_not_what_its_trades_are_is_named(
    make: Make,
    window: int,
    first: int,
    values: dict[str, object],
    expected: dict[str, int],
) -> None:
    held = trades(make)
    found = faults(judged(make, held, changed(make.aggregates(held), first, **values)))
    # Of trades that no longer are its first, the time is another one's too.
    assert {kind: count for kind, count in found.items() if kind != "time"} == expected


def test_what_differs_is_shown(make: Make) -> None:
    held = trades(make)
    wrong = changed(make.aggregates(held), 103, quantity=Decimal("1.10000001"), price=Decimal(9))
    verdict = judged(make, held, wrong)
    assert verdict.evidence["shown"] == [
        {
            "fault": "quantity",
            "agg_id": 72,
            "trade_ids": [103, 106],
            "aggregate": "1.10000001",
            "trades": "1.20000000",
        },
        {
            "fault": "price",
            "agg_id": 72,
            "trade_ids": [103, 106],
            "aggregate": "9.00000000",
            "trades": "1.20000000",
        },
    ]


def test_one_trade_of_another_price_within_an_order_is_found(make: Make, window: int) -> None:
    held = trades(make)
    is_it = pl.col("trade_id") == 105
    moved = held.with_columns(
        price=pl.when(is_it).then(pl.lit(Decimal("1.25"))).otherwise("price"),
        is_buyer_maker=pl.col("is_buyer_maker") ^ is_it,
    ).cast(held.schema)
    assert faults(judged(make, moved, make.aggregates(held))) == {"price": 1, "side": 1}


def test_the_time_is_that_of_the_first_trade_at_the_coarser_resolution(make: Make) -> None:
    held = make.trades([1, 2], us=[1_000_123, 1_000_456], prices=["1", "1"])
    held = held.with_columns(is_buyer_maker=pl.lit(value=True))
    whole = make.aggregates(held)
    at = pl.col("ts_event")
    assert judged(make, held, whole).passed
    assert judged(make, held, whole.with_columns(at.dt.truncate("1ms"))).passed
    assert judged(make, held.with_columns(at.dt.truncate("1ms")), whole).passed
    for off in ("1us", "-1us", "1ms", "-1ms"):
        assert faults(judged(make, held, whole.with_columns(at.dt.offset_by(off)))) == {"time": 1}


def test_an_aggregate_that_is_missing_leaves_out_its_trades(make: Make, window: int) -> None:
    held = trades(make)
    verdict = judged(make, held, make.aggregates(held).filter(pl.col("first_trade_id") != 103))
    assert faults(verdict) == {"holes": 1}
    assert verdict.evidence["left_out"] == [[103, 106]]


def test_an_aggregate_that_is_there_twice_overlaps(make: Make, window: int) -> None:
    held = trades(make)
    whole = make.aggregates(held)
    twice = pl.concat([whole, changed(whole.slice(2, 1), 103, agg_id=80)])
    assert faults(judged(make, held, twice)) == {"overlaps": 1}


def test_aggregates_whose_ids_are_in_another_order_cover_as_well(make: Make, window: int) -> None:
    held = trades(make)
    whole = make.aggregates(held)
    swapped = whole.with_columns(agg_id=pl.col("agg_id").reverse()).sort("agg_id")
    assert judged(make, held, swapped).evidence["whole_day"] is True


@pytest.mark.parametrize(
    ("cut", "missing"),
    [
        (slice(1, None), [[100, 100]]),
        (slice(2, None), [[100, 101]]),
        (slice(0, -1), [[111, 111]]),
        (slice(0, -3), [[109, 111]]),
        (slice(4, 9), [[100, 103], [109, 111]]),
        (slice(0, 0), [[100, 111]]),
    ],
)
def test_a_file_that_was_cut_short_lacks_what_the_aggregates_have(
    make: Make,
    window: int,
    cut: slice,
    missing: list[list[int]],
) -> None:
    held = trades(make)
    verdict = judged(make, held[cut], make.aggregates(held))
    assert set(faults(verdict)) == {"trades"}
    assert verdict.evidence["missing"] == missing
    assert verdict.evidence["missing_count"] == sum(last - first + 1 for first, last in missing)


def test_holes_in_the_trades_are_told_by_id(make: Make, window: int) -> None:
    held = trades(make)
    lacking = held.filter(~pl.col("trade_id").is_in([101, 104, 105, 107]))
    verdict = judged(make, lacking, make.aggregates(held))
    assert faults(verdict) == {"trades": 3}
    assert verdict.evidence["missing"] == [[101, 101], [104, 105], [107, 107]]


def test_aggregates_of_a_part_of_the_day_judge_only_that(make: Make, window: int) -> None:
    held = trades(make)
    verdict = judged(make, held, make.aggregates(held)[1:4])
    assert verdict.passed
    assert verdict.evidence["whole_day"] is False
    assert verdict.evidence["uncovered"] == [[100, 100], [108, 111]]
    assert "5 trades lie outside of them" in verdict.message


def paged(make: Make, held: pl.DataFrame, *pages: pl.DataFrame) -> Day:
    """A day whose aggregates came in pages, each a part."""
    days = [make.aggregated(make.day(held), page, "rest") for page in pages]
    parts = tuple(part for day in days for part in day.aggregate_parts)
    return replace(days[0], aggregates=pl.concat(pages).lazy(), aggregate_parts=parts)


def test_between_pages_that_do_not_follow_each_other_nothing_is_known(
    make: Make,
    window: int,
) -> None:
    held = trades(make)
    whole = make.aggregates(held)
    verdict = make.judge("raw_trades", NAME, paged(make, held, whole[:2], whole[4:]))
    assert verdict.passed
    assert verdict.evidence["uncovered"] == [[103, 107]]
    assert verdict.evidence["whole_day"] is False


def test_between_pages_that_follow_each_other_nothing_may_be_left_out(
    make: Make,
    window: int,
) -> None:
    held = trades(make)
    whole = make.aggregates(held)
    verdict = make.judge("raw_trades", NAME, paged(make, held, whole[:2], whole[2:]))
    assert verdict.evidence["whole_day"] is True
    assert verdict.evidence["published"] is False
    fewer = whole.with_columns(agg_id=pl.int_range(70, 70 + whole.height, dtype=pl.Int64))
    fewer = fewer.filter(pl.col("first_trade_id") != 103).with_columns(
        agg_id=pl.int_range(70, 69 + whole.height, dtype=pl.Int64)
    )
    verdict = make.judge("raw_trades", NAME, paged(make, held, fewer[:2], fewer[2:]))
    assert faults(verdict) == {"holes": 1}


def test_an_order_filled_across_midnight_is_of_both_days(make: Make) -> None:
    """Its aggregate lies on the day of its first trade, or, were it so published, on the next."""
    late, early = DAY_US - 1_000, 1_000
    evening = make.trades([8, 9], us=[0, late], prices=["1", "2"])
    aggregates = make.aggregates(evening)
    over = aggregates.with_columns(last_trade_id=pl.col("last_trade_id").replace(9, 11))
    next_day = Edge(first_id=10, last_id=20)
    verdict = judged(make, evening, over, next=next_day)
    assert verdict.passed
    assert verdict.evidence["across_midnight"] == [[71, 9, 11]]
    assert judged(make, evening, over, next=None).passed
    assert not judged(make, evening, over, next=Edge(first_id=12, last_id=20)).passed
    morning = make.trades([8, 9], us=[early, late], prices=["1", "2"])
    before = make.aggregates(morning)
    before = before.with_columns(first_trade_id=pl.col("first_trade_id").replace(8, 6))
    assert judged(make, morning, before, previous=Edge(first_id=1, last_id=7)).passed
    assert not judged(make, morning, before, previous=Edge(first_id=1, last_id=5)).passed


def test_an_order_of_noon_is_not_filled_across_midnight(make: Make) -> None:
    noon = make.trades([8, 9], us=[0, DAY_US // 2], prices=["1", "2"])
    over = make.aggregates(noon).with_columns(last_trade_id=pl.col("last_trade_id").replace(9, 11))
    verdict = judged(make, noon, over, next=None)
    assert faults(verdict) == {"trades": 1}
    assert verdict.evidence["missing"] == [[10, 11]]


def test_without_aggregates_it_is_not_checked(make: Make) -> None:
    held = trades(make)
    for day in (make.day(held), make.aggregated(make.day(held), AGG_TRADES.schema.to_frame())):
        assert make.judge("raw_trades", NAME, day).evidence == {"checked": False}


def test_without_trades_that_ascend_it_cannot_be_judged(make: Make) -> None:
    held = trades(make)
    whole = make.aggregates(held)
    backwards, twice = held.reverse(), pl.concat([held, held.tail(1)])
    for frame in (backwards, twice):
        verdict = judged(make, held, whole, trades=frame.lazy())
        assert "cannot be judged: the trades do not ascend" in verdict.message
    assert "no trades" in judged(make, held, whole, trades=None).message
    nameless = whole.with_columns(last_trade_id=pl.lit(None, dtype=pl.Int64))
    assert "has no id" in judged(make, held, whole, aggregates=nameless.lazy()).message


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_whatever_is_aggregated_is_covered_and_whatever_is_changed_is_found(
    make: Make,
    data: st.DataObject,
) -> None:
    count = data.draw(st.integers(1, 30))
    orders = sorted(data.draw(st.lists(st.integers(0, 9), min_size=count, max_size=count)))
    held = make.trades(
        range(100, 100 + count),
        us=[NOON + order * SECOND_US for order in orders],
        prices=["1"] * count,
        quantities=data.draw(
            st.lists(
                st.sampled_from(["0.00000001", "1", "999999999999999999.9"]),
                min_size=count,
                max_size=count,
            )
        ),
    ).with_columns(is_buyer_maker=pl.lit(value=False))
    whole = make.aggregates(held)
    size = covering.WINDOW
    try:
        covering.WINDOW = data.draw(st.integers(1, 40))
        assert judged(make, held, whole).evidence["whole_day"] is True
        at = data.draw(st.integers(0, count - 1))
        lacking = held.filter(pl.col("trade_id") != 100 + at)
        verdict = judged(make, lacking, whole)
        assert verdict.evidence["missing"] == [[100 + at, 100 + at]]
        more = held.with_columns(
            quantity=pl.when(pl.col("trade_id") == 100 + at)
            .then(pl.lit(Decimal("2.5")))
            .otherwise("quantity")
        ).cast(held.schema)
        assert faults(judged(make, more, whole)) == {"quantity": 1}
    finally:
        covering.WINDOW = size


def test_a_part_by_another_source_is_not_the_exchanges_own_file(make: Make) -> None:
    held = trades(make)
    whole = make.aggregates(held)
    day = make.aggregated(make.day(held), whole)
    half = msgspec.structs.replace(day.aggregate_parts[0], rows=3)
    found = make.judge("raw_trades", NAME, replace(day, aggregate_parts=(half,)))
    assert found.evidence["published"] is False
    fetched = make.judge("raw_trades", NAME, make.aggregated(make.day(held), whole, "rest"))
    assert (fetched.evidence["whole_day"], fetched.evidence["published"]) == (True, False)
