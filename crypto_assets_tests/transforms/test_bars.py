"""Bars of one second against a slow reference in Python decimals and against real klines."""

from __future__ import annotations

import datetime as dt
import gzip
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal
from pathlib import Path
from typing import Literal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.io.plugins import register_io_source

from crypto_assets.model.interval import Interval
from crypto_assets.model.partition import Partition
from crypto_assets.model.tables import BARS, PRICE, QUANTITY, TIME, TRADES, validate
from crypto_assets.transforms.bars import from_trades
from crypto_assets.transforms.rollup import roll_up

Engine = Literal["in-memory", "streaming"]

DAY = Partition.of("binance", "BTCUSDT", "2024-05-06")
DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "binance_spot"
EXACT = Context(prec=80)
PLACE = Decimal("0.00000001")
SECOND = 1_000_000
# Where trades are put: the start, somewhere inside and the end of the day.
WINDOWS = (range(6), range(4_000, 4_006), range(86_394, 86_400))
NEAR = sorted(
    second
    for window in WINDOWS
    for second in range(window.start - 1, window.stop + 1)
    if 0 <= second < 86_400
)


@dataclass(frozen=True)
class Trade:
    trade_id: int
    second: int
    us: int
    price: Decimal
    quantity: Decimal
    is_buyer_maker: bool


def frame_of(trades: list[Trade], day: Partition = DAY) -> pl.LazyFrame:
    return pl.LazyFrame(
        {
            "trade_id": [trade.trade_id for trade in trades],
            "ts_event": pl.Series(
                [day.start_us + trade.second * SECOND + trade.us for trade in trades],
                dtype=pl.Int64,
            ).cast(TIME),
            "price": [trade.price for trade in trades],
            "quantity": [trade.quantity for trade in trades],
            "is_buyer_maker": [trade.is_buyer_maker for trade in trades],
            "ts_recv": [None] * len(trades),
            "quoted_value": [None] * len(trades),
            "match_id": [None] * len(trades),
        },
        schema=TRADES.schema,
    )


def rounded(value: Decimal) -> Decimal:
    return value.quantize(PLACE, ROUND_HALF_UP, EXACT)


def total(values: list[Decimal]) -> Decimal:
    result = Decimal(0)
    for value in values:
        result = EXACT.add(result, value)
    return result


def traded(trades: list[Trade]) -> dict[str, object]:
    """Work out the bar of these trades, ascending by id."""
    values = [rounded(EXACT.multiply(trade.price, trade.quantity)) for trade in trades]
    bought = [not trade.is_buyer_maker for trade in trades]
    volume, quote_volume = total([trade.quantity for trade in trades]), total(values)
    prices = [trade.price for trade in trades]
    return {
        "open": prices[0],
        "high": max(prices),
        "low": min(prices),
        "close": prices[-1],
        "volume": volume,
        "quote_volume": quote_volume,
        "trade_count": len(trades),
        "taker_buy_volume": total(
            [trade.quantity for trade, yes in zip(trades, bought, strict=True) if yes],
        ),
        "taker_buy_quote_volume": total(
            [value for value, yes in zip(values, bought, strict=True) if yes],
        ),
        "vwap": rounded(EXACT.divide(quote_volume, volume)),
        "first_trade_id": trades[0].trade_id,
        "last_trade_id": trades[-1].trade_id,
    }


@dataclass(frozen=True)
class Known:
    """What is known of the day besides its trades."""

    missing: tuple[tuple[int, int], ...] = ()
    previous_close: Decimal | None = None
    left: bool = False
    right: bool = False


def is_complete(trades: list[Trade], known: Known, second: int) -> bool:
    if not trades:
        return known.left and known.right and not known.missing
    if not known.left and second <= trades[0].second:
        return False
    if not known.right and second >= trades[-1].second:
        return False
    at = {trade.trade_id: trade.second for trade in trades}
    for first, last in known.missing:
        either = (at[first - 1], at[last + 1])
        if min(either) <= second <= max(either):
            return False
    return True


def expected(trades: list[Trade], known: Known, second: int) -> dict[str, object]:
    complete = is_complete(trades, known, second)
    own = [trade for trade in trades if trade.second == second]
    if own:
        return {**traded(own), "is_complete": complete}
    close = known.previous_close
    before = [trade for trade in trades if trade.second < second]
    if before:
        latest = max(trade.second for trade in before)
        close = [trade for trade in before if trade.second == latest][-1].price
    shown = close if complete else None
    zeros = dict.fromkeys(
        ("volume", "quote_volume", "taker_buy_volume", "taker_buy_quote_volume"),
        Decimal(0),
    )
    return {
        **dict.fromkeys(("open", "high", "low", "close"), shown),
        **zeros,
        "trade_count": 0,
        "vwap": None,
        "first_trade_id": None,
        "last_trade_id": None,
        "is_complete": complete,
    }


