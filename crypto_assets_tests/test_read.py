"""What is read is complete or refused, each trade once, from no more of the disk than it needs."""

from __future__ import annotations

import datetime as dt
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto_assets import read
from crypto_assets.errors import Incomplete, InvalidName, NothingStored
from crypto_assets.lake.draft import Draft
from crypto_assets.lake.lake import Lake
from crypto_assets.model.interval import DAY_US, Interval
from crypto_assets.model.partition import Partition
from crypto_assets.model.tables import BARS, TRADES
from crypto_assets.pipeline.build import build
from crypto_assets.pipeline.export import items
from crypto_assets.pipeline.ingest import take
from crypto_assets_tests.joined import (
    FOURTH,
    PER_DAY,
    SECOND,
    THIRD,
    csv,
    ids_of,
    stored,
)

LABELS = ["venue", "symbol"]
UTC = dt.UTC


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    return stored(tmp_path_factory.mktemp("read") / "lake")


@pytest.fixture
def copy(lake: Lake, tmp_path: Path) -> Lake:
    shutil.copytree(lake.layout.root, tmp_path / "lake")
    return Lake(tmp_path / "lake")


def test_a_complete_day_is_read_with_its_labels_before_the_columns_asked_for(lake: Lake) -> None:
    found = read.scan_trades(
        "NEXOUSDT", "2024-07-24", "2024-07-25", columns=["price", "trade_id"], lake=lake
    ).collect()
    assert found.columns == [*LABELS, "price", "trade_id"]
    assert found["trade_id"].to_list() == list(ids_of(SECOND))
    assert found.schema["price"] == TRADES.schema["price"]
    assert found.select(LABELS).unique().row(0) == ("binance", "NEXOUSDT")
    whole = read.scan_trades("nexousdt", SECOND.date, THIRD.date, lake=lake.layout.root).collect()
    assert whole.columns == [*LABELS, *TRADES.schema.names()]
    assert whole.drop(LABELS).equals(lake.scan("daily_trades", SECOND).collect())


def test_hot_parts_that_overlap_are_read_once_and_in_order(lake: Lake) -> None:
    found = read.scan_trades(
        "NEXOUSDT", "2024-07-25", "2024-07-27", complete_only=False, lake=lake
    ).collect()
    expected = [*ids_of(THIRD), *ids_of(FOURTH)[:400]]
    assert found["trade_id"].to_list() == expected


def test_symbols_come_one_after_the_other_however_they_are_named(
    copy: Lake, tmp_path: Path
) -> None:
    other = Partition.of("binance", "ABCUSDT", "2024-07-24")
    take(copy, csv(tmp_path, other, ids_of(SECOND)[:3]))
    found = read.scan_trades(
        ["NEXOUSDT", "binance:ABCUSDT", "binance:NEXOUSDT"],
        "2024-07-24",
        "2024-07-25",
        columns=["trade_id"],
        complete_only=False,
        lake=copy,
    ).collect()
    assert found["symbol"].to_list() == ["ABCUSDT"] * 3 + ["NEXOUSDT"] * PER_DAY


@settings(max_examples=40)
@given(
    st.integers(SECOND.start_us, FOURTH.start_us - 1),
    st.integers(1, 2 * DAY_US),
)
def test_a_range_is_half_open_at_its_instants(lake: Lake, start_us: int, length_us: int) -> None:
    epoch = dt.datetime(1970, 1, 1, tzinfo=UTC)
    end_us = min(start_us + length_us, FOURTH.start_us)
    start, end = (epoch + dt.timedelta(microseconds=at) for at in (start_us, end_us))
    found = read.scan_trades("NEXOUSDT", start, end, columns=["ts_event"], lake=lake).collect()
    every = pl.concat([lake.scan("daily_trades", day) for day in (SECOND, THIRD)])
    times = every.select("ts_event").collect()["ts_event"]
    assert found["ts_event"].to_list() == [at for at in times if start <= at < end]


