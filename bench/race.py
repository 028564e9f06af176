"""Contenders side by side: each run a process of its own, taken in turns.

This module and what prints its results stay small: a process starts out with the peak of memory
of the one that started it.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class Run:
    """One measured call."""

    seconds: float
    rows: int
    peak_mb: float
    cpu_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Contender:
    """One way to do it."""

    name: str
    function: str
    """``module:function`` for :mod:`bench.child`, or a script, which may have arguments."""
    python: str | None = None
    """Another interpreter than this one."""


Results = Mapping[str, Run]
"""By contender, the median time and the median peak."""


@dataclass(frozen=True, slots=True)
class Aim:
    """What a race should show."""

    says: str
    value: Callable[[Results], float]
    limit: float
    at_least: bool = False

    def is_met(self, found: float) -> bool:
        """Whether a value is as good as it should be."""
        return found >= self.limit if self.at_least else found <= self.limit

    def __str__(self) -> str:
        return f"{'at least' if self.at_least else 'at most'} {self.limit:g} {self.says}"


@dataclass(frozen=True, slots=True)
class Race:
    """Several contenders on the same data."""

    name: str
    title: str
    contenders: tuple[Contender, ...]
    baseline: str
    needs: tuple[str, ...]
    """What :mod:`bench.given` generates for it."""
    aims: tuple[Aim, ...] = ()
    note: str = ""

    def run(self, data: Path, times: int) -> Iterator[tuple[str, Run]]:
        """Let the contenders run in turns, so that what else the machine does hits them all."""
        for _ in range(times):
            for contender in self.contenders:
                yield contender.name, run(contender, data)


def run(contender: Contender, data: Path) -> Run:
    """Run one contender once."""
    script, *arguments = contender.function.split()
    target = [script, *arguments] if script.endswith(".py") else ["-m", "bench.child", script]
    done = subprocess.run(
        [contender.python or sys.executable, *target, str(data)],
        cwd=PROJECT,
        env={**os.environ, "PYTHONPATH": str(PROJECT), "POLARS_VERBOSE": "0"},
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    return Run(**json.loads(done.stdout.splitlines()[-1]))


def medians(runs: list[Run]) -> Run:
    """Give the median times and the median peak of several runs."""
    return Run(
        statistics.median(run.seconds for run in runs),
        runs[0].rows,
        statistics.median(run.peak_mb for run in runs),
        statistics.median(run.cpu_seconds for run in runs),
    )
