"""The REST rules, without a socket."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from crypto_assets.exchange import Limits, Market, rest
from crypto_assets.exchange.rest import Refusal, View, answer, weight

SECOND = 1_000_000
SYMBOL = ("symbol", "BTCUSDT")


@pytest.fixture
def view(market: Market) -> View:
    """All of the market."""
    return View(market, market.end_us, Limits())


def ask(view: View, path: str, *pairs: tuple[str, object], unit: str = "ms") -> Any:
    return json.loads(answer(path, [(name, str(value)) for name, value in pairs], view, unit))


def refused(view: View, path: str, *pairs: tuple[str, object]) -> tuple[int, str]:
    with pytest.raises(Refusal) as caught:
        ask(view, path, *pairs)
    assert json.loads(caught.value.body) == {
        "code": caught.value.code,
        "msg": str(caught.value),
    }
    return caught.value.code, str(caught.value)


def test_a_trade_is_told_with_its_exact_decimals_and_quote(view: View) -> None:
    row = view.market.tapes["BTCUSDT"].trades.row(0, named=True)
    (told,) = ask(view, "historicalTrades", SYMBOL, ("fromId", row["trade_id"]), ("limit", 1))
    assert told == {
        "id": row["trade_id"],
        "price": str(row["price"]),
        "qty": str(row["quantity"]),
        "quoteQty": str(row["quote"]),
        "time": row["time_us"] // 1_000,
        "isBuyerMaker": row["is_buyer_maker"],
        "isBestMatch": True,
    }
    assert len(told["price"].partition(".")[2]) == 8


def test_trades_are_the_newest_and_ascend(view: View) -> None:
    last = int(view.market.tapes["BTCUSDT"].ids[-1])
    ids = [row["id"] for row in ask(view, "trades", SYMBOL, ("limit", 3))]
    assert ids == [last - 2, last - 1, last]
    assert len(ask(view, "trades", SYMBOL)) == 500


def test_a_limit_above_a_thousand_is_a_thousand(view: View) -> None:
    assert len(ask(view, "trades", SYMBOL, ("limit", 5_000))) == 1_000


def test_paging_by_id_reads_every_trade_once(view: View) -> None:
    expected = view.market.tapes["BTCUSDT"].ids.tolist()
    found: list[int] = []
    while page := ask(
        view,
        "historicalTrades",
        SYMBOL,
        ("fromId", found[-1] + 1 if found else 0),
        ("limit", 400),
    ):
        found += [row["id"] for row in page]
    assert found == expected


def test_only_what_has_happened_is_told(market: Market) -> None:
    tape = market.tapes["BTCUSDT"]
    at = int(tape.trade_due[100])
    count = tape.trades_until(at)
    view = View(market, at, Limits())
    assert ask(view, "trades", SYMBOL, ("limit", 1))[0]["id"] == tape.ids[count - 1]
    beyond = ("fromId", int(tape.ids[count]))
    assert ask(view, "historicalTrades", SYMBOL, beyond) == []
    nothing = View(market, market.start_us - 1, Limits())
    assert ask(nothing, "trades", SYMBOL) == []
    assert ask(nothing, "aggTrades", SYMBOL) == []
    assert ask(nothing, "klines", SYMBOL, ("interval", "1s")) == []


def test_rest_lags_by_ids_and_by_seconds(market: Market) -> None:
    tape = market.tapes["BTCUSDT"]
    behind = View(market, market.end_us, Limits(), lag_ids=7)
    assert ask(behind, "trades", SYMBOL, ("limit", 1))[0]["id"] == tape.ids[-8]
    late = View(market, market.end_us, Limits(), lag_us=5 * SECOND)
    told = ask(late, "trades", SYMBOL, ("limit", 1), unit="us")[0]
    assert told["time"] <= market.end_us - 5 * SECOND
    assert told["id"] == tape.ids[tape.trades_until(market.end_us - 5 * SECOND) - 1]


def test_an_aggregate_is_told_only_with_its_last_trade(market: Market) -> None:
    tape = market.tapes["BTCUSDT"]
    several = next(row for row in tape.aggregates.to_dicts() if row["last_id"] > row["first_id"])
    missing = len(tape.ids) - int(several["last_id"] - tape.ids[0])
    view = View(market, market.end_us, Limits(), lag_ids=missing)
    newest = ask(view, "aggTrades", SYMBOL, ("limit", 1))
    assert newest == [] or newest[0]["l"] < several["first_id"]


def test_aggregates_by_id_and_by_time_both_ends_inside(view: View) -> None:
    rows = view.market.tapes["BTCUSDT"].aggregates.to_dicts()
    from_id = ask(view, "aggTrades", SYMBOL, ("fromId", rows[10]["agg_id"]), ("limit", 2))
    assert [row["a"] for row in from_id] == [rows[10]["agg_id"], rows[11]["agg_id"]]
    assert from_id[0]["q"] == str(rows[10]["quantity"])
    start, end = rows[20]["time_us"], rows[40]["time_us"]
    expected = [row["agg_id"] for row in rows if start <= row["time_us"] <= end]
    for scale in (1, 1_000):
        times = ("startTime", start // scale), ("endTime", -(-end // scale))
        told = ask(view, "aggTrades", SYMBOL, *times, unit="us")
        ids = [row["a"] for row in told]
        assert set(expected) <= set(ids)
        assert scale > 1 or ids == expected
    newest = ask(view, "aggTrades", SYMBOL, ("endTime", end), ("limit", 1))
    assert newest[0]["a"] == expected[-1]


def test_an_id_and_a_time_together_are_refused(view: View) -> None:
    code, _ = refused(view, "aggTrades", SYMBOL, ("fromId", 1), ("startTime", 1_700_000_000_000))
    assert code == rest.BAD_COMBINATION


def test_klines_tile_and_end_with_the_open_one(view: View) -> None:
    told = ask(view, "klines", SYMBOL, ("interval", "1s"), ("limit", 10), unit="us")
    opens = [row[0] for row in told]
    newest = view.now_us // SECOND * SECOND
    assert opens == list(range(newest - 9 * SECOND, newest + 1, SECOND))
    assert all(row[6] == row[0] + SECOND - 1 for row in told)
    minute = ask(view, "klines", SYMBOL, ("interval", "1m"))
    count = sum(row[8] for row in minute)
    assert count == len(view.market.tapes["BTCUSDT"].ids)
    assert minute[0][6] == minute[0][0] + 59_999


def test_klines_by_time_start_at_the_next_open(view: View) -> None:
    start = view.market.start_us // SECOND * SECOND + 5 * SECOND
    told = ask(
        view,
        "klines",
        SYMBOL,
        ("interval", "1s"),
        ("startTime", (start - 1) // 1_000),
        ("endTime", (start + 2 * SECOND) // 1_000),
    )
    assert [row[0] for row in told] == [(start + k * SECOND) // 1_000 for k in range(3)]


def test_an_empty_kline_repeats_the_last_close(view: View) -> None:
    told = ask(view, "klines", SYMBOL, ("interval", "1s"), ("limit", 1_000))
    pairs = [(a, b) for a, b in itertools.pairwise(told) if b[8] == 0]
    assert pairs
    for before, empty in pairs:
        assert empty[1:5] == [before[4]] * 4
        assert empty[5] == empty[7] == "0.00000000"


def test_times_are_ms_unless_us_are_asked_for(view: View) -> None:
    assert ask(view, "time") == {"serverTime": view.now_us // 1_000}
    assert ask(view, "time", unit="us") == {"serverTime": view.now_us}
    assert ask(view, "exchangeInfo", unit="us")["serverTime"] == view.now_us


def test_exchange_info_tells_filters_and_statuses(market: Market) -> None:
    held = market.tapes["ETHUSDT"].held(market.start_us, is_break=True)
    view = View(market.replaced(held), market.end_us, Limits(weight_per_minute=77))
    told = ask(view, "exchangeInfo")
    found = {entry["symbol"]: entry for entry in told["symbols"]}
    assert {name: entry["status"] for name, entry in found.items()} == {
        "BTCUSDT": "TRADING",
        "ETHUSDT": "BREAK",
    }
    filters = {entry["filterType"]: entry for entry in found["BTCUSDT"]["filters"]}
    assert filters["PRICE_FILTER"]["tickSize"] == "0.01000000"
    assert filters["LOT_SIZE"]["stepSize"] == "0.00001000"
    assert told["rateLimits"][0]["limit"] == 77
    one = ask(view, "exchangeInfo", ("symbols", '["ETHUSDT"]'))
    assert [entry["symbol"] for entry in one["symbols"]] == ["ETHUSDT"]
    trading = ask(view, "exchangeInfo", ("symbolStatus", "TRADING"))
    assert [entry["symbol"] for entry in trading["symbols"]] == ["BTCUSDT"]
    assert refused(view, "exchangeInfo", ("symbolStatus", "SLEEPING"))[0] == rest.BAD_STATUS


def test_the_book_is_the_last_quote(view: View) -> None:
    row = view.market.tapes["BTCUSDT"].quotes.row(-1, named=True)
    told = ask(view, "ticker/bookTicker", SYMBOL)
    assert told["bidPrice"] == str(row["bid"])
    assert told["askQty"] == str(row["ask_quantity"])
    assert len(ask(view, "ticker/bookTicker")) == 2


@pytest.mark.parametrize(
    ("path", "pairs", "code", "text"),
    [
        ("trades", [], rest.MISSING, "Mandatory parameter 'symbol' was not sent"),
        ("trades", [("symbol", "")], rest.EMPTY, "Parameter 'symbol' was empty."),
        ("trades", [("symbol", "btcusdt")], rest.ILLEGAL, "Illegal characters"),
        ("trades", [("symbol", "NOSUCHUSDT")], rest.BAD_SYMBOL, "Invalid symbol."),
        ("trades", [SYMBOL, ("limit", "x")], rest.ILLEGAL, "parameter 'limit'"),
        ("trades", [SYMBOL, ("limit", "-1")], rest.ILLEGAL, "parameter 'limit'"),
        ("trades", [SYMBOL, ("limit", "0")], rest.BAD_DATA, "parameter 'limit'"),
        ("trades", [SYMBOL, ("limit", "")], rest.EMPTY, "Parameter 'limit' was empty."),
        ("trades", [SYMBOL, SYMBOL], rest.TOO_MANY, "Duplicate values"),
        ("trades", [SYMBOL, ("fromId", "1")], rest.UNREAD, "read '1' parameter(s)"),
        ("ping", [SYMBOL], rest.TOO_MANY, "expected '0' and received '1'"),
        ("klines", [SYMBOL], rest.MISSING, "'interval'"),
        ("klines", [SYMBOL, ("interval", "7m")], rest.BAD_INTERVAL, "Invalid interval."),
        ("klines", [SYMBOL, ("interval", "1m"), ("timeZone", "8")], rest.BAD_DATA, "timeZone"),
        ("exchangeInfo", [("symbols", "x")], rest.ILLEGAL, "symbols"),
        ("exchangeInfo", [("symbols", '["NOUSDT"]')], rest.BAD_SYMBOL, "Invalid symbol."),
        ("exchangeInfo", [SYMBOL, ("symbols", "[]")], rest.BAD_COMBINATION, "Combination"),
    ],
)
def test_a_bad_request_is_refused_with_its_code(
    view: View,
    path: str,
    pairs: list[tuple[str, object]],
    code: int,
    text: str,
) -> None:
    found, message = refused(view, path, *pairs)
    assert found == code
    assert text in message


def test_an_unknown_endpoint_is_not_found(view: View) -> None:
    with pytest.raises(Refusal) as caught:
        ask(view, "order")
    assert caught.value.status == 404


def test_weights_are_the_documented_ones() -> None:
    paths = ("ping", "time", "exchangeInfo", "trades", "historicalTrades", "aggTrades", "klines")
    assert [weight(path, {}) for path in paths] == [1, 1, 20, 25, 25, 4, 2]
    assert weight("ticker/bookTicker", {}) == 4
    assert weight("ticker/bookTicker", {"symbol": "BTCUSDT"}) == 2
