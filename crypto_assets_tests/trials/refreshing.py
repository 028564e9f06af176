"""Refreshes of a warehouse that are killed while others read it and the lake goes on changing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from crypto_assets.lake.lake import Lake
from crypto_assets.model.partition import Partition
from crypto_assets.pipeline.build import build
from crypto_assets.pipeline.ingest import take
from crypto_assets.pipeline.warehouse import default_path
from crypto_assets_tests.trials import victims
from crypto_assets_tests.trials.recording import until

DAY = Partition.of("binance", "NEXOUSDT", "2024-07-24")
FIRST, STEP = 10_000, 1_000
READER = Path(__file__).with_name("reading.py")


@dataclass(slots=True)
class Seen:
    """What readers were told."""

    answers: int = 0
    rows: set[int] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)

    def add(self, line: str, size: int) -> None:
        """Judge one answer: a whole day has so many rows more than the one before it."""
        word, *numbers = line.split()
        if word != "whole":
            self.wrong.append(line)
            return
        rows, ids, lowest, highest = map(int, numbers)
        is_whole = rows == ids == highest - lowest + 1 and lowest == FIRST and rows % size == 0
        self.answers += 1
        self.rows.add(rows)
        if not is_whole or not rows:
            self.wrong.append(line)


def grow(lake: Lake, directory: Path, size: int) -> None:
    """Import a longer file of the day, and seal it as its next version."""
    path = directory / f"NEXOUSDT-trades-{DAY.date}.csv"
    pace = 80_000_000 // size
    path.write_text(
        "".join(
            f"{FIRST + n},1.5,2.0,3.0,{DAY.start_us // 1000 + n * pace},True,True\n"
            for n in range(size)
        ),
    )
    take(lake, path)
    build(lake, [DAY])


@contextmanager
def readers(path: Path, directory: Path, count: int) -> Iterator[Seen]:
    """Let processes read a warehouse all along; what they saw is known at the end."""
    seen, stop = Seen(), directory / "stop"
    outputs = [directory / f"reader-{number}.txt" for number in range(count)]
    processes = []
    for output in outputs:
        with output.open("wb") as file:
            command = [sys.executable, "-I", str(READER), str(path), str(stop)]
            processes.append(subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT))
    try:
        yield seen
    finally:
        stop.touch()
        for process in processes:
            process.wait(60)
    for output in outputs:
        for line in output.read_text().splitlines():
            seen.add(line, STEP)


def race(directory: Path, kills: victims.Kills, count: int) -> tuple[Lake, Seen]:
    """Kill refreshes until there were enough, with readers and a growing day beside them."""
    lake = Lake(directory / "lake")
    grow(lake, directory, STEP)
    life = victims.life(victims.refresh, lake.layout.root)
    path = default_path(lake)
    with readers(path, directory, count) as seen:
        outputs = list(directory.glob("reader-*.txt"))
        until(lambda: all(one.stat().st_size for one in outputs), "every reader answers")
        size = STEP
        while not kills.are_done:
            size += STEP
            grow(lake, directory, size)
            kills.hit(victims.started(victims.refresh, lake.layout.root), life)
        victims.life(victims.refresh, lake.layout.root)
    return lake, seen
