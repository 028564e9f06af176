"""The archive's files are downloaded whole, with their checksum, or not at all."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from crypto_assets.errors import Refused, StreamLost
from crypto_assets.exchange import FLAT_OUT, random_market, run_in_thread
from crypto_assets.lake.blocks import published_checksum, sha256_of
from crypto_assets.model.partition import Partition
from crypto_assets.sources.archive import Archive
from crypto_assets.venues import venue
from crypto_assets.venues.venue import ArchiveFile, ArchiveName

DAY = Partition.of("binance", "BTCUSDT", "2025-03-04")
CHINESE = "币安人生USDT"
MARKET = random_market(["BTCUSDT", CHINESE], DAY.start_us, 60, 5, seed=3)


def file(
    symbol: str = "BTCUSDT", table: str = "trades", interval: str | None = None
) -> ArchiveFile:
    found = venue("binance").archive_file(ArchiveName(symbol, table, interval, str(DAY.date)))
    assert found is not None
    return found


def archive(url: str, waited: list[float] | None = None) -> Archive:
    return Archive(url, sleep=(lambda _: None) if waited is None else waited.append)


@pytest.mark.parametrize("symbol", ["BTCUSDT", CHINESE])
def test_a_published_file_comes_with_its_checksum(tmp_path: Path, symbol: str) -> None:
    told: list[int] = []
    with run_in_thread(MARKET, pace=FLAT_OUT) as exchange:
        exchange.jump(DAY.end_us + 86_400_000_000)
        path = archive(exchange.http_url).fetch(file(symbol), tmp_path, told.append)
        checksum = archive(exchange.http_url).checksum(file(symbol))
    assert path == tmp_path / f"{symbol}-trades-2025-03-04.zip"
    assert published_checksum(path) == sha256_of(path) == checksum
    assert sum(told) == path.stat().st_size
    assert sorted(found.name for found in tmp_path.iterdir()) == [
        path.name,
        f"{path.name}.CHECKSUM",
    ]


def test_one_that_is_not_published_is_none(tmp_path: Path) -> None:
    with run_in_thread(MARKET, pace=FLAT_OUT) as exchange:
        found = archive(exchange.http_url)
        assert found.fetch(file(), tmp_path) is None
        assert found.checksum(file()) is None
        assert found.size(file()) is None
    assert list(tmp_path.iterdir()) == []


def test_a_server_in_trouble_is_asked_again_and_the_law_is_not(tmp_path: Path) -> None:
    waited: list[float] = []
    with run_in_thread(MARKET, pace=FLAT_OUT) as exchange:
        exchange.jump(DAY.end_us + 86_400_000_000)
        exchange.inject({"refuse": 503, "refuse_times": 3})
        assert archive(exchange.http_url, waited).fetch(file(), tmp_path) is not None
        assert [pause for pause in waited if pause] == [1.0, 2.0, 4.0]
        exchange.inject({"refuse": 503})
        with pytest.raises(StreamLost, match="503"):
            archive(exchange.http_url).fetch(file(), tmp_path)
        exchange.inject({"refuse": 451})
        with pytest.raises(Refused, match="451"):
            archive(exchange.http_url).fetch(file(), tmp_path)
        url = exchange.http_url
    waited.clear()
    with pytest.raises(StreamLost):
        archive(url, waited).fetch(file(), tmp_path)
    assert sum(waited) < 5, "without a network nobody waits for long"


def test_what_was_begun_is_gone_on_with(tmp_path: Path) -> None:
    with run_in_thread(MARKET, pace=FLAT_OUT) as exchange:
        exchange.jump(DAY.end_us + 86_400_000_000)
        whole = archive(exchange.http_url).fetch(file(), tmp_path / "whole")
        assert whole is not None
        exchange.inject({"archive_cut_bytes": 1_000, "archive_cut_times": 3})
        told: list[int] = []
        path = archive(exchange.http_url).fetch(file(), tmp_path, told.append)
    assert path is not None
    assert path.read_bytes() == whole.read_bytes()
    assert sum(told) == whole.stat().st_size, "no byte was sent twice"


def test_a_part_of_another_file_is_begun_anew(tmp_path: Path) -> None:
    with run_in_thread(MARKET, pace=FLAT_OUT) as exchange:
        exchange.jump(DAY.end_us + 86_400_000_000)
        (tmp_path / f"{file().name}.part").write_bytes(b"of an earlier publication")
        (tmp_path / f"{file().name}.etag").write_text('"another"')
        path = archive(exchange.http_url).fetch(file(), tmp_path)
    assert path is not None
    assert published_checksum(path) == sha256_of(path)


def test_the_files_and_symbols_there_ever_were_are_listed() -> None:
    with run_in_thread(MARKET, pace=FLAT_OUT) as exchange:
        exchange.jump(DAY.end_us + 86_400_000_000)
        found = archive(exchange.http_url)
        folder = "data/spot/daily/trades/"
        assert found.folders(folder) == sorted(["BTCUSDT", CHINESE])
        (listed, checksum) = found.listing(f"{folder}{CHINESE}/")
        assert listed.key == file(CHINESE).key
        assert checksum.key == f"{file(CHINESE).key}.CHECKSUM"
        assert listed.bytes == found.size(file(CHINESE))
        assert found.listing(f"{folder}NONEUSDT/") == []


@pytest.mark.parametrize("status", [418, 429])
def test_nothing_is_sent_before_the_ban_is_over(tmp_path: Path, status: int) -> None:
    with run_in_thread(MARKET, pace=FLAT_OUT) as exchange:
        exchange.jump(DAY.end_us + 86_400_000_000)
        exchange.inject(
            {
                "refuse_archive": status,
                "refuse_archive_times": 1,
                "refuse_archive_after": 3,
                "retry_after_s": 1,
            },
        )
        shared = Archive(exchange.http_url)
        wanted = [file(), file(CHINESE), file(interval="1m"), file(table="agg_trades")]
        threads = [
            threading.Thread(target=shared.fetch, args=(one, tmp_path / one.name)) for one in wanted
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert exchange.counters.too_early == 0
        assert exchange.counters.statuses[status] == 1
    for one in wanted:
        path = tmp_path / one.name / one.name
        assert published_checksum(path) == sha256_of(path)
