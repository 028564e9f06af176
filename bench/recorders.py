"""Who takes the feed, and how a line of each one's file is read."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_TRADE, _AGGREGATE = re.compile(rb'"t":(\d+)'), re.compile(rb'"a":(\d+)')
_CCXT, _CRYPTOFEED = re.compile(rb'"id": "(\d+)"'), re.compile(rb'"id":"(\d+)"')


@dataclass(frozen=True, slots=True)
class Recorder:
    """One way to take the feed: a script of ``bench/listeners`` in a process of its own."""

    name: str
    script: str
    ids: re.Pattern[bytes] = _TRADE
    """Where a line of its file has the trade's id."""
    asks: dict[str, object] = field(default_factory=dict)
    """What its script is told beside the addresses."""
    is_peer: bool = False
    """Whether it runs in the environment of the peers."""
    is_aggregate: bool = False
    """Whether it listens to aggregate trades."""
    says: str = ""


FLOOR = Recorder(
    "floor: aiohttp, frames kept in memory",
    "floor.py",
    asks={"library": "aiohttp"},
    says="opened as the collector opens it",
)
OURS = Recorder(
    "crypto-assets collect",
    "ours.py",
    says="raw frames with their receive time, zstd, fsync each second, every default",
)
RECORDERS = (
    Recorder(
        "floor: picows, the same",
        "floor.py",
        asks={"library": "picows", "uvloop": True},
        is_peer=True,
        says="uvloop",
    ),
    Recorder("floor: websockets, the same", "floor.py", asks={"library": "websockets"}),
    FLOOR,
    OURS,
    Recorder(
        "binance-connector, appends the message",
        "binance_connector.py",
        says="SpotWebsocketStreamClient, a combined stream, one thread",
    ),
    Recorder(
        "cryptofeed, raw data collection",
        "cryptofeed_binance.py",
        _AGGREGATE,
        {"raw": True},
        is_peer=True,
        is_aggregate=True,
        says="its AsyncFileCallback, which syncs every 10,000 messages, beside an empty callback; "
        "@aggTrade, one message a trade here; uvloop, TLS off by its endpoint's options",
    ),
    Recorder(
        "cryptofeed, callback appends JSON",
        "cryptofeed_binance.py",
        _CRYPTOFEED,
        is_peer=True,
        is_aggregate=True,
        says="the same feed",
    ),
    Recorder(
        "ccxt.pro, as it comes, appends JSON",
        "ccxt_pro.py",
        _CCXT,
        says="watch_trades_for_symbols with newUpdates; holds the last 1,000 trades of a symbol",
    ),
    Recorder(
        "ccxt.pro, tradesLimit 1,000,000",
        "ccxt_pro.py",
        _CCXT,
        {"kept": 1_000_000},
    ),
)
