"""What is measured, against what, and what it should show."""

from __future__ import annotations

from collections.abc import Callable

from bench.race import Aim, Contender, Race, Results

DAYS = 60
"""Days of the backfill, as many as :mod:`bench.given` generates."""


def _ratio(one: str, *others: str) -> Callable[[Results], float]:
    """How many times as long one takes as the fastest of others."""

    def value(found: Results) -> float:
        return found[one].seconds / min(found[other].seconds for other in others)

    return value


def _bars(pandas_python: str | None) -> Race:
    streaming, in_memory = "floor: read the five columns, streaming", "floor: read them, in memory"
    ours = "ours: exact bars, through the lake"
    floats, decimals = "DuckDB, a file of floats", "DuckDB, the lake's file cast to double"
    pandas = Contender("pandas groupby, a file of floats", "bench/pandas_bars.py", pandas_python)
    return Race(
        name="bars",
        title="1. Trades (Parquet) to 1 s bars",
        needs=("archive", "lake", "floats"),
        contenders=(
            Contender(streaming, "bench.bars:floor_streaming"),
            Contender(in_memory, "bench.bars:floor_in_memory"),
            Contender(ours, "bench.bars:ours"),
            Contender(floats, "bench.bars:duckdb_floats"),
            Contender(decimals, "bench.bars:duckdb_decimals"),
            *((pandas,) if pandas_python else ()),
        ),
        baseline=streaming,
        aims=(
            Aim("times the faster floor", _ratio(ours, streaming, in_memory), 2.5),
            Aim("times the faster DuckDB", _ratio(ours, floats, decimals), 1.0),
        ),
        note="" if pandas_python else "pandas left out: name its interpreter by --pandas-python",
    )


def _archive() -> Race:
    ours, decoded = "ours: take into the lake", "ours: decode and write only"
    scanned, extracted = "polars, extracted before", "polars, extract and scan"
    copied = "DuckDB, extracted before"
    threaded = "isal in a thread, pyarrow csv"
    return Race(
        name="archive",
        title="2. Archive zip to raw_trades",
        needs=("archive", "extracted"),
        contenders=(
            Contender(ours, "bench.archive:ours"),
            Contender(decoded, "bench.archive:decode_and_write"),
            Contender(scanned, "bench.archive:polars_extracted"),
            Contender(extracted, "bench.archive:polars_zip"),
            Contender(copied, "bench.archive:duckdb_extracted"),
            Contender(threaded, "bench.archive:pyarrow_zip"),
        ),
        baseline=extracted,
        aims=(
            Aim("times the fastest other from the zip", _ratio(ours, extracted, threaded), 1.0),
            Aim("times it, decode and write only", _ratio(decoded, extracted, threaded), 1.0),
            Aim("MB peak", lambda found: found[ours].peak_mb, 400),
        ),
        note="Ours copies the file, verifies its checksum, keeps exact decimals, proves order and "
        "reads back what it wrote; the others parse prices as floats and verify nothing. Those "
        "that find the file extracted do not inflate either.",
    )


def _big_archive() -> Race:
    ours = "ours: take into the lake"
    return Race(
        name="big-archive",
        title="2b. Archive zip to raw_trades, four times the trades",
        needs=("big",),
        contenders=(Contender(ours, "bench.archive:ours_big"),),
        baseline=ours,
        aims=(Aim("MB peak", lambda found: found[ours].peak_mb, 400),),
    )


def _capture() -> Race:
    reference = "json.loads a line, a dict a row"
    ours, decoded = "ours: take into the lake", "ours: decode only"
    return Race(
        name="capture",
        title="3. Recorded JSON to raw_trades, a fifth of the trades",
        needs=("capture",),
        contenders=(
            Contender(reference, "bench.capture:reference"),
            Contender(decoded, "bench.capture:decode"),
            Contender(ours, "bench.capture:ours"),
        ),
        baseline=reference,
        aims=(Aim("times as fast, decode only", _ratio(reference, decoded), 15, at_least=True),),
        note="The reference is the loop of data lakes in plain Python: floats, nothing kept.",
    )


def _compaction() -> Race:
    ours, floor = "ours: merge, write, read back, seal", "floor: polars scan and sink"
    return Race(
        name="compaction",
        title="4. 1,440 parts of a minute to one sealed day",
        needs=("minutes",),
        contenders=(
            Contender(floor, "bench.compaction:polars_floor"),
            Contender("floor: copy the bytes", "bench.compaction:copy_floor"),
            Contender(ours, "bench.compaction:ours"),
        ),
        baseline=floor,
    )


def _backfill() -> Race:
    work, dagster = "pipeline.build, the work itself", "the same in Dagster, SQLite"
    return Race(
        name="backfill",
        title=f"6. Backfill of {DAYS} days of 20,000 trades, all assets",
        needs=("days",),
        contenders=(
            Contender(work, "bench.backfill:work"),
            Contender(dagster, "bench.backfill:through_dagster"),
        ),
        baseline=work,
        aims=(
            Aim(
                "s of Dagster a partition",
                lambda found: (found[dagster].seconds - found[work].seconds) / DAYS,
                0.2,
            ),
        ),
    )


def _warehouse(pandas_python: str | None) -> Race:
    ours, plain = "ours: an empty warehouse refreshed", "DuckDB, CREATE TABLE AS read_parquet"
    pandas = Contender("pandas, then DuckDB", "bench/pandas_warehouse.py", pandas_python)
    return Race(
        name="warehouse",
        title="8. A sealed day into a DuckDB table",
        needs=("archive", "lake"),
        contenders=(
            Contender(plain, "bench.warehouse:create_as"),
            Contender(ours, "bench.warehouse:ours"),
            Contender("ours: refreshed again, unchanged", "bench.warehouse:unchanged"),
            Contender("the file copied aside and synced", "bench.warehouse:copied"),
            Contender("executemany, 100,000 rows only", "bench.warehouse:row_by_row"),
            *((pandas,) if pandas_python else ()),
        ),
        baseline=plain,
        aims=(Aim("times the plain statement", _ratio(ours, plain), 2.0),),
        note="Ours hashes the file, judges the day, loads it with its ledger in one transaction, "
        "holds it against the manifest, syncs and renames. A refresh that loads anything copies "
        "the file first."
        + ("" if pandas_python else " pandas left out: name its interpreter by --pandas-python"),
    )


def _large_day() -> Race:
    ours = "ours: take the archive and make every asset"
    return Race(
        name="large-day",
        title="7. A day of four times the trades, import and build",
        needs=("big",),
        contenders=(Contender(ours, "bench.backfill:large_day"),),
        baseline=ours,
        aims=(Aim("MB peak", lambda found: found[ours].peak_mb, 2000),),
    )


def races(*, is_big: bool, pandas_python: str | None) -> list[Race]:
    """List every race; those on the large day only when asked for."""
    found = [
        _bars(pandas_python),
        _archive(),
        _capture(),
        _compaction(),
        _backfill(),
        _warehouse(pandas_python),
    ]
    return [*found, _big_archive(), _large_day()] if is_big else found
