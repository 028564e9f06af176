"""L2: tick and step sizes are positive multiples of 1e-8, the unit prices are kept in.

A size that is none has no place in the table, and nothing is held against it.
"""

from __future__ import annotations

from crypto_assets.checks.check import Finding
from crypto_assets.checks.listed import Listed, ListingCheck
from crypto_assets.venues.binance_exchange_info import is_whole

_SHOWN = 20


def _judge(listed: Listed) -> Finding:
    sizes = [
        (symbol, size)
        for symbol, listing in listed.info.symbols.items()
        for size in (listing.tick_size, listing.step_size)
        if size is not None
    ]
    wrong = {symbol: f"{size:f}" for symbol, size in sizes if not is_whole(size)}
    if wrong:
        return Finding.fails(
            f"{len(wrong):,} symbols have a size that is no positive multiple of 1e-8, such as "
            f"{next(iter(wrong))}",
            {"count": len(wrong), "sizes": dict(list(wrong.items())[:_SHOWN])},
        )
    return Finding.passes(f"all {len(sizes):,} sizes are positive multiples of 1e-8")


CHECK = ListingCheck(
    code="L2",
    says="Tick and step sizes are positive multiples of 1e-8.",
    judge=_judge,
)
