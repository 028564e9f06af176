"""The archive: its files read back, and its listing."""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import zipfile
from pathlib import Path
from xml.etree import ElementTree as ET

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_assets.exchange import Faults, Market
from crypto_assets.exchange.archive import (
    Entry,
    File,
    Listing,
    checksum,
    listing,
    not_found,
    published,
    zipped,
)
from crypto_assets.lake.blocks import Block, blocks, published_checksum, sha256_of
from crypto_assets.model.interval import DAY_US
from crypto_assets.venues import venue

BINANCE = venue("binance")


def files(market: Market, faults: Faults | None = None) -> list[File]:
    return published(market, market.end_us, faults or Faults())


def made(market: Market, file: File) -> bytes:
    found = zipped(market.tapes[file.symbol], file.of, BINANCE)
    return checksum(file, hashlib.sha256(found).hexdigest()) if file.is_checksum else found


def chosen(market: Market, kind: str, faults: Faults | None = None) -> File:
    return next(
        file
        for file in files(market, faults)
        if (file.symbol, file.kind, file.is_checksum) == ("BTCUSDT", kind, False)
    )


def text(data: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        (name,) = archive.namelist()
        return archive.read(name)


def test_only_finished_days_are_published(market: Market) -> None:
    midnight = market.end_us // DAY_US * DAY_US
    assert published(market, midnight - 1, Faults()) == []
    found = published(market, midnight, Faults())
    assert len(found) == 2 * 4 * 2
    assert {file.days for file in found} == {(midnight // DAY_US - 1,)}
    assert found[0].key == "data/spot/daily/aggTrades/BTCUSDT/BTCUSDT-aggTrades-2025-01-01.zip"
    keys = {file.key for file in found}
    assert "data/spot/daily/klines/ETHUSDT/1s/ETHUSDT-1s-2025-01-01.zip.CHECKSUM" in keys


def test_late_publication_is_late(market: Market) -> None:
    midnight = market.end_us // DAY_US * DAY_US
    late = Faults(archive_late_s=5)
    assert published(market, midnight + 4_999_999, late) == []
    assert published(market, midnight + 5_000_000, late)


def test_the_lake_reads_the_zip_and_the_venue_every_row(market: Market, tmp_path: Path) -> None:
    tape = market.tapes["BTCUSDT"]
    midnight = market.end_us // DAY_US * DAY_US
    for file in files(market):
        if file.symbol == "BTCUSDT":
            (tmp_path / file.name).write_bytes(made(market, file))
    path = tmp_path / "BTCUSDT-trades-2025-01-01.zip"
    assert published_checksum(path) == sha256_of(path)
    name = BINANCE.archive_name(path.name)
    assert name is not None
    assert name.table == "trades"
    (block,) = blocks(path)
    assert isinstance(block, Block)
    rows = BINANCE.decode_trades(block.data, 1)
    mine = tape.trades.filter(pl.col("time_us") < midnight)
    assert not rows.dead
    assert rows.units == {BINANCE.expected_unit(dt.date(2025, 1, 1))} == {"us"}
    assert rows.frame["trade_id"].to_list() == mine["trade_id"].to_list()
    assert rows.frame["price"].to_list() == mine["price"].to_list()
    assert rows.frame["quantity"].to_list() == mine["quantity"].to_list()
    assert rows.frame["quoted_value"].null_count() == len(mine)
    (block,) = blocks(tmp_path / "BTCUSDT-1s-2025-01-01.zip")
    assert isinstance(block, Block)
    bars = BINANCE.decode_klines(block.data, 1, "1s")
    assert not bars.dead
    assert bars.frame["trade_count"].sum() == len(mine)
    assert len(bars.frame) == (midnight - mine["time_us"][0] // 1_000_000 * 1_000_000) // 1_000_000


def test_a_day_before_2025_is_in_milliseconds(recorded: Market) -> None:
    data = text(made(recorded, chosen(recorded, "trades")))
    rows = BINANCE.decode_trades(data, 1)
    assert not rows.dead
    assert rows.units == {"ms"}
    assert b",True,True\n" in data


def test_a_file_is_the_same_bytes_every_time(market: Market) -> None:
    file = chosen(market, "1m")
    assert made(market, file) == made(market, file)


def test_a_wrong_checksum_is_wrong_and_only_where_asked(market: Market, tmp_path: Path) -> None:
    found = files(market, Faults(wrong_checksums=("BTCUSDT",)))
    for file in found:
        (tmp_path / file.name).write_bytes(made(market, file))
    for symbol, right in (("BTCUSDT", False), ("ETHUSDT", True)):
        path = tmp_path / f"{symbol}-trades-2025-01-01.zip"
        assert (published_checksum(path) == sha256_of(path)) is right


def test_a_file_published_anew_is_complete_and_other_bytes(market: Market) -> None:
    first = int(market.tapes["BTCUSDT"].ids[0])
    lacking = Faults(archive_missing={"BTCUSDT": [(first + 1, first + 3)]})
    anew = Faults(archive_missing=lacking.archive_missing, republished=("BTCUSDT",))
    full = made(market, chosen(market, "trades"))
    before, after = (chosen(market, "trades", faults) for faults in (lacking, anew))
    ids = [row.split(b",")[0] for row in text(made(market, before)).splitlines()]
    assert ids[:2] == [b"%d" % first, b"%d" % (first + 4)]
    assert text(made(market, after)) == text(full)
    assert made(market, after) != full
    assert after.published_us > before.published_us


@pytest.mark.parametrize("kind", ["trades", "aggTrades", "1s", "1m"])
def test_a_checksum_is_of_the_zip_beside_it(market: Market, kind: str) -> None:
    file = chosen(market, kind)
    beside = next(other for other in files(market) if other.key == f"{file.key}.CHECKSUM")
    digest = hashlib.sha256(made(market, file)).hexdigest()
    assert made(market, beside) == f"{digest}  {file.name}".encode()


def test_a_folder_is_told_once(market: Market) -> None:
    found, folders, more = Listing("data/spot/daily/", "/").page(files(market))
    assert (found, more) == ([], None)
    assert folders == [f"data/spot/daily/{name}/" for name in ("aggTrades", "klines", "trades")]


@given(st.integers(1, 9), st.sampled_from(["", "/"]), st.sampled_from(["", "data/spot/daily/k"]))
def test_pages_hold_every_key_once(most: int, delimiter: str, prefix: str) -> None:
    every = [
        File(f"S{k:02}USDT", kind, (1,), False, 1) for kind in ("1m", "trades") for k in range(9)
    ]
    whole = Listing(prefix, delimiter).page(every)
    keys: list[str] = []
    folders: list[str] = []
    marker: str | None = ""
    while marker is not None:
        found, inside, marker = Listing(prefix, delimiter, marker, most).page(every)
        assert len(found) + len(inside) <= most
        keys += [file.key for file in found]
        folders += inside
    assert (keys, folders) == ([file.key for file in whole[0]], whole[1])


def test_the_listing_is_s3s(market: Market) -> None:
    file = chosen(market, "trades")
    entry = Entry(file.key, file.published_us, 3, '"abc"')
    asked = Listing("data/", "/", "", 1)
    root = ET.fromstring(listing([entry], ["data/x/"], asked, truncated=file.key))
    space = {"s3": "http://s3.amazonaws.com/doc/2006-03-01/"}
    assert root.findtext("s3:Contents/s3:Key", None, space) == file.key
    assert root.findtext("s3:Contents/s3:Size", None, space) == "3"
    assert root.findtext("s3:CommonPrefixes/s3:Prefix", None, space) == "data/x/"
    assert root.findtext("s3:IsTruncated", None, space) == "true"
    assert root.findtext("s3:NextMarker", None, space) == file.key
    assert ET.fromstring(not_found("data/x")).findtext("Code") == "NoSuchKey"