def test_a_range_that_is_not_proven_is_refused_by_day_condition_and_ids(lake: Lake) -> None:
    with pytest.raises(Incomplete) as refused:
        read.scan_trades("NEXOUSDT", "2024-07-22", "2024-07-28", lake=lake)
    said = str(refused.value)
    assert "5 that are not" not in said
    assert "found 4 that are not" in said
    assert "NEXOUSDT 2024-07-22: missing (nothing stored)" in said
    assert "NEXOUSDT 2024-07-23: degraded, 10 ids missing: 100..109" in said
    assert "trade_ids_are_contiguous" in said
    assert "NEXOUSDT 2024-07-26: provisional (an edge of the day is not proven)" in said
    assert "NEXOUSDT 2024-07-27: missing (nothing stored)" in said
    assert "2024-07-24" not in said
    read.scan_trades("NEXOUSDT", "2024-07-24", "2024-07-26", lake=lake)
    there = read.scan_trades(
        "NEXOUSDT", "2024-07-22", "2024-07-28", complete_only=False, lake=lake
    ).collect()
    assert there.height == 4 * PER_DAY - 110


def test_an_instant_of_an_incomplete_day_asks_for_the_whole_of_it(lake: Lake) -> None:
    with pytest.raises(Incomplete, match="2024-07-26"):
        read.scan_trades("NEXOUSDT", "2024-07-25", "2024-07-26T00:00:00.000001Z", lake=lake)


def test_many_days_are_refused_in_few_lines(lake: Lake) -> None:
    with pytest.raises(Incomplete, match=r"found 31 that are not:") as refused:
        read.scan_trades("ABCUSDT", "2024-01-01", "2024-02-01", lake=lake)
    assert len(str(refused.value).splitlines()) == 22
    assert str(refused.value).endswith("and 11 more")


def test_completeness_is_told_without_reading(lake: Lake) -> None:
    found = read.completeness("NEXOUSDT", "2024-07-22", "2024-07-27", lake=lake)
    assert found["condition"].to_list() == [
        "missing",
        "degraded",
        "confirmed",
        "confirmed",
        "provisional",
    ]
    assert found["is_complete"].to_list() == [False, False, True, True, False]
    assert found["missing_count"].to_list() == [0, 10, 0, 0, 0]
    assert found["missing"][1].to_list() == [{"first": 100, "last": 109}]
    assert [bool(why) for why in found["why"]] == [True, True, False, False, True]


def test_a_sealed_file_older_than_its_trades_is_not_complete(copy: Lake, tmp_path: Path) -> None:
    ids = ids_of(FOURTH)
    build(copy, [FOURTH])
    assert read.completeness("NEXOUSDT", FOURTH.date, FOURTH.next.date, lake=copy)["why"][0]
    take(copy, csv(tmp_path, FOURTH, ids))
    after = Partition.of("binance", "NEXOUSDT", "2024-07-27")
    take(copy, csv(tmp_path, after, ids_of(after)))
    with pytest.raises(Incomplete, match=r"100 ids missing: 1900\.\.1999 \(trades came in since"):
        read.scan_trades("NEXOUSDT", FOURTH.date, after.date, lake=copy)
    with pytest.raises(Incomplete, match="trades came in since"):
        read.scan_bars("NEXOUSDT", FOURTH.date, after.date, lake=copy)
    build(copy, [FOURTH])
    found = read.scan_trades("NEXOUSDT", FOURTH.date, after.date, lake=copy).collect()
    assert found["trade_id"].to_list() == list(ids)
    bars = read.scan_bars("NEXOUSDT", FOURTH.date, after.date, lake=copy).collect()
    assert bars["trade_count"].sum() == PER_DAY


def test_an_export_calls_complete_what_is_read(copy: Lake, tmp_path: Path) -> None:
    def told(table: str) -> list[bool]:
        return [item.is_complete for item in items(copy, table, dates=[SECOND.date, FOURTH.date])]

    assert told("trades") == [*told("bars_1m"), False] == [True, False]
    stray = tmp_path / f"NEXOUSDT-trades-{SECOND.date}.csv"
    stray.write_text(f"{ids_of(SECOND)[0]},1.5,2,3,{SECOND.start_us // 1_000},True,True\n")
    (part,) = copy.layout.files("raw_trades", SECOND)
    part.unlink()
    take(copy, stray)
    assert told("bars_1m") == [False]
    assert told("trades") == [False, False]


