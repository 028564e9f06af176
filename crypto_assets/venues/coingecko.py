"""CoinGecko's answers as frames, and what of them cannot be used.

Source: the provider's API documentation (v3), "Coin Price by IDs" (``/simple/price``) and "Coin
Historical Chart Data within Time Range by ID" (``/coins/{id}/market_chart/range``). Prices are
JSON numbers of any length, some with an exponent, and are read from their text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, localcontext

import msgspec
import polars as pl

from crypto_assets.errors import UnreadableInput
from crypto_assets.model.interval import SECOND_US
from crypto_assets.model.tables import PRICE_SNAPSHOTS

SIMPLE_PRICE, MARKET_CHART = "simple_price", "market_chart"
"""What a row came from."""
MOST_AHEAD_US = 5 * 60 * SECOND_US
"""An update later than this after it came is of a clock that is wrong."""
MOST_STALE_US = 24 * 3_600 * SECOND_US
"""An update older than this is of a coin nobody prices any more."""
_NUMBER = re.compile(rb"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_PLACES = Decimal(1).scaleb(-18)
_TOO_LARGE = Decimal(10) ** 20
_LONGEST = 400
"""Digits and exponent: what is longer is no price, and takes long to compute with."""
_SAID = 120
_MS = 1_000
_PAIR = 2

_prices = msgspec.json.Decoder(dict[str, dict[str, msgspec.Raw]])


class _Chart(msgspec.Struct):
    """The answer of ``market_chart/range``: pairs of a time in milliseconds and a number."""

    prices: list[list[msgspec.Raw]]
    market_caps: list[list[msgspec.Raw]] = []
    total_volumes: list[list[msgspec.Raw]] = []


_chart = msgspec.json.Decoder(_Chart)


class _Unusable(Exception):
    """A value that is not what it should be."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something of an answer that is not stored, and why."""

    coin: str
    currency: str
    why: str

    def __str__(self) -> str:
        return f"{self.coin} in {self.currency}: {self.why}"


@dataclass(frozen=True, slots=True)
class Prices:
    """What an answer holds."""

    rows: pl.DataFrame
    """The PriceSnapshots schema, ascending by time, coin and currency."""
    skipped: tuple[Skipped, ...]


def read_prices(
    body: bytes,
    coins: Sequence[str],
    currencies: Sequence[str],
    came_us: int,
) -> Prices:
    """Read an answer of ``/simple/price``; ``came_us`` is when it came.

    An entry without a price of its own, one that is not positive, or one whose update lies in the
    future or more than a day back is left out and told. Of a market cap, volume or change that is
    unusable only the value is left out. Prices are kept to 18 decimals, rounded half up.

    Raises:
        UnreadableInput: it is no such answer, or nothing in it can be used.
    """
    try:
        found = _prices.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UnreadableInput(
            f"simple/price: expected prices by coin, found {_start(body)} ({error})",
        ) from error
    rows: list[dict[str, object]] = []
    skipped: list[Skipped] = []
    for coin in coins:
        entry = found.get(coin)
        for currency in currencies:
            if entry is None:
                skipped.append(Skipped(coin, currency, "not in the answer: there is no such coin"))
                continue
            try:
                row = _row(entry, currency, came_us)
            except _Unusable as error:
                skipped.append(Skipped(coin, currency, str(error)))
                continue
            for name, key in _OPTIONAL.items():
                try:
                    row[name] = _number(entry.get(key.format(currency)), signed=name == _CHANGE)
                except _Unusable as error:
                    row[name] = None
                    skipped.append(Skipped(coin, currency, f"{name} left out: {error}"))
            rows.append({"coin": coin, "currency": currency, **row, "source": SIMPLE_PRICE})
    return _whole("simple/price", body, rows, skipped)


