"""B3: the day's volumes and trade count are the same summed over the bars and over the trades.

All sums are over integers of 1e-8, by the rules of :mod:`amounts`.
"""

from __future__ import annotations

from crypto_assets.checks.amounts import OF_TRADES, SUMS_OF_BARS, text
from crypto_assets.checks.check import Check, Finding, Measured
from crypto_assets.checks.day import Day


def _judge(day: Day, measured: Measured) -> Finding:
    if day.trades is None:
        return Finding.cannot_judge("no trades are stored to hold the bars against")
    trades = day.trades.select(**OF_TRADES).collect(engine="streaming").row(0, named=True)
    differ = {
        field: {"bars": text(field, measured[field]), "trades": text(field, trades[field])}
        for field in OF_TRADES
        if measured[field] != trades[field]
    }
    if differ:
        return Finding.fails(
            f"bars and trades of the day differ in {', '.join(differ)}",
            {"differ": differ},
        )
    return Finding.passes(
        f"bars hold all of {trades['trade_count']:,} trades, to the last decimal",
        {field: text(field, value) for field, value in trades.items()},
    )


CHECK = Check(
    code="B3",
    assets=("bars_1s", "daily_bars"),
    says="Volumes and trade count are the same summed over the bars and over the trades.",
    judge=_judge,
    measures=SUMS_OF_BARS,
)
