"""The warehouse shows the lake as it was refreshed, loads a day once, and is never seen half."""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import duckdb
import polars as pl
import pytest

from crypto_assets.errors import CommitFailed, InvalidName, StreamLost, UnreadableInput
from crypto_assets.lake.lake import Lake, sidecar_of
from crypto_assets.model.instrument import Instrument
from crypto_assets.model.interval import Interval
from crypto_assets.model.partition import Partition
from crypto_assets.pipeline import frozen_views, indicators, warehouse
from crypto_assets.pipeline.build import build
from crypto_assets.pipeline.fold import sweep
from crypto_assets.pipeline.ingest import take
from crypto_assets.pipeline.query import VIEWS, query
from crypto_assets.pipeline.warehouse import Refreshed, default_path, refresh, tables_of

NEXO = Instrument("binance", "NEXOUSDT")
DAY = Partition(NEXO, dt.date(2024, 7, 24))
DAY_MS = DAY.start_us // 1_000
NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
SUMS = """SELECT date, count(*), count(DISTINCT trade_id), sum(trade_id), sum(quantity),
    sum(CAST(price * quantity AS DECIMAL(28, 8))), sum(price) FROM {} GROUP BY ALL ORDER BY date"""


def refreshed(lake: Lake, *symbols: Instrument, path: Path | None = None) -> Refreshed:
    tables = tables_of(symbols, "binance")
    return refresh(lake, path or default_path(lake), tables, "binance", NOW)


def asked(lake: Lake, sql: str, path: Path | None = None) -> list[tuple[object, ...]]:
    """Ask the file as any client would, in a process that knows nothing of this package."""
    with closing(duckdb.connect(path or default_path(lake), read_only=True)) as connection:
        return connection.execute(sql).fetchall()


