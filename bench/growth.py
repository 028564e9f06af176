"""What one more segment costs a lake that holds many: ``python -m bench.growth``.

A tick of the sensor with thousands of segments in the lake, and a run that takes one segment of a
minute when its day has so many parts already, with where its time goes.
"""

from __future__ import annotations

import argparse
import cProfile
import hashlib
import pstats
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import msgspec
import polars as pl

from bench import market
from bench.report import Table, machine, publish, wide
from crypto_assets.lake import segments as recordings
from crypto_assets.lake.inputs import Inputs, Record
from crypto_assets.lake.lake import Lake
from crypto_assets.lake.layout import Layout
from crypto_assets.model.interval import SECOND_US
from crypto_assets.model.partition import Partition
from crypto_assets.pipeline import segments
from crypto_assets.pipeline.build import build_assets
from crypto_assets.pipeline.ingest import stem_of

VENUE = "binance"
SEGMENTS, WAITING, SESSIONS, TICKS = 10_000, 100, 4, 5
DAY = Partition.of(VENUE, "BTCUSDT", "2025-03-03")
SEED = 11
MINUTE_US = 60 * SECOND_US
TOLD = {
    "take: decode and commit": ("segments.py", "take_segments"),
    "hold_back: judge what is upstream": ("verdicts.py", "hold_back"),
    "summary: merge manifests": ("lake.py", "summary"),
    "bars: compute and commit": ("lake.py", "store"),
    "judge bars_1s and raw_trades": ("verdicts.py", "judge"),
    "rebuild the bars to compare": ("days.py", "_rebuilt_hash"),
    "write verdicts": ("verdicts.py", "record"),
    "read a footer": ("parquet.py", "read_manifest"),
    "collect frames (polars)": ("frame.py", "collect"),
    "fsync": ("~", "<built-in method posix.fsync>"),
}
"""Functions by file and name; one's time holds what it calls, so that they overlap."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a run of one segment took, in seconds."""

    parts: int
    take: float
    refresh: float
    shares: dict[str, tuple[int, float]]
    """By function, its calls and its seconds, profiled in a run of its own."""


def reconciliation(root: Path) -> dict[int, list[float]]:
    """Time ticks over the lake's segments, by how many of them are not taken yet."""
    lake = Lake(root)
    inputs = Inputs(lake.layout, VENUE)
    paths = [_segment(lake.layout, k) for k in range(SEGMENTS)]
    found = {}
    for wait in (SEGMENTS, WAITING, 0):
        while len(paths) > wait:
            _taken(inputs, paths.pop(0))
        found[wait] = [_tick(lake, wait) for _ in range(TICKS)]
    return found


def _tick(lake: Lake, wait: int) -> float:
    started = time.perf_counter()
    waiting = segments.waiting(lake, VENUE)
    seconds = time.perf_counter() - started
    assert len(waiting) == wait, len(waiting)
    return seconds


