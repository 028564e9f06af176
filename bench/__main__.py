"""Run the races and write the table: ``python -m bench [--only NAME] [--trades N] [--big]``."""

from __future__ import annotations

import argparse
import datetime as dt
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from bench.race import PROJECT, Aim, Race, Run, medians
from bench.races import races
from bench.table import Section, markdown, section_of, section_of_sizes, show

RESULTS = Path(__file__).resolve().parent / "results"
SIZE = "size"
AT_MOST_A_THIRD = Aim("of the official zip", lambda _: 0.0, 0.36)


def main() -> None:
    options = _options()
    console = Console()
    wanted = [race for race in races_of(options) if options.only in (None, race.name)]
    with tempfile.TemporaryDirectory(prefix="bench-") as temporary:
        data = (options.data or Path(temporary)).absolute()
        data.mkdir(parents=True, exist_ok=True)
        needs = {need: None for race in wanted for need in race.needs}
        if options.only in (None, SIZE):
            needs |= {"archive": None, "lake": None}
        with console.status("generating the day ..."):
            _give(data / str(options.trades), options.trades, list(needs))
        heading = _heading(options)
        sections = [
            _run(race, data / str(options.trades), options.runs, console) for race in wanted
        ]
        if options.only in (None, SIZE):
            sections.append(_sizes(data / str(options.trades)))
    sections.sort(key=lambda section: section.title)
    show(console, heading, sections)
    RESULTS.mkdir(exist_ok=True)
    stamp = dt.datetime.now(dt.UTC).strftime("%Y%m%dT%H%M%SZ")
    target = RESULTS / f"{stamp}{'-' + options.only if options.only else ''}.md"
    target.write_text(markdown(heading, sections))
    console.print(f"written to {target.relative_to(PROJECT)}")


def races_of(options: argparse.Namespace) -> list[Race]:
    """List the races the options ask for."""
    return races(is_big=options.big, pandas_python=options.pandas_python)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    names = [SIZE, *(race.name for race in races(is_big=True, pandas_python=None))]
    parser.add_argument("--trades", type=int, default=5_000_000, help="trades of the day")
    parser.add_argument("--runs", type=int, default=5, help="runs to take the median of")
    parser.add_argument("--only", choices=names, help="one race")
    parser.add_argument("--big", action="store_true", help="with a day of four times the trades")
    parser.add_argument("--pandas-python", help="an interpreter that has pandas and pyarrow")
    parser.add_argument("--data", type=Path, help="keep the generated day here, and use it again")
    options = parser.parse_args()
    options.big |= options.only in {"big-archive", "large-day"}
    return options


def _heading(options: argparse.Namespace) -> str:
    load = ", ".join(f"{value:.2f}" for value in os.getloadavg())
    return (
        f"{options.trades / 1e6:g} M generated trades, median of {options.runs} runs in turns, "
        f"each a fresh process with its libraries imported and its files in the page cache; "
        f"{os.cpu_count()} cores, Python {platform.python_version()}, load at start {load}; "
        "MB is the peak of the process"
    )


def _give(data: Path, trades: int, needs: list[str]) -> None:
    """Generate in a process of its own: this one's memory would count as its children's."""
    data.mkdir(exist_ok=True)
    subprocess.run(
        [sys.executable, "-m", "bench.given", str(data), str(trades), *needs],
        cwd=PROJECT,
        check=True,
    )


def _run(race: Race, data: Path, times: int, console: Console) -> Section:
    load = os.getloadavg()[0]
    runs: dict[str, list[Run]] = {}
    with console.status(f"{race.title} ...") as status:
        for name, run in race.run(data, times):
            runs.setdefault(name, []).append(run)
            status.update(f"{race.title}: {name} {run.seconds:.2f} s")
    return section_of(race, {name: medians(those) for name, those in runs.items()}, load)


def _sizes(data: Path) -> Section:
    (archive,) = data.glob("BTCUSDT-trades-*.zip")
    (raw,) = data.glob("lake/raw_trades/**/*.parquet")
    (daily,) = data.glob("lake/daily_trades/**/*.parquet")
    sizes = {"the official zip": archive, "raw_trades": raw, "daily_trades": daily}
    return section_of_sizes(
        {name: path.stat().st_size for name, path in sizes.items()}, AT_MOST_A_THIRD
    )


if __name__ == "__main__":
    main()
