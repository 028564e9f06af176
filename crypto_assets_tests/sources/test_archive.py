"""The archive's files are downloaded whole, with their checksum, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from crypto_assets.errors import Refused, StreamLost
from crypto_assets.exchange import FLAT_OUT, random_market, run_in_thread
from crypto_assets.lake.blocks import published_checksum, sha256_of
from crypto_assets.model.partition import Partition
from crypto_assets.sources.archive import Archive

DAY = Partition.of("binance", "BTCUSDT", "2025-03-04")
MARKET = random_market(["BTCUSDT"], DAY.start_us, 60, 5, seed=3)


def test_a_published_file_comes_with_its_checksum(tmp_path: Path) -> None:
    with run_in_thread(MARKET, pace=FLAT_OUT) as exchange:
        exchange.jump(DAY.end_us + 86_400_000_000)
        path = Archive(exchange.http_url).fetch(DAY, tmp_path)
    assert path == tmp_path / "BTCUSDT-trades-2025-03-04.zip"
    assert published_checksum(path) == sha256_of(path)


def test_one_that_is_not_published_is_none(tmp_path: Path) -> None:
    with run_in_thread(MARKET, pace=FLAT_OUT) as exchange:
        assert Archive(exchange.http_url).fetch(DAY, tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def test_a_server_in_trouble_may_be_asked_again_and_the_law_may_not(tmp_path: Path) -> None:
    with run_in_thread(MARKET, pace=FLAT_OUT) as exchange:
        exchange.inject({"refuse": 503})
        with pytest.raises(StreamLost, match="503"):
            Archive(exchange.http_url).fetch(DAY, tmp_path)
        exchange.inject({"refuse": 451})
        with pytest.raises(Refused, match="451"):
            Archive(exchange.http_url).fetch(DAY, tmp_path)
        url = exchange.http_url
    with pytest.raises(StreamLost):
        Archive(url).fetch(DAY, tmp_path)
