"""The table trade_stream: each trade once whatever comes again, durable, and readable meanwhile."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import polars as pl
import pytest

from crypto_assets.errors import CommitFailed, FileHeld, SchemaMismatch
from crypto_assets.lake import atomic
from crypto_assets.model.coverage import Coverage
from crypto_assets.model.instrument import Instrument
from crypto_assets.sinks.duckdb_stream import TradeStream, coverage, opened, rows_between
from crypto_assets_tests.streamed import DAY, rows

BTC = Instrument("binance", "BTCUSDT")
READER = """
import sys, duckdb
connection = duckdb.connect(sys.argv[1], read_only=True)
print(connection.sql("SELECT count(*) FROM trade_stream").fetchall()[0][0], flush=True)
sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "warehouse" / "stream.duckdb"


def stored(path: Path) -> pl.DataFrame:
    with opened(path, read_only=True) as connection:
        return connection.sql("SELECT * FROM trade_stream ORDER BY ALL").pl()


def ranges(path: Path) -> dict[Instrument, Coverage]:
    with opened(path, read_only=True) as connection:
        return coverage(connection)


def test_rows_are_written_as_they_are_and_only_new_ones_counted(path: Path) -> None:
    sink = TradeStream(path)
    assert sink.append(rows(range(10))) == 10
    assert sink.append(rows(range(5, 15))) == 5
    assert sink.append(rows(range(15))) == 0
    assert stored(path).equals(rows(range(15)))
    assert ranges(path) == {BTC: Coverage.of([(0, 14)])}


def test_a_batch_with_repeats_in_it_writes_each_once(path: Path) -> None:
    twice = pl.concat([rows([3, 1, 2]), rows([2, 1])])
    assert TradeStream(path).append(twice) == 3
    assert stored(path)["trade_id"].to_list() == [1, 2, 3]


def test_trades_with_names_are_told_apart_by_them(path: Path) -> None:
    sink = TradeStream(path)
    one = rows([5, 6], "ETHUSDT", "bybit", name="a")
    other = rows([5, 6], "ETHUSDT", "bybit", name="b")
    assert sink.append(pl.concat([one, other, rows([5])])) == 5
    assert sink.append(pl.concat([other, one, rows([5, 6])])) == 1
    assert stored(path).height == 6
    assert list(ranges(path)) == [BTC]


def test_whatever_comes_in_whatever_order_each_is_there_once(path: Path) -> None:
    chance, sink, seen = random.Random(7), TradeStream(path), set[int]()
    for _ in range(12):
        batch = chance.choices(range(40), k=chance.randrange(8))
        assert sink.append(rows(batch)) == len(set(batch) - seen)
        seen |= set(batch)
    assert stored(path)["trade_id"].to_list() == sorted(seen)
    assert ranges(path) == {BTC: Coverage.of((one, one) for one in seen)}


def test_ids_at_both_ends_of_what_fits_are_kept(path: Path) -> None:
    ids = [0, 2**63 - 1]
    big = rows([1, 2]).with_columns(pl.Series("trade_id", ids, dtype=pl.Int64))
    sink = TradeStream(path)
    assert (sink.append(big), sink.append(big)) == (2, 0)


def test_ranges_are_made_anew_where_rows_were_removed_by_hand(path: Path) -> None:
    TradeStream(path).append(rows(range(10)))
    with opened(path, read_only=False) as connection:
        connection.execute("DELETE FROM trade_stream WHERE trade_id BETWEEN 3 AND 4")
    assert TradeStream(path).append(rows(range(10))) == 2
    assert stored(path).equals(rows(range(10)))


def test_a_writer_killed_after_its_commit_has_lost_nothing(path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path\n"
        "from crypto_assets.sinks import duckdb_stream as found\n"
        "from crypto_assets_tests.streamed import rows\n"
        "found.TradeStream(Path(sys.argv[1])).append(rows(range(5)))\n"
        "class Killed:\n"
        "    def __init__(self, c): self.c = c\n"
        "    def __getattr__(self, name): return getattr(self.c, name)\n"
        "    def close(self): os.kill(os.getpid(), 9)\n"
        "connect = found.duckdb.connect\n"
        "found.duckdb.connect = lambda *a, **k: Killed(connect(*a, **k))\n"
        "found.TradeStream(Path(sys.argv[1])).append(rows(range(3, 9)))\n"
    )
    ended = subprocess.run([sys.executable, "-c", code, path], check=False)
    assert ended.returncode == -9
    assert path.with_name("stream.duckdb.wal").exists()
    # A reader sees it before any writer has opened the file again.
    assert stored(path).equals(rows(range(9)))
    assert TradeStream(path).append(rows(range(9))) == 0


