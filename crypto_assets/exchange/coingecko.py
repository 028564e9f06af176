"""CoinGecko's side of the loopback exchange: made-up prices of any coin, in its answers' shape.

A coin whose symbol the market has, such as bitcoin, costs what was last traded; every other costs
what its name and the hour make. Faults: those of REST, and in :mod:`faults` what begins with
``prices_``. Source: the provider's API documentation (v3), ``/simple/price`` and
``/coins/{id}/market_chart/range``; the shape of answers as recorded.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Mapping

from aiohttp import web

from crypto_assets.exchange.desk import Desk, json_response
from crypto_assets.exchange.faults import Faults
from crypto_assets.exchange.rest import See, View
from crypto_assets.model.interval import SECOND_US

_SIMPLE, _RANGE = "/api/v3/simple/price", "/api/v3/coins/{coin}/market_chart/range"
_SYMBOLS = {"bitcoin": "BTC", "ethereum": "ETH", "binancecoin": "BNB", "nexo": "NEXO"}
_UNITS = {"usd": 1.0, "eur": 0.92, "jpy": 150.0, "btc": 1.0 / 60_000, "eth": 1.0 / 3_000}
_HOUR_S = 3_600
_AGE_S = 20
_HTML = b"<!DOCTYPE html><html><title>Attention Required! | Cloudflare</title></html>"
_NOT_FOUND, _BAD_REQUEST = 404, 422


def routes(desk: Desk, see: See, faults: Callable[[], Faults]) -> list[web.RouteDef]:
    """Give the routes of prices, with what they see of the market."""

    async def simple(request: web.Request) -> web.Response:
        view = see()
        if isinstance(view, int):
            return desk.refused(view, body=_error(view))
        if faults().prices_html:
            return web.Response(body=_HTML, content_type="text/html")
        ids = [one for one in request.query.get("ids", "").split(",") if one]
        units = [one for one in request.query.get("vs_currencies", "").split(",") if one]
        if not ids or not units:
            return json_response(b'{"error":"Missing parameter ids"}', _BAD_REQUEST)
        return json_response(_simple(ids, units, request.query, view, faults()))

    async def chart(request: web.Request) -> web.Response:
        view = see()
        if isinstance(view, int):
            return desk.refused(view, body=_error(view))
        if faults().prices_html:
            return web.Response(body=_HTML, content_type="text/html")
        coin, query = request.match_info["coin"], request.query
        if coin in faults().prices_missing:
            return json_response(b'{"error":"coin not found"}', _NOT_FOUND)
        unit, span = query.get("vs_currency", ""), (query.get("from", ""), query.get("to", ""))
        if unit not in _UNITS or not all(one.isdecimal() for one in span):
            return json_response(b'{"error":"invalid vs_currency, from or to"}', _BAD_REQUEST)
        return json_response(_chart(coin, unit, (int(span[0]), int(span[1])), view))

    return [
        web.get(_SIMPLE, desk.serving("coingecko", simple)),
        web.get(_RANGE, desk.serving("coingecko", chart)),
    ]


def _error(status: int) -> bytes:
    return b'{"status":{"error_code":%d,"error_message":"You have been refused."}}' % status


def _simple(
    ids: list[str],
    units: list[str],
    query: Mapping[str, str],
    view: View,
    faults: Faults,
) -> bytes:
    """Write the prices of coins; those of unknown currencies are left out, as the provider does."""
    updated = view.now_us // SECOND_US - _AGE_S
    entries: list[str] = []
    for coin in sorted(set(ids) - set(faults.prices_missing)):
        fields: list[str] = []
        for unit in (one for one in units if one in _UNITS):
            price = _price(coin, unit, updated, view)
            told = "null" if coin in faults.prices_null else _text(price)
            fields.append(f'"{unit}":{told}')
            if query.get("include_market_cap") == "true":
                fields.append(f'"{unit}_market_cap":{_text(price * 19_000_000)}')
            if query.get("include_24hr_vol") == "true":
                fields.append(f'"{unit}_24h_vol":{_text(price * 400_000)}')
            if query.get("include_24hr_change") == "true":
                before = _price(coin, unit, updated - 24 * _HOUR_S, view)
                fields.append(f'"{unit}_24h_change":{_text((price / before - 1) * 100)}')
        if query.get("include_last_updated_at") == "true":
            fields.append(f'"last_updated_at":{updated}')
        entries.append(f'"{coin}":{{{",".join(fields)}}}')
    return f"{{{','.join(entries)}}}".encode()


def _chart(coin: str, unit: str, span_s: tuple[int, int], view: View) -> bytes:
    """Write a price an hour, some seconds past it, up to now."""
    offset = 7 + zlib.crc32(coin.encode()) % 90
    last = min(span_s[1], view.now_us // SECOND_US)
    hours = range(-(-span_s[0] // _HOUR_S), last // _HOUR_S + 1)
    times = [at for at in (hour * _HOUR_S + offset for hour in hours) if at <= last]
    prices = [(at * 1_000, _price(coin, unit, at, view)) for at in times]

    def pairs(factor: float) -> str:
        return ",".join(f"[{at},{_text(price * factor)}]" for at, price in prices)

    return (
        f'{{"prices":[{pairs(1)}],"market_caps":[{pairs(19_000_000)}],'
        f'"total_volumes":[{pairs(400_000)}]}}'
    ).encode()


def _price(coin: str, unit: str, at_s: int, view: View) -> float:
    """Say what a coin costs: the last trade before, or what its name and the hour make."""
    seed = zlib.crc32(coin.encode())
    base = 10.0 ** (seed % 14 - 9) * (1 + seed % 1_009 / 1_009)
    for tape in view.market.tapes.values():
        if tape.symbol.base == _SYMBOLS.get(coin):
            times, prices = tape.trades["time_us"], tape.trades["price"]
            row = int(times.search_sorted(at_s * SECOND_US, side="right")) - 1
            if row >= 0:
                return float(prices[row]) * _UNITS[unit]
            base = float(prices[0])
    return base * (1 + 0.02 * math.sin(at_s / _HOUR_S + seed)) * _UNITS[unit]


def _text(value: float) -> str:
    """Write a number as short as it is exact; small ones with an exponent, such as 1.2e-08."""
    return repr(value)
