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

from crypto_assets.exchange import Faults, Market, random_market
from crypto_assets.exchange.archive import (
    KINDS,
    MOST_DAYS,
    Entry,
    File,
    Listing,
    checksum,
    content,
    listing,
    not_found,
    published,
)
from crypto_assets.exchange.faults import changed
from crypto_assets.lake.blocks import Block, blocks, published_checksum, sha256_of
from crypto_assets.model.interval import DAY_US
from crypto_assets.venues import venue

BINANCE = venue("binance")


def files(market: Market, faults: Faults | None = None) -> list[File]:
    return published(market, market.end_us, faults or Faults())


def made(market: Market, file: File) -> bytes:
    found = content(market.tapes[file.symbol], file.of, BINANCE)
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
        File(f"S{k:02}USDT", kind, "1970-01-02", (1,), 1)
        for kind in ("1m", "trades")
        for k in range(9)
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


# Flaws and what heals them


def ids(market: Market, faults: Faults, kind: str = "trades") -> list[int]:
    data = text(made(market, chosen(market, kind, faults)))
    return [int(row.split(b",")[0]) for row in data.splitlines()]


def test_a_truncated_file_is_the_first_third_of_its_rows_and_sound(
    market: Market,
    tmp_path: Path,
) -> None:
    for kind in KINDS:
        whole = text(made(market, chosen(market, kind))).splitlines()
        faults = Faults(archive_truncated=("BTCUSDT-2025-01-01",))
        file = chosen(market, kind, faults)
        assert text(made(market, file)).splitlines() == whole[: max(len(whole) // 3, 1)]
        beside = next(f for f in files(market, faults) if f.key == f"{file.key}.CHECKSUM")
        for found in (file, beside):
            (tmp_path / found.name).write_bytes(made(market, found))
        assert published_checksum(tmp_path / file.name) == sha256_of(tmp_path / file.name)


def test_an_unpublished_file_is_not_there_and_its_neighbours_are(market: Market) -> None:
    every = {file.name for file in files(market)}
    name = "BTCUSDT-trades-2025-01-01"
    left = {file.name for file in files(market, Faults(archive_unpublished=(name,)))}
    assert every - left == {f"{name}.zip", f"{name}.zip.CHECKSUM"}


def test_altered_trades_have_twice_the_quantity_and_a_product_that_fits(market: Market) -> None:
    first = int(market.tapes["BTCUSDT"].ids[0])
    faults = Faults(archive_altered={"BTCUSDT-trades-2025-01-01": [(first + 2, first + 3)]})
    right, wrong = (
        BINANCE.decode_trades(text(made(market, chosen(market, "trades", each))), 1).frame
        for each in (Faults(), faults)
    )
    other = [k for k in range(len(right)) if right.row(k) != wrong.row(k)]
    assert other == [2, 3]
    assert wrong["quantity"][2] == 2 * right["quantity"][2]
    assert wrong["price"][2] == right["price"][2]
    assert wrong["quoted_value"].null_count() == len(wrong)


def test_added_rows_are_copies_of_the_trade_before_within_beyond_and_in_front(
    market: Market,
) -> None:
    right = ids(market, Faults())
    first, last = right[0], right[-1]
    added = {"BTCUSDT-trades-2025-01-01": [(last + 1, last + 2), (first - 1, first - 1)]}
    hole = {"BTCUSDT": [(first + 5, first + 5)]}
    wrong = Faults(archive_added=added)
    assert ids(market, wrong) == [first - 1, *right, last + 1, last + 2]
    rows = text(made(market, chosen(market, "trades", wrong))).splitlines()
    values = [row.split(b",", 1)[1] for row in rows]
    assert values[0] == values[1]
    assert values[-1] == values[-2] == values[-3]
    filled = Faults(archive_missing=hole, archive_added=hole)
    assert ids(market, filled) == right
    assert (
        text(made(market, chosen(market, "trades", filled))).splitlines()[5].split(b",")[1:]
        == (text(made(market, chosen(market, "trades"))).splitlines()[4].split(b",")[1:])
    )


def test_a_republication_adds_removes_and_changes_rows_and_rights_the_checksum(
    market: Market,
) -> None:
    right = ids(market, Faults())
    wrong = {
        "archive_missing": {"BTCUSDT": [(right[1], right[2])]},
        "archive_altered": {"BTCUSDT": [(right[4], right[4])]},
        "archive_added": {"BTCUSDT-trades-2025-01-01": [(right[-1] + 1, right[-1] + 1)]},
        "archive_truncated": ["BTCUSDT-1s-2025-01-01"],
        "wrong_checksums": ["BTCUSDT"],
    }
    before = changed(Faults(), wrong)
    after = changed(before, {"republished": ["BTCUSDT-2025-01-01"]})
    for kind in KINDS:
        whole, old, new = (chosen(market, kind, each) for each in (Faults(), before, after))
        assert text(made(market, new)) == text(made(market, whole))
        assert made(market, new) != made(market, whole)
        assert new.published_us > old.published_us
        beside = next(f for f in files(market, after) if f.key == f"{new.key}.CHECKSUM")
        digest = hashlib.sha256(made(market, new)).hexdigest()
        assert made(market, beside).startswith(digest.encode())
    assert ids(market, before) == [right[0], *right[3:], right[-1] + 1]


# Months, ends


@pytest.fixture(scope="module")
def months() -> Market:
    """One symbol from the last day of January 2025 to the first of February."""
    start = int(dt.datetime(2025, 1, 31, 12, tzinfo=dt.UTC).timestamp()) * 1_000_000
    return random_market(["BTCUSDT"], start, 30 * 3_600, 0.05, seed=3)


FEBRUARY, MARCH = (
    int(dt.datetime(2025, month, 1, tzinfo=dt.UTC).timestamp()) * 1_000_000 for month in (2, 3)
)


def test_a_months_files_come_when_it_is_over_and_hold_its_days(months: Market) -> None:
    def monthly(now_us: int, faults: Faults) -> list[File]:
        return [f for f in published(months, now_us, faults) if f.is_monthly]

    assert monthly(FEBRUARY - 1, Faults()) == []
    assert monthly(FEBRUARY, Faults(archive_late_s=1)) == []
    january = monthly(FEBRUARY, Faults())
    assert [file.key for file in january if not file.is_checksum] == [
        "data/spot/monthly/aggTrades/BTCUSDT/BTCUSDT-aggTrades-2025-01.zip",
        "data/spot/monthly/klines/BTCUSDT/1m/BTCUSDT-1m-2025-01.zip",
        "data/spot/monthly/klines/BTCUSDT/1s/BTCUSDT-1s-2025-01.zip",
        "data/spot/monthly/trades/BTCUSDT/BTCUSDT-trades-2025-01.zip",
    ]
    assert monthly(MARCH - 1, Faults()) == january
    every = published(months, MARCH, Faults())
    assert [file.key for file in every] == sorted(file.key for file in every)
    for file in every:
        if file.is_monthly and not file.is_checksum:
            whole = text(made(months, file))
            days = [
                text(made(months, day))
                for day in every
                if (day.kind, day.is_monthly, day.is_checksum) == (file.kind, False, False)
                and day.days[0] in file.days
            ]
            assert whole == b"".join(days)
            assert len(days) == len(file.days)


def test_a_months_flaws_are_its_own(months: Market) -> None:
    faults = Faults(
        archive_truncated=("BTCUSDT-2025-02",), archive_unpublished=("BTCUSDT-2025-01",)
    )
    found = published(months, MARCH, faults)
    assert {f.stem for f in found if f.flaws.is_truncated} == {
        f"BTCUSDT-{kind}-2025-02" for kind in KINDS
    }
    assert not [f for f in found if f.is_monthly and f.stem.endswith("2025-01")]


def opens(market: Market, file: File) -> list[int]:
    return [int(row.split(b",")[0]) for row in text(made(market, file)).splitlines()]


def test_the_last_day_of_klines_is_whole_but_that_of_a_delisted_symbol(months: Market) -> None:
    tape, second = months.tapes["BTCUSDT"], 1_000_000
    days = sorted({int(day) for day in tape.trade_due // DAY_US})
    whole, ended = (
        published(months, MARCH, faults, "data/spot/daily/klines/BTCUSDT/1s/")
        for faults in (Faults(), Faults(delisted=("BTCUSDT",)))
    )
    for found in (whole, ended):
        assert [file.days[0] for file in found if not file.is_checksum] == days
    start = days[-1] * DAY_US
    assert int(tape.trade_due[-1]) < start + DAY_US - 3_600 * second
    assert opens(months, whole[-2]) == list(range(start, start + DAY_US, second))
    last = int(tape.trade_due[-1]) // second * second
    assert opens(months, ended[-2]) == list(range(start, last + 1, second))
    first = tape.first_us // second * second
    assert opens(months, whole[0]) == list(range(first, (days[0] + 1) * DAY_US, second))
    assert opens(months, ended[0]) == opens(months, whole[0])


def test_a_prefix_finds_what_begins_with_it(months: Market) -> None:
    every = published(months, MARCH, Faults())
    folder = "data/spot/daily/klines/BTCUSDT/1s/"
    name = f"{folder}BTCUSDT-1s-2025-02-01.zip"
    for prefix in ("", "data/spot/d", folder, f"{folder}BTCUSDT-1s-2025-0", name, f"{name}.C"):
        expected = [file for file in every if file.key.startswith(prefix)]
        assert published(months, MARCH, Faults(), prefix) == expected != []
    for prefix in ("data/futures/", f"{name}.x", f"{folder}BTCUSDT-1s-2025-03"):
        assert published(months, MARCH, Faults(), prefix) == []


def test_a_page_ends_where_much_is_to_be_made_and_the_next_begins_there() -> None:
    every = [File(f"S{k:02}USDT", "1m", "1970-01-02", (1,), 1) for k in range(40)]
    found, _, marker = Listing().page(every, lambda _: 1)
    assert (len(found), marker) == (MOST_DAYS, found[-1].key)
    rest, _, _ = Listing(marker=found[-1].key).page(every)
    assert found + rest == every
    singly, _, marker = Listing().page(every, lambda _: MOST_DAYS + 1)
    assert (singly, marker) == (every[:1], every[0].key)