@pytest.fixture
def reader(path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that has the file open for reading until its input ends."""
    TradeStream(path).append(rows(range(4)))
    with subprocess.Popen(
        [sys.executable, "-c", READER, path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "4\n"
        yield process
        process.kill()


def test_another_process_reads_between_batches(
    path: Path,
    reader: subprocess.Popen[str],
) -> None:
    with pytest.raises(FileHeld, match="held by another process"):
        TradeStream(path, patience=0.1).append(rows(range(8)))
    assert stored(path).height == 4
    reader.communicate("")
    assert TradeStream(path, patience=0.1).append(rows(range(8))) == 4


def test_a_writer_waits_until_the_reader_is_done(
    path: Path,
    reader: subprocess.Popen[str],
) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from crypto_assets.sinks.duckdb_stream import TradeStream\n"
        "from crypto_assets_tests.streamed import rows\n"
        "print('begun', flush=True)\n"
        "print(TradeStream(Path(sys.argv[1])).append(rows(range(8))))\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, path],
        stdout=subprocess.PIPE,
        text=True,
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "begun\n"
        reader.communicate("")
        assert writer.stdout.read() == "4\n"


def test_a_writer_killed_while_the_file_is_made_leaves_none(path: Path) -> None:
    code = (
        "import os, signal, sys; from pathlib import Path\n"
        "import duckdb\n"
        "from crypto_assets.sinks.duckdb_stream import TradeStream\n"
        "from crypto_assets_tests.streamed import rows\n"
        "connect = duckdb.connect\n"
        "def killed(*words, **named):\n"
        "    connect(*words, **named)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "duckdb.connect = killed\n"
        "TradeStream(Path(sys.argv[1])).append(rows(range(4)))\n"
    )
    ended = subprocess.run([sys.executable, "-c", code, path], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert not path.exists()
    assert TradeStream(path).append(rows(range(4))) == 4
    assert stored(path).height == 4
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def test_a_batch_does_not_wait_for_whoever_has_the_directory_locked(path: Path) -> None:
    TradeStream(path).append(rows(range(4)))
    code = (
        "import sys; from pathlib import Path\n"
        "from crypto_assets.sinks.duckdb_stream import TradeStream\n"
        "from crypto_assets_tests.streamed import rows\n"
        "TradeStream(Path(sys.argv[1])).append(rows(range(8)))\n"
    )
    with atomic.locked(path.parent):
        subprocess.run([sys.executable, "-c", code, path], check=True, timeout=60)
    assert stored(path).height == 8


def test_other_columns_and_other_files_are_refused(path: Path, tmp_path: Path) -> None:
    with pytest.raises(SchemaMismatch):
        TradeStream(path).append(rows([1]).drop("symbol"))
    broken = tmp_path / "broken.duckdb"
    broken.write_bytes(b"no database" * 1_000)
    with pytest.raises(CommitFailed, match="expected a DuckDB file"):
        TradeStream(broken).append(rows([1]))


def test_rows_of_an_hour_are_read_by_id(path: Path) -> None:
    TradeStream(path).append(rows([30, 10, 20]))
    found = rows_between(path, BTC, DAY.start_us + 10_000_000, DAY.start_us + 30_000_000)
    assert found["trade_id"].to_list() == [10, 20]
    assert found.equals(rows([10, 20]))


def test_a_table_somebody_else_made_is_refused(path: Path) -> None:
    path.parent.mkdir()
    with duckdb.connect(path) as connection:
        connection.execute("CREATE TABLE trade_stream (x INTEGER)")
    with pytest.raises(CommitFailed):
        TradeStream(path).append(rows([1]))
