"""Parts of one partition as one: which overlap, what they hold together, each key once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import polars as pl
from polars.io.plugins import register_io_source

from crypto_assets.lake.draft import BATCH_ROWS, CONFLICTS_LISTED, readable, scan_files
from crypto_assets.model.coverage import Coverage, Range
from crypto_assets.model.manifest import Input, Manifest
from crypto_assets.model.numbering import Numbering
from crypto_assets.model.tables import TRADES, Table
from crypto_assets.transforms.merge import merge

PRECEDENCE = ("archive", "archive_monthly", "rest", "stream")
"""Which source's row is kept where several have it: what the exchange published comes first.

Daily files come before monthly ones, which have been seen to lack rows.
"""


@dataclass(frozen=True, slots=True)
class Part:
    """A committed file of a partition that may share keys with others."""

    path: Path
    manifest: Manifest

    @property
    def span(self) -> Range:
        """First and last id; an empty part spans nothing."""
        first, last = self.manifest.first_id, self.manifest.last_id
        return (0, -1) if first is None or last is None else (first, last)

    @property
    def trust(self) -> tuple[int, bool, int, str]:
        """Where it stands in the order of precedence: source, whole before damaged, size, name.

        A file whose bytes are not what its publisher's checksum says comes last of all.
        """
        found = self.manifest
        ranks = (
            len(PRECEDENCE) if entry.checksum == "mismatch" else PRECEDENCE.index(entry.source)
            for entry in found.inputs
        )
        rank = min(ranks, default=len(PRECEDENCE))
        return rank, found.unreadable > 0, -found.rows, self.path.name


def replaced(parts: Sequence[Part]) -> list[tuple[Part, Part]]:
    """Find the parts whose inputs are all in a larger one, each with that one."""
    several = [part for part in parts if len(part.manifest.inputs) > 1]
    if not several:
        return []
    whole = [({entry.sha256 for entry in part.manifest.inputs}, part) for part in several]
    found: list[tuple[Part, Part]] = []
    for part in parts:
        inputs = {entry.sha256 for entry in part.manifest.inputs}
        by = next((other for those, other in whole if inputs < those), None)
        if inputs and by is not None:
            found.append((part, by))
    return found


def digest_of(parts: Sequence[Part]) -> str:
    """Name a set of parts by contents: one part's logical hash, or a sha256 over all of them."""
    hashes = sorted(part.manifest.logical_hash for part in parts)
    if len(hashes) == 1:
        return hashes[0]
    return hashlib.sha256("\n".join(hashes).encode()).hexdigest()


def chains(parts: Sequence[Part]) -> Iterator[list[Part]]:
    """Group parts whose spans overlap, in ascending order of ids; most groups are one part."""
    chain: list[Part] = []
    end = -1
    for part in sorted(parts, key=lambda part: part.span):
        first, last = part.span
        if last < first:
            continue
        if chain and first > end:
            yield chain
            chain = []
        chain.append(part)
        end = max(end, last)
    if chain:
        yield chain


def overlaps(parts: Sequence[Part]) -> bool:
    """Whether any two parts may share an id."""
    return any(len(chain) > 1 for chain in chains(parts))


def scan_parts(parts: Sequence[Part], table: Table) -> pl.LazyFrame:
    """Scan parts as one frame: each key once, ascending, in bounded memory.

    Parts that share no ids are read one after the other; where spans overlap they are merged in
    windows of :data:`~crypto_assets.lake.draft.BATCH_ROWS` ids, or rows where ids are opaque.
    """
    frames: list[pl.LazyFrame] = []
    alone: list[Path] = []
    for chain in chains(parts):
        if len(chain) == 1:
            alone.append(chain[0].path)
            continue
        if alone:
            frames.append(scan_files(alone))
            alone = []
        frames.append(_scan_overlapping(chain, table))
    if alone:
        frames.append(scan_files(alone))
    return pl.concat(frames) if frames else table.schema.to_frame().lazy()


def _windows(chain: Sequence[Part], table: Table) -> Iterator[Range]:
    """Cut the ids of parts into spans that each hold what may be in memory at once."""
    if any(part.manifest.numbering is Numbering.OPAQUE for part in chain):
        return _measured(chain, table, BATCH_ROWS)
    return _counted(_union(chain, table), BATCH_ROWS)