@st.composite
def days(draw: st.DrawFn) -> tuple[list[Trade], Known]:
    """Draw trades of one day with holes in their ids, times not always in order of id."""
    exponent = draw(st.integers(-7, 8))
    prices = (
        st.decimals(10**exponent, 10 ** (exponent + 1), places=8)
        if exponent >= 0
        else (st.integers(1, 10 ** (exponent + 9)).map(lambda units: units * PLACE))
    )
    quantities = st.integers(1, 10 ** (8 + min(15, 18 - exponent))).map(
        lambda units: EXACT.multiply(Decimal(units), PLACE),
    ) | st.sampled_from([PLACE, Decimal("0.5"), Decimal(1)])
    n = draw(st.integers(0, 14))
    window = st.sampled_from(WINDOWS)
    seconds = draw(st.lists(window.flatmap(st.sampled_from), min_size=n, max_size=n))
    if draw(st.booleans()):
        seconds.sort()
    steps = draw(st.lists(st.sampled_from([1, 1, 1, 2, 5]), min_size=n, max_size=n))
    trades: list[Trade] = []
    trade_id = 100
    missing = []
    for second, step in zip(seconds, steps, strict=True):
        if trades and step > 1:
            missing.append((trade_id + 1, trade_id + step - 1))
        trade_id += step
        us = draw(st.sampled_from([0, 0, 1, 500_000, 999_999]))
        trades.append(
            Trade(trade_id, second, us, draw(prices), draw(quantities), draw(st.booleans())),
        )
    known = Known(
        tuple(draw(st.permutations(missing))),
        draw(st.none() | prices),
        draw(st.booleans()),
        draw(st.booleans()),
    )
    return trades, known


def bars_of(trades: list[Trade], known: Known, engine: Engine = "in-memory") -> pl.DataFrame:
    bars = from_trades(
        frame_of(trades),
        None,
        DAY,
        missing=known.missing,
        previous_close=known.previous_close,
        left_edge_proven=known.left,
        right_edge_proven=known.right,
    )
    return bars.collect(engine=engine)


@settings(max_examples=80, deadline=None)
@given(days(), st.sampled_from(["in-memory", "streaming"]))
def test_bars_equal_a_slow_reference_in_decimals(
    day: tuple[list[Trade], Known],
    engine: Engine,
) -> None:
    trades, known = day
    bars = bars_of(trades, known, engine)
    assert bars.schema == BARS.schema
    assert len(bars) == 86_400
    for second in NEAR:
        row = bars.row(second, named=True)
        wanted = expected(trades, known, second)
        assert {name: row[name] for name in wanted} == wanted
    # Between the windows nothing happens: every second is as its first.
    for left, right in itertools.pairwise(WINDOWS):
        quiet = bars.slice(left.stop, right.start - left.stop).drop("ts_open")
        assert quiet.n_unique() == 1


@settings(max_examples=25, deadline=None)
@given(days())
def test_nothing_traded_is_lost_and_nothing_is_made_up(day: tuple[list[Trade], Known]) -> None:
    trades, known = day
    bars = bars_of(trades, known)
    sums = bars.select("volume", "quote_volume", "trade_count").sum().row(0)
    wanted = traded(trades) if trades else {}
    names = ("volume", "quote_volume", "trade_count")
    assert sums == tuple(wanted.get(name, 0) for name in names)


@settings(max_examples=25, deadline=None)
@given(days())
def test_knowing_that_times_are_in_order_changes_nothing(day: tuple[list[Trade], Known]) -> None:
    trades, known = day
    trades.sort(key=lambda trade: (trade.second, trade.us))
    ordered = [
        Trade(7 + i, t.second, t.us, t.price, t.quantity, t.is_buyer_maker)
        for i, t in enumerate(trades)
    ]
    plain = from_trades(frame_of(ordered), None, DAY, previous_close=known.previous_close)
    told = from_trades(
        frame_of(ordered),
        None,
        DAY,
        previous_close=known.previous_close,
        in_time_order=True,
    )
    assert told.collect().equals(plain.collect())


def one(second: int = 10, **changes: object) -> Trade:
    given_fields: dict[str, object] = {
        "trade_id": 1,
        "us": 0,
        "price": Decimal(2),
        "quantity": Decimal(1),
        "is_buyer_maker": False,
    }
    return Trade(second=second, **{**given_fields, **changes})  # type: ignore[arg-type]


def test_a_day_holds_every_second_once() -> None:
    opens = bars_of([one()], Known())["ts_open"]
    assert opens[0] == dt.datetime(2024, 5, 6, tzinfo=dt.UTC)
    assert opens[-1] == dt.datetime(2024, 5, 6, 23, 59, 59, tzinfo=dt.UTC)
    assert opens.diff().drop_nulls().unique().to_list() == [dt.timedelta(seconds=1)]


