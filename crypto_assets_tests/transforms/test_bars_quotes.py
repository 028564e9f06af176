"""The quote that stands as each second ends, against a search of all quotes for every second."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

import polars as pl
from hypothesis import example, given, settings
from hypothesis import strategies as st

from crypto_assets.model.coverage import Coverage
from crypto_assets.model.partition import Partition
from crypto_assets.model.tables import BARS, QUOTES, TIME, TRADES
from crypto_assets.transforms.bars import from_trades
from crypto_assets.transforms.last_quotes import last_quotes

Engine = Literal["in-memory", "streaming"]
Row = tuple[Decimal | None, ...]
Spans = list[tuple[int, int]]

DAY = Partition.of("binance", "BTCUSDT", "2024-05-06")
SECOND = 1_000_000
NOTHING: Row = (None,) * 4
# Instants of interest, in microseconds of the day: its start, somewhere inside, its end.
INSTANTS = st.sampled_from([0, 4_000 * SECOND, 86_396 * SECOND]).flatmap(
    lambda base: st.integers(-2, 16).map(lambda quarter: base + quarter * 250_000),
)
NEAR = [*range(7), *range(3_998, 4_007), *range(86_393, 86_400)]


@dataclass(frozen=True)
class Quote:
    update_id: int
    us: int

    @property
    def row(self) -> Row:
        bid = Decimal(self.update_id)
        return (bid, bid + 1, bid + 2, bid + 3)


def frame_of(quotes: list[Quote]) -> pl.LazyFrame:
    times = pl.Series([DAY.start_us + quote.us for quote in quotes], dtype=pl.Int64)
    values = zip(*(quote.row for quote in quotes), strict=True) if quotes else [[]] * 4
    return pl.LazyFrame(
        {
            "update_id": [quote.update_id for quote in quotes],
            "ts_as_of": times.cast(TIME),
            "ts_recv": [None] * len(quotes),
            **dict(zip(("bid", "bid_quantity", "ask", "ask_quantity"), values, strict=True)),
        },
        schema=QUOTES.schema,
    )


def standing(quotes: list[Quote], recorded: Spans, second: int) -> Row:
    end = (second + 1) * SECOND
    quotes = [quote for quote in quotes if 0 <= quote.us < 86_400 * SECOND]
    since = 0
    if recorded:
        around = [span for span in Coverage.of(recorded).ranges if span[0] <= end <= span[1]]
        if not around:
            return NOTHING
        since = around[0][0]
    elif not quotes or second > max(quote.us for quote in quotes) // SECOND:
        return NOTHING
    before = [quote for quote in quotes if since <= quote.us < end]
    return max(before, key=lambda quote: quote.update_id).row if before else NOTHING


@st.composite
def recordings(draw: st.DrawFn) -> tuple[list[Quote], Spans]:
    times = draw(st.lists(INSTANTS, max_size=12))
    if draw(st.booleans()):
        times.sort()
    spans = [(min(pair), max(pair)) for pair in draw(st.lists(st.tuples(INSTANTS, INSTANTS)))]
    return [Quote(10 + 3 * i, us) for i, us in enumerate(times)], spans


def shifted(recorded: Spans) -> Spans:
    return [(DAY.start_us + begin, DAY.start_us + end) for begin, end in recorded]


@settings(max_examples=100, deadline=None)
@given(recordings(), st.sampled_from(["in-memory", "streaming"]))
@example(([Quote(10, 5), Quote(13, 5)], [(0, 86_400 * SECOND)]), "streaming")
@example(([Quote(10, 5), Quote(13, 86_400 * SECOND)], []), "streaming")
@example(([Quote(10, 4_000 * SECOND), Quote(13, -1)], []), "in-memory")
def test_the_standing_quote_is_the_one_a_search_of_all_finds(
    recording: tuple[list[Quote], Spans],
    engine: Engine,
) -> None:
    quotes, recorded = recording
    found = last_quotes(frame_of(quotes), DAY, shifted(recorded)).collect(engine=engine)
    assert len(found) == 86_400
    for second in NEAR:
        assert found.row(second) == standing(quotes, recorded, second)


def test_a_quote_stands_until_its_span_ends_and_not_in_the_next() -> None:
    quotes = [Quote(1, 10 * SECOND + 200_000), Quote(2, 14 * SECOND)]
    spans = [(9 * SECOND, 12 * SECOND), (12 * SECOND + 1_000, 20 * SECOND)]
    found = last_quotes(frame_of(quotes), DAY, shifted(spans)).collect()
    rows = [found.row(second) for second in range(8, 21)]
    first, second = quotes[0].row, quotes[1].row
    assert rows == [NOTHING] * 2 + [first] * 2 + [NOTHING] * 2 + [second] * 6 + [NOTHING]


def test_a_quote_from_before_a_gap_does_not_serve_though_it_is_of_the_same_second() -> None:
    quotes = [Quote(1, 10 * SECOND + 200_000)]
    spans = [(0, 10 * SECOND + 300_000), (10 * SECOND + 700_000, 20 * SECOND)]
    found = last_quotes(frame_of(quotes), DAY, shifted(spans)).collect()
    assert found["bid"].null_count() == 86_400


def test_a_day_of_many_spans_filters_its_quotes_no_more_often_than_one_of_few() -> None:
    def filters(count: int) -> int:
        spans = [(k * 60 * SECOND, (k * 60 + 59) * SECOND) for k in range(count)]
        plan = last_quotes(frame_of([Quote(1, 0)]), DAY, shifted(spans)).explain(optimized=False)
        return plan.count("FILTER")

    assert filters(1_440) == filters(2)


def test_a_later_second_with_an_older_quote_keeps_the_newer_one() -> None:
    quotes = [Quote(1, 12 * SECOND), Quote(2, 11 * SECOND)]
    found = last_quotes(frame_of(quotes), DAY).collect()
    assert [found.row(second) for second in range(10, 14)] == [
        NOTHING,
        quotes[1].row,
        quotes[1].row,
        NOTHING,
    ]


def test_ids_that_start_over_after_a_gap_are_compared_within_their_span_only() -> None:
    quotes = [Quote(1, 20 * SECOND), Quote(2, 5 * SECOND)]
    spans = [(0, 10 * SECOND), (15 * SECOND, 30 * SECOND)]
    found = last_quotes(frame_of(quotes), DAY, shifted(spans)).collect()
    assert [found.row(second) for second in (5, 9, 10, 19, 20, 29, 30)] == [
        quotes[1].row,
        quotes[1].row,
        NOTHING,
        NOTHING,
        quotes[0].row,
        quotes[0].row,
        NOTHING,
    ]


def test_bars_carry_the_quotes_and_their_spread() -> None:
    trades = pl.LazyFrame(schema=TRADES.schema)
    engines: tuple[Engine, ...] = ("in-memory", "streaming")
    for engine in engines:
        bars = from_trades(trades, frame_of([Quote(7, 10)]), DAY).collect(engine=engine)
        assert bars.schema == BARS.schema
        row = bars.row(0, named=True)
        assert (row["bid"], row["ask"], row["spread"]) == (7, 9, 2)
        assert bars["bid"].null_count() == 86_399


def test_without_quotes_every_quote_is_null() -> None:
    bars = from_trades(pl.LazyFrame(schema=TRADES.schema), None, DAY).collect()
    columns = ("bid", "bid_quantity", "ask", "ask_quantity", "spread")
    assert bars.schema == BARS.schema
    assert bars.select(columns).null_count().row(0) == (86_400,) * 5


def test_the_last_quote_of_each_second_survives_many_batches() -> None:
    rows = 300_000
    row = pl.int_range(rows, dtype=pl.Int64)
    quotes = pl.select(
        update_id=row * 2 + 1,
        ts_as_of=(row * 250_000 + ((row * 7_919) % 4_001) * 1_000 + DAY.start_us).cast(TIME),
        bid=(row + 1).cast(pl.Int128).reinterpret(dtype=QUOTES.schema["bid"]),
        bid_quantity=(row + 2).cast(pl.Int128).reinterpret(dtype=QUOTES.schema["bid_quantity"]),
        ask=(row + 3).cast(pl.Int128).reinterpret(dtype=QUOTES.schema["ask"]),
        ask_quantity=(row + 4).cast(pl.Int128).reinterpret(dtype=QUOTES.schema["ask_quantity"]),
    )
    newest = (
        quotes.sort("ts_as_of")
        .with_columns(pl.col("update_id").cum_max())
        .select("ts_as_of", best=(pl.col("update_id") - 1) // 2 + 1)
        .group_by(second=(pl.col("ts_as_of").to_physical() - DAY.start_us) // SECOND)
        .agg(pl.col("best").max())
        .sort("second")
    )
    engines: tuple[Engine, ...] = ("in-memory", "streaming")
    for engine in engines:
        found = last_quotes(quotes.lazy(), DAY).collect(engine=engine)
        bids = found["bid"].gather(newest["second"]).reinterpret(dtype=pl.Int128)
        assert bids.cast(pl.Int64).equals(newest["best"])
