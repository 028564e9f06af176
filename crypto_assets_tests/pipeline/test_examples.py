"""Every example query answers what its comment says, exactly, on a real day of the exchange."""

from __future__ import annotations

import datetime as dt
import math
import subprocess
import sys
from collections import defaultdict
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import duckdb
import polars as pl
import pytest

from crypto_assets.errors import InvalidName, UnsafeQuery
from crypto_assets.lake.lake import Lake
from crypto_assets.model.partition import Partition
from crypto_assets.pipeline.examples import answers, example, names
from crypto_assets.pipeline.query import query
from crypto_assets.pipeline.warehouse import default_path, refresh

DAY = Partition.of("binance", "NEXOUSDT", "2024-07-24")
ASKED = {
    "venue": "binance",
    "symbol": "NEXOUSDT",
    "first_date": "2024-07-24",
    "last_date": "2024-07-24",
}
PLACES = Decimal("1e-8")
OF_BARS = ("open", "high", "low", "close", "volume", "quote_volume", "trade_count")


def answer(lake: Lake, name: str, **variables: str) -> pl.DataFrame:
    return query(lake, example(name), variables=variables or ASKED)


@pytest.fixture(scope="module")
def trades(nexo: Lake) -> list[dict[str, object]]:
    """The day's trades, from the raw parts, with what each is worth."""
    rows = nexo.scan("raw_trades", DAY).collect().rows(named=True)
    return [
        {**row, "value": (row["price"] * row["quantity"]).quantize(PLACES)}  # every product fits
        for row in rows
    ]


def test_every_example_says_what_it_answers() -> None:
    assert len(names()) == 10
    for name in names():
        assert answers(example(name)).endswith(".")
        assert len(answers(example(name))) > 30
    with pytest.raises(InvalidName, match="expected one of bars_against_klines"):
        example("../settings")


@pytest.mark.parametrize("name", [one for one in names() if one != "proven_days"])
def test_an_example_without_variables_answers_of_everything(name: str, nexo: Lake) -> None:
    everything = query(nexo, example(name))
    assert everything.columns == answer(nexo, name).columns
    assert everything.height >= answer(nexo, name).height


def test_one_minute_bars_are_those_of_the_trades(
    nexo: Lake, trades: list[dict[str, object]]
) -> None:
    found = answer(nexo, "one_minute_from_seconds")
    assert found.height == 1_440
    by_minute: defaultdict[dt.datetime, list[dict[str, object]]] = defaultdict(list)
    for trade in trades:
        by_minute[trade["ts_event"].replace(second=0, microsecond=0)].append(trade)  # type: ignore[attr-defined]
    assert len(by_minute) == 1_263
    for row in found.filter(pl.col("trade_count") > 0).rows(named=True):
        those = by_minute.pop(row["ts_minute"])
        prices = [one["price"] for one in those]
        assert (row["open"], row["close"]) == (prices[0], prices[-1])
        assert (row["high"], row["low"]) == (max(prices), min(prices))
        assert row["trade_count"] == len(those)
        assert row["volume"] == sum(one["quantity"] for one in those)
        assert row["quote_volume"] == sum(one["value"] for one in those)
    assert not by_minute


def test_one_minute_bars_are_those_of_the_view(nexo: Lake) -> None:
    found = answer(nexo, "one_minute_from_seconds").rename({"ts_minute": "ts_open"})
    view = query(nexo, "FROM bars_1m WHERE date = '2024-07-24' ORDER BY ts_open")
    assert found.cast(dict(view.select(found.columns).schema)).equals(view.select(found.columns))


def test_one_minute_bars_are_the_exchanges_own_where_those_are(btc_eth: Lake) -> None:
    asked = {"symbol": "BTCUSDT", "first_date": "2024-08-08", "last_date": "2024-08-09"}
    ours = answer(btc_eth, "one_minute_from_seconds", **asked).filter("is_complete")
    klines = query(btc_eth, "SELECT * FROM klines WHERE symbol = 'BTCUSDT'")
    both = ours.join(klines, left_on="ts_minute", right_on="ts_open", suffix="_kline")
    assert both.height >= 9
    for name in (*OF_BARS, "taker_buy_volume", "taker_buy_quote_volume"):
        assert both[name].to_list() == both[f"{name}_kline"].to_list()


def test_minutes_that_differ_from_the_klines_are_those_that_lack_trades(btc_eth: Lake) -> None:
    asked = {"symbol": "BTCUSDT", "first_date": "2024-08-09", "last_date": "2024-08-09"}
    wrong = answer(btc_eth, "bars_against_klines", **asked)["ts_open"]
    whole = query(btc_eth, "FROM bars_1m WHERE symbol = 'BTCUSDT' AND date = '2024-08-09'")
    complete = whole.filter("is_complete")["ts_open"]
    assert not set(wrong) & set(complete)
    assert len(wrong) + len(complete) == 1_440


