"""cryptofeed's Binance feed: each trade as JSON from its callback, or its own raw data collection.

Its channel of trades is ``@aggTrade``, and it takes addresses of TLS only: the options of its
endpoint, which it hands to its websocket library, switch TLS off.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from cryptofeed import FeedHandler  # type: ignore[import-not-found, unused-ignore]
from cryptofeed.connection import (  # type: ignore[import-not-found, unused-ignore]
    RestEndpoint,
    Routes,
    WebsocketEndpoint,
)
from cryptofeed.defines import TRADES  # type: ignore[import-not-found, unused-ignore]
from cryptofeed.exchanges import Binance  # type: ignore[import-not-found, unused-ignore]
from cryptofeed.raw_data_collection import (  # type: ignore[import-not-found, unused-ignore]
    AsyncFileCallback,
)
from lines import ORDER, Lines, at_the_end  # type: ignore[import-not-found, unused-ignore]
from yapic import json  # type: ignore[import-not-found, unused-ignore]


def main() -> None:
    plain = {"ssl": False, "server_hostname": None}
    address = ORDER["ws_url"].replace("ws://", "wss://")
    Binance.websocket_endpoints = [WebsocketEndpoint(address, options=plain)]
    instruments = Routes("/api/v3/exchangeInfo")
    Binance.rest_endpoints = [RestEndpoint(ORDER["http_url"], routes=instruments)]
    raw = AsyncFileCallback(_folder()) if ORDER.get("raw") else None
    if raw is None:
        lines = Lines()
    else:
        at_the_end(raw.stop)

    async def write(trade: object, _received: float) -> None:
        if raw is None:
            lines.write(json.dumps(trade.to_dict(numeric_type=str)))  # type: ignore[attr-defined]

    config = {"uvloop": True, "log": {"disabled": True}}
    handler = FeedHandler(config=config, raw_data_collection=raw)
    # It asks for a loop there is none of, which its uvloop no longer makes by itself.
    asyncio.set_event_loop(asyncio.new_event_loop())
    symbols = [f"{symbol.removesuffix('USDT')}-USDT" for symbol in ORDER["symbols"]]
    handler.add_feed(Binance(symbols=symbols, channels=[TRADES], callbacks={TRADES: write}))
    handler.run(install_signal_handlers=False)


def _folder() -> str:
    folder = Path(ORDER["directory"]) / "raw"
    folder.mkdir()
    return str(folder)


if __name__ == "__main__":
    main()