def test_bars_that_were_not_made_are_not_complete(copy: Lake) -> None:
    for asset in ("bars_1s", "daily_bars"):
        shutil.rmtree(copy.layout.directory(asset, SECOND))
    with pytest.raises(Incomplete, match=r"confirmed \(nothing stored\)"):
        read.scan_bars("NEXOUSDT", SECOND.date, THIRD.date, lake=copy)
    read.scan_trades("NEXOUSDT", SECOND.date, THIRD.date, lake=copy)


def test_a_damaged_day_is_not_complete(copy: Lake) -> None:
    path = copy.layout.file("daily_trades", SECOND)
    path.unlink()
    path.write_bytes(b"PAR1 this is none")
    with pytest.raises(Incomplete, match="2024-07-24"):
        read.scan_trades("NEXOUSDT", SECOND.date, THIRD.date, lake=copy)


@pytest.mark.parametrize("interval", list(Interval))
def test_bars_of_every_interval_are_the_seconds_rolled_up(lake: Lake, interval: Interval) -> None:
    found = read.scan_bars("NEXOUSDT", "2024-07-24", "2024-07-26", interval.value, lake=lake)
    rows = found.collect()
    assert rows.columns == [*LABELS, *BARS.schema.names()]
    assert rows.schema["volume"] == BARS.schema["volume"]
    assert rows.height == 2 * interval.bars_per_day
    assert rows["trade_count"].sum() == 2 * PER_DAY
    assert rows["ts_open"].is_sorted()


def test_a_longer_bar_is_whole_or_not_there(lake: Lake) -> None:
    start, end = "2024-07-24T00:30:00Z", "2024-07-24T03:00:00.5+00:00"
    found = read.scan_bars("NEXOUSDT", start, end, "1h", ["ts_open", "volume"], lake=lake).collect()
    assert [at.hour for at in found["ts_open"]] == [1, 2, 3]
    whole = read.scan_bars("NEXOUSDT", "2024-07-24", "2024-07-25", "1h", lake=lake).collect()
    assert found["volume"].to_list() == whole["volume"][1:4].to_list()
    none = read.scan_bars(
        "NEXOUSDT", "2024-07-24T00:30Z", "2024-07-24T00:31Z", "1h", lake=lake
    ).collect()
    assert none.is_empty()


def test_quotes_are_read_as_far_as_they_are_there(lake: Lake) -> None:
    found = read.scan_quotes("NEXOUSDT", "2024-07-24", "2024-07-25", lake=lake).collect()
    assert found.is_empty()
    assert found.columns[:3] == [*LABELS, "update_id"]


NONE = [
    ({"symbols": "../x"}, "symbol"),
    ({"symbols": []}, "at least one"),
    ({"symbols": "NOWHERE:X:BTC"}, "venue"),
    ({"start": "2024-7-1"}, "YYYY-MM-DD"),
    ({"start": "2024-07-24T00:00:00"}, "offset"),
    ({"start": "2024-07-24T00:00:00.1234567Z"}, "six decimals"),
    ({"start": dt.datetime(2024, 7, 24)}, "time zone"),  # noqa: DTZ001 - it is what is refused
    ({"start": 5}, "expected a date"),
    ({"end": "2024-07-24"}, "end after the start"),
    ({"end": "2023-07-24"}, "end after the start"),
    ({"columns": ["price", "close"]}, "'close'"),
]


@pytest.mark.parametrize(("wrong", "said"), NONE)
def test_what_is_none_is_refused_before_anything_is_read(
    lake: Lake, wrong: dict[str, object], said: str
) -> None:
    asked = {"symbols": "NEXOUSDT", "start": "2024-07-24", "end": "2024-07-25", "lake": lake}
    with pytest.raises(InvalidName, match=said):
        read.scan_trades(**(asked | wrong))  # type: ignore[arg-type]


def test_an_interval_that_is_none_and_a_lake_that_is_not_there_are_refused(
    lake: Lake, tmp_path: Path
) -> None:
    with pytest.raises(InvalidName, match="interval '7m': expected one of 1s, 1m"):
        read.scan_bars("NEXOUSDT", "2024-07-24", "2024-07-25", "7m", lake=lake)
    with pytest.raises(NothingStored, match="nowhere"):
        read.scan_trades("NEXOUSDT", "2024-07-24", "2024-07-25", lake=tmp_path / "nowhere")


