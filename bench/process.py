"""What the kernel says of a process that is running, and how it is ended."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_IDLE_SHARE, _IDLE_SECONDS, _LONGEST_SECONDS = 0.08, 0.5, 60.0


def cpu_seconds(pid: int) -> float:
    """Seconds of processor time, user and system, of all its threads and ended children."""
    # The name in parentheses may hold blanks; the fields count from behind it.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return sum(map(int, fields[11:15])) / _TICKS


def tree(pid: int) -> list[int]:
    """A process and everything it has started that still runs."""
    parents: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            parent = int(stat.read_text().rpartition(") ")[2].split()[1])
            parents.setdefault(parent, []).append(int(stat.parent.name))
    found = [pid]
    for one in found:
        found += parents.get(one, [])
    return found


def peak_mb(pid: int) -> float:
    """The most memory it ever held."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise ValueError(f"process {pid}: expected VmHWM")


def wait_until_idle(pid: int) -> None:
    """Wait until a process has worked off what it was given."""
    until = time.monotonic() + _LONGEST_SECONDS
    before = cpu_seconds(pid)
    while time.monotonic() < until:
        time.sleep(_IDLE_SECONDS)
        now = cpu_seconds(pid)
        if now - before < _IDLE_SHARE * _IDLE_SECONDS:
            return
        before = now


def end(process: subprocess.Popen[str], seconds: float = 30) -> None:
    """Ask a process to end, and make it."""
    process.terminate()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
