"""Longer bars: equal to what the trades themselves would give."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Literal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto_assets.model.interval import Interval
from crypto_assets.model.partition import Partition
from crypto_assets.model.tables import BARS, PRICE, QUANTITY, TIME
from crypto_assets.transforms.bars import from_trades
from crypto_assets.transforms.rollup import roll_up

Engine = Literal["in-memory", "streaming"]

DAY = Partition.of("binance", "BTCUSDT", "2024-05-06")
SECOND = 1_000_000
TRADED = (
    "open",
    "high",
    "low",
    "close",
    "volume",
    "quote_volume",
    "trade_count",
    "taker_buy_volume",
    "taker_buy_quote_volume",
    "first_trade_id",
    "last_trade_id",
)


def trades_at(instants: list[int], step: int = 1) -> pl.DataFrame:
    """Make trades at these microseconds of the day, with prices and quantities of their own."""
    row = pl.int_range(len(instants), dtype=pl.Int64)
    units = (row + 1).cast(pl.Int128)
    return pl.DataFrame({"us": instants}, schema={"us": pl.Int64}).select(
        trade_id=row * step + 1,
        ts_event=(pl.col("us") + DAY.start_us).cast(TIME),
        price=(((units * 7_919) % 1_009 + 100) * 1_234_567).reinterpret(dtype=PRICE),
        quantity=((units * 104_729) % 999_983 * 1_000 + 1).reinterpret(dtype=QUANTITY),
        is_buyer_maker=row % 3 == 0,
    )


def from_the_trades(trades: pl.DataFrame, interval: Interval) -> pl.DataFrame:
    """Group the trades by the long interval itself, in Python integers for the products."""
    values = [
        (price * quantity + 50_000_000) // 100_000_000
        for price, quantity in zip(
            trades["price"].reinterpret(dtype=pl.Int128),
            trades["quantity"].reinterpret(dtype=pl.Int128),
            strict=True,
        )
    ]
    value = pl.Series(values, dtype=pl.Int128).reinterpret(dtype=QUANTITY)
    bought = ~pl.col("is_buyer_maker")
    return (
        trades.with_columns(value.alias("value"))
        .group_by(pl.col("ts_event").dt.truncate(interval.value).alias("ts_open"))
        .agg(
            open=pl.col("price").first(),
            high=pl.col("price").max(),
            low=pl.col("price").min(),
            close=pl.col("price").last(),
            volume=pl.col("quantity").sum().cast(QUANTITY),
            quote_volume=pl.col("value").sum().cast(QUANTITY),
            trade_count=pl.len().cast(pl.Int64),
            taker_buy_volume=pl.col("quantity").filter(bought).sum().cast(QUANTITY),
            taker_buy_quote_volume=pl.col("value").filter(bought).sum().cast(QUANTITY),
            first_trade_id=pl.col("trade_id").min(),
            last_trade_id=pl.col("trade_id").max(),
        )
        .sort("ts_open")
    )


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.integers(0, 86_400 * SECOND - 1), max_size=40),
    st.sampled_from(list(Interval)),
    st.sampled_from(["in-memory", "streaming"]),
)
def test_rolled_up_bars_equal_bars_made_from_the_trades(
    instants: list[int],
    interval: Interval,
    engine: Engine,
) -> None:
    trades = trades_at(sorted(instants))
    bars = from_trades(trades.lazy(), None, DAY)
    longer = roll_up(bars, interval).collect(engine=engine)
    assert longer.schema == BARS.schema
    assert len(longer) == interval.bars_per_day
    assert longer["ts_open"].is_sorted()
    active = longer.filter(pl.col("trade_count") > 0)
    assert active.select("ts_open", *TRADED).equals(from_the_trades(trades, interval))
    for row in active.iter_rows(named=True):
        # |vwap x volume - quote_volume| is at most half a last place times the volume.
        error = abs(row["vwap"] * row["volume"] - row["quote_volume"])
        assert error <= Decimal("0.000000005") * row["volume"]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 86_400 * SECOND - 1), min_size=1, max_size=20))
def test_rolling_up_in_two_steps_is_as_in_one(instants: list[int]) -> None:
    known = from_trades(trades_at(sorted(instants)).lazy(), None, DAY, left_edge_proven=True)
    bars = known.collect().lazy()
    twice = roll_up(roll_up(bars, Interval.FIVE_MINUTES), Interval.HOUR)
    assert twice.collect().equals(roll_up(bars, Interval.HOUR).collect())


def test_a_quiet_bar_repeats_the_last_close_where_it_is_complete() -> None:
    trades = trades_at([30 * SECOND, 31 * SECOND, 200 * SECOND])
    bars = from_trades(trades.lazy(), None, DAY, left_edge_proven=True, right_edge_proven=True)
    minutes = roll_up(bars, Interval.MINUTE).collect()
    close = trades["price"][1]
    quiet = minutes.row(1, named=True)
    assert [quiet[name] for name in ("open", "high", "low", "close")] == [close] * 4
    assert (quiet["trade_count"], quiet["vwap"], quiet["first_trade_id"]) == (0, None, None)
    # The seconds before the first trade repeat another close; they are not part of the prices.
    assert minutes[3, "low"] == minutes[3, "high"] == trades["price"][2]


def test_an_empty_bar_that_may_lack_trades_has_no_price() -> None:
    trades = trades_at([30 * SECOND, 200 * SECOND], step=2)
    bars = from_trades(
        trades.lazy(),
        None,
        DAY,
        missing=[(2, 2)],
        left_edge_proven=True,
        right_edge_proven=True,
    )
    minutes = roll_up(bars, Interval.MINUTE).collect()
    assert minutes["is_complete"].to_list()[:6] == [False, False, False, False, True, True]
    assert minutes["close"].to_list()[1:3] == [None, None]
    assert minutes[0, "close"] == trades["price"][0]


def test_one_incomplete_second_makes_the_bar_incomplete() -> None:
    whole = from_trades(
        trades_at([SECOND]).lazy(),
        None,
        DAY,
        left_edge_proven=True,
        right_edge_proven=True,
    )
    one_less = whole.with_columns(
        pl.col("is_complete") & (pl.col("ts_open") != pl.col("ts_open").min()),
    )
    assert roll_up(whole, Interval.DAY).collect()["is_complete"].to_list() == [True]
    assert roll_up(one_less, Interval.DAY).collect()["is_complete"].to_list() == [False]


def test_quotes_are_those_of_the_last_second() -> None:
    bars = from_trades(trades_at([SECOND]).lazy(), None, DAY).with_columns(
        bid=pl.int_range(86_400).cast(PRICE),
        ask=pl.when(pl.int_range(86_400) % 60 != 59).then(pl.lit(9).cast(PRICE)),
    )
    minutes = roll_up(bars, Interval.MINUTE).collect()
    assert minutes["bid"].to_list()[:3] == [59, 119, 179]
    assert minutes["ask"].null_count() == 1_440


def test_groups_are_kept_apart_in_the_order_they_come() -> None:
    bars = from_trades(trades_at([SECOND, 61 * SECOND]).lazy(), None, DAY)
    venues = [bars.select(pl.lit(name).alias("venue"), pl.all()) for name in ("zz", "aa")]
    engines: tuple[Engine, ...] = ("in-memory", "streaming")
    for engine in engines:
        both = roll_up(pl.concat(venues), Interval.MINUTE, by=["venue"]).collect(engine=engine)
        assert both.columns == ["venue", *BARS.schema.names()]
        alone = roll_up(bars, Interval.MINUTE).collect()
        for part, name in ((both[:1_440], "zz"), (both[1_440:], "aa")):
            assert part["venue"].unique().to_list() == [name]
            assert part.drop("venue").equals(alone)


def test_a_filter_on_the_view_gives_the_same_bars_as_one_afterwards() -> None:
    bars = from_trades(trades_at([SECOND, 61 * SECOND, 3_601 * SECOND]).lazy(), None, DAY)
    since = dt.datetime(2024, 5, 6, 0, 0, 30, tzinfo=dt.UTC)
    view = roll_up(bars, Interval.MINUTE)
    later = view.filter(pl.col("ts_open") >= since).collect()
    assert later.equals(view.collect().filter(pl.col("ts_open") >= since))
    assert later[0, "ts_open"] == dt.datetime(2024, 5, 6, 0, 1, tzinfo=dt.UTC)


def test_a_volume_that_no_longer_fits_is_an_error() -> None:
    most = pl.lit(Decimal("9" * 20), dtype=QUANTITY)
    bars = from_trades(trades_at([SECOND]).lazy(), None, DAY).with_columns(volume=most)
    with pytest.raises(pl.exceptions.InvalidOperationError, match=r"decimal\[28,8\]"):
        roll_up(bars, Interval.MINUTE).collect()
