"""A lake of many symbols and days whose verdicts are really committed, made quickly.

Run as ``python -m bench.many_days LAKE --symbols 50 --days 365``; then it says how long a survey of
it takes, the first time and again, beside asking for the status of every day.
"""

from __future__ import annotations

import argparse
import datetime as dt
import random
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from decimal import Decimal
from pathlib import Path

import polars as pl

from crypto_assets.lake.draft import Draft
from crypto_assets.lake.lake import Lake
from crypto_assets.lake.parts import digest_of
from crypto_assets.model.instrument import Instrument
from crypto_assets.model.manifest import Input
from crypto_assets.model.partition import Partition
from crypto_assets.model.tables import TRADES, VERDICTS
from crypto_assets.model.verdict import Condition
from crypto_assets.pipeline.html_pages import write_completeness
from crypto_assets.pipeline.status import known_partitions, status_of
from crypto_assets.pipeline.survey import survey

FIRST = dt.date(2024, 1, 1)
_BASES = ("BTC", "ETH", "SOL", "XRP", "BNB", "DOGE", "ADA", "AVAX", "LINK", "DOT")
_QUOTES = ("USDT", "USDC", "FDUSD", "EUR", "TRY")
_ODDS = {
    Condition.CONFIRMED: 80,
    Condition.COMPLETE: 12,
    Condition.PROVISIONAL: 3,
    Condition.DEGRADED: 3,
    Condition.MISSING: 1,
    Condition.HALTED: 1,
}
TRADES_A_DAY = 4


def instruments(count: int) -> Iterator[Instrument]:
    """Give names of symbols, as many as are wanted."""
    for at in range(count):
        base, quote = _BASES[at % len(_BASES)], _QUOTES[at // len(_BASES) % len(_QUOTES)]
        more = str(at // (len(_BASES) * len(_QUOTES)) or "")
        yield Instrument("binance", f"{base}{more}{quote}")


def conditions(instrument: Instrument, days: int) -> list[Condition]:
    """Draw the conditions of a symbol's days; some symbols were listed late. Same every time."""
    chance = random.Random(str(instrument))
    late = chance.choice((0, 0, 0, chance.randrange(days)))
    drawn = chance.choices(list(_ODDS), list(_ODDS.values()), k=days)
    return [Condition.NOT_LISTED if at < late else one for at, one in enumerate(drawn)]


def make(root: Path, instrument: Instrument, days: int, first: dt.date = FIRST) -> None:
    """Commit a few trades and the verdicts of every day of a symbol."""
    lake, trade_id = Lake(root), 1_000
    for at, condition in enumerate(conditions(instrument, days)):
        partition = Partition(instrument, first + dt.timedelta(days=at))
        judged: dict[str, str] = {}
        if condition not in (Condition.MISSING, Condition.HALTED, Condition.NOT_LISTED):
            ids = [trade_id + n for n in range(TRADES_A_DAY)]
            if condition is Condition.DEGRADED:
                del ids[1]
            trade_id += TRADES_A_DAY
            judged["raw_trades"] = _trades(lake, partition, ids)
        _verdicts(lake, partition, condition, judged)


def _trades(lake: Lake, partition: Partition, ids: list[int]) -> str:
    rows = pl.DataFrame(
        [
            {
                "trade_id": trade_id,
                "ts_event": (partition.start_us + at * 1_000_000),
                "price": Decimal("100.5"),
                "quantity": Decimal("0.25"),
                "is_buyer_maker": at % 2 == 0,
            }
            for at, trade_id in enumerate(ids)
        ],
        schema={**TRADES.schema, "ts_event": pl.Int64()},
    ).cast(TRADES.schema)
    source = Input(name="made up", sha256="0" * 64, source="archive", rows=len(ids))
    lake.commit("raw_trades", partition, Draft(rows=[rows], name="made_up", inputs=(source,)))
    return digest_of(lake.parts("raw_trades", partition))


def _verdicts(
    lake: Lake,
    partition: Partition,
    condition: Condition,
    judged: dict[str, str],
) -> None:
    is_fault = condition.is_fault
    rows = pl.DataFrame(
        [
            {
                "asset": "verdicts",
                "check": "day_edges_join",
                "code": "T3",
                "severity": "ERROR" if is_fault else "INFO",
                "passed": not is_fault,
                "message": "made up",
                "evidence": "{}",
                "condition": condition.value,
            },
        ],
        schema=VERDICTS.schema,
    )
    parents = {**judged, "condition": condition.value}
    lake.commit("verdicts", partition, Draft(rows=[rows], parents=parents))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("lake", type=Path)
    parser.add_argument("--symbols", type=int, default=50)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--slowly", action="store_true", help="ask for every day's status too")
    given = parser.parse_args()
    if not given.lake.exists():
        with ProcessPoolExecutor(2) as pool, _timed("made"):
            jobs = [
                pool.submit(make, given.lake, one, given.days) for one in instruments(given.symbols)
            ]
            for job in jobs:
                job.result()
    for told in ("first survey", "again, nothing changed"):
        with _timed(told):
            found = survey(Lake(given.lake))
    print(f"{sum(len(one.days) for one in found.symbols):,} days of {len(found.symbols)} symbols")
    with _timed("page written"):
        written = write_completeness(Lake(given.lake), found)
    print(f"{written.path}: {written.bytes:,} bytes")
    if given.slowly:
        lake = Lake(given.lake)
        with _timed("status of every day"):
            for partition in known_partitions(lake):
                status_of(lake, partition)


class _timed:  # noqa: N801 - reads as a word
    def __init__(self, told: str) -> None:
        self.told = told

    def __enter__(self) -> None:
        self.began = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        print(f"{self.told}: {time.perf_counter() - self.began:.2f} s")


if __name__ == "__main__":
    main()