def archive(
    directory: Path, ids: range, name: str = "NEXOUSDT-trades-2024-07-24.csv", price: str = "1.5"
) -> Path:
    directory.mkdir(exist_ok=True)
    text = "".join(f"{id_},{price},2.0,3.0,{DAY_MS + id_ * 1_000},True,True\n" for id_ in ids)
    path = directory / name
    path.write_text(text)
    return path


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def kept(nexo_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """A built lake with its warehouse; read it, never write to it."""
    root = tmp_path_factory.mktemp("kept") / "it's a läke [1] 币安"
    shutil.copytree(nexo_root, root)
    lake = Lake(root)
    for asset in indicators.DERIVED:
        indicators.build(lake, asset, DAY)
    refreshed(lake, NEXO)
    yield lake
    shutil.rmtree(root)


@pytest.mark.parametrize(
    "view", [*VIEWS, *(f"bars_{one}" for one in Interval), "listings", "symbol_history"]
)
def test_every_view_is_the_one_of_sql_to_the_last_digit(view: str, kept: Lake) -> None:
    with closing(duckdb.connect(default_path(kept), read_only=True)) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        found = connection.sql(f"FROM {view} ORDER BY ALL").pl()
    expected = query(kept, f"FROM {view} ORDER BY ALL")
    assert found.schema == expected.schema
    assert found.equals(expected)


def test_completeness_is_the_one_of_sql(kept: Lake) -> None:
    sql = "SELECT * FROM completeness ORDER BY venue, symbol, date"
    assert asked(kept, sql) == query(kept, sql).rows()
    call = "FROM complete_trades('NEXOUSDT', '2024-07-{}', '2024-07-24')"
    assert asked(kept, f"SELECT count(*) {call.format(24)}") == [(12_215,)]
    with pytest.raises(duckdb.InvalidInputException, match="2024-07-23 provisional"):
        asked(kept, f"SELECT * {call.format(23)} WHERE price < 0 LIMIT 1")


def test_a_client_that_knows_nothing_of_this_package_reads_it(kept: Lake, tmp_path: Path) -> None:
    code = (
        "import duckdb, sys\n"
        "c = duckdb.connect(sys.argv[1], read_only=True)\n"
        "print(c.execute('SELECT count(*) FROM bars_1h').fetchall())\n"
        "print(c.execute(\"SELECT count(*) FROM complete_bars('NEXOUSDT', '2024-07-24', "
        "'2024-07-24', length := '1h')\").fetchall())\n"
    )
    command = [sys.executable, "-I", "-c", code, str(default_path(kept))]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "[(72,)]\n[(24,)]\n"


def test_a_table_has_the_sealed_days_exactly(kept: Lake) -> None:
    assert asked(kept, SUMS.format("trades_nexousdt")) == asked(kept, SUMS.format("trades"))
    with closing(duckdb.connect(default_path(kept), read_only=True)) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        found = connection.sql(
            "SELECT * EXCLUDE (date) FROM trades_nexousdt WHERE date = '2024-07-24'"
        )
        assert found.pl().equals(kept.scan("daily_trades", DAY).collect())
    ledger = asked(
        kept, "SELECT logical_hash, sha256, rows, version FROM _loads WHERE date = '2024-07-24'"
    )
    manifest = kept.manifest("daily_trades", DAY)
    assert manifest is not None
    file = kept.layout.file("daily_trades", DAY)
    assert ledger == [(manifest.logical_hash, sha256(file), 12_215, 1)]


def test_loading_twice_changes_nothing_not_even_a_byte(nexo_copy: Lake) -> None:
    first = refreshed(nexo_copy, NEXO)
    sums = asked(nexo_copy, SUMS.format("trades_nexousdt"))
    before = sha256(first.path), first.path.stat().st_ino
    second = refreshed(nexo_copy, NEXO)
    assert (first.changed, len(first.loaded), first.unchanged) == (True, 3, 0)
    assert (second.changed, second.loaded, second.unchanged) == (False, [], 3)
    assert (sha256(second.path), second.path.stat().st_ino) == before
    assert asked(nexo_copy, SUMS.format("trades_nexousdt")) == sums
    assert second.rows == first.rows == {"trades_nexousdt": 18_817}
    os.utime(nexo_copy.layout.file("verdicts", DAY))  # something else changed
    third = refreshed(nexo_copy, NEXO)
    assert (third.changed, third.loaded) == (True, [])
    assert asked(nexo_copy, SUMS.format("trades_nexousdt")) == sums


def test_a_day_sealed_again_replaces_exactly_its_day(lake: Lake, tmp_path: Path) -> None:
    take(lake, archive(tmp_path, range(100, 150)))
    build(lake, [DAY])
    refreshed(lake, NEXO)
    take(lake, archive(tmp_path, range(100, 200), "NEXOUSDT-trades-2024-07.csv"))
    build(lake, [DAY])
    assert lake.manifest("daily_trades", DAY).version == 2  # type: ignore[union-attr]
    done = refreshed(lake, NEXO)
    assert [(one.version, one.rows) for one in done.loaded] == [(2, 100)]
    sums = "SELECT count(*), count(DISTINCT trade_id), min(trade_id), max(trade_id) FROM {}"
    for table in ("trades_nexousdt", "trades"):
        assert asked(lake, sums.format(table)) == [(100, 100, 100, 199)]
    assert asked(lake, "SELECT version, rows FROM _loads") == [(2, 100)]


def test_a_day_that_does_not_arrive_whole_changes_nothing(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(lake, archive(tmp_path, range(100, 150)))
    build(lake, [DAY])
    refreshed(lake, NEXO)
    before = sha256(default_path(lake))
    take(lake, archive(tmp_path, range(100, 200), "NEXOUSDT-trades-2024-07.csv"))
    build(lake, [DAY])
    (other,) = lake.layout.files("daily_trades", DAY)
    right = warehouse.warehouse.path

    def wrong(path: Path, pattern: str = "") -> str:
        short = tmp_path / "short.parquet"
        pl.read_parquet(path, hive_partitioning=False).head(99).write_parquet(short)
        return right(short, pattern)

    monkeypatch.setattr(warehouse.warehouse, "path", wrong)
    with pytest.raises(CommitFailed, match=r"expected \(100, 100, 199\), found \(99, 100, 198\)"):
        refreshed(lake, NEXO)
    assert sha256(default_path(lake)) == before
    assert [one.name for one in default_path(lake).parent.iterdir() if one.is_file()] == [
        "warehouse.duckdb",
    ]
    assert other.exists()


def test_only_sealed_days_are_loaded_and_what_became_of_loaded_ones_is_told(
    nexo_copy: Lake, tmp_path: Path
) -> None:
    refreshed(nexo_copy, NEXO)
    hot = archive(tmp_path, range(5), "BTCUSDT-trades-2024-07-24.csv")
    take(nexo_copy, hot)
    done = refreshed(nexo_copy, NEXO, Instrument("binance", "BTCUSDT"))
    assert done.rows == {"trades_nexousdt": 18_817}
    assert (done.unsealed, done.degraded) == ([], [])
    nexo_copy.layout.file("daily_trades", DAY.previous).unlink()
    done = refreshed(nexo_copy, NEXO)
    assert [one.date for one in done.unsealed] == [DAY.previous.date]
    assert done.rows == {"trades_nexousdt": 18_817}, "its rows were kept"
    # The same ids with other prices: a conflict, which is a fault.
    text = "".join(f"{id_},9.5,2.0,19.0,{DAY_MS + 60_000},True,True\n" for id_ in (12_800_000,))
    other = tmp_path / "NEXOUSDT-trades-2024-07-24.csv"
    other.write_text(text)
    take(nexo_copy, other)
    build(nexo_copy, [DAY])
    done = refreshed(nexo_copy, NEXO)
    assert [one.date for one in done.degraded] == [DAY.date]
    with pytest.raises(duckdb.InvalidInputException, match="2024-07-24 degraded"):
        asked(nexo_copy, "FROM complete_trades('NEXOUSDT', '2024-07-24', '2024-07-24')")


def test_a_sealed_file_that_is_not_what_its_checksum_says_is_not_loaded(nexo_copy: Lake) -> None:
    file = nexo_copy.layout.file("daily_trades", DAY)
    sidecar_of(file).write_text(f"{'0' * 64}  {file.name}\n")
    done = refreshed(nexo_copy, NEXO)
    assert list(done.failed) == [DAY]
    assert {one.date for one in done.loaded} == {DAY.previous.date, DAY.next.date}


def test_a_table_that_is_not_asked_for_any_more_is_left_as_it_was(nexo_copy: Lake) -> None:
    refreshed(nexo_copy, NEXO)
    done = refreshed(nexo_copy)
    assert not done.changed
    assert done.rows == {"trades_nexousdt": 18_817}


def test_symbols_of_every_script_and_venue_have_a_table(lake: Lake, tmp_path: Path) -> None:
    take(lake, archive(tmp_path, range(3), "币安人生USDT-trades-2024-07-24.csv"))
    symbol = Instrument("binance", "币安人生USDT")
    build(lake, [Partition(symbol, DAY.date)])
    done = refreshed(lake, symbol, Instrument("bybit", "BTCUSDT"))
    assert done.rows == {"trades_币安人生usdt": 3}
    assert asked(lake, 'SELECT count(*) FROM "trades_币安人生usdt"') == [(3,)]
    assert list(tables_of([Instrument("bybit", "BTCUSDT"), NEXO], "binance")) == [
        "trades_bybit_btcusdt",
        "trades_nexousdt",
    ]


def test_two_symbols_that_would_share_a_table_are_refused() -> None:
    kelvin = Instrument("binance", "\N{KELVIN SIGN}BTC")
    with pytest.raises(InvalidName, match="expected two tables"):
        tables_of([Instrument("binance", "KBTC"), kelvin], "binance")


def test_a_symbol_from_outside_cannot_be_sql() -> None:
    for hostile in ("X'; DROP TABLE _loads; --", 'A"B', "A B", "A_B", "A;B"):
        with pytest.raises(InvalidName):
            Instrument("binance", hostile)


def test_parts_that_overlap_are_one_day_by_trust(lake: Lake, tmp_path: Path) -> None:
    take(lake, archive(tmp_path, range(5, 15), "NEXOUSDT-trades-2024-07.csv", "9.5"))
    take(lake, archive(tmp_path, range(10)))
    refreshed(lake)
    sql = "SELECT trade_id, price FROM trades ORDER BY ALL"
    found = asked(lake, sql)
    assert found == lake.scan("raw_trades", DAY).select("trade_id", "price").collect().rows()
    assert [str(price) for _, price in found] == ["1.50000000"] * 10 + ["9.50000000"] * 5


def test_nothing_that_becomes_of_the_lake_changes_what_is_read(lake: Lake, tmp_path: Path) -> None:
    """Sealed, folded away, imported anew, sealed again: each day once and whole all along."""
    take(lake, archive(tmp_path, range(10)))
    take(lake, archive(tmp_path, range(5, 15), "NEXOUSDT-trades-2024-07.csv"))
    refreshed(lake)
    count = "SELECT count(*), count(DISTINCT trade_id), sum(trade_id) FROM trades"
    with closing(duckdb.connect(default_path(lake), read_only=True)) as reader:

        def reads(rows: int) -> None:
            expected = [(rows, rows, sum(range(rows)))]
            assert reader.execute(count).fetchall() == expected
            assert asked(lake, count) == expected

        reads(15)
        build(lake, [DAY])
        reads(15)
        for path in lake.layout.files("raw_trades", DAY):
            path.unlink()
        sweep(lake, "raw_trades", DAY, 2**62)
        reads(15)
        lake.layout.file("daily_trades", DAY).unlink()
        reads(15)
        take(lake, archive(tmp_path / "again", range(20)))
        reads(15)
    refreshed(lake)
    assert asked(lake, count) == [(20, 20, sum(range(20)))]


def test_who_has_it_open_reads_on_after_a_refresh(lake: Lake, tmp_path: Path) -> None:
    take(lake, archive(tmp_path, range(10)))
    refreshed(lake)
    with closing(duckdb.connect(default_path(lake), read_only=True)) as reader:
        take(lake, archive(tmp_path, range(10, 20), "NEXOUSDT-trades-2024-07.csv"))
        refreshed(lake)
        assert reader.execute("SELECT count(*) FROM trades").fetchall() == [(10,)]
        # The refresher itself sees the new file, though this process has the old one open.
        assert not refreshed(lake).changed
    assert asked(lake, "SELECT count(*) FROM trades") == [(20,)]


def test_a_lake_that_was_moved_is_read_again_after_a_refresh(
    nexo_copy: Lake, tmp_path: Path
) -> None:
    refreshed(nexo_copy, NEXO)
    moved = Lake(nexo_copy.layout.root.rename(tmp_path / "elsewhere"))
    with pytest.raises(duckdb.IOException, match="No files found"):
        asked(moved, "SELECT count(*) FROM trades")
    assert asked(moved, "SELECT count(*) FROM trades_nexousdt") == [(18_817,)]
    done = refreshed(moved, NEXO)
    assert (done.changed, done.loaded) == (True, []), "only the views are written anew"
    assert asked(moved, "SELECT count(*) FROM trades") == [(18_817,)]


def test_it_may_lie_anywhere_and_a_lake_may_have_several(nexo_copy: Lake, tmp_path: Path) -> None:
    paths = [tmp_path / "a" / "x y'z.duckdb", tmp_path / "b" / "币.duckdb"]
    for path in paths:
        refreshed(nexo_copy, NEXO, path=path)
    for path in paths:
        assert asked(nexo_copy, "SELECT count(*) FROM trades", path) == [(18_817,)]


def test_an_empty_lake_has_a_warehouse_with_every_view(lake: Lake) -> None:
    done = refreshed(lake, NEXO)
    for view in done.views:
        assert asked(lake, f"SELECT count(*) FROM {view}") == [(0,)]
    assert not refreshed(lake, NEXO).changed


def test_a_file_that_is_no_warehouse_is_left_alone(lake: Lake) -> None:
    path = default_path(lake)
    path.parent.mkdir(parents=True)
    with closing(duckdb.connect(path)) as own:
        own.execute("CREATE TABLE mine AS SELECT 1 AS x")
    before = sha256(path)
    with pytest.raises(UnreadableInput, match="expected a warehouse that was made here"):
        refreshed(lake)
    assert sha256(path) == before
    path.write_bytes(b"not a database")
    with pytest.raises(UnreadableInput):
        refreshed(lake)
    assert path.read_bytes() == b"not a database"


def test_somebody_elses_writes_are_not_thrown_away(lake: Lake) -> None:
    refreshed(lake)
    with closing(duckdb.connect(default_path(lake))) as own:
        own.execute("CREATE TABLE mine AS SELECT 1 AS x")
        with pytest.raises(CommitFailed, match="expected nobody to write to it"):
            refreshed(lake)
        assert own.execute("FROM mine").fetchall() == [(1,)]


def test_a_lake_that_never_stands_still_is_tried_again_later(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(lake, archive(tmp_path, range(10)))
    looked = frozen_views.to_freeze

    def restless(of: Lake) -> frozen_views.ToFreeze:
        found = looked(of)
        for path in of.layout.files("raw_trades", DAY):
            os.utime(path)
        return found

    monkeypatch.setattr(warehouse, "to_freeze", restless)
    with pytest.raises(StreamLost, match="kept changing"):
        refreshed(lake)
    assert not default_path(lake).exists()


def test_what_a_killed_refresh_left_is_removed(lake: Lake) -> None:
    refreshed(lake)
    path = default_path(lake)
    left = [path.with_name(f".{path.name}.0123.tmp"), path.with_name(f".{path.name}.0123.tmp.wal")]
    for one in left:
        one.write_bytes(b"half")
    path.with_name(f".{path.name}.spill").mkdir()
    take(lake, archive(lake.layout.root.parent, range(3)))
    refreshed(lake)
    assert sorted(one.name for one in path.parent.iterdir()) == ["frozen", "warehouse.duckdb"]


def test_a_file_that_is_written_in_place_would_shut_every_reader_out(kept: Lake) -> None:
    """Why a refresh works on a copy."""
    code = "import duckdb, sys; duckdb.connect(sys.argv[1], read_only=True)"
    command = [sys.executable, "-I", "-c", code, str(default_path(kept))]
    with closing(duckdb.connect(default_path(kept))):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "Could not set lock" in done.stderr