def _measured(chain: Sequence[Part], table: Table, rows: int) -> Iterator[Range]:
    """Cut ids that are not dense into spans of at most so many rows of all parts together.

    Every n-th id of each part is a mark. Between two marks a part has n rows more than n times
    its own marks at most, so as many marks as there are parts make a span of 2n rows a part.
    """
    assert table.id is not None  # noqa: S101 - only tables with ids have parts
    step = max(1, rows // (2 * len(chain)))
    reading = [
        scan_files([part.path]).select(pl.col(table.id).gather_every(step)) for part in chain
    ]
    with readable(", ".join(str(part.path) for part in chain)):
        marks = pl.concat(pl.collect_all(reading)).to_series().sort()
    start = int(marks[0])
    for mark in marks.gather_every(len(chain), len(chain)).to_list():
        if mark > start:
            yield start, mark - 1
            start = mark
    yield start, max(part.span[1] for part in chain)


def _counted(coverage: Coverage, ids: int) -> Iterator[Range]:
    """Cut a coverage into spans of at most so many of its ids."""
    start: int | None = None
    room = ids
    end = 0
    for first, last in coverage.ranges:
        at = first
        while at <= last:
            start = at if start is None else start
            end = min(last, at + room - 1)
            room -= end - at + 1
            at = end + 1
            if room == 0:
                yield start, end
                start, room = None, ids
    if start is not None:
        yield start, end


def _is_numbered(parts: Sequence[Part], table: Table) -> bool:
    """Whether the ids of parts tell which of them are missing."""
    return table is TRADES and all(part.manifest.numbering is Numbering.SEQUENCE for part in parts)


def _union(parts: Sequence[Part], table: Table) -> Coverage:
    if _is_numbered(parts, table):
        return Coverage.of(span for part in parts for span in part.manifest.coverage.ranges)
    return Coverage.of(part.span for part in parts if part.manifest.rows)


def _window_frames(
    chain: Sequence[Part],
    table: Table,
    window: Range,
    columns: Sequence[str],
) -> list[pl.DataFrame]:
    first, last = window
    assert table.id is not None  # noqa: S101 - only tables with ids have parts
    within = pl.col(table.id).is_between(first, last)
    reading = [
        scan_files([part.path]).select(columns).filter(within)
        for part in sorted(chain, key=lambda part: part.trust)
        if part.span[0] <= last and part.span[1] >= first
    ]
    with readable(", ".join(str(part.path) for part in chain)):
        return pl.collect_all(reading)


def _scan_overlapping(chain: Sequence[Part], table: Table) -> pl.LazyFrame:
    schema = table.schema

    def frames(
        with_columns: list[str] | None,
        predicate: pl.Expr | None,
        n_rows: int | None,
        _batch_size: int | None,
    ) -> Iterator[pl.DataFrame]:
        wanted = list(schema) if with_columns is None else with_columns
        needed = [name for name in schema if name in wanted or name in (*table.key, table.time)]
        left = n_rows
        for window in _windows(chain, table):
            frame = merge(_window_frames(chain, table, window, needed), table).frame
            if left is not None:
                frame = frame.head(left)
                left -= frame.height
            if predicate is not None:
                frame = frame.filter(predicate)
            yield frame.select(wanted)
            if left == 0:
                return

    return register_io_source(frames, schema=schema, is_pure=True)


def summarise(parts: Sequence[Part], table: Table) -> Manifest:
    """Describe parts as if they were one file.

    Where parts share ids their rows are compared; everything else comes from their manifests.
    ``logical_hash`` is :func:`digest_of` the parts.
    """
    if len(parts) == 1:
        return parts[0].manifest
    union = _union(parts, table)
    resolution = parts[0].manifest.numbering.resolution_us
    duplicates, conflicts, rows, inversions = 0, set[int](), 0, 0
    last_us: int | None = None
    for chain in chains(parts):
        if len(chain) == 1:
            found = chain[0].manifest
            rows += found.rows
            inversions += found.inversions
        else:
            before: int | None = None
            for window in _windows(chain, table):
                merged = merge(_window_frames(chain, table, window, table.hashed), table)
                if merged.frame.is_empty():
                    continue
                duplicates += merged.duplicates
                conflicts.update(merged.conflicts)
                rows += merged.frame.height
                assert table.time is not None  # noqa: S101 - only tables with times have parts
                times = merged.frame[table.time].to_physical() // resolution
                inversions += int((times.diff() < 0).sum())
                inversions += int(before is not None and times[0] < before)
                before = int(times[-1])
        head = min(part.manifest.first_us or 0 for part in chain) // resolution
        inversions += int(last_us is not None and head < last_us)
        last_us = max(part.manifest.last_us or 0 for part in chain) // resolution
    manifests = [part.manifest for part in parts]
    starts = [found.first_us for found in manifests if found.first_us is not None]
    ends = [found.last_us for found in manifests if found.last_us is not None]
    return msgspec.structs.replace(
        manifests[0],
        rows=rows,
        logical_hash=digest_of(parts),
        version=1,
        inputs=_inputs(parts, table),
        parents={},
        first_id=union.first,
        last_id=union.last,
        missing=union.missing if _is_numbered(parts, table) else (),
        first_us=min(starts, default=None),
        last_us=max(ends, default=None),
        inversions=inversions,
        duplicates=duplicates + sum(found.duplicates for found in manifests),
        conflicts=tuple(
            sorted(conflicts.union(*(found.conflicts for found in manifests)))[:CONFLICTS_LISTED],
        ),
        disordered=sum(found.disordered for found in manifests),
        unreadable=sum(found.unreadable for found in manifests),
        recorded=Coverage.of(span for found in manifests for span in found.recorded).ranges,
    )


def _inputs(parts: Sequence[Part], table: Table) -> tuple[Input, ...]:
    """Tell how many rows of the whole come from each input; a row counts for the one kept.

    Where ids do not tell which rows two inputs share, a shared row counts for both.
    """
    taken = Coverage()
    found: list[Input] = []
    is_numbered = _is_numbered(parts, table)
    for part in sorted(parts, key=lambda part: part.trust):
        if is_numbered:
            ids = part.manifest.coverage
            rows = len(ids - taken)
            taken |= ids
        else:
            rows = part.manifest.rows
        found.extend(_shared(part.manifest.inputs, rows))
    return tuple(found)


def _shared(inputs: Sequence[Input], rows: int) -> Iterator[Input]:
    """Share rows out among the inputs of a part, to none more than it gave the part."""
    for entry in inputs:
        mine = rows if len(inputs) == 1 else min(entry.rows, rows)
        rows -= mine
        yield msgspec.structs.replace(entry, rows=mine)