GROUP, GROUPS = 20_000, 10
CHILD = """
import json, sys
from crypto_assets import read

def bytes_read():
    return int(open("/proc/self/io").read().split()[1])

found = {}
for name, (start, end, columns) in [("warm up", ("2024-07-24", "2024-07-25", None))] + json.loads(
    sys.argv[2]
):
    before = bytes_read()
    rows = read.scan_trades(
        "NEXOUSDT", start, end, columns=columns, complete_only=False, lake=sys.argv[1]
    )
    height = rows.collect(engine="streaming").height
    found[name] = (bytes_read() - before, height)
print(json.dumps(found))
"""


def many_trades(day: Partition) -> pl.DataFrame:
    """Trades that do not compress away, evenly over the day."""
    count, chance = GROUP * GROUPS, np.random.default_rng(day.date.toordinal())
    physical = {
        "trade_id": np.arange(count) + day.date.toordinal() * count,
        "ts_event": day.start_us + np.arange(count) * (DAY_US // count),
        "price": chance.integers(1, 10**12, count),
        "quantity": chance.integers(1, 10**12, count),
        "is_buyer_maker": chance.random(count) < 0.5,
    }
    frame = pl.DataFrame(physical)
    exact = [
        pl.col(name).cast(pl.Int128).reinterpret(dtype=TRADES.schema[name])
        for name in ("price", "quantity")
    ]
    empty = [
        pl.lit(None, TRADES.schema[name]).alias(name)
        for name in TRADES.schema
        if name not in physical
    ]
    frame = frame.with_columns(pl.col("ts_event").cast(TRADES.schema["ts_event"]), *exact, *empty)
    return frame.select(TRADES.schema.names())


@pytest.mark.skipif(not Path("/proc/self/io").exists(), reason="only Linux counts what is read")
def test_only_the_days_columns_and_row_groups_asked_for_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crypto_assets.lake.parquet.ROW_GROUP_ROWS", GROUP)
    lake = Lake(tmp_path)
    for day in (SECOND, THIRD):
        lake.commit("daily_trades", day, Draft(rows=[many_trades(day)]))
    footer = pq.read_metadata(lake.layout.file("daily_trades", SECOND))
    assert footer.num_row_groups == GROUPS
    groups = [footer.row_group(number) for number in range(GROUPS)]

    def size(columns: tuple[str, ...], some: list[int]) -> int:
        every = [groups[one].column(at) for one in some for at in range(footer.num_columns)]
        return sum(one.total_compressed_size for one in every if one.path_in_schema in columns)

    every, whole = list(range(GROUPS)), tuple(footer.schema.names)
    # A tenth of the day from where the sixth of ten row groups begins.
    sixth = ("2024-07-24T12:00:00Z", "2024-07-24T14:24:00Z")
    asked = {
        "both days": (("2024-07-24", "2024-07-26", None), 2 * size(whole, every), 20),
        "a day": (("2024-07-24", "2024-07-25", None), size(whole, every), 10),
        "its prices": (("2024-07-24", "2024-07-25", ["price"]), size(("price",), every), 10),
        "some": ((*sixth, ["price"]), size(("price", "ts_event"), [5]), 1),
        "nothing stored": (("2024-07-20", "2024-07-23", None), 0, 0),
    }
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            CHILD,
            str(tmp_path),
            json.dumps([(name, what) for name, (what, *_) in asked.items()]),
        ],
        check=True,
        capture_output=True,
        text=True,
    )
    found = json.loads(done.stdout)
    for name, (_, expected, row_groups) in asked.items():
        bytes_read, rows = found[name]
        assert rows == row_groups * GROUP, name
        # Besides: the settings that are looked for, and a file's last 128 KiB, where its footer is.
        files = -(-row_groups // GROUPS)
        assert expected <= bytes_read <= expected + files * (160 << 10) + 4_096, name
    assert found["some"][0] < found["a day"][0] / 10


def test_neither_reading_nor_asking_changes_the_lake(
    lake: Lake, tree: Callable[[Path], object]
) -> None:
    before = tree(lake.layout.root)
    read.completeness("NEXOUSDT", "2024-07-22", "2024-07-27", lake=lake)
    read.scan_trades("NEXOUSDT", "2024-07-24", "2024-07-26", lake=lake).collect()
    assert tree(lake.layout.root) == before
