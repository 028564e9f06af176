"""Every path follows from a partition, and every partition from a path."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_assets.errors import InvalidName
from crypto_assets.lake.layout import Layout, checked_name, partition_of
from crypto_assets.model.instrument import Instrument
from crypto_assets.model.partition import Partition

CHINESE = Partition.of("binance", "币安人生USDT", "2025-11-01")


@given(
    st.text(st.sampled_from("AZ09币"), min_size=2, max_size=40),
    st.dates(dt.date(1970, 1, 1), dt.date(2200, 1, 1)),
)
def test_a_partition_is_read_off_its_own_path(symbol: str, date: dt.date) -> None:
    partition = Partition(Instrument("binance", symbol), date)
    layout = Layout(Path("/data/stage=prod/lake"))
    assert partition_of(layout.directory("raw_trades", partition)) == partition
    assert partition_of(layout.file("raw_trades", partition, "part")) == partition


def test_the_only_file_of_a_partition_is_named_after_its_asset() -> None:
    path = Layout(Path("/lake")).file("daily_trades", CHINESE)
    assert str(path) == (
        "/lake/daily_trades/venue=binance/symbol=币安人生USDT/date=2025-11-01/daily_trades.parquet"
    )


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", ".hidden", "../x", "a/b", "a\\b", "a b", "a\n", "a\0", "-x", "a'b", "x" * 201,
     "币" * 67],
)  # fmt: skip
def test_a_name_that_is_not_one_plain_file_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidName, match="expected letters, digits"):
        checked_name(name)
    with pytest.raises(InvalidName):
        Layout(Path("/lake")).file("raw_trades", CHINESE, name or "/")
    with pytest.raises(InvalidName):
        Layout(Path("/lake")).dead_letters("binance", name)


@pytest.mark.parametrize("name", ["BTCUSDT-trades-2024-08-09", "a.b_c+d-1", "币" * 66, "x" * 200])
def test_a_plain_file_name_passes_and_can_be_written(name: str, tmp_path: Path) -> None:
    (tmp_path / f".{checked_name(name)}.parquet.{'0' * 32}.tmp").write_bytes(b"")


@pytest.mark.parametrize(
    "path", ["/lake/x", "/lake/venue=a/symbol=BTC", "/venue=b/date=2024-01-01"]
)
def test_a_path_that_names_no_partition_is_refused(path: str) -> None:
    with pytest.raises(InvalidName, match="expected"):
        partition_of(Path(path))


def test_partitions_are_those_with_a_committed_file(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    others = [Partition.of("binance", "BTCUSDT", f"2024-08-0{day}") for day in (9, 8, 7)]
    for partition in (CHINESE, *others):
        layout.directory("raw_trades", partition).mkdir(parents=True)
    for partition in (CHINESE, *others[:2]):
        layout.file("raw_trades", partition, "part").write_bytes(b"")
    (layout.directory("raw_trades", others[2]) / ".part.parquet.0.tmp").write_bytes(b"")
    assert list(layout.partitions("raw_trades")) == [others[1], others[0], CHINESE]
    assert list(layout.partitions("raw_trades", "BTCUSDT")) == [others[1], others[0]]
    assert list(layout.partitions("raw_quotes")) == []
    assert layout.relative(layout.directory("x", CHINESE)).startswith("x/venue=binance/")
