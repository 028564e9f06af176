"""Readers and loaders side by side: ``python -m bench.reading [--trades N] [--runs N]``.

Every way reads the same generated day, sealed as the lake has it, in a process of its own; the ways
take turns. Petastorm runs in an environment of its own (``make petastorm``, with torch in it for
its loader), pandas in an interpreter that is named; what is not there is left out and said to be.
"""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.race import PROJECT, Contender, Race, Run, medians
from bench.report import Table, machine, publish, wide

_NEEDS = ("archive", "lake", "proven", "floats")
_PETASTORM = PROJECT / ".venv-petastorm" / "bin" / "python"
_HEADINGS = ("", "M rows/s", "s", "CPU s", "peak MB")


def readers(columns: str, title: str, pandas_python: str | None) -> tuple[Race, list[str]]:
    """Name the ways to read some columns, and what is left out."""
    ours = "ours: read.scan_trades, proven complete"
    found = [
        Contender(ours, f"bench.readers:ours_{columns}"),
        Contender("polars.scan_parquet", f"bench.readers:polars_{columns}"),
        Contender("pyarrow.dataset", f"bench.readers:pyarrow_{columns}"),
        Contender("DuckDB, to Arrow", f"bench.readers:duckdb_{columns}"),
    ]
    missing = []
    if pandas_python:
        path = f"bench/pandas_read.py {columns}"
        found.append(Contender("pandas.read_parquet, Decimal objects", path, pandas_python))
    else:
        missing.append("pandas left out: name its interpreter by --pandas-python")
    return Race("readers", title, tuple(found), ours, _NEEDS), missing


def loaders() -> tuple[Race, list[str]]:
    """Name the ways to make tensors, and what is left out."""
    ours = "ours: Loader, as they lie"
    found = [
        Contender(ours, "bench.loaders:ours"),
        Contender("ours: Loader, shuffled (200,000)", "bench.loaders:ours_shuffled"),
        Contender("pyarrow.dataset to torch", "bench.loaders:pyarrow"),
        Contender("polars collect_batches to torch", "bench.loaders:polars"),
    ]
    missing = []
    if not importlib.util.find_spec("torch"):
        found, missing = [], ["all but Petastorm left out: make training installs torch"]
    ways = {
        "reader": "Petastorm make_batch_reader, floats, arrays only",
        "loader": "Petastorm BatchedDataLoader, floats",
        "shuffled": "Petastorm BatchedDataLoader, floats, shuffled (200,000)",
    }
    if not _PETASTORM.exists():
        missing.append("Petastorm left out: make petastorm makes its environment")
        ways = {}
    elif subprocess.run(
        [_PETASTORM, "-c", "import torch"], check=False, capture_output=True
    ).returncode:
        missing.append(f"Petastorm's loader left out: {_PETASTORM} has no torch")
        ways = {"reader": ways["reader"]}
    for way, name in ways.items():
        script = f"bench/petastorm_loader.py {way}"
        found.append(Contender(name, script, str(_PETASTORM)))
    title = "three columns to tensors, 8,192 rows a batch"
    return Race("loaders", title, tuple(found), ours, _NEEDS), missing


def _imports_torch(python: Path) -> bool:
    done = subprocess.run([python, "-c", "import torch"], check=False, capture_output=True)
    return done.returncode == 0


def measured(race: Race, missing: list[str], data: Path, runs: int) -> Table:
    """Let the ways take turns; give the medians."""
    found: dict[str, list[Run]] = {}
    for name, run in race.run(data, runs):
        found.setdefault(name, []).append(run)
    table = Table(race.title, _HEADINGS, notes=missing)
    for name, those in found.items():
        run = medians(those)
        cells = (run.rows / run.seconds / 1e6, run.seconds, run.cpu_seconds)
        table.rows.append((name, *(f"{cell:.2f}" for cell in cells), f"{run.peak_mb:.0f}"))
    return table


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.reading", description=__doc__)
    parser.add_argument("--trades", type=int, default=5_000_000, help="of the generated day")
    parser.add_argument("--runs", type=int, default=5, help="turns to take the median of")
    parser.add_argument("--data", type=Path, help="keep the generated day here, and use it again")
    parser.add_argument("--pandas-python", help="an interpreter that has pandas and pyarrow")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-") as temporary:
        data = (options.data or Path(temporary)).absolute() / str(options.trades)
        data.mkdir(parents=True, exist_ok=True)
        given = ["-m", "bench.given", str(data), str(options.trades), *_NEEDS]
        subprocess.run([sys.executable, *given], cwd=PROJECT, check=True)
        heading = (
            f"{options.trades / 1e6:g} M trades of one sealed day; {machine()}; median of "
            f"{options.runs} turns, each a process of its own, its imports not counted"
        )
        races = [
            readers("three", "three numeric columns, batch by batch", options.pandas_python),
            readers("all", "all columns, batch by batch", options.pandas_python),
            loaders(),
        ]
        tables = [measured(race, missing, data, options.runs) for race, missing in races]
    publish("reading", heading, tables, wide())


if __name__ == "__main__":
    main()