def test_the_vwap_of_the_day_is_exact_up_to_its_division(
    nexo: Lake, trades: list[dict[str, object]]
) -> None:
    (row,) = answer(nexo, "daily_vwap").rows(named=True)
    assert (row["condition"], row["is_proven"], row["trade_count"]) == ("complete", True, 12_215)
    assert row["volume"] == sum(one["quantity"] for one in trades) == Decimal("890359.5")  # type: ignore[misc]
    assert row["quote_volume"] == sum(one["value"] for one in trades) == Decimal("1092588.31176")  # type: ignore[misc]
    assert row["vwap"] == pytest.approx(1.2271316381304405, rel=1e-15)


def test_the_spread_by_hour_is_that_of_the_quotes(nexo: Lake) -> None:
    found = answer(nexo, "spread_by_hour")
    bars = nexo.scan("daily_bars", DAY).filter(pl.col("bid") > 0, pl.col("ask") > 0).collect()
    assert found["hour"].to_list() == list(range(24))
    assert found["seconds"].sum() == bars.height
    for row in found.rows(named=True):
        spreads = bars.filter(pl.col("ts_open").dt.hour() == row["hour"])
        values = sorted(spreads["spread"].to_list())
        assert (row["narrowest"], row["widest"]) == (values[0], values[-1])
        assert row["median_spread"] == values[(len(values) - 1) // 2]
        points = [
            20_000 * float(ask - bid) / float(ask + bid)
            for bid, ask in spreads.select("bid", "ask").rows()
        ]
        assert row["mean_basis_points"] == pytest.approx(math.fsum(points) / len(points), rel=1e-9)


def test_returns_are_those_of_the_closes(nexo: Lake) -> None:
    found = answer(nexo, "returns")
    closes = [float(close) for close in found["close"]]
    assert found.height == 24
    assert found["simple_return"][0] is None
    for at in range(1, 24):
        assert found["simple_return"][at] == pytest.approx(closes[at] / closes[at - 1] - 1)
        assert found["log_return"][at] == pytest.approx(math.log(closes[at] / closes[at - 1]))


def test_the_largest_trades_are_those_worth_most(
    nexo: Lake, trades: list[dict[str, object]]
) -> None:
    ordered = sorted(trades, key=lambda one: (-one["value"], one["trade_id"]))[:10]  # type: ignore[operator]
    found = answer(nexo, "largest_trades").rows(named=True)
    assert [(row["trade_id"], row["value"]) for row in found] == [
        (one["trade_id"], one["value"]) for one in ordered
    ]
    assert (found[0]["trade_id"], found[0]["value"]) == (12_797_887, Decimal("8130.1528"))


def test_a_month_tells_how_many_of_its_days_are_proven(nexo: Lake) -> None:
    (row,) = query(nexo, example("completeness_by_month")).rows(named=True)
    assert (row["days"], row["proven_days"], row["missing_ids"]) == (3, 1, 0)
    assert row["conditions"] == "complete provisional"


def test_what_takers_bought_and_sold_adds_up(nexo: Lake, trades: list[dict[str, object]]) -> None:
    found = answer(nexo, "buy_sell_imbalance")
    assert found.height == 24
    for column, is_sold in (("bought", False), ("sold", True)):
        quantities = [one["quantity"] for one in trades if one["is_buyer_maker"] is is_sold]
        assert found[column].sum() == sum(quantities)  # type: ignore[arg-type]
    assert found["imbalance"].is_between(-1, 1).all()
    assert found["imbalance"][0] == pytest.approx(
        float((12786.91 - 11145.68) / (12786.91 + 11145.68))
    )


def test_the_gaps_of_a_day_are_those_of_its_ledger(nexo: Lake, btc_eth: Lake) -> None:
    assert answer(nexo, "gaps_of_a_day").is_empty()
    ledger = query(btc_eth, "SELECT * FROM gaps ORDER BY symbol, date, first_trade_id")
    found = query(btc_eth, example("gaps_of_a_day"))
    assert found["ids"].to_list() == ledger["count"].to_list()


def test_a_summary_of_proven_days_is_given_or_refused(nexo: Lake) -> None:
    assert answer(nexo, "proven_days").rows() == [
        ("binance", "NEXOUSDT", DAY.date, 12_215, 12_796_828, 12_809_042, Decimal("890359.5")),
    ]
    with pytest.raises(UnsafeQuery, match="2024-07-25 provisional"):
        answer(nexo, "proven_days", **{**ASKED, "last_date": "2024-07-25"})
    with pytest.raises(UnsafeQuery, match="expected the first, then the last"):
        query(nexo, example("proven_days"))


def test_any_client_of_the_warehouse_runs_every_example(nexo_copy: Lake, tmp_path: Path) -> None:
    refresh(nexo_copy, default_path(nexo_copy), {}, "binance", dt.datetime.now(dt.UTC))
    with closing(duckdb.connect(default_path(nexo_copy), read_only=True)) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for variable, value in ASKED.items():
            connection.execute(f"SET VARIABLE {variable} = '{value}'")
        for name in names():
            found = connection.sql(example(name)).pl()
            expected = answer(nexo_copy, name)
            assert found.columns == expected.columns
            if name != "spread_by_hour":  # its averages depend on the order of addition
                assert found.equals(expected), name


def test_the_examples_come_with_the_package(tmp_path: Path) -> None:
    code = "from crypto_assets.pipeline.examples import names; print(len(names()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "10\n"
