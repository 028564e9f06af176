"""ccxt.pro's watch_trades of several symbols; appends each new trade as JSON."""

from __future__ import annotations

import asyncio
import json

import ccxt.pro
from lines import ORDER, Lines  # type: ignore[import-not-found, unused-ignore]


async def main() -> None:
    lines = Lines()
    client = ccxt.pro.binance({"newUpdates": True})
    client.options["tradesLimit"] = ORDER.get("kept", client.options["tradesLimit"])
    for name in ("public", "private", "v1", "sapi"):
        client.urls["api"][name] = f"{ORDER['http_url']}/api/v3"
    client.urls["api"]["ws"]["spot"] = f"{ORDER['ws_url']}/ws"
    client.options["fetchCurrencies"] = False
    client.options["fetchMarkets"] = {"types": ["spot"]}
    symbols = [f"{symbol.removesuffix('USDT')}/USDT" for symbol in ORDER["symbols"]]
    while True:
        for trade in await client.watch_trades_for_symbols(symbols):
            lines.write(json.dumps(trade))


if __name__ == "__main__":
    asyncio.run(main())
