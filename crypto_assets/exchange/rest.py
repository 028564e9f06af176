"""The public REST endpoints as a function of the market: a path and parameters to a body.

Source: the exchange's "Public Rest API for Binance" (endpoints, parameters, weights) and "Error
codes for Binance". A ``limit`` above 1,000 is taken as 1,000. Klines of more than a day, other time
zones and everything that needs a signature are not offered.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import msgspec
import numpy as np
import polars as pl

from crypto_assets.exchange import wire
from crypto_assets.exchange.klines import INTERVALS
from crypto_assets.exchange.limits import Limits
from crypto_assets.exchange.market import Market
from crypto_assets.exchange.tape import UNIT, Tape

MOST, USUAL = 1_000, 500
Span = tuple[int | None, int | None]
_SYMBOL = re.compile(r"[\w\-.]{1,40}")
_WHOLE = re.compile(r"[0-9]{1,20}")
_MS_UNTIL = 10**14

ILLEGAL, TOO_MANY, MISSING, UNREAD, EMPTY = -1100, -1101, -1102, -1104, -1105
BAD_INTERVAL, BAD_SYMBOL, BAD_STATUS, BAD_COMBINATION, BAD_DATA = -1120, -1121, -1122, -1128, -1130


class Refusal(Exception):
    """A request the exchange answers with an error: a status, a code and a message."""

    def __init__(self, code: int, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.status = status

    @property
    def body(self) -> bytes:
        """The answer."""
        return error_body(self.code, str(self))


@dataclass(frozen=True, slots=True)
class View:
    """What REST sees of the market: up to a time, and behind the stream if it is told to be."""

    market: Market
    now_us: int
    limits: Limits
    lag_us: int = 0
    lag_ids: int = 0
    page: int = 0
    """The most klines an answer holds, whatever was asked for; 0 for the endpoint's own limit."""
    from_end: bool = False
    """Whether a page that is cut holds the last of what was asked for instead of the first."""

    def trades(self, tape: Tape) -> int:
        """Count the trades that are in the database."""
        return max(tape.trades_until(self.now_us - self.lag_us) - self.lag_ids, 0)

    def status(self, tape: Tape) -> str:
        """Say ``TRADING``, ``HALT`` or ``BREAK``."""
        if tape.hold is None:
            return "TRADING"
        return "BREAK" if tape.hold.is_break else "HALT"

    def klines(
        self,
        tape: Tape,
        length: int,
        span: Span,
        limit: int,
        *,
        from_end: bool = False,
    ) -> pl.DataFrame:
        """Find the klines that open within a span of us, both ends inside and either left open.

        Without a start they are the newest; the last may still be open. ``from_end`` says that of
        too many between a start and an end the last are given, not the first.
        """
        start, end = span
        limit = min(limit, self.page or limit)
        now = self.now_us - self.lag_us
        newest = min(now if end is None else end, now) // length * length
        first = tape.first_us // length * length
        is_cut_below = start is None or (end is not None and (from_end or self.from_end))
        oldest = first if start is None else max(-(-start // length) * length, first)
        return _page(
            lambda opens: tape.klines(length, opens, self.trades(tape)),
            range(oldest, newest + 1, length),
            limit,
            is_cut_below=is_cut_below,
        )


See = Callable[[], View | int]
"""Shows what REST sees of the market now, or says the status a request is refused with."""


def _page(
    klines: Callable[[range], pl.DataFrame],
    opens: range,
    limit: int,
    *,
    is_cut_below: bool,
) -> pl.DataFrame:
    """Find the first or the last so many klines there are: a hole takes no room in an answer."""
    found = klines(opens[:0])
    while opens and found.height < limit:
        left = limit - found.height
        if is_cut_below:
            found = pl.concat([klines(opens[-left:]), found])
            opens = opens[:-left]
        else:
            found = pl.concat([found, klines(opens[:left])])
            opens = opens[left:]
    return found


@dataclass(frozen=True, slots=True)
class Ask:
    """One request and its parameters."""

    view: View
    values: Mapping[str, str]
    unit: str

    def whole(self, name: str) -> int | None:
        """Read a number, None where it was not sent."""
        text = self.values.get(name)
        if text is None:
            return None
        if not text:
            raise Refusal(EMPTY, f"Parameter '{name}' was empty.")
        if not _WHOLE.fullmatch(text):
            raise Refusal(
                ILLEGAL,
                f"Illegal characters found in parameter '{name}'; "
                "legal range is '^[0-9]{1,20}$'.",
            )
        return int(text)

    @property
    def limit(self) -> int:
        """How many rows."""
        return self.limited(USUAL, MOST)

    def limited(self, usual: int, most: int) -> int:
        """How many rows where an endpoint has limits of its own."""
        limit = self.whole("limit")
        if limit == 0:
            raise Refusal(BAD_DATA, "Data sent for parameter 'limit' is not valid.")
        return min(limit or usual, most)

    def time(self, name: str) -> int | None:
        """Read a time in ms or us, told by its magnitude, as us."""
        value = self.whole(name)
        return value * 1_000 if value is not None and value < _MS_UNTIL else value

    @property
    def tape(self) -> Tape:
        """The symbol asked for."""
        name = self.values.get("symbol")
        if name is None:
            raise Refusal(
                MISSING,
                "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.",
            )
        return _listed(self.view.market, name)


def weight(path: str, values: Mapping[str, str]) -> int:
    """Say what a request costs."""
    if path == "ticker/bookTicker":
        return 2 if "symbol" in values else 4
    return _ENDPOINTS[path].weight if path in _ENDPOINTS else 1


def answer(path: str, pairs: Iterable[tuple[str, str]], view: View, unit: str) -> bytes:
    """Answer ``/api/v3/<path>``; times in the unit ``ms`` or ``us``.

    Raises:
        Refusal: as the exchange would.

    """
    endpoint = _ENDPOINTS.get(path)
    if endpoint is None:
        raise not_found(path)
    sent = list(pairs)
    values = dict(sent)
    if len(values) < len(sent):
        raise Refusal(TOO_MANY, "Duplicate values for a parameter detected.")
    read = len(values.keys() & set(endpoint.parameters))
    if len(values) > len(endpoint.parameters):
        raise Refusal(
            TOO_MANY,
            f"Too many parameters; expected '{len(endpoint.parameters)}' and received "
            f"'{len(values)}'.",
        )
    if read < len(values):
        raise Refusal(
            UNREAD,
            f"Not all sent parameters were read; read '{read}' parameter(s) but was sent "
            f"'{len(values)}'.",
        )
    return endpoint.answer(Ask(view, values, unit))


def not_found(path: str) -> Refusal:
    """What is answered where there is no such endpoint."""
    return Refusal(-1, f"Not found: /api/v3/{path}", status=404)


def error_body(code: int, message: str) -> bytes:
    """Write an error."""
    return msgspec.json.encode({"code": code, "msg": message})


def _listed(market: Market, name: str) -> Tape:
    if not name:
        raise Refusal(EMPTY, "Parameter 'symbol' was empty.")
    if not _SYMBOL.fullmatch(name) or name != name.upper():
        raise Refusal(
            ILLEGAL,
            "Illegal characters found in parameter 'symbol'; "
            "legal range is '^[\\w\\-._&&[^a-z]]{1,50}$'.",
        )
    if name not in market.tapes:
        raise Refusal(BAD_SYMBOL, "Invalid symbol.")
    return market.tapes[name]


def _ping(_: Ask) -> bytes:
    return b"{}"


def _time(ask: Ask) -> bytes:
    now = ask.view.now_us if ask.unit == wire.US else ask.view.now_us // 1_000
    return b'{"serverTime":%d}' % now


def _trades(ask: Ask) -> bytes:
    """The newest trades, or with ``fromId`` those from it on; ids of a hole are stepped over."""
    tape, limit, from_id = ask.tape, ask.limit, ask.whole("fromId")
    count = ask.view.trades(tape)
    start = max(count - limit, 0)
    if from_id is not None:
        start = min(int(np.searchsorted(tape.ids, from_id)), count)
    chosen = tape.trades.slice(start, min(limit, count - start))
    return wire.rows(wire.trade_rows(chosen, ask.unit))


def _aggregates(ask: Ask) -> bytes:
    """The newest, or from an id on, or within times, both ends inside."""
    tape, limit = ask.tape, ask.limit
    from_id, start, end = ask.whole("fromId"), ask.time("startTime"), ask.time("endTime")
    if from_id is not None and (start is not None or end is not None):
        raise Refusal(BAD_COMBINATION, "Combination of optional parameters invalid.")
    count = ask.view.trades(tape)
    if not count:
        return b"[]"
    # An aggregate is there with its last trade.
    last = int(np.searchsorted(tape.aggregates["last_id"].to_numpy(), tape.ids[count - 1] + 1))
    times = tape.aggregates["time_us"].to_numpy()
    if from_id is not None:
        low, high = int(np.searchsorted(tape.aggregates["agg_id"].to_numpy(), from_id)), last
    else:
        low = 0 if start is None else int(np.searchsorted(times, start))
        high = last if end is None else min(int(np.searchsorted(times, end, side="right")), last)
        if start is None:
            low = max(high - limit, 0)
    chosen = tape.aggregates.slice(low, max(min(limit, high - low), 0))
    return wire.rows(wire.aggregate_rows(chosen, ask.unit))


def _klines(ask: Ask) -> bytes:
    """The newest, or those that open within times; the last may still be open."""
    tape, limit = ask.tape, ask.limit
    name = ask.values.get("interval")
    if name is None:
        raise Refusal(
            MISSING,
            "Mandatory parameter 'interval' was not sent, was empty/null, or malformed.",
        )
    if name not in INTERVALS:
        raise Refusal(BAD_INTERVAL, "Invalid interval.")
    if ask.values.get("timeZone", "0") not in ("0", "00:00", "+00:00", "-00:00"):
        raise Refusal(BAD_DATA, "Data sent for parameter 'timeZone' is not valid.")
    length = INTERVALS[name]
    span = (ask.time("startTime"), ask.time("endTime"))
    found = ask.view.klines(tape, length, span, limit)
    return wire.rows(wire.kline_rows(found, length, ask.unit))


def _book_ticker(ask: Ask) -> bytes:
    """The best bid and ask of one symbol, or of all."""
    if "symbol" in ask.values:
        tapes, single = [ask.tape], True
    else:
        tapes, single = _asked(ask), False
    found = []
    for tape in tapes:
        at = int(np.searchsorted(tape.quote_due, ask.view.now_us, side="right")) - 1
        row = tape.quotes.row(at, named=True) if at >= 0 else dict.fromkeys(tape.quotes.columns, 0)
        found.append(
            {
                "symbol": tape.symbol.name,
                "bidPrice": f"{row['bid']:.8f}",
                "bidQty": f"{row['bid_quantity']:.8f}",
                "askPrice": f"{row['ask']:.8f}",
                "askQty": f"{row['ask_quantity']:.8f}",
            },
        )
    return msgspec.json.encode(found[0] if single else found)


def _asked(ask: Ask) -> list[Tape]:
    """The symbols of ``symbol`` or ``symbols``, all where neither was sent."""
    if "symbol" in ask.values and "symbols" in ask.values:
        raise Refusal(BAD_COMBINATION, "Combination of optional parameters invalid.")
    if "symbol" in ask.values:
        return [ask.tape]
    if "symbols" not in ask.values:
        return list(ask.view.market.tapes.values())
    try:
        names = msgspec.json.decode(ask.values["symbols"], type=list[str])
    except (msgspec.DecodeError, ValueError):
        raise Refusal(
            ILLEGAL,
            "Illegal characters found in parameter 'symbols'; legal range is a JSON array.",
        ) from None
    return [_listed(ask.view.market, name) for name in names]


def _exchange_info(ask: Ask) -> bytes:
    wanted = ask.values.get("symbolStatus")
    if wanted not in (None, "TRADING", "HALT", "BREAK"):
        raise Refusal(BAD_STATUS, "Invalid symbolStatus.")
    view = ask.view
    tapes = [tape for tape in _asked(ask) if wanted in (None, view.status(tape))]
    now = view.now_us if ask.unit == wire.US else view.now_us // 1_000
    return msgspec.json.encode(
        {
            "timezone": "UTC",
            "serverTime": now,
            "rateLimits": [
                _rate_limit("REQUEST_WEIGHT", "MINUTE", 1, view.limits.weight_per_minute),
                _rate_limit("ORDERS", "SECOND", 10, 100),
                _rate_limit("ORDERS", "DAY", 1, 200_000),
                _rate_limit("RAW_REQUESTS", "MINUTE", 5, 300_000),
            ],
            "exchangeFilters": [],
            "symbols": [_symbol(tape, view.status(tape)) for tape in tapes],
        },
    )


def _rate_limit(kind: str, interval: str, count: int, limit: int) -> dict[str, object]:
    return {"rateLimitType": kind, "interval": interval, "intervalNum": count, "limit": limit}


def _symbol(tape: Tape, status: str) -> dict[str, object]:
    symbol = tape.symbol
    return {
        "symbol": symbol.name,
        "status": status,
        "baseAsset": symbol.base,
        "baseAssetPrecision": 8,
        "quoteAsset": symbol.quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET"],
        "icebergAllowed": True,
        "ocoAllowed": True,
        "quoteOrderQtyMarketAllowed": True,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": [
            {
                "filterType": "PRICE_FILTER",
                "minPrice": _units(symbol.tick),
                "maxPrice": "9999999999.00000000",
                "tickSize": _units(symbol.tick),
            },
            {
                "filterType": "LOT_SIZE",
                "minQty": _units(symbol.step),
                "maxQty": "9999999999.00000000",
                "stepSize": _units(symbol.step),
            },
            {
                "filterType": "NOTIONAL",
                "minNotional": "5.00000000",
                "applyMinToMarket": True,
                "maxNotional": "9000000.00000000",
                "applyMaxToMarket": False,
                "avgPriceMins": 5,
            },
        ],
        "permissions": [],
        "permissionSets": [["SPOT"]],
    }


def _units(value: int) -> str:
    return f"{value // UNIT}.{value % UNIT:08d}"


@dataclass(frozen=True, slots=True)
class _Endpoint:
    """One endpoint: what it costs, what it takes, what it says."""

    weight: int
    parameters: tuple[str, ...]
    answer: Callable[[Ask], bytes]


_ENDPOINTS = {
    "ping": _Endpoint(1, (), _ping),
    "time": _Endpoint(1, (), _time),
    "exchangeInfo": _Endpoint(
        20,
        ("symbol", "symbols", "permissions", "showPermissionSets", "symbolStatus"),
        _exchange_info,
    ),
    "trades": _Endpoint(25, ("symbol", "limit"), _trades),
    "historicalTrades": _Endpoint(25, ("symbol", "limit", "fromId"), _trades),
    "aggTrades": _Endpoint(
        4,
        ("symbol", "fromId", "startTime", "endTime", "limit"),
        _aggregates,
    ),
    "klines": _Endpoint(
        2,
        ("symbol", "interval", "startTime", "endTime", "timeZone", "limit"),
        _klines,
    ),
    "ticker/bookTicker": _Endpoint(4, ("symbol", "symbols"), _book_ticker),
}
