"""Bybit's V5 market data, as far as its klines: ``/v5/market/``, from the same tapes.

Every symbol of the market is listed as spot and as a linear perpetual. Source: the exchange's V5
documentation, "Market" and "Rate Limit Rules": klines come newest first, 200 or up to 1,000 a
request, the newest of a span that holds more; an error is HTTP 200 with a ``retCode``; an address
has 600 requests in five seconds, then 403. The fields of instruments-info are those of an answer
of 2026-08-09.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import msgspec
import polars as pl
from aiohttp import web

from crypto_assets.exchange import wire
from crypto_assets.exchange.desk import Desk, json_response
from crypto_assets.exchange.limits import Limits, Rate
from crypto_assets.exchange.rest import See, View
from crypto_assets.exchange.tape import Tape
from crypto_assets.model.interval import DAY_US, SECOND_US

USUAL, MOST = 200, 1_000
INTERVALS = {
    **{str(minutes): minutes * 60 * SECOND_US for minutes in (1, 3, 5, 15, 30)},
    **{str(hours * 60): hours * 3_600 * SECOND_US for hours in (1, 2, 4, 6, 12)},
    "D": DAY_US,
}
"""The exchange's intervals in microseconds, but those of more than a day."""

_PREFIX = "v5/market/"
_SECONDS = 5.0
_FORBIDDEN = 403
_BAD_REQUEST, _TOO_MANY = 10001, 10006
_CATEGORIES = ("spot", "linear")
_COLUMNS = ("open", "high", "low", "close", "volume", "quote_volume")


class _Refusal(Exception):
    """A request the exchange answers with an error."""


def routes(desk: Desk, see: See, limits: Limits) -> list[web.RouteDef]:
    """Give the routes of the V5 market data, with what they see of the market."""
    most = limits.bybit_requests_per_5s
    rates: dict[str, Rate] = {}

    async def answered(request: web.Request) -> web.Response:
        view = see()
        now = asyncio.get_running_loop().time()
        rate = rates.setdefault(request.remote or "", Rate(most, _SECONDS))
        if isinstance(view, int):
            return desk.refused(view, body=_body(_TOO_MANY, "Too many visits.", {}, 0))
        is_refused = rate.exceeded(now)
        headers = {"X-Bapi-Limit": str(most), "X-Bapi-Limit-Status": str(rate.left)}
        if is_refused:
            body = _body(_FORBIDDEN, "Access too frequent. Please try again in 5s.", {}, 0)
            return json_response(body, _FORBIDDEN, headers)
        now_ms = view.now_us // 1_000
        try:
            path = request.match_info["path"].removeprefix(_PREFIX)
            body = _body(0, "OK", answer(path, request.query, view), now_ms)
        except _Refusal as error:
            body = _body(_BAD_REQUEST, str(error), {}, now_ms)
        return json_response(body, headers=headers)

    return [web.get(f"/{{path:{_PREFIX}.+}}", desk.serving("bybit", answered))]


