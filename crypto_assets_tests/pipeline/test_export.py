"""An export is every stored day once, under a name of its own, and told how complete it is."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from crypto_assets.errors import InvalidName, UnreadableInput
from crypto_assets.lake.draft import Draft
from crypto_assets.lake.lake import Lake
from crypto_assets.model.instrument import Instrument
from crypto_assets.model.interval import DAY_US, length_of
from crypto_assets.model.partition import Partition
from crypto_assets.pipeline.build import build
from crypto_assets.pipeline.export import Layout, export, items
from crypto_assets.pipeline.ingest import take
from crypto_assets.transforms.ohlcv import frame_of

DAY = Partition.of("bybit", "BTCUSDTPERP", "2025-01-02")
TRADED = Partition.of("binance", "NEXOUSDT", "2024-07-24")
BOTH = ("parquet", "csv")


def store(
    lake: Lake,
    day: Partition,
    interval: str = "1h",
    *,
    rows: int | None = None,
    until_us: int | None = None,
) -> pl.DataFrame:
    """Store a day of bars as fetching does."""
    length = length_of(interval)
    count = DAY_US // length if rows is None else rows
    frame = frame_of(
        [(day.start_us + n * length, "2", "3.5", "1", "2.25", "0.1") for n in range(count)],
        interval,
    )
    parents = {"listing": "x:X/Y", "until_us": str(until_us or day.end_us)}
    lake.commit("ohlcv", day, Draft(rows=[frame], name=interval, parents=parents))
    return frame


def files(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def test_bars_lie_by_interval_exchange_and_symbol(lake: Lake, tmp_path: Path) -> None:
    hours = store(lake, DAY)
    store(lake, DAY, "5m")
    store(lake, Partition.of("binance", "BTCUSDT", "2025-01-03"))
    done = export(list(items(lake, "ohlcv")), tmp_path / "out", Layout(), BOTH)
    assert all(one.changed and one.item.is_complete for one in done)
    assert files(tmp_path / "out") == [
        "ohlcv/1h/binance/BTCUSDT/BTCUSDT_20250103.csv",
        "ohlcv/1h/binance/BTCUSDT/BTCUSDT_20250103.parquet",
        "ohlcv/1h/bybit/BTCUSDTPERP/BTCUSDTPERP_20250102.csv",
        "ohlcv/1h/bybit/BTCUSDTPERP/BTCUSDTPERP_20250102.parquet",
        "ohlcv/5m/bybit/BTCUSDTPERP/BTCUSDTPERP_20250102.csv",
        "ohlcv/5m/bybit/BTCUSDTPERP/BTCUSDTPERP_20250102.parquet",
    ]
    written = tmp_path / "out/ohlcv/1h/bybit/BTCUSDTPERP/BTCUSDTPERP_20250102"
    assert pl.read_parquet(f"{written}.parquet").equals(hours)
    lines = Path(f"{written}.csv").read_text().splitlines()
    assert lines[0] == "interval,ts_open,open,high,low,close,volume"
    assert lines[1] == "1h,2025-01-02T00:00:00Z,2,3.5,1,2.25,0.1"
    assert len(lines) == 25


def test_exporting_again_changes_nothing(
    lake: Lake,
    tmp_path: Path,
    tree: Callable[[Path], object],
) -> None:
    store(lake, DAY)
    export(list(items(lake, "ohlcv")), tmp_path / "out", Layout(), BOTH)
    before = tree(tmp_path / "out")
    again = export(list(items(lake, "ohlcv")), tmp_path / "out", Layout(), BOTH)
    assert not any(one.changed for one in again)
    assert tree(tmp_path / "out") == before
    store(lake, DAY, rows=23)
    again = export(list(items(lake, "ohlcv")), tmp_path / "out", Layout(), BOTH)
    assert all(one.changed for one in again)


def test_bars_that_are_not_whole_are_told(lake: Lake) -> None:
    store(lake, DAY, rows=23)
    store(lake, DAY.next, rows=5, until_us=DAY.next.start_us + 5 * length_of("1h"))
    store(lake, DAY.previous)
    assert [(one.partition.date.day, one.condition) for one in items(lake, "ohlcv")] == [
        (1, "complete"),
        (2, "holes"),
        (3, "unfinished"),
    ]
    assert [one.is_complete for one in items(lake, "ohlcv")] == [True, False, False]


def test_what_is_named_is_all_that_is_found(lake: Lake) -> None:
    other = Partition.of("binance", "BTCUSDT", "2025-01-02")
    for day in (DAY, DAY.next, other):
        store(lake, day)
        store(lake, day, "1m")
    found = list(
        items(lake, "ohlcv", {Instrument("bybit", "BTCUSDTPERP")}, {DAY.date}, ["1m"]),
    )
    assert [str(one) for one in found] == ["ohlcv 1m bybit:BTCUSDTPERP 2025-01-02"]
    assert len(list(items(lake, "ohlcv"))) == 6
    assert not list(items(lake, "trades"))


@pytest.fixture
def traded(lake: Lake, tmp_path: Path) -> Lake:
    """A day of 50 trades, sealed, and a day of ten that is hot and was never judged."""
    for date, ids in (("2024-07-24", range(100, 150)), ("2024-07-25", range(150, 160))):
        start = Partition.of("binance", "NEXOUSDT", date).start_us // 1_000
        lines = [f"{n},1.50,2.0,3.0,{start + n * 1_000},True,True\n" for n in ids]
        path = tmp_path / f"NEXOUSDT-trades-{date}.csv"
        path.write_text("".join(lines))
        take(lake, path)
    build(lake, [TRADED])
    return lake


@pytest.mark.parametrize(
    ("table", "path", "rows"),
    [
        ("trades", "trades/binance/NEXOUSDT/NEXOUSDT_20240724.csv", 50),
        ("bars_1s", "bars/1s/binance/NEXOUSDT/NEXOUSDT_20240724.csv", 86_400),
        ("bars_1m", "bars/1m/binance/NEXOUSDT/NEXOUSDT_20240724.csv", 1_440),
        ("bars_1d", "bars/1d/binance/NEXOUSDT/NEXOUSDT_20240724.csv", 1),
    ],
)
def test_trades_and_bars_are_exported_sealed_where_they_are_sealed(
    traded: Lake,
    tmp_path: Path,
    table: str,
    path: str,
    rows: int,
) -> None:
    assert traded.layout.files("daily_trades", TRADED)
    found = [one for one in items(traded, table) if one.partition == TRADED]
    export(found, tmp_path / "out", Layout(), ["csv"])
    assert files(tmp_path / "out") == [path]
    assert len((tmp_path / "out" / path).read_text().splitlines()) == rows + 1
    assert [one.condition for one in found] == ["provisional"]


def test_hot_days_are_exported_where_nothing_is_sealed(traded: Lake, tmp_path: Path) -> None:
    found = list(items(traded, "trades"))
    assert [one.partition.date.day for one in found] == [24, 25]
    assert not any(one.is_complete for one in found)
    export(found, tmp_path / "out", Layout("exchange/interval"), ["csv"])
    assert files(tmp_path / "out") == [
        "trades/binance/NEXOUSDT_20240724.csv",
        "trades/binance/NEXOUSDT_20240725.csv",
    ]
    first = (tmp_path / "out/trades/binance/NEXOUSDT_20240724.csv").read_text().splitlines()[1]
    assert first == "100,2024-07-24T00:01:40Z,1.5,2,true,,,"


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("interval/exchange/symbol", "ohlcv/1h/bybit/BTCUSDTPERP"),
        ("exchange/symbol/interval", "ohlcv/bybit/BTCUSDTPERP/1h"),
        ("date/exchange/interval", "ohlcv/20250102/bybit/1h"),
        ("exchange/interval", "ohlcv/bybit/1h"),
    ],
)
def test_a_layout_is_any_order_of_its_words(text: str, path: str) -> None:
    found = Layout(text).path("ohlcv", "1h", DAY, "csv")
    assert str(found) == f"{path}/BTCUSDTPERP_20250102.csv"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "symbol",
        "exchange/symbol",
        "interval/symbol",
        "interval/exchange/exchange",
        "interval/exchange/..",
        "/interval/exchange",
        "interval/exchange/",
        "interval/{exchange}",
    ],
)
def test_a_layout_that_names_anything_else_or_two_files_alike_is_refused(text: str) -> None:
    with pytest.raises(InvalidName, match="layout"):
        Layout(text)


def test_tables_formats_and_intervals_that_are_none_are_refused(
    lake: Lake,
    tmp_path: Path,
) -> None:
    with pytest.raises(InvalidName, match="table"):
        list(items(lake, "verdicts"))
    with pytest.raises(InvalidName, match="interval"):
        list(items(lake, "ohlcv", intervals=["1w"]))
    store(lake, DAY)
    with pytest.raises(InvalidName, match="format"):
        export(list(items(lake, "ohlcv")), tmp_path / "out", Layout(), ["xlsx"])
    assert not (tmp_path / "out").exists()


def test_a_damaged_day_leaves_no_file(lake: Lake, tmp_path: Path) -> None:
    store(lake, DAY)
    found = list(items(lake, "ohlcv"))
    path = lake.layout.file("ohlcv", DAY, "1h")
    data = path.read_bytes()
    path.write_bytes(data[:4] + b"\xff" * 600 + data[604:])
    with pytest.raises(UnreadableInput, match="bybit:BTCUSDTPERP 2025-01-02"):
        export(found, tmp_path / "out", Layout(), BOTH)
    assert files(tmp_path / "out") == []


def test_a_day_that_is_not_stored_is_not_there(lake: Lake) -> None:
    store(lake, DAY)
    assert not list(items(lake, "ohlcv", dates={dt.date(2020, 1, 1)}))