def test_bars_satisfy_their_own_model() -> None:
    bars = bars_of([one(), one(12, trade_id=2)], Known(left=True, right=True))
    assert len(validate(bars, BARS)) == 86_400


def test_a_proven_day_without_a_trade_repeats_the_close_before_it() -> None:
    quiet = bars_of([], Known((), Decimal(5), left=True, right=True))
    assert quiet["is_complete"].all()
    assert quiet.select("open", "high", "low", "close").unique().row(0) == (Decimal(5),) * 4
    assert quiet["vwap"].null_count() == 86_400


@pytest.mark.parametrize(("left", "right"), [(True, False), (False, True), (False, False)])
def test_a_day_without_a_trade_says_nothing_unless_both_edges_are_proven(
    left: bool,  # noqa: FBT001
    right: bool,  # noqa: FBT001
) -> None:
    unknown = bars_of([], Known((), Decimal(5), left, right))
    assert not unknown["is_complete"].any()
    assert unknown["close"].null_count() == 86_400


def test_a_missing_range_up_to_the_edge_is_as_an_unproven_edge() -> None:
    bars = bars_of([one(10, trade_id=5)], Known(((1, 4), (6, 9)), None, left=True, right=True))
    assert not bars["is_complete"].any()


@pytest.mark.parametrize("known", [Known(left=True, right=True), Known()])
def test_trades_of_other_days_change_nothing(known: Known) -> None:
    inside = [one(3, trade_id=2), one(86_300, trade_id=3)]
    around = [one(-1, trade_id=1), *inside, one(86_400, trade_id=4)]
    assert bars_of(around, known).equals(bars_of(inside, known))


def test_half_a_last_place_is_rounded_up() -> None:
    half = one(price=Decimal("0.5"), quantity=PLACE)
    less = one(price=Decimal("0.49999999"), quantity=PLACE)
    assert bars_of([half], Known())["quote_volume"].max() == PLACE
    assert bars_of([less], Known())["quote_volume"].max() == 0
    # 1.00000001 + 2 x 1 over 2 units: vwap 1.000000005, a half again.
    pair = [one(price=Decimal("1.00000001")), one(trade_id=2, price=Decimal(1))]
    assert bars_of(pair, Known())["vwap"].max() == Decimal("1.00000001")


def test_volumes_beyond_64_bits_add_up_exactly() -> None:
    many = [
        one(trade_id=i, price=Decimal("0.00001"), quantity=Decimal(10**15) + PLACE)
        for i in range(1, 1_001)
    ]
    bar = bars_of(many, Known()).row(10, named=True)
    assert bar["volume"] == Decimal("1000000000000000000.00001000")
    assert bar["quote_volume"] == Decimal("10000000000000.00000000")


@pytest.mark.parametrize(
    ("price", "quantity"),
    [
        (Decimal(10**9), Decimal(10**12)),  # 10^21 has more than 28 digits
        (Decimal(10**9), Decimal(10**19)),  # leaves 128 bits
        # 2^63 x 2^64 units: the product of the two is 0 in 128 bits.
        (Decimal(2**59) * PLACE, Decimal(2**69) * PLACE),
    ],
)
@pytest.mark.parametrize("engine", ["in-memory", "streaming"])
def test_a_value_its_column_cannot_hold_is_an_error_and_never_wraps(
    price: Decimal,
    quantity: Decimal,
    engine: Engine,
) -> None:
    with pytest.raises(pl.exceptions.ComputeError, match="precision 28"):
        bars_of([one(price=price, quantity=quantity)], Known(), engine)


def test_a_volume_its_column_cannot_hold_is_an_error() -> None:
    most = Decimal("9" * 20)
    trades = [one(price=PLACE, quantity=most), one(trade_id=2, price=PLACE, quantity=most)]
    with pytest.raises(pl.exceptions.ComputeError, match="precision 28"):
        bars_of(trades, Known())


