"""Thirty symbol-days of a made-up exchange, half a dozen of which were published wrongly."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from pathlib import Path

from crypto_assets.exchange import Market, Remote, random_market
from crypto_assets.lake.lake import Lake
from crypto_assets.model.coverage import Coverage
from crypto_assets.model.interval import DAY_US
from crypto_assets.model.partition import Partition
from crypto_assets.pipeline.ingest import take
from crypto_assets.sources.history import TradeHistory

CHINESE = "币安人生USDT"
SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT", "NEWUSDT", "OLDUSDT", CHINESE)
DAYS = 5
_PER_SECOND = 0.02


@dataclass(frozen=True)
class History:
    """The last five days: what was traded, and how it was published at first."""

    today: dt.date = field(default_factory=lambda: dt.datetime.now(dt.UTC).date())

    def date(self, number: int) -> dt.date:
        """The first to the fifth day, which was yesterday."""
        return self.today - dt.timedelta(days=DAYS + 1 - number)

    def day(self, symbol: str, number: int) -> Partition:
        """One of the days of a symbol."""
        return Partition.of("binance", symbol, self.date(number).isoformat())

    @property
    def days(self) -> list[Partition]:
        """All thirty."""
        return [self.day(symbol, number) for symbol in SYMBOLS for number in range(1, DAYS + 1)]

    def file(self, symbol: str, kind: str, number: int) -> str:
        """Name a file of the archive as its faults do."""
        return f"{symbol}-{kind}-{self.date(number)}"

    def market(self) -> Market:
        """What was traded: NEWUSDT from the third day's noon on, OLDUSDT for two days."""
        start_us = self.day("BTCUSDT", 1).start_us
        whole = ["BTCUSDT", "ETHUSDT", "SOLUSDT", CHINESE]
        seconds = DAY_US // 1_000_000
        tapes = dict(random_market(whole, start_us, DAYS * seconds, _PER_SECOND, seed=5).tapes)
        later = start_us + 2 * DAY_US + DAY_US // 2
        new = random_market(["NEWUSDT"], later, int(2.5 * seconds), _PER_SECOND, seed=6)
        old = random_market(["OLDUSDT"], start_us, 2 * seconds, _PER_SECOND, seed=7)
        return Market({**tapes, **new.tapes, **old.tapes})

    def ids(self, market: Market, day: Partition) -> list[int]:
        """The trade ids of a day, as they were traded."""
        trades = market.tapes[day.instrument.symbol].trades
        times = trades["time_us"]
        return trades.filter((times >= day.start_us) & (times < day.end_us))["trade_id"].to_list()

    def faults(self, market: Market) -> dict[str, object]:
        """How it was published at first."""
        changed, doubted = (
            self.ids(market, self.day(symbol, 2))[100] for symbol in ("ETHUSDT", "SOLUSDT")
        )
        unpublished = [self.file("ETHUSDT", kind, 2) for kind in ("1m", "1s", "aggTrades")]
        return {
            "wrong_checksums": [
                self.file("ETHUSDT", "trades", 4),
                self.file("SOLUSDT", "trades", 2),
            ],
            "archive_truncated": [self.file("SOLUSDT", "trades", 4)],
            "archive_altered": {
                self.file("ETHUSDT", "trades", 2): [[changed, changed + 2]],
                self.file("SOLUSDT", "trades", 2): [[doubted, doubted]],
            },
            "archive_unpublished": [f"{CHINESE}-{self.date(5)}", *unpublished],
            "delisted": ["OLDUSDT"],
            # What is not published is not to be had otherwise either.
            "unserved": ["klines", "aggTrades"],
        }

    def published_anew(self) -> dict[str, object]:
        """What the exchange mends later: the second day of ETHUSDT, and the klines it lacked."""
        return {
            "republished": [self.file("ETHUSDT", "trades", 2)],
            "archive_unpublished": [f"{CHINESE}-{self.date(5)}"],
        }

    def expected(self) -> dict[Partition, str]:
        """The condition of each day after a first backfill."""
        found = dict.fromkeys(self.days, "confirmed")
        found[self.day("SOLUSDT", 2)] = "degraded"  # in quarantine, and its klines prove it wrong
        found[self.day("SOLUSDT", 4)] = "degraded"  # cut short under a valid checksum
        found[self.day(CHINESE, 5)] = "provisional"  # not published yet
        for number in (1, 2):
            found[self.day("NEWUSDT", number)] = "not_listed"
        for number in (3, 4, 5):
            found[self.day("OLDUSDT", number)] = "not_listed"
        return found

    def missing(self, market: Market) -> Coverage:
        """The ids that the file that was cut short lacks."""
        ids = self.ids(market, self.day("SOLUSDT", 4))
        return Coverage.of([(ids[len(ids) // 3], ids[-1])])


def know_symbols(lake: Lake, exchange: Remote, directory: Path) -> None:
    """Take the exchange's own description of its symbols as of now."""
    path = directory / "exchangeInfo.json"
    path.write_bytes(TradeHistory(exchange.http_url).exchange_info())
    take(lake, path)