def read_chart(
    body: bytes,
    coin: str,
    currency: str,
    span_us: tuple[int, int],
    came_us: int,
) -> Prices:
    """Read an answer of ``market_chart/range``: the points in ``[first, last)``, each time once.

    Raises:
        UnreadableInput: it is no such answer, or nothing in it can be used.
    """
    try:
        found = _chart.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UnreadableInput(
            f"market_chart/range: expected prices by time, found {_start(body)} ({error})",
        ) from error
    skipped: list[Skipped] = []

    def points(pairs: list[list[msgspec.Raw]], what: str) -> Iterator[tuple[int, Decimal]]:
        for pair in pairs:
            try:
                at_us, value = _point(pair, span_us)
            except _Unusable as error:
                skipped.append(Skipped(coin, currency, f"{what}: {error}"))
                continue
            if at_us is not None and value is not None:
                yield at_us, value

    caps = dict(points(found.market_caps, "market cap left out"))
    volumes = dict(points(found.total_volumes, "volume left out"))
    rows: dict[int, dict[str, object]] = {}
    for at_us, price in points(found.prices, "price"):
        if not price:
            skipped.append(Skipped(coin, currency, "price: expected more than 0, found 0"))
            continue
        rows.setdefault(
            at_us,
            {
                "coin": coin,
                "currency": currency,
                "ts_snapshot": came_us,
                "ts_updated": at_us,
                "price": price,
                "market_cap": caps.get(at_us),
                "volume_24h": volumes.get(at_us),
                _CHANGE: None,
                "source": MARKET_CHART,
            },
        )
    return _whole("market_chart/range", body, list(rows.values()), skipped)


_CHANGE = "change_24h"
_OPTIONAL = {
    "market_cap": "{}_market_cap",
    "volume_24h": "{}_24h_vol",
    _CHANGE: "{}_24h_change",
}


def _row(entry: dict[str, msgspec.Raw], currency: str, came_us: int) -> dict[str, object]:
    price = _number(entry.get(currency))
    if price is None:
        raise _Unusable("price: expected a number, found none")
    if not price:
        raise _Unusable("price: expected more than 0, found 0")
    updated = _number(entry.get("last_updated_at"))
    if updated is None:
        raise _Unusable("last_updated_at: expected seconds since 1970, found none")
    updated_us = int(updated) * SECOND_US
    if updated_us > came_us + MOST_AHEAD_US:
        ahead = (updated_us - came_us) // SECOND_US
        raise _Unusable(f"last_updated_at: expected a time that has come, found {ahead} s ahead")
    if updated_us < came_us - MOST_STALE_US:
        hours = (came_us - updated_us) // (3_600 * SECOND_US)
        raise _Unusable(f"last_updated_at: expected one of the last 24 hours, found {hours} h ago")
    return {"ts_snapshot": came_us, "ts_updated": updated_us, "price": price}


def _point(pair: list[msgspec.Raw], span_us: tuple[int, int]) -> tuple[int | None, Decimal | None]:
    """Read a time and a number; no time where it is outside the span."""
    if len(pair) != _PAIR:
        raise _Unusable(f"expected a time and a number, found {len(pair)} values")
    at_ms = _number(pair[0])
    if at_ms is None:
        raise _Unusable("expected a time in milliseconds, found null")
    at_us = int(at_ms) * _MS
    if not span_us[0] <= at_us < span_us[1]:
        return None, None
    return at_us, _number(pair[1])


def _number(raw: msgspec.Raw | None, *, signed: bool = False) -> Decimal | None:
    """Read a JSON number from its text, to 18 decimals; None where it is null or not there."""
    if raw is None:
        return None
    text = bytes(raw)
    if text == b"null":
        return None
    if not _NUMBER.fullmatch(text):
        raise _Unusable(f"expected a number, found {_start(text)}")
    if len(text) > _LONGEST:
        raise _Unusable(f"expected a number, found one of {len(text)} characters")
    with localcontext(prec=2 * _LONGEST) as context:
        context.clear_traps()
        value = Decimal(text.decode())
        if not signed and value < 0:
            raise _Unusable(f"expected a number that is not negative, found {_start(text)}")
        if not abs(value) < _TOO_LARGE:
            raise _Unusable(f"expected at most 20 digits before the point, found {_start(text)}")
        rounded = value.quantize(_PLACES, ROUND_HALF_UP)
    if value and not rounded:
        raise _Unusable(f"expected at least 1e-18, found {_start(text)}")
    return rounded


def _whole(
    what: str,
    body: bytes,
    rows: list[dict[str, object]],
    skipped: list[Skipped],
) -> Prices:
    if not rows:
        why = "; ".join(map(str, skipped[:3])) or "no price in it"
        raise UnreadableInput(
            f"{what}: expected prices, found none that can be used in {_start(body)}: {why}",
        )
    schema = {
        name: pl.Int64() if dtype.is_temporal() else dtype
        for name, dtype in PRICE_SNAPSHOTS.schema.items()
    }
    frame = pl.DataFrame(rows, schema=schema).cast(PRICE_SNAPSHOTS.schema)
    return Prices(frame.sort("ts_updated", "coin", "currency"), tuple(skipped))


def _start(body: bytes) -> str:
    """Show how something begins."""
    text = body[:_SAID].decode(errors="replace")
    return repr(text if len(body) <= _SAID else f"{text}...")