def answer(path: str, values: Mapping[str, str], view: View) -> dict[str, object]:
    """Give the ``result`` of ``/v5/market/<path>``.

    Raises:
        _Refusal: as the exchange would.
    """
    match path:
        case "time":
            return {
                "timeSecond": str(view.now_us // SECOND_US),
                "timeNano": str(view.now_us * 1_000),
            }
        case "instruments-info":
            return _instruments(values, view)
        case "kline":
            return _klines(values, view)
    raise _Refusal(f"params error: no such path {path}")


def _body(code: int, message: str, result: Mapping[str, object], now_ms: int) -> bytes:
    return msgspec.json.encode(
        {
            "retCode": code,
            "retMsg": message,
            "result": result,
            "retExtInfo": {},
            "time": now_ms,
        },
    )


def _category(values: Mapping[str, str], usual: str | None) -> str:
    category = values.get("category", usual)
    if category not in _CATEGORIES:
        raise _Refusal("params error: Category is invalid")
    return category


def _whole(values: Mapping[str, str], name: str) -> int | None:
    text = values.get(name)
    if text is None:
        return None
    if not text.isdecimal():
        raise _Refusal(f"params error: {name} invalid")
    return int(text)


def _instruments(values: Mapping[str, str], view: View) -> dict[str, object]:
    category = _category(values, None)
    wanted = values.get("symbol")
    is_trading = values.get("status", "Trading") == "Trading"
    tapes: Sequence[Tape] = [
        tape for name, tape in view.market.tapes.items() if is_trading and wanted in (None, name)
    ]
    if category == "spot":
        return {"category": category, "list": [_spot(number, tape) for number, tape in _of(tapes)]}
    found = [_linear(number, tape) for number, tape in _of(tapes)]
    return {"category": category, "list": found, "nextPageCursor": ""}


def _of(tapes: Sequence[Tape]) -> list[tuple[int, Tape]]:
    return list(enumerate(tapes, 1))


def _klines(values: Mapping[str, str], view: View) -> dict[str, object]:
    category = _category(values, "linear")
    symbol, interval = values.get("symbol", ""), values.get("interval", "")
    if symbol not in view.market.tapes:
        raise _Refusal("params error: Symbol Is Invalid")
    if interval not in INTERVALS:
        raise _Refusal("Invalid period!")
    start, end = _whole(values, "start"), _whole(values, "end")
    span = (
        None if start is None else start * 1_000,
        None if end is None else end * 1_000,
    )
    limit = min(_whole(values, "limit") or USUAL, MOST)
    tape = view.market.tapes[symbol]
    found = view.klines(tape, INTERVALS[interval], span, limit, from_end=True)
    texts = found.select(
        (pl.col("open_us") // 1_000).cast(pl.String()),
        *(pl.col(name).cast(pl.String()) for name in _COLUMNS),
    )
    rows = [list(row) for row in texts.reverse().iter_rows()]
    return {"category": category, "symbol": symbol, "list": rows}


def _spot(number: int, tape: Tape) -> dict[str, object]:
    symbol = tape.symbol
    return {
        "symbolId": number,
        "symbol": symbol.name,
        "baseCoin": symbol.base,
        "quoteCoin": symbol.quote,
        "innovation": "0",
        "status": "Trading",
        "marginTrading": "utaOnly",
        "stTag": "0",
        "lotSizeFilter": {
            "basePrecision": wire.shortest(symbol.step),
            "quotePrecision": "0.0000001",
            "minOrderQty": wire.shortest(symbol.step),
            "maxOrderQty": "230",
            "minOrderAmt": "5",
            "maxOrderAmt": "8000000",
            "maxLimitOrderQty": "230",
            "maxMarketOrderQty": "120",
            "postOnlyMaxLimitOrderSize": "1150",
        },
        "priceFilter": {"tickSize": wire.shortest(symbol.tick)},
        "riskParameters": {"priceLimitRatioX": "0.005", "priceLimitRatioY": "0.01"},
        "symbolType": "",
        "xstockMultiplier": "1",
    }


def _linear(number: int, tape: Tape) -> dict[str, object]:
    symbol = tape.symbol
    tick, step = wire.shortest(symbol.tick), wire.shortest(symbol.step)
    return {
        "symbol": symbol.name,
        "contractType": "LinearPerpetual",
        "status": "Trading",
        "baseCoin": symbol.base,
        "quoteCoin": symbol.quote,
        "launchTime": str(tape.first_us // 1_000),
        "deliveryTime": "0",
        "deliveryFeeRate": "",
        "priceScale": str(len(tick.partition(".")[2])),
        "leverageFilter": {"minLeverage": "1", "maxLeverage": "100.00", "leverageStep": "0.01"},
        "priceFilter": {"minPrice": tick, "maxPrice": "1999999.80", "tickSize": tick},
        "lotSizeFilter": {
            "maxOrderQty": "1500.000",
            "minOrderQty": step,
            "qtyStep": step,
            "postOnlyMaxOrderQty": "1500.000",
            "maxMktOrderQty": "150.000",
            "minNotionalValue": "5",
        },
        "unifiedMarginTrade": True,
        "fundingInterval": 480,
        "settleCoin": symbol.quote,
        "copyTrading": "both",
        "upperFundingRate": "0.005",
        "lowerFundingRate": "-0.005",
        "isPreListing": False,
        "preListingInfo": None,
        "riskParameters": {"priceLimitRatioX": "0.01", "priceLimitRatioY": "0.02"},
        "displayName": "",
        "symbolType": "",
        "forbidUplWithdrawal": False,
        "symbolId": number,
    }
