"""The recordings hold what the demo promises, read without our own decoders."""

from __future__ import annotations

import datetime as dt
import gzip
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import zstandard

from crypto_assets.demo import recorded

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "binance_spot"
ORIGINALS = {
    "nexousdt_20240724.jsonl.zst": "nexousdt_20240724.dat.gz",
    "nexousdt_20240725.jsonl.zst": "nexousdt_20240725.dat.gz",
    "btcusdt_20240808.jsonl.zst": "btcusdt_20240808.gz",
    "btcusdt_20240809.jsonl.zst": "btcusdt_20240809.gz",
}


def lines(name: str) -> Iterator[bytes]:
    with recorded.path(name).open("rb") as file:
        yield from io.BufferedReader(zstandard.ZstdDecompressor().stream_reader(file))


def messages(*names: str) -> list[dict[str, object]]:
    return [json.loads(line.split(b" ", 1)[1])["data"] for name in names for line in lines(name)]


def trades(*names: str) -> list[tuple[int, dt.datetime]]:
    return [
        (int(str(data["t"])), dt.datetime.fromtimestamp(int(str(data["T"])) / 1_000, dt.UTC))
        for data in messages(*names)
        if data.get("e") == "trade"
    ]


def test_they_are_a_few_megabytes_at_most() -> None:
    assert sum(recorded.path(name).stat().st_size for name in recorded.ALL) < 2_000_000


def test_nothing_lies_beside_them_but_their_origin() -> None:
    found = {path.name for path in recorded.DIRECTORY.iterdir()}
    assert found == {*recorded.ALL, "ORIGIN.md"}


def test_their_origin_names_every_file_and_its_licence() -> None:
    origin = (recorded.DIRECTORY / "ORIGIN.md").read_text()
    for name in recorded.ALL:
        (row,) = (line for line in origin.splitlines() if line.startswith("|") and name in line)
        assert "MIT" in row


def test_the_whole_day_and_its_neighbours_have_every_trade_id() -> None:
    found = trades(*recorded.NEXO_CAPTURES)
    assert [trade_id for trade_id, _ in found] == list(range(12_796_785, 12_809_120))
    of_the_day = [trade_id for trade_id, at in found if at.date() == recorded.WHOLE_DAY.date]
    assert len(of_the_day) == 12_215
    assert (of_the_day[0], of_the_day[-1]) == recorded.WHOLE_DAY_IDS
    assert {at.date() for _, at in found} == {day.date for day in recorded.NEXO}


def test_the_minutes_around_midnight_have_every_trade_id() -> None:
    found = trades(*recorded.BTC_CAPTURES)
    assert [trade_id for trade_id, _ in found] == list(range(3_735_683_259, 3_735_703_163))
    minutes = sorted({at.replace(second=0, microsecond=0) for _, at in found})
    whole = minutes[1:-1]
    assert whole[0] == dt.datetime(2024, 8, 8, 23, 55, tzinfo=dt.UTC)
    assert whole[-1] == dt.datetime(2024, 8, 9, 0, 4, tzinfo=dt.UTC)
    assert len(whole) == recorded.BTC_WHOLE_MINUTES


def test_captures_hold_trades_and_quotes_only() -> None:
    for name in (*recorded.NEXO_CAPTURES, *recorded.BTC_CAPTURES):
        streams = {
            json.loads(line.split(b" ", 1)[1])["stream"].split("@")[1] for line in lines(name)
        }
        assert streams == {"trade", "bookTicker"}


def test_the_klines_are_of_both_whole_days_and_count_the_ids_that_were_not_recorded() -> None:
    held = dict.fromkeys(recorded.BTC, 0)
    for _, at in trades(*recorded.BTC_CAPTURES):
        held[next(day for day in recorded.BTC if day.date == at.date())] += 1
    for day, name in zip(recorded.BTC, recorded.BTC_KLINES, strict=True):
        rows = gzip.decompress(recorded.path(name).read_bytes()).decode().splitlines()
        opens = [int(row.split(",")[0]) for row in rows]
        assert opens == list(range(day.start_us // 1_000, day.end_us // 1_000, 60_000))
        first, last = recorded.BTC_MISSING[day]
        assert sum(int(row.split(",")[8]) for row in rows) == held[day] + last - first + 1


@pytest.mark.parametrize("name", ORIGINALS)
def test_every_line_is_as_it_was_recorded(name: str) -> None:
    original = SHARED / "websocket" / ORIGINALS[name]
    if not original.exists():
        pytest.skip(f"{original} is not here: the original captures are kept outside")
    kept = list(lines(name))
    first, last = (int(line.split(b" ", 1)[0]) for line in (kept[0], kept[-1]))
    with gzip.open(original) as file:
        expected = [
            line
            for line in file
            if (b'@trade"' in line[:80] or b'@bookTicker"' in line[:80])
            and first <= int(line.split(b" ", 1)[0]) <= last
        ]
    assert kept == expected


@pytest.mark.parametrize("name", recorded.BTC_KLINES)
def test_the_klines_are_unchanged(name: str) -> None:
    original = SHARED / "klines_1m" / name
    if not original.exists():
        pytest.skip(f"{original} is not here: the original klines are kept outside")
    assert recorded.path(name).read_bytes() == original.read_bytes()
