"""Published days to Parquet, beside other projects' downloads: ``python -m bench.history``.

Each downloader is a process of its own, measured from its start to its end, on files that a
loopback host in another process serves as they lie. They run in turns. What each has left is held
against the klines that were published; then each meets a connection that is cut and a file that
is not the one its checksum is of.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
from rich.console import Console

from bench import peers
from bench.downloaders import DOWNLOADERS, FLOOR, Downloader
from bench.process import end, tree
from bench.race import PROJECT
from bench.report import Table, machine, publish, wide
from bench.sites import ONE, REMOVED, SMALL, TAMPERED, Question, Site, Stored, large

DOWNLOADS = PROJECT / "bench" / "downloads"
_LOOK_SECONDS = 0.1
_ENVIRONMENT = {**os.environ, "PYTHONPATH": str(PROJECT)}


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What every download is told."""

    base_url: str
    directory: str
    days: dict[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Run:
    """One download from start to end, or the median of several."""

    status: int
    seconds: float
    cpu: float
    peak_mb: float
    """Of its largest process."""
    all_mb: float
    """Of all its processes together, as far as looks ten times a second saw it."""
    load: float
    said: str = ""
    """Its last line."""


class Memory(threading.Thread):
    """Looks at what a process and its children hold, until told to stop."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._pid = pid
        self._stopped = threading.Event()
        self.most_mb = 0.0

    def run(self) -> None:
        """Look now and then."""
        while not self._stopped.wait(_LOOK_SECONDS):
            self.most_mb = max(self.most_mb, sum(map(_resident_mb, tree(self._pid))))

    def stop(self) -> None:
        """End looking."""
        self._stopped.set()
        self.join()


def _resident_mb(pid: int) -> float:
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
    return 0.0


@contextlib.contextmanager
def host(root: Path, *, cut: bool = False) -> Iterator[str]:
    """Run a host in a process of its own; gives its address."""
    command = [sys.executable, "-m", "bench.host", str(root), *(["--cut"] if cut else [])]
    with subprocess.Popen(
        command, cwd=PROJECT, env=_ENVIRONMENT, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            end(process)


def run(downloader: Downloader, site: Site, base_url: str, scratch: Path) -> Run:
    """Let one downloader download a site once."""
    order = Order(base_url=base_url, directory=str(scratch), days=site.days)
    told = {**msgspec.to_builtins(order), **downloader.asks}
    python = str(_interpreter()) if downloader.is_peer else sys.executable
    command = [python, str(DOWNLOADS / downloader.script), json.dumps(told)]
    log = scratch / "log"
    # What the one before has left to be written is not this one's to wait for.
    os.sync()
    load, started = os.getloadavg()[0], time.perf_counter()
    with log.open("w") as said:
        process = subprocess.Popen(command, cwd=PROJECT, env=_ENVIRONMENT, stdout=said, stderr=said)
        memory = Memory(process.pid)
        memory.start()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        memory.stop()
    peak_mb = usage.ru_maxrss * 1024 / 1e6
    return Run(
        status=process.returncode,
        seconds=seconds,
        cpu=usage.ru_utime + usage.ru_stime,
        peak_mb=peak_mb,
        all_mb=max(memory.most_mb, peak_mb),
        load=load,
        said=(log.read_text().strip().splitlines() or [""])[-1].rpartition("\r")[2][:200],
    )


def _interpreter() -> Path:
    return peers.interpreter(DOWNLOADS / "peers.txt")


def left(downloader: Downloader, site: Site, published: Path, scratch: Path) -> Stored:
    """Hold what a downloader has left against what was published."""
    if downloader.trades is None:
        return Stored()
    question = Question(
        site=site,
        published=str(published),
        left=str(scratch),
        trades=downloader.trades,
    )
    command = [sys.executable, "-m", "bench.stored", msgspec.json.encode(question).decode()]
    answer = subprocess.run(
        command, cwd=PROJECT, env=_ENVIRONMENT, stdout=subprocess.PIPE, check=True
    )
    return msgspec.json.decode(answer.stdout, type=Stored)


def held_bytes(scratch: Path) -> int:
    """Count the bytes of all that lies there, each file once however many names it has."""
    found = [path.stat() for path in scratch.rglob("*") if path.is_file()]
    return sum({stat.st_ino: stat.st_size for stat in found}.values())


def median(runs: list[Run]) -> Run:
    """Give the medians of several runs."""
    return Run(
        status=max(one.status for one in runs),
        seconds=statistics.median(one.seconds for one in runs),
        cpu=statistics.median(one.cpu for one in runs),
        peak_mb=statistics.median(one.peak_mb for one in runs),
        all_mb=statistics.median(one.all_mb for one in runs),
        load=statistics.median(one.load for one in runs),
    )


def measure(
    chosen: list[Downloader],
    site: Site,
    published: Path,
    turns: int,
    console: Console,
) -> Table:
    """Let downloaders download a site in turns, and lay out what came of it."""
    runs: dict[str, list[Run]] = {one.name: [] for one in chosen}
    kept: dict[str, tuple[Stored, int]] = {}
    with host(published) as base_url:
        for turn in range(turns):
            for downloader in chosen:
                with _scratch(published) as scratch:
                    one = run(downloader, site, base_url, scratch)
                    assert one.status == 0, f"{downloader.name}: {one}"
                    runs[downloader.name].append(one)
                    if not turn:
                        found = left(downloader, site, published, scratch)
                        kept[downloader.name] = found, held_bytes(scratch)
                console.print(
                    f"{site.says}, turn {turn + 1}, {downloader.name}: {one.seconds:.2f} s, "
                    f"{one.cpu:.2f} s CPU, {one.peak_mb:.0f} MB, load {one.load:.1f}",
                    style="dim",
                    markup=False,
                    highlight=False,
                )
    return _laid_out(chosen, site, runs, kept, turns)


@contextlib.contextmanager
def _scratch(published: Path) -> Iterator[Path]:
    """Give an empty directory on the disk of the published files."""
    with tempfile.TemporaryDirectory(prefix="left-", dir=published.parent) as scratch:
        yield Path(scratch)


def _laid_out(
    chosen: list[Downloader],
    site: Site,
    runs: dict[str, list[Run]],
    kept: dict[str, tuple[Stored, int]],
    turns: int,
) -> Table:
    headings = ("", "s", "from..to", "CPU s", "M rows/s", "x floor", "MB", "MB all")
    table = Table(
        f"{site.says}, {site.rows:,} trades: median of {turns} turns",
        (*headings, "rows", "prices", "unequal", "off", "MB trades", "MB left", "load"),
        notes=[
            "From the start of the process to its end. Rows are those it stores.",
            "MB: the most its largest process held; MB all: all its processes at once.",
            "MB trades: its Parquet of trades; MB left: all it leaves, without names' doubles.",
            "Unequal: seconds whose quote volume, summed from what is stored, is not the kline's.",
            "Off: those where it is not so after it was rounded to 8 decimals either.",
            *(f"{one.name}: {one.says}." for one in chosen if one.says),
        ],
    )
    floor = median(runs[FLOOR.name]).seconds if FLOOR.name in runs else None
    for one in chosen:
        middle, (found, size) = median(runs[one.name]), kept[one.name]
        took = [each.seconds for each in runs[one.name]]
        rows = found.rows or site.rows
        table.rows.append(
            (
                one.name,
                f"{middle.seconds:.2f}",
                f"{min(took):.2f}..{max(took):.2f}",
                f"{middle.cpu:.2f}",
                f"{rows / middle.seconds / 1e6:.2f}",
                f"{middle.seconds / floor:.1f}" if floor else "",
                f"{middle.peak_mb:.0f}",
                f"{middle.all_mb:.0f}",
                f"{found.rows:,}" if found.rows else "",
                *_exactness(found),
                f"{found.bytes / 1e6:.1f}" if found.rows else "",
                f"{size / 1e6:.1f}",
                f"{middle.load:.1f}",
            ),
        )
    return table


def _exactness(found: Stored) -> tuple[str, str, str]:
    if not found.rows:
        return "", "", ""
    share = f"{found.unequal / found.seconds:.1%}" if found.unequal else "0"
    return "decimal" if found.is_exact else "float", share, f"{found.off:,}"


def try_faults(chosen: list[Downloader], root: Path) -> Table:
    """Let downloaders meet what goes wrong, and lay out what each made of it."""
    table = Table(
        f"What goes wrong: a day of {ONE.trades:,} trades",
        ("", "cut half way, once", "run again", f"{REMOVED} rows fewer than its checksum's file"),
        notes=["What is stored of the day's rows, and whether the process says that it failed."],
    )
    for downloader in (one for one in chosen if one.trades is not None):
        with host(root / ONE.name) as base_url, _scratch(root / ONE.name) as scratch:
            one = run(downloader, ONE, base_url, scratch)
            assert one.status == 0, f"{downloader.name}: {one}"
            whole = left(downloader, ONE, root / ONE.name, scratch).rows
        cells = []
        with host(root / ONE.name, cut=True) as base_url, _scratch(root / ONE.name) as scratch:
            for _ in range(2):
                one = run(downloader, ONE, base_url, scratch)
                found = left(downloader, ONE, root / ONE.name, scratch)
                cells.append(_outcome(one, found, whole))
        with host(root / TAMPERED.name) as base_url, _scratch(root / TAMPERED.name) as scratch:
            one = run(downloader, TAMPERED, base_url, scratch)
            cells.append(_outcome(one, left(downloader, ONE, root / ONE.name, scratch), whole))
        table.rows.append((downloader.name, *cells))
    return table


def _outcome(one: Run, found: Stored, whole: int) -> str:
    """Say what is stored, and whether anybody was told of what is not."""
    if found.rows == whole:
        stored = "all rows"
    else:
        stored = f"{found.rows - whole:,} rows" if found.rows else "no row"
    if one.status:
        return f"{stored}, fails: {one.said[:60]}"
    return stored if found.rows == whole else f"{stored}, exit status 0"


def write(site: Site, root: Path) -> None:
    """Write a site unless it is there; a name stands only for what is finished."""
    if (root / site.name).exists():
        return
    with tempfile.TemporaryDirectory(prefix="site-", dir=root) as temporary:
        made = Path(temporary) / site.name
        told = msgspec.json.encode(site).decode()
        command = [sys.executable, "-m", "bench.site", str(made), told]
        subprocess.run(command, cwd=PROJECT, env=_ENVIRONMENT, check=True)
        made.rename(root / site.name)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.history", description=__doc__)
    parser.add_argument("--trades", type=int, default=5_000_000, help="of the large day")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--only", choices=("large", "small", "faults"))
    parser.add_argument("--downloader", default="", help="only those with this in their name")
    parser.add_argument("--data", type=Path, help="where sites are kept for the next time")
    options = parser.parse_args()
    console = wide()
    heading = f"Published days to Parquet; at start {machine()}"
    chosen = [one for one in DOWNLOADERS if options.downloader in one.name]
    if any(one.is_peer for one in chosen):
        _interpreter()
    tables = []
    with tempfile.TemporaryDirectory(prefix="bench-") as temporary:
        root = (options.data or Path(temporary)).absolute()
        root.mkdir(parents=True, exist_ok=True)
        for name, site in (("large", large(options.trades)), ("small", SMALL)):
            if options.only in (None, name):
                write(site, root)
                tables.append(measure(chosen, site, root / site.name, options.turns, console))
        if options.only in (None, "faults"):
            write(ONE, root)
            write(TAMPERED, root)
            tables.append(try_faults(chosen, root))
    publish("history", heading, tables, console)


if __name__ == "__main__":
    main()
