"""The assets and what each is computed from: the one place that knows the graph."""

from __future__ import annotations

from dataclasses import dataclass

from crypto_assets.model.tables import (
    AGG_TRADES,
    BARS,
    GAPS,
    INDICATORS,
    KLINES,
    OHLCV,
    PRICE_SNAPSHOTS,
    QUOTES,
    REVISIONS,
    TRADES,
    VERDICTS,
    VOLUME_PROFILE,
    Table,
)


@dataclass(frozen=True, slots=True)
class Asset:
    """One asset: its table and the assets it is computed from."""

    name: str
    table: Table
    upstream: tuple[str, ...]
    says: str
    after: tuple[str, ...] = ()
    """Assets whose checks must have passed first, though none of their rows go in."""
    is_sealed: bool = False
    """One proven file a day, with a checksum beside it; otherwise parts or a rebuilt file."""


ASSETS = {
    asset.name: asset
    for asset in (
        Asset("raw_trades", TRADES, (), "Trades as they came, one part an input."),
        Asset("raw_quotes", QUOTES, (), "Best bid and ask as they came, one part an input."),
        Asset("klines", KLINES, (), "The exchange's own bars, as published."),
        Asset(
            "agg_trades",
            AGG_TRADES,
            (),
            "The exchange's own aggregates of trades, one part an input.",
        ),
        Asset(
            "bars_1s",
            BARS,
            ("raw_trades", "raw_quotes"),
            "86,400 one-second bars a day, in exact decimals.",
        ),
        Asset(
            "daily_trades",
            TRADES,
            ("raw_trades",),
            "The day's trades, each id once, sorted, checksummed.",
            after=("bars_1s",),
            is_sealed=True,
        ),
        Asset(
            "daily_quotes",
            QUOTES,
            ("raw_quotes",),
            "The day's quotes, each update once, sorted, checksummed.",
            is_sealed=True,
        ),
        Asset(
            "daily_bars",
            BARS,
            ("bars_1s",),
            "The day's one-second bars, checksummed.",
            after=("daily_trades", "daily_quotes"),
            is_sealed=True,
        ),
        Asset(
            "verdicts",
            VERDICTS,
            (),
            "Every check's answer and what they add up to.",
            after=(
                "bars_1s",
                "klines",
                "agg_trades",
                "daily_trades",
                "daily_quotes",
                "daily_bars",
            ),
        ),
        Asset(
            "gaps",
            GAPS,
            (),
            "Every range of trade ids that was ever missing: since when, why, what became of it.",
            after=("verdicts",),
        ),
        Asset(
            "revisions",
            REVISIONS,
            (),
            "What the exchange changed in files it had published before: rows added, removed, "
            "changed.",
            after=("gaps",),
        ),
    )
}
"""What a day of recorded trades is made into."""

STORED = {
    **ASSETS,
    "ohlcv": Asset("ohlcv", OHLCV, (), "Finished bars of any exchange, as it gives them."),
    "indicators": Asset(
        "indicators",
        INDICATORS,
        ("daily_bars", "bars_1s"),
        "Moving averages, volatility and the average price so far, of bars of 1m to 1d.",
    ),
    "volume_profile": Asset(
        "volume_profile",
        VOLUME_PROFILE,
        ("daily_trades", "raw_trades"),
        "How much was traded at which prices.",
    ),
    "price_snapshots": Asset(
        "price_snapshots",
        PRICE_SNAPSHOTS,
        (),
        "Prices of coins in currencies, hour by hour, as CoinGecko gives them.",
    ),
}
"""Everything the lake keeps: these, what is fetched for itself, and what is derived of a day."""


def upstream_of(name: str) -> frozenset[str]:
    """Every asset that must be there before one, directly or not."""
    found = frozenset(ASSETS[name].upstream + ASSETS[name].after)
    return found.union(*(upstream_of(parent) for parent in found))


def downstream_of(name: str) -> frozenset[str]:
    """Every asset that comes after one, directly or not."""
    return frozenset(other for other in ASSETS if name in upstream_of(other))