def _segment(layout: Layout, k: int) -> Path:
    """Put down a sealed segment as collectors leave it."""
    session = f"20250303T00000{k % SESSIONS}Z-{4_000 + k % SESSIONS}-abcdef"
    directory = recordings.directory(layout, VENUE, session)
    directory.mkdir(parents=True, exist_ok=True)
    begun_ns = DAY.start_us * 1_000 + k * 15 * 10**9
    path = directory / recordings.segment_name(begun_ns, k // SESSIONS + 1)
    path.write_bytes(b"\0" * 100)
    return path


def _taken(inputs: Inputs, path: Path) -> None:
    """Put down what taking a segment leaves, but for its parts."""
    name = f"{path.parent.name}-{path.name}"
    sha256 = hashlib.sha256(name.encode()).hexdigest()
    record = Record(
        id=f"{stem_of(name)}-{sha256[:12]}",
        name=name,
        venue=VENUE,
        kind="capture",
        source="stream",
        sha256=sha256,
        bytes=100,
        checksum="absent",
    )
    kept = inputs.path(record)
    kept.parent.mkdir(parents=True)
    path.rename(kept)
    (kept.parents[1] / "record.json").write_bytes(msgspec.json.encode(record))


class Recording:
    """A day as a collector leaves it that seals every minute; one trade a quote."""

    def __init__(self, lake: Lake, per_second: int) -> None:
        self._lake = lake
        rows = per_second * 86_400
        self._trades = pl.concat(market.day(rows, SEED, DAY))
        self._quotes = pl.concat(market.quotes(rows, SEED, DAY))
        self.minutes = 0

    def minute(self) -> Path:
        """Seal the next minute's segment."""
        start = DAY.start_us + self.minutes * MINUTE_US
        self.minutes += 1
        session = recordings.directory(self._lake.layout, VENUE, "20250303T000000Z-1-abcdef")
        session.mkdir(parents=True, exist_ok=True)
        name = recordings.segment_name(start * 1_000, self.minutes)
        writer = recordings.SegmentWriter(session, name, b"")
        for frame, column in ((self._trades, "ts_event"), (self._quotes, "ts_as_of")):
            at = frame[column].to_physical()
            low, high = (int(at.search_sorted(us)) for us in (start, start + MINUTE_US))
            writer.write(market.lines(frame[low:high]))
        return writer.seal()


def hot_parts(root: Path, counts: list[int], per_second: int) -> list[Cost]:
    """Measure a run of one segment at each count of parts its day has already."""
    recording = Recording(Lake(root), per_second)
    found = []
    for count in counts:
        while recording.minutes < count - 1:
            segments.take_segments(Lake(root), VENUE, [recording.minute()])
        # What a former run has left judged is as it is in life.
        _run(root, recording.minute())
        take, refresh = _run(root, recording.minute())
        profile = cProfile.Profile()
        profile.runcall(_run, root, recording.minute())
        found.append(Cost(count, take, refresh, _shares(pstats.Stats(profile))))
    return found


def _run(root: Path, path: Path) -> tuple[float, float]:
    """Take one segment as a run does that knows nothing; gives the seconds of its two halves."""
    lake = Lake(root)
    started = time.perf_counter()
    taken, unreadable = segments.take_segments(lake, VENUE, [path])
    between = time.perf_counter()
    assert not unreadable, unreadable
    built = list(build_assets(lake, ["bars_1s"], segments.touched(taken)))
    assert built == [("bars_1s", DAY)], built
    return between - started, time.perf_counter() - between


def _shares(stats: pstats.Stats) -> dict[str, tuple[int, float]]:
    found = dict.fromkeys(TOLD, (0, 0.0))
    for (file, _, function), (_, calls, _, seconds, _) in stats.stats.items():  # type: ignore[attr-defined]
        for says, (wanted_file, wanted) in TOLD.items():
            if function == wanted and (file == "~" or Path(file).name == wanted_file):
                had = found[says]
                found[says] = had[0] + calls, had[1] + seconds
    return found


def tables(root: Path, counts: list[int], per_second: int) -> list[Table]:
    """Measure and lay out both."""
    ticks = Table(
        f"A tick's reconciliation, {SEGMENTS:,} sealed segments",
        ("waiting", "median s", "slowest s"),
    )
    for wait, took in reconciliation(root / "ticks").items():
        cells = (f"{wait:,}", f"{statistics.median(took):.3f}", f"{max(took):.3f}")
        ticks.rows.append(cells)
    costs = hot_parts(root / "parts", counts, per_second)
    growth = Table(
        f"A run of one segment of 60 s, {per_second} trades/s and quotes/s of one symbol: seconds",
        ("", *(f"{cost.parts:,} segments" for cost in costs)),
        [
            ("take_segments", *(f"{cost.take:.2f}" for cost in costs)),
            ("bars_1s", *(f"{cost.refresh:.2f}" for cost in costs)),
            *(
                (
                    f"profiled: {says}",
                    *(f"{cost.shares[says][1]:.2f} ({cost.shares[says][0]:,}x)" for cost in costs),
                )
                for says in TOLD
            ),
        ],
        ["Each run has a lake object of its own. Profiled times overlap: one holds what it calls."],
    )
    return [ticks, growth]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.growth", description=__doc__)
    parser.add_argument("--parts", type=int, nargs="+", default=[1, 100, 500, 1430])
    parser.add_argument("--per-second", type=int, default=50, help="trades, and quotes, a second")
    options = parser.parse_args()
    heading = f"Growth; {machine()}"
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        found = tables(Path(scratch), sorted(options.parts), options.per_second)
    publish("growth", heading, found, wide())


if __name__ == "__main__":
    main()
