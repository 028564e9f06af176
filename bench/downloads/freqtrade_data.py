"""freqtrade's own functions, called as its ``download-data --dl-trades`` calls them.

Its source of trades is the archive of aggregate trades; times are cut to milliseconds, rows pass
through Python lists. The address is the one thing replaced; the exchange's REST is never asked.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import sys

import freqtrade.exchange.binance_public_data as public  # type: ignore[import-not-found, unused-ignore]
from freqtrade.data.converter import (  # type: ignore[import-not-found, unused-ignore]
    trades_df_remove_duplicates,
    trades_list_to_df,
)
from freqtrade.data.history import get_datahandler  # type: ignore[import-not-found, unused-ignore]
from freqtrade.enums import CandleType, TradingMode  # type: ignore[import-not-found, unused-ignore]
from order import DIRECTORY, ORDER  # type: ignore[import-not-found, unused-ignore]
from pandas import concat  # type: ignore[import-untyped, import-not-found, unused-ignore]

_HOST = "https://data.binance.vision"


def main() -> int:
    """Download every symbol, one after the other."""
    named = public.binance_vision_trades_zip_url
    public.binance_vision_trades_zip_url = lambda *of: named(*of).replace(_HOST, ORDER["base_url"])
    handler = get_datahandler(DIRECTORY, "parquet")
    for symbol, dates in ORDER["days"].items():
        pair = f"{symbol.removesuffix('USDT')}/USDT"
        _, found = asyncio.run(
            public.download_archive_trades(
                CandleType.SPOT,
                pair,
                since_ms=_ms(dates[0]),
                # The day of its end is asked for too.
                until_ms=_ms(dates[-1]) + 86_400_000 - 1,
                markets={pair: {"id": symbol}},
            ),
        )
        if not found:
            return 3
        stored = handler.trades_load(pair, TradingMode.SPOT)
        rows = trades_df_remove_duplicates(concat([stored, trades_list_to_df(found)], axis=0))
        handler.trades_store(pair, rows, TradingMode.SPOT)
    return 0


def _ms(date: str) -> int:
    return int(dt.datetime.fromisoformat(f"{date}T00:00:00+00:00").timestamp() * 1_000)


if __name__ == "__main__":
    sys.exit(main())
