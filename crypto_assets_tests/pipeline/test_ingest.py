"""Files of every kind and in every state: what is good in them is kept, the rest is said."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import polars as pl
import pytest
import zstandard

from crypto_assets.errors import ChecksumMismatch, InvalidName, UnreadableInput
from crypto_assets.lake.inputs import Inputs
from crypto_assets.lake.lake import Lake
from crypto_assets.model.partition import Partition
from crypto_assets.pipeline import landing
from crypto_assets.pipeline.ingest import refresh, take

Tree = dict[str, tuple[int, int, str]]
DAY_MS = 1_721_779_200_000
DAY = Partition.of("binance", "NEXOUSDT", "2024-07-24")
SECONDS_A_DAY = 86_400


def rows(ids: Iterable[int], *, price: str = "1.5", us: bool = False) -> str:
    """Write archive rows, one trade a minute from midnight of 2024-07-24 by id."""
    return "".join(
        f"{id_},{price}00,2.00,{2 * float(price):.2f},"
        f"{(DAY_MS + id_ * 60_000) * (1_000 if us else 1)},True,True\n"
        for id_ in ids
    )


def klines(minutes: Iterable[int], volume: str = "1.0") -> str:
    """Write archive klines by minutes since midnight of 2024-07-24."""
    return "".join(
        f"{DAY_MS + at * 60_000},1.0,2.0,0.5,1.5,{volume},{DAY_MS + at * 60_000 + 59_999},3.0,7,"
        "0.5,0.7,0\n"
        for at in minutes
    )


def aggregates(ids: Iterable[int], *, quantity: str = "6.00", reverse: bool = False) -> str:
    """Write archive rows of aggregates, three trades and one minute each, by their ids."""
    found = [
        f"{id_},1.50,{quantity},{3 * id_},{3 * id_ + 2},{DAY_MS + id_ * 60_000},True,True\n"
        for id_ in ids
    ]
    return "".join(reversed(found) if reverse else found)


def message(id_: int, symbol: str = "NEXOUSDT", stream: str | None = None) -> str:
    """Write one line of a capture."""
    at = DAY_MS + id_ * 1_000
    data = {"e": "trade", "E": at, "s": symbol, "t": id_, "p": "1.50000000", "q": "2.00000000"}
    body = {"stream": stream or f"{symbol.lower()}@trade", "data": data | {"T": at, "m": True}}
    return f"{at * 1_000 + 500} {json.dumps(body)}\n"


def quote(id_: int, symbol: str = "NEXOUSDT") -> str:
    data = {"u": id_, "s": symbol, "b": "1.4", "B": "1", "a": "1.6", "A": "1"}
    body = {"stream": f"{symbol.lower()}@bookTicker", "data": data}
    return f"{(DAY_MS + id_ * 1_000) * 1_000} {json.dumps(body)}\n"


def zipped(data: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("rows.csv", data)
    return buffer.getvalue()


def zst(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(write_checksum=True).compress(data)


def stored(lake: Lake, asset: str = "raw_trades", day: Partition = DAY) -> list[int]:
    key = {"raw_trades": "trade_id", "raw_quotes": "update_id", "agg_trades": "agg_id"}[asset]
    found: list[int] = lake.scan(asset, day).collect()[key].to_list()
    return found


@pytest.fixture
def put(tmp_path: Path) -> Callable[..., Path]:
    def write(name: str, data: str | bytes) -> Path:
        path = tmp_path / "from" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        return path

    return write


Put = Callable[[str, str | bytes], Path]

EXCHANGE_INFO = json.dumps(
    {
        "timezone": "UTC",
        "serverTime": DAY_MS + 5,
        "rateLimits": [],
        "symbols": [
            {
                "symbol": "NEXOUSDT",
                "status": "TRADING",
                "filters": [{"filterType": "PRICE_FILTER", "tickSize": "0.00100000"}],
            },
        ],
    },
)
EVERY_KIND: dict[str, tuple[str, str | bytes]] = {
    "capture": ("nexo.jsonl", "".join(map(message, range(20))) + quote(5)),
    "capture with faults": ("nexo.jsonl", message(1) + "garbage\n" + message(2)[:-20]),
    "trades": ("NEXOUSDT-trades-2024-07-24.csv", rows(range(20))),
    "trades of a month": ("NEXOUSDT-trades-2024-07.zip", zipped(rows(range(4_000)).encode())),
    "aggregates": ("NEXOUSDT-aggTrades-2024-07-24.csv", aggregates(range(20))),
    "fetched trades": ("NEXOUSDT-rest-0-19.csv", rows(range(20))),
    "fetched aggregates": ("NEXOUSDT-aggTrades-rest-0-19.csv", aggregates(range(20))),
    "fetched klines": (f"NEXOUSDT-1m-rest-{DAY_MS}-{DAY_MS + 60_000}.csv", klines(range(2))),
    "klines": ("NEXOUSDT-1m-2024-07-24.csv.gz", gzip.compress(klines(range(1_440)).encode())),
    "exchange info": ("exchangeInfo.json", EXCHANGE_INFO),
}


# What is taken.


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_taking_a_file_twice_changes_nothing(
    kind: str,
    lake: Lake,
    put: Put,
    tree: Callable[[Path], Tree],
) -> None:
    path = put(*EVERY_KIND[kind])
    first = take(lake, path)
    before = tree(lake.layout.root)
    second = take(lake, path)
    assert tree(lake.layout.root) == before
    assert (first.is_new, second.is_new) == (True, False)
    assert second.record == first.record


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_the_same_file_makes_the_same_lake_anywhere(
    kind: str,
    lake: Lake,
    put: Put,
    tmp_path: Path,
    contents: Callable[[Path], dict[str, str]],
) -> None:
    other = Lake(tmp_path / "other")
    for target in (lake, other):
        take(target, put(*EVERY_KIND[kind]))
    assert contents(lake.layout.root) == contents(other.layout.root)


def test_the_bytes_of_a_file_are_kept_as_they_came(lake: Lake, put: Put) -> None:
    path = put("nexo.jsonl.gz", gzip.compress(message(1).encode(), mtime=0))
    record = take(lake, path).record
    inputs = Inputs(lake.layout, "binance")
    assert inputs.path(record).read_bytes() == path.read_bytes()
    assert inputs.find(record.id) == record
    assert record.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_two_captures_of_the_same_name_are_two_inputs(lake: Lake, put: Put) -> None:
    take(lake, put("today.jsonl", message(1) + message(2)))
    take(lake, put("today.jsonl", message(2) + message(4)))
    assert len(lake.layout.files("raw_trades", DAY)) == 2
    assert stored(lake) == [1, 2, 4]
    summary = lake.summary("raw_trades", DAY)
    assert summary is not None
    assert (summary.duplicates, summary.missing) == (1, ((3, 3),))


def test_what_came_twice_or_out_of_order_is_counted(lake: Lake, put: Put) -> None:
    lines = [message(3), message(1), message(2), message(2), message(9)]
    take(lake, put("nexo.jsonl", "".join(lines)))
    manifest = lake.summary("raw_trades", DAY)
    assert manifest is not None
    assert stored(lake) == [1, 2, 3, 9]
    assert (manifest.duplicates, manifest.disordered, manifest.missing) == (1, 1, ((4, 8),))
    assert manifest.sources == {"stream": 4}


def test_a_message_received_after_midnight_belongs_to_the_day_it_was_matched(
    lake: Lake,
    put: Put,
) -> None:
    late = message(SECONDS_A_DAY - 1).split(" ", 1)[1]
    capture = f"{(DAY_MS + (SECONDS_A_DAY + 2) * 1_000) * 1_000} {late}"
    take(lake, put("nexo.jsonl", message(1) + capture + message(SECONDS_A_DAY)))
    assert stored(lake) == [1, SECONDS_A_DAY - 1]
    assert stored(lake, day=DAY.next) == [SECONDS_A_DAY]


def test_a_month_is_split_into_its_days(lake: Lake, put: Put) -> None:
    text = rows(range(4_000))
    taken = take(lake, put("NEXOUSDT-trades-2024-07.csv", text))
    assert [landed.date for landed in taken.record.landed] == [
        "2024-07-24",
        "2024-07-25",
        "2024-07-26",
    ]
    assert stored(lake) == list(range(1_440))
    assert stored(lake, day=DAY.next) == list(range(1_440, 2_880))
    assert [landed.rows for landed in taken.record.landed] == [1_440, 1_440, 1_120]


def test_a_row_of_the_next_day_goes_there_and_does_not_hide_what_is_there(
    lake: Lake,
    put: Put,
) -> None:
    take(lake, put("NEXOUSDT-trades-2024-07-25.csv", rows(range(1_440, 1_500))))
    take(lake, put("NEXOUSDT-trades-2024-07-24.csv", rows(range(1_430, 1_441))))
    assert stored(lake) == list(range(1_430, 1_440))
    assert stored(lake, day=DAY.next) == list(range(1_440, 1_500))
    summary = lake.summary("raw_trades", DAY.next)
    assert summary is not None
    assert (summary.rows, summary.duplicates, summary.conflicts) == (60, 1, ())


def test_microseconds_stay_microseconds(lake: Lake, put: Put) -> None:
    at = (DAY_MS * 1_000) + 123_457
    text = f"1,1.5,2.0,3.0,{at},True,True\n2,1.5,2.0,3.0,{DAY_MS + 124},True,True\n"
    take(lake, put("NEXOUSDT-trades-2024-07-24.csv", text))
    times = lake.scan("raw_trades", DAY).collect()["ts_event"].to_physical().to_list()
    assert [us - DAY.start_us for us in times] == [123_457, 124_000]


def test_the_archives_own_quote_quantity_is_kept_where_it_differs(lake: Lake, put: Put) -> None:
    text = f"1,1.5,2.0,3.0,{DAY_MS},True,True\n2,1.5,2.0,3.01,{DAY_MS},True,True\n"
    take(lake, put("NEXOUSDT-trades-2024-07-24.csv", text))
    found = lake.scan("raw_trades", DAY).collect()["quoted_value"].cast(pl.String).to_list()
    assert found == [None, "3.01000000"]


def test_rows_held_in_memory_are_bounded_and_the_lake_is_the_same(
    lake: Lake,
    put: Put,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    contents: Callable[[Path], dict[str, str]],
) -> None:
    lines = [message(id_ * 7919 % 5_000) for id_ in range(5_000)]
    path = put("nexo.jsonl", "".join(lines) + "".join(map(quote, range(500))))
    take(lake, path)
    other = Lake(tmp_path / "other")
    monkeypatch.setattr(landing, "HELD_ROWS", 300)
    take(other, path)
    assert stored(other) == list(range(5_000))
    assert contents(lake.layout.root) == contents(other.layout.root)


# What cannot be read.


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("empty.jsonl", b""),
        ("empty.jsonl.gz", gzip.compress(b"", mtime=0)),
        ("blank.jsonl", b"\n\n  \n"),
        ("NEXOUSDT-trades-2024-07-24.csv", b""),
        ("NEXOUSDT-trades-2024-07-24.csv", b"id,price,qty,quoteQty,time,isBuyerMaker\n"),
        ("NEXOUSDT-trades-2024-07-24.zip", b"PK\x03\x04"),
        ("NEXOUSDT-trades-2024-07-24.zip", b"no zip at all"),
        ("NEXOUSDT-trades-2024-07-24.zip", zipped(b"")),
        ("NEXOUSDT-trades-2024-07-24.csv.gz", gzip.compress(b"x" * 5_000, mtime=0)[:15]),
        ("NEXOUSDT-1m-2024-07-24.csv", b"<html>404 Not Found</html>\n"),
        ("NEXOUSDT-trades-2024-07-24.csv", klines([1]).encode()),
        ("notes.txt", b"call the bank\n"),
        ("picture.png", b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 10),
        ("zeros.dat", bytes(10_000)),
        ("numbers.json", b"[1, 2, 3]\n"),
        ("no-time.jsonl", message(1).split(" ", 1)[1].encode()),
        ("exchangeInfo.json", EXCHANGE_INFO[:-40].encode()),
        ("exchangeInfo.json", EXCHANGE_INFO.replace('"symbols"', '"s"').encode()),
    ],
)
def test_a_file_with_nothing_to_take_is_named_and_leaves_the_lake_as_it_was(
    name: str,
    data: bytes,
    lake: Lake,
    put: Put,
    tree: Callable[[Path], Tree],
) -> None:
    take(lake, put("good.jsonl", message(1)))
    before = tree(lake.layout.root)
    path = put(name, data)
    with pytest.raises(UnreadableInput) as refused:
        take(lake, path)
    assert str(refused.value).startswith(f"{path}: ")
    assert "\n" not in str(refused.value)
    assert tree(lake.layout.root) == before


def test_the_first_line_of_a_file_of_something_else_is_named(lake: Lake, put: Put) -> None:
    with pytest.raises(UnreadableInput, match=r"notes\.txt: .*line 1: no receive time"):
        take(lake, put("notes.txt", "call the bank\n"))
    with pytest.raises(UnreadableInput, match="line 1: row of 12 fields, expected 6 or 7"):
        take(lake, put("NEXOUSDT-trades-2024-07-24.csv", klines([1])))


def test_a_path_that_is_no_file_is_named(lake: Lake, tmp_path: Path) -> None:
    for path in (tmp_path / "absent.gz", tmp_path):
        with pytest.raises(UnreadableInput, match="expected a file, found none"):
            take(lake, path)


def test_a_venue_nobody_knows_is_refused(lake: Lake, put: Put) -> None:
    with pytest.raises(InvalidName, match=r"'\.\./x'"):
        take(lake, put("a.jsonl", message(1)), "../x")
    assert not lake.layout.root.exists()


@pytest.mark.parametrize("name", [".hidden.jsonl", "-.jsonl", "x" * 210 + ".jsonl"])
def test_a_file_name_that_may_not_reach_the_disk_is_refused(
    name: str,
    lake: Lake,
    put: Put,
) -> None:
    with pytest.raises(InvalidName, match="file name"):
        take(lake, put(name, message(1)))
    assert not list(lake.layout.root.rglob("*.*"))


@pytest.mark.parametrize("name", ["a b (1).jsonl", "é:ü.jsonl", "[bold].jsonl", "a'b\"c;d.jsonl"])
def test_any_other_file_name_is_made_one_the_disk_takes(name: str, lake: Lake, put: Put) -> None:
    taken = take(lake, put(name, message(1)))
    assert stored(lake) == [1]
    assert not take(lake, put(name, message(1))).is_new
    assert set(taken.record.id) & set(" ():[]'\";") == set()


def test_a_torn_last_line_is_kept_apart(lake: Lake, put: Put) -> None:
    torn = message(3)[:60]
    taken = take(lake, put("nexo.jsonl", message(1) + message(2) + torn))
    assert stored(lake) == [1, 2]
    assert taken.record.unreadable == 1
    dead = lake.layout.dead_letters("binance", taken.record.id).read_bytes()
    assert dead == b"3\ttorn last line\t" + torn.encode() + b"\n"
    manifest = lake.summary("raw_trades", DAY)
    assert manifest is not None
    assert manifest.unreadable == 1


def test_a_last_line_without_its_newline_that_is_whole_is_taken(lake: Lake, put: Put) -> None:
    taken = take(lake, put("nexo.jsonl", message(1) + message(2).rstrip("\n")))
    assert stored(lake) == [1, 2]
    assert taken.record.unreadable == 0


PACKED: dict[str, Callable[[bytes], bytes]] = {"gz": gzip.compress, "zst": zst, "zip": zipped}


@pytest.mark.parametrize("suffix", PACKED)
@pytest.mark.parametrize("share", [0.3, 0.7, 0.97])
def test_what_comes_before_the_tear_of_a_packed_file_is_kept(
    suffix: str,
    share: float,
    lake: Lake,
    put: Put,
) -> None:
    # Numbers that do not compress well, so that the file has something to lose.
    text = "".join(
        f"{id_},1.5,{id_ * 7919 % 10_007 + 1}.{id_ * 104_729 % 99_991:05},0.0,"
        f"{DAY_MS + id_ * 2_654_435_761 % 86_400_000},True,True\n"
        for id_ in range(20_000)
    )
    whole = PACKED[suffix](text.encode())
    name = f"NEXOUSDT-trades-2024-07-24.{'zip' if suffix == 'zip' else f'csv.{suffix}'}"
    taken = take(lake, put(name, whole[: int(len(whole) * share)]))
    ids = stored(lake)
    assert ids == list(range(len(ids)))
    assert 0 < len(ids) < 20_000
    assert taken.record.torn is not None
    assert f"line {len(ids) + 1}: {suffix if suffix != 'gz' else 'gzip'}" in taken.record.torn
    assert taken.record.unreadable == 1
    manifest = lake.summary("raw_trades", DAY)
    assert manifest is not None
    assert (manifest.rows, manifest.unreadable) == (len(ids), 1)
    dead = lake.layout.dead_letters("binance", taken.record.id).read_bytes()
    assert dead.startswith(b"%d\t" % (len(ids) + 1))


def test_a_capture_torn_within_a_line_lost_one_line(lake: Lake, put: Put) -> None:
    text = "".join(map(message, range(2_000))).encode()
    packed = zstandard.ZstdCompressor().compressobj()
    data = packed.compress(text[:-30]) + packed.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
    taken = take(lake, put("nexo.jsonl.zst", data))
    assert stored(lake) == list(range(1_999))
    assert taken.record.torn == "line 2000: zstd stream ends early"
    assert taken.record.unreadable == 1
    assert [letter.line for letter in taken.dead] == [2_000]


def test_damaged_bytes_inside_a_packed_file_end_what_is_taken(lake: Lake, put: Put) -> None:
    text = "".join(rows([id_], price=f"{1 + id_ * 7919 % 9973}.5") for id_ in range(1_440))
    whole = bytearray(gzip.compress(text.encode(), mtime=0))
    whole[len(whole) // 2] ^= 0xFF
    taken = take(lake, put("NEXOUSDT-trades-2024-07-24.csv.gz", bytes(whole)))
    ids = stored(lake)
    assert 0 < len(ids) < 1_440
    assert taken.record.torn is not None
    assert "gzip stream" in taken.record.torn


BAD_LINES = [
    b"garbage",
    b"1721779200000000 {not json}",
    b"1721779200000000 \xff\xfe\x00binary",
    b"1721779200000000\tx\ty\tz",
    message(7).replace("1.50000000", "1.5e3").strip().encode(),
    message(7).replace("1.50000000", "-1.5").strip().encode(),
    message(7).replace('"t": 7', '"t": 7.5').strip().encode(),
    message(7).replace('"T"', '"X"').strip().encode(),
]


def test_lines_that_cannot_be_read_are_kept_verbatim_and_the_others_taken(
    lake: Lake,
    put: Put,
) -> None:
    data = b""
    for id_, bad in enumerate(BAD_LINES):
        data += message(id_ * 10 + 100).encode() + bad + b"\n"
    taken = take(lake, put("nexo.jsonl", data))
    assert stored(lake) == [id_ * 10 + 100 for id_ in range(len(BAD_LINES))]
    assert taken.record.unreadable == len(BAD_LINES)
    dead = lake.layout.dead_letters("binance", taken.record.id).read_bytes()
    for number, bad in enumerate(BAD_LINES):
        assert b"%d\t" % (number * 2 + 2) in dead
        assert b"\t" + bad + b"\n" in dead
    manifest = lake.summary("raw_trades", DAY)
    assert manifest is not None
    assert manifest.unreadable == len(BAD_LINES)


def test_messages_of_an_unknown_stream_are_kept_and_degrade_nothing(
    lake: Lake,
    put: Put,
) -> None:
    odd = '1721779200000000 {"stream":"nexousdt@hologram","data":{"x":1}}\n'
    taken = take(lake, put("nexo.jsonl", message(1) + odd + message(2)))
    assert (taken.record.unreadable, taken.record.unknown) == (0, 1)
    assert (
        odd.strip().encode()
        in lake.layout.dead_letters(
            "binance",
            taken.record.id,
        ).read_bytes()
    )
    manifest = lake.summary("raw_trades", DAY)
    assert manifest is not None
    assert manifest.unreadable == 0


def test_messages_known_and_not_taken_are_counted(lake: Lake, put: Put) -> None:
    depth = '1721779200000000 {"stream":"nexousdt@depth@100ms","data":{"e":"depthUpdate"}}\n'
    taken = take(lake, put("nexo.jsonl", depth * 3))
    assert taken.record.ignored == {"depth": 3}
    assert taken.record.landed == ()
    assert not take(lake, put("nexo.jsonl", depth * 3)).is_new


@pytest.mark.parametrize(
    "symbol",
    ["", "B", "../ETC", "BTC/USDT", "BTC|USDT", "BTC=X", "BTC-USDT", "btcusdt", "BTC_USDT",
     "A" * 41, "BTC USDT", "BTC\u0000", "BTC\n", "E\u0301USDT", "\ud800"],
)  # fmt: skip
def test_a_symbol_that_may_not_reach_the_disk_is_a_dead_letter(
    symbol: str,
    lake: Lake,
    put: Put,
) -> None:
    taken = take(lake, put("nexo.jsonl", message(1) + message(7, symbol) + message(2)))
    assert stored(lake) == [1, 2]
    assert (taken.record.unreadable, len(taken.dead)) == (1, 1)
    assert taken.dead[0].line == 2
    assert {landed.symbol for landed in taken.record.landed} == {"NEXOUSDT"}


def test_a_stream_that_carries_another_symbol_is_a_dead_letter(lake: Lake, put: Put) -> None:
    text = message(1) + message(2, "BTCUSDT", stream="nexousdt@trade")
    taken = take(lake, put("nexo.jsonl", text))
    assert stored(lake) == [1]
    assert taken.record.unreadable == 1
    manifest = lake.summary("raw_trades", DAY)
    assert manifest is not None
    assert manifest.unreadable == 1


def test_a_line_of_another_symbol_does_not_count_against_this_one(lake: Lake, put: Put) -> None:
    bad = message(5, "BTCUSDT").replace('"p"', '"x"')
    take(lake, put("both.jsonl", message(1) + bad + message(6, "BTCUSDT")))
    btc = Partition.of("binance", "BTCUSDT", "2024-07-24")
    found = {day: lake.summary("raw_trades", day) for day in (DAY, btc)}
    assert {day: summary and summary.unreadable for day, summary in found.items()} == {
        DAY: 0,
        btc: 1,
    }


@pytest.mark.parametrize("escaped", [True, False])
def test_a_symbol_of_another_script_is_a_symbol(
    escaped: bool,  # noqa: FBT001
    lake: Lake,
    put: Put,
) -> None:
    symbol = "币安人生USDT"
    day = Partition.of("binance", symbol, "2024-07-24")
    text = message(1, symbol)
    take(lake, put("x.jsonl", text if escaped else text.encode().decode("unicode_escape")))
    take(lake, put(f"{symbol}-trades-2024-07-24.csv", rows([2])))
    assert stored(lake, day=day) == [1, 2]
    shutil.rmtree(lake.layout.root / "raw_trades")
    refresh(lake, "raw_trades", [day])
    assert stored(lake, day=day) == [1, 2]


# Checksums and files published again.


def published(put: Put, name: str, data: bytes, checksum: str | None = None) -> Path:
    put(f"{name}.CHECKSUM", f"{checksum or hashlib.sha256(data).hexdigest()}  {name}")
    return put(name, data)


def test_a_published_checksum_is_verified(lake: Lake, put: Put) -> None:
    data = zipped(rows(range(5)).encode())
    taken = take(lake, published(put, "NEXOUSDT-trades-2024-07-24.zip", data))
    assert taken.record.checksum == "verified"
    (part,) = lake.parts("raw_trades", DAY)
    assert part.manifest.inputs[0].checksum == "verified"
    assert part.manifest.inputs[0].sha256 == hashlib.sha256(data).hexdigest()


def test_a_file_that_is_not_the_published_one_is_refused(lake: Lake, put: Put) -> None:
    data = zipped(rows(range(5)).encode())
    path = published(put, "NEXOUSDT-trades-2024-07-24.zip", data, "0" * 64)
    with pytest.raises(ChecksumMismatch, match=f"{path}: .* {'0' * 64}, .*download it again"):
        take(lake, path)
    assert not lake.layout.root.exists()


@pytest.mark.parametrize("text", ["", "abc", f"{'0' * 64}  other.zip", f"{'0' * 63}  x"])
def test_a_checksum_file_of_something_else_is_refused(text: str, lake: Lake, put: Put) -> None:
    path = put("NEXOUSDT-trades-2024-07-24.zip", zipped(rows([1]).encode()))
    put(f"{path.name}.CHECKSUM", text)
    with pytest.raises(UnreadableInput, match="CHECKSUM: expected"):
        take(lake, path)
    assert not lake.layout.root.exists()


def test_a_file_published_again_takes_the_place_of_the_earlier_one(lake: Lake, put: Put) -> None:
    name = "NEXOUSDT-trades-2024-07-24.csv"
    first = take(lake, put(name, rows(range(1_430, 1_450)) + "torn"))
    second = take(lake, put(name, rows(range(1_425, 1_440), price="2.5")))
    assert stored(lake) == list(range(1_425, 1_440))
    assert lake.layout.files("raw_trades", DAY.next) == []
    prices = lake.scan("raw_trades", DAY).collect()["price"].unique().cast(pl.String).to_list()
    assert prices == ["2.50000000"]
    inputs = Inputs(lake.layout, "binance")
    assert list(inputs) == [second.record]
    assert inputs.path(first.record).read_text().endswith("torn")
    assert not lake.layout.dead_letters("binance", first.record.id).exists()


def test_the_same_file_packed_otherwise_takes_its_place(lake: Lake, put: Put) -> None:
    take(lake, put("NEXOUSDT-trades-2024-07-24.csv", rows(range(5))))
    take(lake, put("NEXOUSDT-trades-2024-07-24.zip", zipped(rows(range(6)).encode())))
    assert stored(lake) == list(range(6))
    assert len(lake.layout.files("raw_trades", DAY)) == 1


def test_a_broken_file_published_again_leaves_the_earlier_one_in_place(
    lake: Lake,
    put: Put,
    tree: Callable[[Path], Tree],
) -> None:
    name = "NEXOUSDT-trades-2024-07-24.csv"
    take(lake, put(name, rows(range(5))))
    before = tree(lake.layout.root)
    with pytest.raises(UnreadableInput):
        take(lake, put(name, "<html>"))
    assert tree(lake.layout.root) == before
    for path in lake.layout.files("raw_trades", DAY):
        path.unlink()
    refresh(lake, "raw_trades", [DAY])
    assert stored(lake) == list(range(5))


# Klines.


def opens(lake: Lake, day: Partition = DAY) -> list[int]:
    found = lake.scan("klines", day).collect()["ts_open"].to_physical().to_list()
    return [(us - day.start_us) // 60_000_000 for us in found]


def test_klines_of_a_day_and_of_its_month_are_each_minute_once(lake: Lake, put: Put) -> None:
    take(lake, put("NEXOUSDT-1m-2024-07.csv", klines(range(2_880))))
    day = put("NEXOUSDT-1m-2024-07-24.csv", klines(range(1_440)))
    take(lake, day)
    assert opens(lake) == opens(lake, DAY.next) == list(range(1_440))
    assert not take(lake, put("NEXOUSDT-1m-2024-07.csv", klines(range(2_880)))).is_new
    assert not take(lake, day).is_new
    assert refresh(lake, "klines", [DAY, DAY.next]) == []


def test_a_stray_kline_of_the_next_day_does_not_take_the_place_of_that_day(
    lake: Lake,
    put: Put,
) -> None:
    take(lake, put("NEXOUSDT-1m-2024-07-25.csv", klines(range(1_440, 2_880))))
    take(lake, put("NEXOUSDT-1m-2024-07-24.csv", klines(range(1_441))))
    assert opens(lake) == opens(lake, DAY.next) == list(range(1_440))


def test_klines_published_again_replace_their_own(lake: Lake, put: Put) -> None:
    take(lake, put("NEXOUSDT-1m-2024-07-24.csv", klines(range(1_440))))
    take(lake, put("NEXOUSDT-1m-2024-07-24.csv", klines(range(1_400), volume="9.0")))
    assert opens(lake) == list(range(1_400))
    volumes = lake.scan("klines", DAY).collect()["volume"].unique().cast(pl.String).to_list()
    assert volumes == ["9.00000000"]


def test_klines_of_two_intervals_lie_side_by_side(lake: Lake, put: Put) -> None:
    take(lake, put("NEXOUSDT-1m-2024-07-24.csv", klines(range(1_440))))
    take(lake, put("NEXOUSDT-1h-2024-07-24.csv", klines(range(0, 1_440, 60))))
    assert [path.stem for path in lake.layout.files("klines", DAY)] == ["1h", "1m"]


# What was fetched page by page.


def fetched(first: int, last: int) -> str:
    return f"NEXOUSDT-1m-rest-{DAY_MS + first * 60_000}-{DAY_MS + last * 60_000}.csv"


def volumes(lake: Lake) -> list[str]:
    found: list[str] = lake.scan("klines", DAY).collect()["volume"].cast(pl.String).to_list()
    return [volume.rstrip("0").rstrip(".") for volume in found]


def test_fetched_klines_of_a_day_lie_in_one_file_an_interval(lake: Lake, put: Put) -> None:
    for first in (1_000, 0, 500):
        pages = range(first, min(first + 500, 1_440))
        taken = take(lake, put(fetched(pages[0], pages[-1]), klines(pages)))
        assert (taken.record.kind, taken.record.source) == ("rest", "rest")
    second = "".join(
        f"{DAY_MS + at * 1_000},1.0,2.0,0.5,1.5,1.0,{DAY_MS + at * 1_000 + 999},3.0,7,0.5,0.7,0\n"
        for at in range(3)
    )
    take(lake, put(f"NEXOUSDT-1s-rest-{DAY_MS}-{DAY_MS + 2_000}.csv", second))
    assert [path.stem for path in lake.layout.files("klines", DAY)] == ["1m", "1s"]
    minutes = lake.scan("klines", DAY).filter(pl.col("interval") == "1m").collect()
    assert minutes["ts_open"].is_sorted()
    assert minutes.height == 1_440


def test_a_published_kline_is_kept_and_not_the_fetched_one(lake: Lake, put: Put) -> None:
    """Whichever came first."""
    take(lake, put(fetched(0, 1), klines(range(2), volume="1")))
    take(lake, put("NEXOUSDT-1m-2024-07-24.csv", klines(range(1, 3), volume="2")))
    assert volumes(lake) == ["1", "2", "2"]
    take(lake, put(fetched(2, 3), klines(range(2, 4), volume="3")))
    assert volumes(lake) == ["1", "2", "2", "3"]


def test_of_fetched_klines_the_last_is_kept(lake: Lake, put: Put) -> None:
    take(lake, put(fetched(0, 1), klines(range(2), volume="1")))
    take(lake, put(fetched(1, 2), klines(range(1, 3), volume="2")))
    assert volumes(lake) == ["1", "2", "2"]
    take(lake, put(fetched(1, 2), klines(range(1, 3), volume="3")))
    assert volumes(lake) == ["1", "3", "3"]


def test_aggregates_come_out_of_order_and_repeated_and_lie_in_order_once(
    lake: Lake,
    put: Put,
) -> None:
    text = aggregates(range(9), reverse=True) + aggregates([3, 4]) + aggregates([1_440])
    record = take(lake, put("NEXOUSDT-aggTrades-2024-07-24.csv", text)).record
    assert (record.kind, record.source) == ("agg_trades", "archive")
    assert stored(lake, "agg_trades") == list(range(9))
    assert stored(lake, "agg_trades", DAY.next) == [1_440]
    summary = lake.summary("agg_trades", DAY)
    assert summary is not None
    assert (summary.duplicates, summary.disordered, summary.conflicts) == (2, 8, ())


def test_aggregates_of_parts_that_overlap_are_each_once_the_published_one(
    lake: Lake,
    put: Put,
) -> None:
    pages = aggregates(range(4, 12), quantity="9.00")
    take(lake, put("NEXOUSDT-aggTrades-rest-4-11.csv", pages))
    take(lake, put("NEXOUSDT-aggTrades-2024-07-24.csv", aggregates(range(6))))
    found = lake.scan("agg_trades", DAY).collect()
    assert found["agg_id"].to_list() == list(range(12))
    assert found["quantity"].cast(pl.Int64()).to_list() == [6] * 6 + [9] * 6
    summary = lake.summary("agg_trades", DAY)
    assert summary is not None
    assert (summary.conflicts, summary.sources) == ((4, 5), {"archive": 6, "rest": 8})


def test_aggregates_taken_back_are_counted_in_the_record(lake: Lake, put: Put) -> None:
    gone = f"7,0.00000000,0.00000000,-1,-1,{DAY_MS},False,True\n"
    taken = take(lake, put("NEXOUSDT-aggTrades-2024-07-24.csv", aggregates(range(3)) + gone))
    assert stored(lake, "agg_trades") == [0, 1, 2]
    assert (taken.dead, taken.record.unreadable) == ((), 0)
    assert taken.record.ignored == {"tombstone": 1}


@pytest.mark.parametrize(
    "name",
    ["NEXOUSDT-3m-rest-1-2.csv", "NEXOUSDT-rest-1.csv", "NEXOUSDT-aggTrades-rest-1-2.csv.gz"],
)
def test_a_name_that_is_not_quite_one_of_what_is_fetched_is_a_capture(
    lake: Lake, put: Put, name: str
) -> None:
    with pytest.raises(UnreadableInput, match="could not read one line"):
        take(lake, put(name, rows([1])))


# What is gone is made again.


@pytest.mark.parametrize(
    "kind",
    [
        "capture",
        "capture with faults",
        "trades of a month",
        "aggregates",
        "fetched aggregates",
        "fetched klines",
        "klines",
    ],
)
def test_parts_that_are_gone_are_made_again_byte_for_byte(
    kind: str,
    lake: Lake,
    put: Put,
    contents: Callable[[Path], dict[str, str]],
) -> None:
    record = take(lake, put(*EVERY_KIND[kind])).record
    before = contents(lake.layout.root)
    for asset in ("raw_trades", "raw_quotes", "agg_trades", "klines"):
        shutil.rmtree(lake.layout.root / asset, ignore_errors=True)
    days = sorted({(landed.asset, landed.symbol, landed.date) for landed in record.landed})
    for asset, symbol, date in days:
        refresh(lake, asset, [Partition.of("binance", symbol, date)])
    assert contents(lake.layout.root) == before


def test_a_part_that_cannot_be_read_is_made_again_and_the_others_stay(
    lake: Lake,
    put: Put,
    tree: Callable[[Path], Tree],
) -> None:
    take(lake, put("NEXOUSDT-trades-2024-07.csv", rows(range(2_000))))
    before = tree(lake.layout.root)
    (part,) = lake.layout.files("raw_trades", DAY)
    part.write_bytes(part.read_bytes()[:-8])
    refresh(lake, "raw_trades", [DAY])
    after = tree(lake.layout.root)
    damaged = str(part.relative_to(lake.layout.root))
    assert after[damaged][2] == before[damaged][2]
    assert {name: found for name, found in after.items() if name != damaged} == {
        name: found for name, found in before.items() if name != damaged
    }


def test_a_part_of_other_bytes_than_the_records_is_made_again(lake: Lake, put: Put) -> None:
    name = "NEXOUSDT-trades-2024-07-24.csv"
    take(lake, put(name, rows(range(5))))
    record_of = Inputs(lake.layout, "binance")
    (old,) = record_of
    take(lake, put(name, rows(range(9))))
    # As an import of the second version leaves it that was killed before its record was written.
    record_of.write(old)
    assert len(refresh(lake, "raw_trades", [DAY])) == 1
    assert stored(lake) == list(range(5))


def test_nothing_is_made_again_while_everything_is_there(
    lake: Lake,
    put: Put,
    tree: Callable[[Path], Tree],
) -> None:
    take(lake, put(*EVERY_KIND["capture"]))
    before = tree(lake.layout.root)
    assert refresh(lake, "raw_trades", [DAY, DAY.next]) == []
    assert tree(lake.layout.root) == before


def test_importing_again_brings_back_what_is_gone(lake: Lake, put: Put) -> None:
    path = put(*EVERY_KIND["trades"])
    take(lake, path)
    shutil.rmtree(lake.layout.root / "raw_trades")
    assert take(lake, path).is_new
    assert stored(lake) == list(range(20))


def test_a_part_whose_input_is_gone_or_changed_cannot_be_made_again(lake: Lake, put: Put) -> None:
    record = take(lake, put(*EVERY_KIND["trades"])).record
    shutil.rmtree(lake.layout.root / "raw_trades")
    kept = Inputs(lake.layout, "binance").path(record)
    kept.write_text(rows([7]))
    with pytest.raises(ChecksumMismatch, match="expected the bytes that were imported"):
        refresh(lake, "raw_trades", [DAY])
    kept.unlink()
    with pytest.raises(UnreadableInput, match="expected the bytes of an imported file, found none"):
        refresh(lake, "raw_trades", [DAY])


# Kills.

KILLED = """
import os, pathlib, signal, sys
from crypto_assets.lake.lake import Lake
from crypto_assets.pipeline.ingest import take
root, path, number = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), int(sys.argv[3])
rename, seen = pathlib.Path.replace, []
def counted(self, target):
    seen.append(target)
    if len(seen) == number:
        os.kill(os.getpid(), signal.SIGKILL)
    return rename(self, target)
