"""Finding a venue by name."""

from __future__ import annotations

import pytest

from crypto_assets.errors import InvalidName
from crypto_assets.venues import catalogue, venue
from crypto_assets.venues.venue import ArchiveName


def test_a_venue_is_found_by_its_name() -> None:
    assert venue("binance").name == "binance"
    assert all(found.name == name for name, found in catalogue().items())


@pytest.mark.parametrize("name", ["", "nowhere", "venue", "text", "binance_wire", "../binance"])
def test_an_unknown_venue_is_an_invalid_name(name: str) -> None:
    with pytest.raises(InvalidName, match=r"expected one of .*binance"):
        venue(name)


def test_a_file_lies_where_its_venue_publishes_it() -> None:
    def key(name: str, table: str, interval: str | None, date: str) -> str | None:
        file = venue(name).archive_file(ArchiveName("BTCUSDT", table, interval, date))
        return None if file is None else file.key

    daily = "data/spot/daily/"
    date = "2024-08-09"
    assert (
        key("binance", "trades", None, date) == f"{daily}trades/BTCUSDT/BTCUSDT-trades-{date}.zip"
    )
    assert key("binance", "agg_trades", None, date) == (
        f"{daily}aggTrades/BTCUSDT/BTCUSDT-aggTrades-{date}.zip"
    )
    assert key("binance", "klines", "1s", date) == (
        f"{daily}klines/BTCUSDT/1s/BTCUSDT-1s-{date}.zip"
    )
    assert key("binance", "trades", None, "2024-08") == (
        "data/spot/monthly/trades/BTCUSDT/BTCUSDT-trades-2024-08.zip"
    )
    assert key("bybit", "trades", None, date) == f"trading/BTCUSDT/BTCUSDT{date}.csv.gz"
    assert key("bybit", "trades", None, "2024-08") is None
    assert key("bybit", "klines", "1m", date) is None


@pytest.mark.parametrize("name", catalogue())
def test_the_name_of_a_published_file_says_what_it_is(name: str) -> None:
    wanted = ArchiveName("BTCUSDT", "trades", None, "2024-08-09")
    file = venue(name).archive_file(wanted)
    assert file is not None
    assert venue(name).archive_name(file.name) == wanted
