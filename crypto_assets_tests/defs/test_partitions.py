"""Dagster's keys and our partitions."""

from __future__ import annotations

import pytest

from crypto_assets.defs.partitions import key_of, partition_of, partitions_of
from crypto_assets.errors import InvalidName
from crypto_assets.model.partition import Partition


@pytest.mark.parametrize("symbol", ["BTCUSDT", "1000PEPEUSDT", "币安人生USDT"])
def test_a_key_reads_back_as_its_partition(symbol: str) -> None:
    partition = Partition.of("binance", symbol, "2024-03-01")
    assert str(key_of(partition)) == f"2024-03-01|{symbol}"
    assert partition_of(str(key_of(partition))) == partition


def test_another_venue_is_named_in_the_key() -> None:
    partition = Partition.of("bybit", "BTCUSDT", "2024-03-01")
    assert str(key_of(partition)) == "2024-03-01|bybit:BTCUSDT"
    assert partition_of(str(key_of(partition))) == partition


@pytest.mark.parametrize("key", ["2024-03-01|../../etc", "2024-03-01|A/B", "20240301|BTCUSDT"])
def test_a_symbol_added_by_hand_cannot_reach_the_disk(key: str) -> None:
    with pytest.raises(InvalidName):
        partition_of(key)


def test_keys_come_back_in_order_of_symbol_and_day() -> None:
    found = partitions_of(["2024-03-02|BTCUSDT", "2024-03-01|ETHUSDT", "2024-03-01|BTCUSDT"])
    assert [str(one) for one in found] == [
        "binance:BTCUSDT 2024-03-01",
        "binance:BTCUSDT 2024-03-02",
        "binance:ETHUSDT 2024-03-01",
    ]
