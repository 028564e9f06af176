"""T8: the archive's quote quantity is price x quantity, to 8 decimals.

The column ``quoted_value`` keeps the archive's own value only where it is anything else, so each
value in it is a row whose price, quantity or quote quantity is wrong.
"""

from __future__ import annotations

import polars as pl

from crypto_assets.checks.check import Blocks, Check, Finding, Measured
from crypto_assets.checks.day import Day

_SHOWN = 20
_QUOTED = pl.col("quoted_value")


def _judge(day: Day, measured: Measured) -> Finding:
    count = measured["count"]
    if not count:
        return Finding.passes("no published quote quantity differs from price x quantity")
    if day.trades is None:
        return Finding.cannot_judge("no trades are stored")
    shown = (
        day.trades.filter(_QUOTED.is_not_null())
        .select("trade_id", "price", "quantity", "quoted_value")
        .head(_SHOWN)
        .collect()
    )
    return Finding.fails(
        f"{count:,} published quote quantities are not price x quantity",
        {
            "count": count,
            "first": [
                {
                    "trade_id": trade_id,
                    "price": f"{price:f}",
                    "quantity": f"{quantity:f}",
                    "quoted_value": f"{quoted:f}",
                }
                for trade_id, price, quantity, quoted in shown.iter_rows()
            ],
        },
    )


CHECK = Check(
    code="T8",
    assets=("raw_trades",),
    says="The archive's quote quantity is price x quantity.",
    judge=_judge,
    blocks=Blocks.SEALING,
    measures={"count": _QUOTED.count()},
)
