"""The stream held against the lake: what is missing, more, or otherwise is told by id."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_assets.lake.lake import Lake
from crypto_assets.model.coverage import Coverage
from crypto_assets.model.instrument import Instrument
from crypto_assets.model.message import STREAM_FRAME
from crypto_assets.model.partition import Partition
from crypto_assets.model.tables import PRICE
from crypto_assets.pipeline.ingest import take
from crypto_assets.pipeline.publish import publish_new
from crypto_assets.pipeline.query import query
from crypto_assets.pipeline.segments import take_segments, waiting
from crypto_assets.pipeline.streamed import (
    Standing,
    difference_of,
    expected,
    spans,
    standing,
)
from crypto_assets.sinks.duckdb_stream import TradeStream
from crypto_assets_tests.pipeline.test_publish import Shelf
from crypto_assets_tests.streamed import DAY, rows, segment

BTC = Instrument("binance", "BTCUSDT")


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """A lake with the trades 10 to 29 of a day, recorded."""
    found = Lake(tmp_path / "lake")
    segment(found, "one", range(10, 30))
    take_segments(found, "binance", waiting(found, "binance"))
    return found


def stream(lake: Lake, wanted: pl.DataFrame | None = None) -> None:
    """Write the lake's trades into the stream, or others."""
    if wanted is None:
        wanted = lake.scan("raw_trades", DAY).collect()
        wanted = wanted.with_columns(venue=pl.lit("binance"), symbol=pl.lit("BTCUSDT"))
    TradeStream(lake.layout.trade_stream).append(wanted.select(*STREAM_FRAME))


def as_stored(lake: Lake, ids: Coverage) -> pl.DataFrame:
    found = lake.scan("raw_trades", DAY).collect()
    found = found.filter(ids.holds(found["trade_id"]))
    return found.with_columns(venue=pl.lit("binance"), symbol=pl.lit("BTCUSDT"))


def test_the_same_trades_are_no_difference(lake: Lake) -> None:
    stream(lake)
    assert difference_of(lake, DAY).is_none
    assert standing(lake) == [Standing(BTC, 20, 29, 0)]


def test_what_the_stream_lacks_is_missing_and_is_its_lag(lake: Lake) -> None:
    stream(lake, as_stored(lake, Coverage.of([(10, 14), (20, 29)])))
    assert difference_of(lake, DAY).added == Coverage.of([(15, 19)])
    assert standing(lake) == [Standing(BTC, 15, 29, 5)]


def test_what_the_lake_lacks_is_more_and_other_values_are_told(lake: Lake) -> None:
    found = as_stored(lake, Coverage.of([(10, 29)]))
    dearer = (
        pl.when(pl.col("trade_id") == 12).then(Decimal("1.00000000")).otherwise("price").cast(PRICE)
    )
    stream(lake, pl.concat([found.with_columns(price=dearer).select(*STREAM_FRAME), rows([40])]))
    difference = difference_of(lake, DAY)
    assert (difference.removed, difference.changed) == (
        Coverage.of([(40, 40)]),
        Coverage.of([(12, 12)]),
    )
    assert len(difference.added) == 0


def test_a_stream_without_anything_lacks_everything(lake: Lake) -> None:
    assert standing(lake) == []
    assert difference_of(lake, DAY).added == Coverage.of([(10, 29)])
    assert query(lake, "SELECT count(*) FROM trade_stream").item() == 0


def test_days_that_were_recorded_or_streamed_are_expected(lake: Lake, tmp_path: Path) -> None:
    archived = Partition.of("binance", "BTCUSDT", "2025-03-05")
    path = tmp_path / f"BTCUSDT-trades-{archived.date}.csv"
    path.write_text(f"900,100.50,0.20,20.10,{archived.start_us},True,True\n")
    take(lake, path)
    dates = {DAY.date, archived.date}
    assert expected(lake, dates) == [DAY]
    stream(
        lake,
        rows([900]).with_columns(
            pl.lit(archived.start_us)
            .cast(pl.Int64)
            .cast(pl.Datetime("us", "UTC"))
            .alias("ts_event")
        ),
    )
    assert expected(lake, dates) == [DAY, archived]
    assert expected(lake, {archived.date}) == [archived]


def test_trades_without_numbers_lag_by_their_count(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    recording = Path(__file__).resolve().parents[1] / "recordings" / "bybit-linear-2026-08-09.jsonl"
    take(lake, recording, "bybit")
    days = lake.layout.partitions("raw_trades")
    day = max(days, key=lambda one: lake.scan("raw_trades", one).collect().height)
    whole = lake.scan("raw_trades", day).collect()
    labelled = whole.with_columns(
        venue=pl.lit("bybit"),
        symbol=pl.lit(day.instrument.symbol),
    )
    sink = TradeStream(lake.layout.trade_stream)
    sink.append(labelled.head(-3).select(*STREAM_FRAME))
    assert [one.lag for one in standing(lake)] == [3]
    assert 0 < len(difference_of(lake, day).added) <= 3
    sink.append(labelled.select(*STREAM_FRAME))
    assert [one.lag for one in standing(lake)] == [0]
    assert difference_of(lake, day).is_none


def test_sql_reads_the_stream_beside_the_lake(lake: Lake) -> None:
    stream(lake)
    found = query(
        lake,
        "SELECT s.symbol, s.date, count(*), sum(s.price - t.price) FROM trade_stream s "
        "JOIN trades t USING (venue, symbol, trade_id) GROUP BY ALL",
    )
    assert found.row(0) == ("BTCUSDT", DAY.date, 20, Decimal(0))


@given(st.dictionaries(st.integers(0, 23), st.integers(1, 9)), st.integers(1, 20))
def test_hours_are_put_together_each_once_and_no_more_than_fit(
    counts: dict[int, int],
    most: int,
) -> None:
    found = list(spans(counts, most))
    inside = [[hour for hour in counts if start <= hour < end] for start, end in found]
    assert sorted(hour for hours in inside for hour in hours) == sorted(counts)
    assert all(len(hours) == 1 or sum(map(counts.get, hours)) <= most for hours in inside)
    assert found == sorted(found)


def test_what_is_published_is_what_the_check_expects(lake: Lake) -> None:
    shelf = Shelf()
    publish_new(lake, shelf)
    assert len(shelf.kept) == 20
