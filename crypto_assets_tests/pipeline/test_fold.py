"""Folding parts changes how many there are, and nothing else."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from crypto_assets.lake import segments as recorded
from crypto_assets.lake.draft import hash_of
from crypto_assets.lake.lake import Lake
from crypto_assets.lake.layout import Layout
from crypto_assets.lake.segments import SegmentWriter
from crypto_assets.model.partition import Partition
from crypto_assets.model.tables import TRADES
from crypto_assets.pipeline.build import build
from crypto_assets.pipeline.fold import FAN, GRACE_US, fold, sweep
from crypto_assets.pipeline.ingest import take
from crypto_assets.pipeline.pages import take_trades
from crypto_assets.pipeline.query import query
from crypto_assets.pipeline.segments import take_segments, waiting
from crypto_assets.pipeline.status import status_of
from crypto_assets_tests.pipeline.conftest import recorded_trade

DAY = Partition.of("binance", "BTCUSDT", "2025-03-04")
ID = "trade_id"


def record(lake: Lake, session: str, number: int, ids: range) -> None:
    directory = recorded.directory(lake.layout, "binance", session)
    directory.mkdir(parents=True, exist_ok=True)
    name = recorded.segment_name(ids[0] * 10**9, number)
    writer = SegmentWriter(directory, name, b"")
    writer.write(b"".join(recorded_trade(DAY, trade_id) for trade_id in ids))
    writer.seal()


def take_all(lake: Lake) -> None:
    take_segments(lake, "binance", waiting(lake, "binance"))


def now_us(lake: Lake) -> int:
    parts = [part for _, part in lake.replaced("raw_trades", DAY)]
    return max(part.path.stat().st_mtime_ns for part in parts) // 1_000


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


def test_a_day_of_many_segments_has_few_parts_and_the_same_rows(
    lake: Lake,
    tmp_path: Path,
) -> None:
    plain = Lake(tmp_path / "plain")
    for number in range(40):
        # Each begins with the last two trades of the one before, as at a handover.
        ids = range(100 + 10 * number, 112 + 10 * number)
        for each in (lake, plain):
            record(each, "one", number, ids)
    for path in waiting(plain, "binance"):
        take(plain, path)
    take_all(lake)
    folded, parts = lake.parts("raw_trades", DAY), plain.parts("raw_trades", DAY)
    assert (len(folded), len(parts)) == (2 + 40 - 2 * FAN, 40)
    assert hash_of(lake.scan("raw_trades", DAY), TRADES) == hash_of(
        plain.scan("raw_trades", DAY),
        TRADES,
    )
    found, whole = status_of(lake, DAY), status_of(plain, DAY)
    assert (found.rows, found.duplicates, found.missing) == (402, 78, [])
    assert (found.rows, found.duplicates, found.missing) == (
        whole.rows,
        whole.duplicates,
        whole.missing,
    )
    assert found.sources == whole.sources == {"stream": 402}
    summary = lake.summary("raw_trades", DAY)
    assert summary is not None
    assert len(summary.inputs) == 40
    assert sum(entry.rows for entry in summary.inputs) == 402


def test_parts_are_folded_again_into_larger_ones(lake: Lake) -> None:
    for number in range(FAN * FAN):
        record(lake, "one", number, range(100 + number, 101 + number))
    take_all(lake)
    (part,) = lake.parts("raw_trades", DAY)
    assert part.manifest.rows == FAN * FAN
    assert part.manifest.coverage.missing == ()


def test_what_was_replaced_is_not_counted_and_goes_after_a_while(lake: Lake) -> None:
    for number in range(FAN):
        record(lake, "one", number, range(100 + number, 101 + number))
    take_all(lake)
    assert len(lake.layout.files("raw_trades", DAY)) == FAN + 1
    count = "SELECT count(*) AS n, count(DISTINCT trade_id) AS ids FROM trades"
    assert query(lake, count).row(0) == (FAN, FAN)
    fold(lake, "raw_trades", DAY, now_us(lake) + GRACE_US - 1_000_000)
    assert len(lake.layout.files("raw_trades", DAY)) == FAN + 1
    fold(lake, "raw_trades", DAY, now_us(lake) + GRACE_US)
    assert len(lake.layout.files("raw_trades", DAY)) == 1
    assert query(lake, count).row(0) == (FAN, FAN)


def test_a_part_that_goes_while_a_day_is_looked_at_is_left_out(
    lake: Lake,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for number in range(FAN):
        record(lake, "one", number, range(100 + number, 101 + number))
    take_all(lake)
    listed = lake.layout.files("raw_trades", DAY)
    sweep(lake, "raw_trades", DAY, now_us(lake) + GRACE_US)
    monkeypatch.setattr(Layout, "files", lambda *_: listed)
    assert [part.manifest.rows for part in Lake(lake.layout.root).parts("raw_trades", DAY)] == [FAN]


def test_a_segment_that_was_folded_is_not_decoded_again(lake: Lake) -> None:
    for number in range(FAN):
        record(lake, "one", number, range(100 + number, 101 + number))
    take_all(lake)
    fold(lake, "raw_trades", DAY, now_us(lake) + GRACE_US)
    (before,) = lake.layout.files("raw_trades", DAY)
    build(lake, [DAY])
    assert lake.layout.files("raw_trades", DAY) == [before]


def test_a_folded_part_that_is_gone_is_made_again_of_its_inputs(lake: Lake) -> None:
    for number in range(FAN):
        record(lake, "one", number, range(100 + number, 101 + number))
    take_all(lake)
    build(lake, [DAY])
    sealed = status_of(lake, DAY).logical_hash
    fold(lake, "raw_trades", DAY, now_us(lake) + GRACE_US)
    (folded,) = lake.layout.files("raw_trades", DAY)
    folded.unlink()
    build(lake, [DAY])
    assert status_of(lake, DAY).logical_hash == sealed
    assert len(lake.layout.files("raw_trades", DAY)) == FAN
    fold(lake, "raw_trades", DAY, 0)
    assert len(lake.parts("raw_trades", DAY)) == 1
    assert folded.exists()


def test_an_archives_file_is_never_folded(lake: Lake, tmp_path: Path) -> None:
    path = tmp_path / f"BTCUSDT-trades-{DAY.date}.csv"
    rows = [f"{k},1.5,2.0,3.0,{DAY.start_us + k * 1_000_000},True,True\n" for k in range(100, 200)]
    path.write_text("".join(rows))
    take(lake, path)
    for number in range(FAN):
        record(lake, "one", number, range(100 + number, 101 + number))
    take_all(lake)
    sources = [part.manifest.inputs[0].source for part in lake.parts("raw_trades", DAY)]
    assert sources == ["archive", "stream"]
    ids = lake.scan("raw_trades", DAY).collect()[ID]
    assert ids.equals(pl.Series(ID, range(100, 200)))


def fetch(lake: Lake, first: int) -> None:
    lines = [
        f"{trade_id},1.5,2.0,3.0,{DAY.start_us + trade_id * 1_000_000},True,True"
        for trade_id in (first, first + 1)
    ]
    take_trades(lake, DAY.instrument, lines)


def test_what_was_fetched_is_folded_with_its_like_only(lake: Lake) -> None:
    for number in range(FAN - 1):
        record(lake, "one", number, range(100 + number, 101 + number))
        fetch(lake, 990 + 2 * number)
    take_all(lake)
    assert len(lake.parts("raw_trades", DAY)) == 2 * (FAN - 1)
    fetch(lake, 988)
    fold(lake, "raw_trades", DAY, 0)
    folded, *others = lake.parts("raw_trades", DAY)
    assert {entry.source for entry in folded.manifest.inputs} == {"rest"}
    assert folded.manifest.coverage.ranges == ((988, 988 + 2 * FAN - 1),)
    assert len(others) == FAN - 1
    assert lake.coverage(DAY).ranges == ((100, 98 + FAN), *folded.manifest.coverage.ranges)
