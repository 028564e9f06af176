"""A real recording, sent once more by the exchange and recorded anew, has the same hashes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest

from crypto_assets.collector import Exit, Options
from crypto_assets.exchange import PAUSED, Market, Pace, run_in_thread
from crypto_assets.lake.blocks import Block, blocks
from crypto_assets.lake.draft import hash_of
from crypto_assets.lake.lake import Lake
from crypto_assets.model.partition import Partition
from crypto_assets.model.tables import BARS, QUOTES, TRADES
from crypto_assets.pipeline.build import build
from crypto_assets.pipeline.ingest import take
from crypto_assets.pipeline.segments import take_segments, waiting
from crypto_assets.pipeline.status import status_of
from crypto_assets.venues import venue
from crypto_assets_tests.trials.loopback import ROOT
from crypto_assets_tests.trials.proof import damage
from crypto_assets_tests.trials.recording import collecting, until

SPOT = ROOT.parent / "shared" / "data" / "binance_spot" / "websocket"
QUOTED = ("bid", "bid_quantity", "ask", "ask_quantity", "spread")
"""The columns of bars that are made of quotes."""


@dataclass(frozen=True, slots=True)
class Capture:
    """A recording of one symbol, in files that follow each other."""

    symbol: str
    pattern: str
    days: tuple[str, ...]
    conditions: tuple[str, ...]
    speed: float


CAPTURES = (
    # Eleven minutes in eleven seconds.
    Capture(
        "BTCUSDT",
        "btcusdt_*.gz",
        ("2024-08-08", "2024-08-09"),
        ("provisional", "provisional"),
        60,
    ),
    Capture(
        "ETHUSDT",
        "ethusdt_*.gz",
        ("2024-08-08", "2024-08-09"),
        ("provisional", "provisional"),
        60,
    ),
    # 34 hours in 34 seconds: at 60 a second they would take as many minutes.
    Capture(
        "NEXOUSDT",
        "nexousdt_*.gz",
        ("2024-07-23", "2024-07-24", "2024-07-25"),
        ("provisional", "complete", "provisional"),
        3600,
    ),
)


@dataclass(frozen=True, slots=True)
class Both:
    """One capture as it was imported, and as it was recorded from the exchange that replayed it."""

    capture: Capture
    imported: Lake
    replayed: Lake
    first_quote: int
    """The first that was sent: the market begins with its first trade."""

    @property
    def lakes(self) -> tuple[Lake, Lake]:
        return self.imported, self.replayed

    @property
    def days(self) -> list[Partition]:
        return [Partition.of("binance", self.capture.symbol, date) for date in self.capture.days]


@pytest.fixture(scope="module", params=CAPTURES, ids=lambda capture: capture.symbol)
def both(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Both:
    capture: Capture = request.param
    if not SPOT.is_dir():
        pytest.skip(f"the real captures are not there: {SPOT}")
    files = sorted(SPOT.glob(capture.pattern))
    root = tmp_path_factory.mktemp(capture.symbol)
    imported, replayed = Lake(root / "imported"), Lake(root / "replayed")
    for path in files:
        take(imported, path)
    found = Both(capture, imported, replayed, _replay(capture, files, replayed))
    for lake in found.lakes:
        build(lake, found.days)
    return found


def _replay(capture: Capture, files: Sequence[Path], lake: Lake) -> int:
    """Let the exchange play a capture, record and take what it sends; gives its first quote."""
    decode = venue("binance").decode_frames
    read = [block for path in files for block in blocks(path)]
    whole = [block for block in read if isinstance(block, Block)]
    assert len(whole) == len(read)
    market = Market.recorded(decode(block.data, block.first_line, last=False) for block in whole)
    (tape,) = market.tapes.values()
    with run_in_thread(market, pace=PAUSED) as exchange:
        options = Options(
            lake=lake.layout.root,
            symbols=(capture.symbol,),
            ws_url=exchange.ws_url,
            http_url=exchange.http_url,
            roll_seconds=3,
            min_free_bytes=1,
        )
        with collecting(options) as collector:
            until(lambda: exchange.counters.connections, "the collector is connected")
            exchange.play(Pace(speed=capture.speed))
            until(lambda: exchange.counters.now_us >= market.end_us, "the market is over")
            exchange.play(PAUSED)
            last = {capture.symbol: int(tape.ids[-1])}
            until(lambda: collector.has_seen(last), "the last trade is recorded")
            assert collector.stop() == Exit.DONE
        assert exchange.counters.cuts == {}
    taken, unreadable = take_segments(lake, "binance", waiting(lake, "binance"))
    assert len(taken) > 1
    assert unreadable == {}
    assert sum(one.record.unreadable + one.record.unknown for one in taken) == 0
    return int(tape.quotes.filter(pl.col("time_us") >= market.start_us)["update_id"][0])


def _rows(lake: Lake, asset: str, days: Sequence[Partition]) -> pl.DataFrame:
    """Read what is stored of an asset on some days."""
    stored = [day for day in days if lake.layout.files(asset, day)]
    return pl.concat([lake.scan(asset, day) for day in stored]).collect()


def test_its_trades_have_the_hashes_of_the_import(both: Both) -> None:
    for day in both.days:
        one, other = (hash_of(lake.scan("raw_trades", day), TRADES) for lake in both.lakes)
        assert one == other, day
    assert len(both.replayed.parts("raw_trades", both.days[0])) > 0


def test_its_days_are_sealed_with_the_hashes_of_the_import(both: Both) -> None:
    for day, condition in zip(both.days, both.capture.conditions, strict=True):
        one, other = (status_of(lake, day) for lake in both.lakes)
        assert one.is_sealed
        assert other.is_sealed
        assert one.logical_hash == other.logical_hash, day
        assert one.rows == other.rows
        assert (one.condition, other.condition) == (condition, condition), other.faults
    assert damage(both.replayed) == []


def test_its_quotes_are_those_of_the_import_but_for_their_times(both: Both) -> None:
    """They have no time of the exchange's: when they came is all that is known of it."""
    timeless = [name for name in QUOTES.hashed if name != "ts_as_of"]
    one, other = (
        _rows(lake, "raw_quotes", list(lake.layout.partitions("raw_quotes")))
        .select(timeless)
        .filter(pl.col("update_id") >= both.first_quote)
        .sort("update_id")
        for lake in both.lakes
    )
    assert one.height > 1_000
    assert one.equals(other)


def test_its_bars_are_those_of_the_import_but_for_their_quotes(both: Both) -> None:
    traded = [name for name in BARS.hashed if name not in QUOTED]
    for asset in ("bars_1s", "daily_bars"):
        one, other = (_rows(lake, asset, both.days).select(traded) for lake in both.lakes)
        assert one.height == len(both.days) * 86_400
        assert one.equals(other)
