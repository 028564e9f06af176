"""What the exchange lists is kept by day, told in SQL, and told as what changed."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from crypto_assets.errors import NothingStored
from crypto_assets.exchange import PAUSED, Remote, random_market, run_in_thread
from crypto_assets.lake.draft import read_back
from crypto_assets.lake.lake import Lake
from crypto_assets.lake.parquet import read_manifest
from crypto_assets.model.interval import DAY_US
from crypto_assets.model.partition import Partition
from crypto_assets.model.tables import LISTINGS, validate
from crypto_assets.pipeline.exchange_info import dates, keep_exchange_info, read
from crypto_assets.pipeline.query import query
from crypto_assets.pipeline.symbols import (
    Change,
    changes_of,
    judge_listings,
    listed_of,
    make_listings,
)
from crypto_assets.sources.budget import Budget
from crypto_assets.sources.history import TradeHistory

DAY = Partition.of("binance", "BTCUSDT", "2025-03-04")
MARKET = random_market(["BTCUSDT", "ETHUSDT"], DAY.start_us, 60, 5, seed=6)
Symbols = dict[str, tuple[str, str, str]]
"""Status, tick and step size by symbol."""


def answer(days: int, symbols: Symbols, seconds: int = 300) -> bytes:
    listed = [
        {
            "symbol": symbol,
            "status": status,
            "baseAsset": symbol.removesuffix("USDT"),
            "quoteAsset": "USDT",
            "filters": [
                {"filterType": "PRICE_FILTER", "tickSize": tick},
                {"filterType": "LOT_SIZE", "stepSize": step},
                {"filterType": "NOTIONAL", "minNotional": "5.00000000"},
            ],
        }
        for symbol, (status, tick, step) in symbols.items()
    ]
    at = (DAY.start_us + days * DAY_US) // 1_000 + seconds * 1_000
    return json.dumps({"serverTime": at, "rateLimits": [], "symbols": listed}).encode()


def keep(lake: Lake, days: int, symbols: Symbols, seconds: int = 300) -> None:
    keep_exchange_info(lake, "binance", answer(days, symbols, seconds))


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


@pytest.fixture
def exchange() -> Iterator[Remote]:
    with run_in_thread(MARKET, pace=PAUSED) as found:
        found.jump(DAY.start_us + 5 * 60 * 1_000_000)
        yield found


def door(exchange: Remote) -> TradeHistory:
    return TradeHistory(exchange.http_url, Budget(limit=10**6))


def test_today_is_asked_for_and_kept_verbatim_and_as_a_table(
    exchange: Remote,
    lake: Lake,
) -> None:
    make_listings(lake, "binance", DAY.date, door(exchange))
    info = read(lake, "binance", DAY.date)
    assert info is not None
    assert (info.date, sorted(info.symbols)) == (DAY.date, ["BTCUSDT", "ETHUSDT"])
    assert exchange.counters.requests == {"time": 1, "exchangeInfo": 1}
    path = lake.layout.listings("binance", DAY.date)
    assert str(path.relative_to(lake.layout.root)) == (
        "listings/venue=binance/date=2025-03-04/listings.parquet"
    )
    read_back(path, LISTINGS, read_manifest(path))
    rows = pl.read_parquet(path, hive_partitioning=False)
    assert validate(rows, LISTINGS).equals(rows)
    symbol = MARKET.tapes["BTCUSDT"].symbol
    assert rows.row(0, named=True) == {
        "symbol": "BTCUSDT",
        "status": "TRADING",
        "base": "BTC",
        "quote": "USDT",
        "tick_size": Decimal(symbol.tick) / 10**8,
        "step_size": Decimal(symbol.step) / 10**8,
        "min_notional": Decimal(5),
    }
    assert pl.scan_parquet(lake.layout.root / "listings", hive_partitioning=True).collect().height


def test_a_day_that_is_over_cannot_be_asked_for(exchange: Remote, lake: Lake) -> None:
    with pytest.raises(NothingStored, match="2025-03-03: the exchange tells of today only"):
        make_listings(lake, "binance", DAY.previous.date, door(exchange))
    assert dates(lake, "binance") == []
    assert "exchangeInfo" not in exchange.counters.requests


def test_a_day_that_was_imported_is_made_of_what_was_imported(
    exchange: Remote,
    lake: Lake,
) -> None:
    keep(lake, -1, {"BTCUSDT": ("TRADING", "0.01", "0.001")})
    path = lake.layout.listings("binance", DAY.previous.date)
    path.unlink()
    make_listings(lake, "binance", DAY.previous.date, door(exchange))
    assert path.exists()
    assert "exchangeInfo" not in exchange.counters.requests


def test_of_a_days_answers_the_latest_stays_unless_it_says_the_same(lake: Lake) -> None:
    early = {"BTCUSDT": ("TRADING", "0.01", "0.001")}
    late = {"BTCUSDT": ("BREAK", "0.01", "0.001")}
    kept = lake.layout.exchange_info("binance") / f"{DAY.date}.json"
    table = lake.layout.listings("binance", DAY.date)
    keep(lake, 0, early, 300)
    first, written = kept.read_bytes(), table.stat().st_mtime_ns
    keep(lake, 0, early, 600)
    assert (kept.read_bytes(), table.stat().st_mtime_ns) == (first, written)
    keep(lake, 0, late, 900)
    assert kept.read_bytes() == answer(0, late, 900)
    assert table.stat().st_mtime_ns != written
    keep(lake, 0, early, 700)
    assert kept.read_bytes() == answer(0, late, 900)
    kept.write_bytes(b"torn")
    keep(lake, 0, early, 300)
    assert kept.read_bytes() == answer(0, early, 300)


def test_a_size_that_has_no_place_in_the_table_is_left_out_and_told(lake: Lake) -> None:
    keep(lake, 0, {"BTCUSDT": ("TRADING", "0.000000001", "-1.0")})
    rows = pl.read_parquet(lake.layout.listings("binance", DAY.date), hive_partitioning=False)
    assert rows.select("tick_size", "step_size").row(0) == (None, None)
    listed = listed_of(lake, "binance", DAY.date)
    assert listed is not None
    failed = [one.check for one in judge_listings(listed) if not one.passed]
    assert failed == ["tick_and_step_sizes_are_whole"]


def test_what_changed_since_the_last_day_that_is_known_is_told(lake: Lake) -> None:
    keep(lake, -3, {"OLDUSDT": ("BREAK", "0.1", "1"), "BTCUSDT": ("TRADING", "0.1", "1")})
    keep(lake, 0, {"NEWUSDT": ("TRADING", "0.1", "1"), "BTCUSDT": ("HALT", "0.01000000", "1")})
    listed = listed_of(lake, "binance", DAY.date)
    assert listed is not None
    assert changes_of(listed) == [
        Change("BTCUSDT", "status", "TRADING", "HALT"),
        Change("BTCUSDT", "tick_size", "0.1", "0.01"),
        Change("NEWUSDT", "new", "", "TRADING"),
        Change("OLDUSDT", "gone", "BREAK", ""),
    ]
    first = listed_of(lake, "binance", DAY.date - dt.timedelta(days=3))
    assert first is not None
    assert changes_of(first) == []
    assert listed_of(lake, "binance", DAY.previous.date) is None


def test_sql_tells_every_day_and_the_spans_on_which_nothing_changed(lake: Lake) -> None:
    assert query(lake, "SELECT * FROM listings").height == 0
    assert query(lake, "SELECT * FROM symbol_history").height == 0
    for days, status, tick in (
        (-4, "TRADING", "0.1"),
        (-3, "TRADING", "0.1"),
        (-2, "BREAK", "0.1"),
        (-1, "TRADING", "0.1"),
        (0, "TRADING", "0.01"),
    ):
        keep(lake, days, {"BTCUSDT": (status, tick, "1"), "ETHUSDT": ("TRADING", "0.1", "1")})
    count = "SELECT count(*), count(DISTINCT date), min(venue) FROM listings"
    assert query(lake, count).row(0) == (10, 5, "binance")
    found = query(
        lake,
        "SELECT date::VARCHAR, last_date::VARCHAR, days, status, tick_size FROM symbol_history "
        "WHERE symbol = 'BTCUSDT' ORDER BY date",
    )
    assert found.rows() == [
        ("2025-02-28", "2025-03-01", 2, "TRADING", Decimal("0.1")),
        ("2025-03-02", "2025-03-02", 1, "BREAK", Decimal("0.1")),
        ("2025-03-03", "2025-03-03", 1, "TRADING", Decimal("0.1")),
        ("2025-03-04", "2025-03-04", 1, "TRADING", Decimal("0.01")),
    ]
    others = query(lake, "SELECT days FROM symbol_history WHERE symbol = 'ETHUSDT'")
    assert others.rows() == [(5,)]