def shuffled_day(rows: int) -> pl.DataFrame:
    """Make a day whose times run backwards all the time, in many runs of each second."""
    row = pl.int_range(rows, dtype=pl.Int64)
    noise = (row * 7_919) % 4_001
    return pl.select(
        trade_id=row + 1,
        ts_event=(row * (86_390 * SECOND // rows) + noise * 2_000 + DAY.start_us).cast(TIME),
        price=((noise + 1_000) * 1_000_003).cast(pl.Int128).reinterpret(dtype=PRICE),
        quantity=((row * 31) % 1_009 + 1).cast(pl.Int128).reinterpret(dtype=QUANTITY),
        is_buyer_maker=(row % 3) == 0,
    )


def test_rows_keep_their_order_in_every_engine_and_from_a_python_source() -> None:
    day = shuffled_day(400_000)
    plain = (
        day.group_by(pl.col("ts_event").dt.truncate("1s").alias("ts_open"))
        .agg(
            pl.col("price").sort_by("trade_id").first().alias("open"),
            pl.col("price").sort_by("trade_id").last().alias("close"),
            pl.col("trade_id").min().alias("first_trade_id"),
            pl.col("trade_id").max().alias("last_trade_id"),
            pl.len().cast(pl.Int64).alias("trade_count"),
            pl.col("quantity").sum().cast(QUANTITY).alias("volume"),
        )
        .sort("ts_open")
    )

    def in_pieces(
        with_columns: list[str] | None,
        predicate: pl.Expr | None,
        n_rows: int | None,
        batch_size: int | None,
    ) -> Iterator[pl.DataFrame]:
        assert predicate is None
        assert n_rows is None
        assert batch_size is None or batch_size > 0
        for piece in day.iter_slices(30_011):
            yield piece if with_columns is None else piece.select(with_columns)

    source = register_io_source(in_pieces, schema=day.schema)
    engines: tuple[Engine, ...] = ("in-memory", "streaming")
    for trades in (day.lazy(), source):
        for engine in engines:
            bars = from_trades(trades, None, DAY).collect(engine=engine)
            seen = bars.filter(pl.col("trade_count") > 0).select(plain.columns)
            assert seen.equals(plain)


def archive(path: Path, names: dict[int, str]) -> pl.DataFrame:
    """Read columns of a header-less gzip CSV as text, the first being number 1."""
    if not path.exists():
        pytest.skip("the real recordings are not beside this repository")
    with gzip.open(path) as file:
        frame = pl.read_csv(file.read(), has_header=False, infer_schema=False)
    return frame.select(pl.nth(i - 1).alias(name) for i, name in names.items())


def test_half_an_hour_of_btcusdt_equals_the_exchange_s_own_klines() -> None:
    path = DATA / "trades" / "BTCUSDT-trades-2024-01-01T1200-1230.parquet"
    names = ("open", "high", "low", "close", "volume")
    more = {
        8: "quote_volume",
        9: "trade_count",
        10: "taker_buy_volume",
        11: "taker_buy_quote_volume",
    }
    columns = {1: "ts_open", **dict(enumerate(names, 2)), **more}
    klines = archive(DATA / "klines_1m" / "BTCUSDT-1m-2024-01-01.csv.gz", columns)
    klines = klines.with_columns(pl.col("ts_open").cast(pl.Int64).cast(pl.Datetime("ms", "UTC")))
    klines = klines.cast({name: BARS.schema[name] for name in klines.columns})
    # This copy of the trades holds floats; their shortest text is what the exchange published.
    trades = pl.scan_parquet(path).select(
        pl.col("trade_id").cast(pl.Int64),
        pl.col("datetime").alias("ts_event"),
        pl.col("price").cast(pl.String).cast(PRICE),
        pl.col("quantity").cast(pl.String).cast(QUANTITY),
        pl.col("is_buyer_maker").cast(pl.Boolean),
    )
    day = Partition.of("binance", "BTCUSDT", "2024-01-01")
    bars = from_trades(trades, None, day)
    minutes = roll_up(bars, Interval.MINUTE).select(klines.columns).collect()
    # The last trade is at 12:30:00.000 and belongs to the minute after.
    assert minutes[720:750].equals(klines[720:750])
    assert minutes["trade_count"].sum() == 16_702
    assert minutes[750, "trade_count"] == 1


def test_a_whole_day_of_nexousdt_has_its_known_active_seconds_and_minutes() -> None:
    columns = {1: "trade_id", 2: "price", 3: "quantity", 5: "ts_event", 6: "is_buyer_maker"}
    text = archive(DATA / "trades" / "NEXOUSDT-trades-2024-07-24.csv.gz", columns)
    trades = text.with_columns(
        pl.col("trade_id").cast(pl.Int64),
        pl.col("price").cast(PRICE),
        pl.col("quantity").cast(QUANTITY),
        (pl.col("ts_event").cast(pl.Int64) * 1_000).cast(TIME),
        pl.col("is_buyer_maker") == "True",
    )
    day = Partition.of("binance", "NEXOUSDT", "2024-07-24")
    bars = from_trades(
        trades.lazy(),
        None,
        day,
        left_edge_proven=True,
        right_edge_proven=True,
    ).collect()
    minutes = roll_up(bars.lazy(), Interval.MINUTE).collect()
    assert bars["trade_count"].sum() == 12_215
    assert bars.filter(pl.col("trade_count") > 0).height == 4_645
    assert minutes.filter(pl.col("trade_count") > 0).height == 1_263
    assert bars["is_complete"].all()
    assert bars["volume"].sum() == trades["quantity"].sum()
    assert bars["first_trade_id"].min() == 12_796_828
    assert bars["last_trade_id"].max() == 12_809_042
