"""Which days may leave the lake: proven ones, whose bytes are what their checksum says."""

from __future__ import annotations

from pathlib import Path

import pytest

from crypto_assets.errors import ChecksumMismatch, NothingStored
from crypto_assets.lake.lake import Lake
from crypto_assets.model.partition import Partition
from crypto_assets.pipeline.build import build
from crypto_assets.pipeline.ingest import take
from crypto_assets.pipeline.sealed import Kept, NothingToSend, Unproven, sealed_days
from crypto_assets.sinks.sealed import Sealed
from crypto_assets_tests.defs.conftest import DAYS, archive, partition
from crypto_assets_tests.pipeline.test_exchange_info import answer, keep

ASSETS = ("daily_trades", "daily_bars", "daily_quotes")
FIRST, MIDDLE, LAST = (partition(date) for date in DAYS)


@pytest.fixture
def built(three_days_copy: Path) -> Lake:
    """Three joined days: the middle one is proven, the others have an open edge."""
    return Lake(three_days_copy)


def found(lake: Lake, days: list[Partition], *, unproven: bool = False) -> list[Sealed | Kept]:
    return list(sealed_days(lake, ASSETS, days, takes_unproven=unproven))


def test_a_proven_day_leaves_and_others_stay_with_their_reason(built: Lake) -> None:
    first, trades, bars, last = found(built, [FIRST, MIDDLE, LAST])
    assert isinstance(first, Kept)
    assert isinstance(first.error, Unproven)
    assert str(first).startswith(
        f"expected a day that is proven complete, found {FIRST}: provisional (an edge",
    )
    assert isinstance(trades, Sealed)
    assert isinstance(bars, Sealed)
    assert (trades.asset, trades.condition) == ("daily_trades", "confirmed")
    assert trades.key == str(trades.path.relative_to(built.layout.root))
    assert (bars.asset, bars.manifest.rows) == ("daily_bars", 86_400)
    assert isinstance(last, Kept)


def test_unproven_days_leave_where_that_is_wanted(built: Lake) -> None:
    assets = [one.asset for one in found(built, [FIRST], unproven=True) if isinstance(one, Sealed)]
    assert assets == ["daily_trades", "daily_bars"]


def test_a_degraded_day_stays_and_is_named(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    for date in DAYS:
        without = (1_040, 1_041) if date == DAYS[1] else ()
        take(lake, archive(tmp_path, date, without=without))
    build(lake, [MIDDLE])
    (kept,) = found(lake, [MIDDLE])
    assert isinstance(kept, Kept)
    assert kept.is_fault
    assert "2024-03-02: degraded, 2 ids missing: 1040..1041" in str(kept)


def test_a_file_that_was_changed_stays(built: Lake) -> None:
    path = built.layout.file("daily_trades", MIDDLE)
    data = bytearray(path.read_bytes())
    data[100] ^= 1
    path.write_bytes(data)
    (kept,) = found(built, [MIDDLE])
    assert isinstance(kept, Kept)
    assert isinstance(kept.error, ChecksumMismatch)


def test_a_day_that_is_not_sealed_stays(built: Lake) -> None:
    built.layout.file("daily_bars", MIDDLE).unlink()
    kept = found(built, [MIDDLE])
    assert [str(one) for one in kept] == [
        "daily_bars of binance:BTCUSDT 2024-03-02: nothing is sealed, build it first",
    ]
    assert isinstance(kept[0], Kept)
    assert isinstance(kept[0].error, NothingStored)


def test_a_missing_day_is_a_fault_and_a_day_before_the_listing_is_none(built: Lake) -> None:
    other = Partition.of("binance", "NEXOUSDT", "2024-07-24")
    (missing,) = found(built, [other])
    assert isinstance(missing, Kept)
    assert missing.is_fault
    keep(built, answer(0, symbol="BTCUSDT"))
    (unlisted,) = found(built, [other])
    assert isinstance(unlisted, Kept)
    assert not unlisted.is_fault
    assert isinstance(unlisted.error, NothingToSend)
