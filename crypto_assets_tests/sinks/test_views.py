"""Views in SQL alone say what the package's own transforms say, to the last digit."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from decimal import Context, Decimal
from pathlib import Path

import duckdb
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto_assets.model.interval import Interval
from crypto_assets.model.tables import AGG_TRADES, BARS, LISTINGS, QUOTES, TRADES, Table
from crypto_assets.sinks import views
from crypto_assets.transforms.merge import merge
from crypto_assets.transforms.rollup import roll_up

DAY = dt.datetime(2024, 7, 24, tzinfo=dt.UTC)
FEW = settings(max_examples=15)
EXACT = Context(prec=60)
HIVE = ("venue", "symbol", "date")
PLACE = Path("venue=binance", "symbol=币安人生USDT", "date=2024-07-24")


def amounts(digits: int) -> st.SearchStrategy[Decimal]:
    return st.integers(0, 10**digits - 1).map(lambda whole: Decimal(whole).scaleb(-8))


@st.composite
def bar(draw: st.DrawFn) -> dict[str, object]:
    """A bar with trades, a quiet one, or one of which nothing is known."""
    price = amounts(17).filter(bool)
    low, open_, close, high = sorted(draw(st.lists(price, min_size=4, max_size=4)))
    traded, known = draw(st.booleans()), draw(st.booleans())
    volume = draw(amounts(19).filter(bool))
    value = EXACT.multiply(volume, close).quantize(Decimal("1e-8"), context=EXACT)
    quoted = draw(st.booleans())
    quote = {
        name: draw(amounts(18)) if quoted else None
        for name in ("bid", "bid_quantity", "ask", "ask_quantity", "spread")
    }
    shown = traded or known
    return {
        "open": open_ if shown else None,
        "high": high if shown else None,
        "low": low if shown else None,
        "close": close if shown else None,
        "volume": volume if traded else Decimal(0),
        "quote_volume": value if traded else Decimal(0),
        "trade_count": draw(st.integers(1, 10**9)) if traded else 0,
        "taker_buy_volume": volume if traded else Decimal(0),
        "taker_buy_quote_volume": value if traded else Decimal(0),
        "vwap": None,
        "first_trade_id": draw(st.integers(0, 2**60)) if traded else None,
        "last_trade_id": draw(st.integers(0, 2**60)) if traded else None,
        "is_complete": draw(st.booleans()),
        **quote,
    }


def bars_of(found: Sequence[dict[str, object]], seconds: Sequence[int]) -> pl.DataFrame:
    rows = [
        {"ts_open": DAY + dt.timedelta(seconds=at), **one}
        for at, one in zip(sorted(seconds), found, strict=True)
    ]
    return pl.DataFrame(rows, schema=BARS.schema)


@FEW
@given(
    st.data(),
    st.sampled_from([one for one in Interval if one is not Interval.SECOND]),
)
def test_longer_bars_in_sql_are_those_of_the_transform(data: st.DataObject, of: Interval) -> None:
    count = data.draw(st.integers(1, 12))
    seconds = data.draw(
        st.lists(st.integers(0, 86_399), min_size=count, max_size=count, unique=True)
    )
    bars = bars_of(data.draw(st.lists(bar(), min_size=count, max_size=count)), seconds)
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'Asia/Kathmandu'")  # a reader's own changes nothing
        connection.register("given", bars)
        connection.execute(
            "CREATE VIEW bars_1s AS "
            "SELECT 'binance' AS venue, 'X' AS symbol, DATE '2024-07-24' AS date, * FROM given",
        )
        found = connection.sql(
            f"SELECT * EXCLUDE (venue, symbol, date) FROM ({views.rolled_up(of)}) ORDER BY ts_open",
        ).pl()
    expected = roll_up(bars.lazy(), of).collect()
    assert found.cast(dict(BARS.schema)).equals(expected)


def stored(tree: Path, kind: str, name: str, frame: pl.DataFrame) -> None:
    directory = tree / kind / PLACE
    directory.mkdir(parents=True, exist_ok=True)
    frame.write_parquet(directory / name)


def read(table: Table, tree: Path) -> pl.DataFrame:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        keys = ", ".join(table.key)
        return connection.sql(f"FROM ({views.of_tree(table, tree)}) ORDER BY {keys}").pl()


def time(us: int) -> dt.datetime:
    return DAY + dt.timedelta(microseconds=us)


def trade(id_: int, salt: int) -> dict[str, object]:
    """A trade whose values depend on who tells it: times cut short, received or not."""
    return {
        "trade_id": id_,
        "ts_event": time(id_ * 1_000_000 + (salt % 3) * 7),
        "price": Decimal(100 + salt),
        "quantity": Decimal(1 + salt % 2),
        "is_buyer_maker": salt % 2 == 0,
        "ts_recv": time(id_ * 1_000_000 + salt) if salt % 4 else None,
        "quoted_value": Decimal(salt) if salt % 5 == 0 else None,
        "match_id": None,
    }


def opaque(id_: int, salt: int) -> dict[str, object]:
    return {**trade(id_ // 2, salt), "match_id": f"m{id_}"}


def quote(id_: int, salt: int) -> dict[str, object]:
    return {
        "update_id": id_,
        "ts_as_of": time(id_ * 1_000 + salt),
        "ts_recv": time(id_ * 1_000 + salt) if salt % 3 else None,
        "bid": Decimal(salt),
        "bid_quantity": Decimal(id_),
        "ask": Decimal(salt + 1),
        "ask_quantity": Decimal(1),
    }


def aggregate(id_: int, salt: int) -> dict[str, object]:
    return {
        "agg_id": id_,
        "ts_event": time(id_ * 1_000 + salt),
        "price": Decimal(salt + 1),
        "quantity": Decimal(id_ + 1),
        "first_trade_id": id_,
        "last_trade_id": id_,
        "is_buyer_maker": salt % 2 == 0,
    }


Make = Callable[[int, int], dict[str, object]]


@pytest.mark.parametrize(
    ("table", "make"),
    [(TRADES, trade), (TRADES, opaque), (QUOTES, quote), (AGG_TRADES, aggregate)],
)
@FEW
@given(data=st.data())
def test_parts_that_disagree_are_merged_in_sql_as_by_the_transform(
    table: Table, make: Make, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    tree = tmp_path_factory.mktemp("tree")
    ids = st.lists(st.integers(0, 9), min_size=1, unique=True).map(sorted)
    parts = [
        pl.DataFrame(
            [make(id_, data.draw(st.integers(0, 30))) for id_ in data.draw(ids)],
            schema=table.schema,
        ).sort(table.key)
        for _ in range(data.draw(st.integers(2, 4)))
    ]
    for rank, part in enumerate(parts):
        # The name behind the rank would sort the other way round.
        stored(tree, views.SHARED, f"{rank:06d}-{9 - rank}.parquet", part)
    found = read(table, tree)
    assert found.columns == [*HIVE, *table.schema]
    assert found.select(table.schema.names()).equals(merge(parts, table).frame)


def test_files_alone_and_files_that_share_are_one_view(tmp_path: Path) -> None:
    frames = [pl.DataFrame([trade(id_, 1)], schema=TRADES.schema) for id_ in (1, 2, 2)]
    stored(tmp_path, views.ALONE, "000000-a.parquet", frames[0])
    stored(tmp_path, views.SHARED, "000000-b.parquet", frames[1])
    stored(tmp_path, views.SHARED, "000001-c.parquet", frames[2])
    found = read(TRADES, tmp_path)
    assert found["trade_id"].to_list() == [1, 2]
    assert found.select(HIVE).unique().rows() == [("binance", "币安人生USDT", DAY.date())]
    assert found.schema == {**found.schema, **TRADES.schema}


@pytest.mark.parametrize("table", [TRADES, QUOTES, AGG_TRADES, BARS])
def test_a_view_of_nothing_has_its_columns(table: Table, tmp_path: Path) -> None:
    found = read(table, tmp_path)
    assert found.is_empty()
    assert found.schema == {
        "venue": pl.String(),
        "symbol": pl.String(),
        "date": pl.Date(),
        **table.schema,
    }


def test_a_filter_on_symbol_and_day_opens_no_other_file(tmp_path: Path) -> None:
    stored(tmp_path, views.ALONE, "000000-a.parquet", pl.DataFrame([trade(1, 1)], TRADES.schema))
    other = tmp_path / views.ALONE / "venue=binance" / "symbol=币安人生ZZ" / "date=2024-07-25"
    other.mkdir(parents=True)
    (other / "000000-b.parquet").write_text("damaged")
    sql = f"SELECT trade_id FROM ({views.of_tree(TRADES, tmp_path)}) WHERE "
    with duckdb.connect() as connection:
        within = "symbol = '币安人生USDT' AND date = '2024-07-24'"
        assert connection.execute(sql + within).fetchall() == [(1,)]
        with pytest.raises(duckdb.Error):
            connection.execute(sql + "true").fetchall()


@FEW
@given(
    st.lists(
        st.tuples(
            st.sampled_from("AB"),
            st.integers(0, 9),
            st.sampled_from(["TRADING", "HALT"]),
            st.sampled_from([None, Decimal("0.01")]),
        ),
        unique_by=lambda one: one[:2],
    )
)
def test_spans_in_sql_are_those_of_the_lake(
    rows: list[tuple[str, int, str, Decimal | None]],
) -> None:
    from crypto_assets.pipeline.symbols import SAME, spans_of

    listed = pl.DataFrame(
        [
            {
                "venue": "binance",
                "date": DAY.date() + dt.timedelta(days=day),
                "symbol": symbol,
                "status": status,
                "base": symbol,
                "quote": None,
                "tick_size": tick,
                "step_size": None,
                "min_notional": Decimal(day),
            }
            for symbol, day, status, tick in rows
        ],
        schema={"venue": pl.String, "date": pl.Date, **LISTINGS.schema},
    )
    with duckdb.connect() as connection:
        connection.register("listings", listed)
        select = views.spans_of_listings(SAME)
        found = connection.sql(f"FROM ({select}) ORDER BY venue, symbol, date").pl()
    expected = spans_of(listed.lazy()).collect().select(found.columns)
    assert found.equals(expected.sort("venue", "symbol", "date"))