pathlib.Path.replace = counted
take(Lake(root), path)
"""


def run(root: Path, path: Path, number: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", KILLED, str(root), str(path), str(number)])


def leftovers(root: Path) -> list[str]:
    return [path.name for path in root.rglob(".*")]


def test_an_import_that_was_killed_is_completed_by_importing_again(
    put: Put,
    tmp_path: Path,
    contents: Callable[[Path], dict[str, str]],
) -> None:
    path = put("NEXOUSDT-trades-2024-07.csv", rows(range(4_500)) + "torn")
    clean = Lake(tmp_path / "clean")
    take(clean, path)
    expected = contents(clean.layout.root)
    # The renames: the kept bytes, four parts, the dead letters and the record.
    moments: Sequence[int] = (1, 3, 7)
    roots = [tmp_path / f"killed-{number}" for number in moments]
    killed = [run(root, path, number) for root, number in zip(roots, moments, strict=True)]
    assert [process.wait() for process in killed] == [-9] * len(moments)
    for root in roots:
        assert leftovers(root)
        assert not list(root.rglob("record.json"))
        take(Lake(root), path)
        assert contents(root) == expected
        assert leftovers(root) == []


def test_two_processes_may_import_the_same_file_at_once(
    put: Put,
    tmp_path: Path,
    contents: Callable[[Path], dict[str, str]],
) -> None:
    path = put("NEXOUSDT-trades-2024-07.csv", rows(range(4_500)))
    clean = Lake(tmp_path / "clean")
    take(clean, path)
    both = [run(tmp_path / "both", path, -1) for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0]
    assert contents(tmp_path / "both") == contents(clean.layout.root)
