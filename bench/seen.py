"""What lay in a recorder's file in the end, line by line, with the instants beside it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import zstandard

from bench.recorders import OURS, Recorder

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Seen:
    """One entry a line, in the order of lines; nanoseconds since 1970."""

    ids: Ints
    received_ns: Ints
    kept_ns: Ints
    """When the line was in the file; of ours, when it was on the disk."""


def seen(recorder: Recorder, scratch: Path) -> Seen:
    """Read what a recorder has left.

    Raises:
        ValueError: lines and instants do not belong together.
    """
    if recorder is OURS:
        return _ours(scratch)
    if recorder.asks.get("raw"):
        lines = b"".join(path.read_bytes() for path in sorted(scratch.glob("raw/*.ws.*")))
        stamps = re.findall(rb"^(\d+\.\d+): \{", lines, re.MULTILINE)
        at = _ints(int(float(stamp) * 1e9) for stamp in stamps)
    else:
        lines = (scratch / "lines").read_bytes()
        of_trades = rb"^(\d{19}) [^\n]*" + recorder.ids.pattern
        at = _ints(int(stamp) for stamp, _ in re.findall(of_trades, lines, re.MULTILINE))
    ids = _ints(map(int, recorder.ids.findall(lines)))
    if len(ids) != len(at):
        raise ValueError(f"{recorder.name}: expected an instant an id, found {len(at)}/{len(ids)}")
    written = scratch / "written"
    kept = np.fromfile(written, dtype=np.int64) if written.exists() else at
    # An answer to a command is a line without an id, before all others.
    return Seen(ids, at, kept[len(kept) - len(at) :] if len(kept) else at)


def _ours(scratch: Path) -> Seen:
    """Read segments as they grew: up to each sync of theirs in turn."""
    synced = json.loads((scratch / "synced").read_text())
    ids: list[int] = []
    received: list[int] = []
    kept: list[int] = []
    for path in sorted(scratch.glob("lake/segments/*/*/*.zst")):
        data, at, inode = path.read_bytes(), 0, path.stat().st_ino
        inflater = zstandard.ZstdDecompressor().decompressobj()
        for when, _, size in (one for one in synced if one[1] == inode):
            lines = inflater.decompress(data[at:size])
            at = size
            found = re.findall(rb'^(\d{19}) \{"stream"[^\n]*"t":(\d+)', lines, re.MULTILINE)
            received += [int(stamp) for stamp, _ in found]
            ids += [int(trade_id) for _, trade_id in found]
            kept += [when] * len(found)
        if at != len(data):
            raise ValueError(f"{path}: expected syncs of {len(data)} bytes, found {at}")
    return Seen(_ints(ids), _ints(received), _ints(kept))


def _ints(found: Iterable[int]) -> Ints:
    return np.array(list(found), dtype=np.int64)
