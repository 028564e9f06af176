"""Binance's USD-margined futures, as far as their klines: ``/fapi/v1/``, from the same tapes.

Every symbol of the market is listed as a perpetual of its name too. Source: the exchange's
"USDⓈ-M Futures" documentation, "Market Data Endpoints": klines are up to 1,500 a request and cost
1, 2, 5 or 10 by their limit, of a weight of 2,400 a minute; times are milliseconds.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Mapping

import msgspec
from aiohttp import web

from crypto_assets.exchange import wire
from crypto_assets.exchange.desk import Desk, json_response
from crypto_assets.exchange.klines import INTERVALS
from crypto_assets.exchange.limits import Denied, Limits, Weights
from crypto_assets.exchange.rest import (
    BAD_INTERVAL,
    MISSING,
    Ask,
    Refusal,
    See,
    View,
)
from crypto_assets.exchange.tape import Tape

USUAL, MOST = 500, 1_500
_WEIGHTS = ((99, 1), (499, 2), (1_000, 5), (MOST, 10))
_NEVER_MS = 4_133_404_800_000
"""When a perpetual is delivered."""
_PREFIX = "fapi/v1/"


def routes(desk: Desk, see: See, limits: Limits) -> list[web.RouteDef]:
    """Give the routes of the futures, with what they see of the market."""
    per_minute = limits.futures_weight_per_minute
    weights = Weights(dataclasses.replace(limits, weight_per_minute=per_minute))

    async def answered(request: web.Request) -> web.Response:
        path, view = request.match_info["path"].removeprefix(_PREFIX), see()
        if isinstance(view, int):
            return desk.refused(view)
        now = asyncio.get_running_loop().time()
        spent = weights.spend(request.remote or "", weight(path, request.query), now)
        headers = {"X-MBX-USED-WEIGHT-1M": str(spent.used)}
        if isinstance(spent, Denied):
            return desk.refused(spent.status, spent.retry_after_s, headers)
        try:
            return json_response(answer(path, request.query, view), headers=headers)
        except Refusal as error:
            return json_response(error.body, error.status, headers)

    return [web.get(f"/{{path:{_PREFIX}.+}}", desk.serving("futures", answered))]


def weight(path: str, values: Mapping[str, str]) -> int:
    """Say what a request costs."""
    limit = values.get("limit", "")
    if path != "klines" or not limit.isdecimal():
        return 1
    return next((cost for most, cost in _WEIGHTS if int(limit) <= most), _WEIGHTS[-1][1])


def answer(path: str, values: Mapping[str, str], view: View) -> bytes:
    """Answer ``/fapi/v1/<path>``.

    Raises:
        Refusal: as the exchange would.
    """
    match path:
        case "ping":
            return b"{}"
        case "time":
            return b'{"serverTime":%d}' % (view.now_us // 1_000)
        case "exchangeInfo":
            return _exchange_info(view)
        case "klines":
            return _klines(Ask(view, values, wire.MS))
    raise Refusal(-5000, f"Path /{_PREFIX}{path}, Method GET is invalid", status=404)


def _klines(ask: Ask) -> bytes:
    tape, name = ask.tape, ask.values.get("interval")
    if name is None:
        raise Refusal(
            MISSING,
            "Mandatory parameter 'interval' was not sent, was empty/null, or malformed.",
        )
    if name not in INTERVALS or name == "1s":
        raise Refusal(BAD_INTERVAL, "Invalid interval.")
    length = INTERVALS[name]
    span = (ask.time("startTime"), ask.time("endTime"))
    found = ask.view.klines(tape, length, span, ask.limited(USUAL, MOST))
    return wire.rows(wire.kline_rows(found, length, ask.unit))


def _exchange_info(view: View) -> bytes:
    limits = [
        {"rateLimitType": kind, "interval": interval, "intervalNum": count, "limit": limit}
        for kind, interval, count, limit in (
            ("REQUEST_WEIGHT", "MINUTE", 1, view.limits.futures_weight_per_minute),
            ("ORDERS", "MINUTE", 1, 1_200),
            ("ORDERS", "SECOND", 10, 300),
        )
    ]
    tapes = view.market.tapes.values()
    return msgspec.json.encode(
        {
            "exchangeFilters": [],
            "rateLimits": limits,
            "serverTime": view.now_us // 1_000,
            "assets": [
                {"asset": name, "marginAvailable": True, "autoAssetExchange": "-10000"}
                for name in sorted({tape.symbol.quote for tape in tapes})
            ],
            "symbols": [_symbol(tape) for tape in tapes],
            "timezone": "UTC",
        },
    )


def _symbol(tape: Tape) -> dict[str, object]:
    symbol = tape.symbol
    tick, step = wire.shortest(symbol.tick), wire.shortest(symbol.step)
    return {
        "symbol": symbol.name,
        "pair": symbol.name,
        "contractType": "PERPETUAL",
        "deliveryDate": _NEVER_MS,
        "onboardDate": tape.first_us // 1_000,
        "status": "TRADING",
        "maintMarginPercent": "2.5000",
        "requiredMarginPercent": "5.0000",
        "baseAsset": symbol.base,
        "quoteAsset": symbol.quote,
        "marginAsset": symbol.quote,
        "pricePrecision": _places(tick),
        "quantityPrecision": _places(step),
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": "COIN",
        "underlyingSubType": [],
        "triggerProtect": "0.0500",
        "liquidationFee": "0.012500",
        "marketTakeBound": "0.05",
        "filters": [
            {
                "filterType": "PRICE_FILTER",
                "minPrice": tick,
                "maxPrice": "4529764",
                "tickSize": tick,
            },
            {"filterType": "LOT_SIZE", "minQty": step, "maxQty": "1000", "stepSize": step},
            {"filterType": "MARKET_LOT_SIZE", "minQty": step, "maxQty": "120", "stepSize": step},
            {"filterType": "MAX_NUM_ORDERS", "limit": 200},
            {"filterType": "MIN_NOTIONAL", "notional": "5"},
            {
                "filterType": "PERCENT_PRICE",
                "multiplierUp": "1.0500",
                "multiplierDown": "0.9500",
                "multiplierDecimal": "4",
            },
        ],
        "orderTypes": ["LIMIT", "MARKET"],
        "timeInForce": ["GTC", "IOC", "FOK", "GTX"],
    }


def _places(text: str) -> int:
    return len(text.partition(".")[2])
