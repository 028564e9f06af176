"""Keep one DuckDB file: views over the lake, what is known of its days, and a table a symbol."""

from __future__ import annotations

import datetime as dt
import hashlib
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from crypto_assets.errors import CommitFailed, InvalidName, StreamLost
from crypto_assets.lake import atomic
from crypto_assets.lake.blocks import sha256_of
from crypto_assets.lake.copying import copy
from crypto_assets.lake.frozen import Moved, Trees, version_of
from crypto_assets.lake.lake import Lake, read_sidecar
from crypto_assets.lake.parquet import read_manifest
from crypto_assets.model.assets import STORED
from crypto_assets.model.instrument import Instrument
from crypto_assets.model.interval import Interval
from crypto_assets.model.partition import Partition
from crypto_assets.model.tables import LISTINGS
from crypto_assets.pipeline.completeness import Completeness, frame_of
from crypto_assets.pipeline.frozen_views import ToFreeze, to_freeze
from crypto_assets.pipeline.symbols import SAME
from crypto_assets.pipeline.views import VIEWS
from crypto_assets.sinks import views, warehouse
from crypto_assets.sinks.macros import macros
from crypto_assets.sinks.quoting import checked_root
from crypto_assets.sinks.warehouse import Load, State, table_of, view

DIRECTORY = "warehouse"
_TRIES = 5
_KEY_DIGITS = 8


@dataclass(slots=True)
class Refreshed:
    """What came of a refresh."""

    path: Path
    changed: bool = False
    """False when the file was as it should be and was left alone, byte for byte."""
    views: tuple[str, ...] = ()
    loaded: list[Load] = field(default_factory=list)
    """Days that were loaded, the first time or in the place of other values."""
    unchanged: int = 0
    """Days of the tables that were there already."""
    unsealed: list[Load] = field(default_factory=list)
    """Days of the tables whose sealed file is gone: they were left as they were."""
    degraded: list[Load] = field(default_factory=list)
    """Days of the tables that are degraded by now, though they were sealed."""
    failed: dict[Partition, str] = field(default_factory=dict)
    """Sealed days whose bytes are not what their checksum says: they were not loaded."""
    rows: dict[str, int] = field(default_factory=dict)
    """Rows by table, of all tables that were ever loaded."""


@dataclass(frozen=True, slots=True)
class _Due:
    """A sealed day whose values a table does not have."""

    load: Load
    file: Path


def default_path(lake: Lake) -> Path:
    """Where a lake's warehouse lies unless another path is named."""
    return lake.layout.root / DIRECTORY / "warehouse.duckdb"


def tables_of(instruments: Iterable[Instrument], venue: str) -> dict[str, Instrument]:
    """Name the table of each instrument.

    Raises:
        InvalidName: two of them would have one table.
    """
    found: dict[str, Instrument] = {}
    for instrument in instruments:
        table = table_of(instrument, venue)
        if found.setdefault(table, instrument) != instrument:
            raise InvalidName(f"{instrument} and {found[table]}: expected two tables, both {table}")
    return found


def refresh(
    lake: Lake,
    path: Path,
    tables: Mapping[str, Instrument],
    venue: str,
    now: dt.datetime,
    told: Callable[[int, int], None] = lambda _done, _all: None,
) -> Refreshed:
    """Bring a warehouse up to date with the lake; one that is so already is not touched.

    What it reads of the lake is frozen first, as hard links beside the lake's files. Then a copy of
    the file is changed and takes its place: who has it open goes on reading the old one, a killed
    refresh leaves it as it was. Of two refreshes the second waits.

    Args:
        lake: what it shows.
        path: the file.
        tables: the symbols that have a table of their own, by its name.
        venue: the one that is meant where a macro is given none.
        now: noted with the days that are loaded.
        told: called with the number of days loaded so far, and of all to load.

    Raises:
        InvalidName: DuckDB cannot read a lake at this path.
        UnreadableInput: the file is no warehouse, or a part of the lake is damaged.
        CommitFailed: somebody writes to the file, or DuckDB cannot.
        StreamLost: the lake did not stand still for long enough.

    """
    checked_root(lake.layout.root)
    path = path.absolute()
    with atomic.locked(path.parent):
        _clear(path)
        state = warehouse.state_of(path)
        found, trees = _frozen(lake, path)
        done = Refreshed(path)
        due = _due(lake, found, trees, tables, state, done)
        statements = list(_statements(trees, venue))
        done.views = _views()
        definition = _hash(statements, found)
        if state is None or due or state.definition != definition:
            _replace(lake, path, due, (definition, statements, found.days), now, told)
            done.changed = True
        done.loaded = [one.load for one in due]
        kept = warehouse.state_of(path)
        for load in kept.loads.values() if kept else ():
            done.rows[load.table] = done.rows.get(load.table, 0) + load.rows
        _judge(done, found.days, kept)
        _trees(lake, path).sweep(trees.values())
    return done


def _clear(path: Path) -> None:
    """Remove what a killed refresh left, and see that nobody else writes."""
    for left in path.parent.glob(f".{path.name}.*.tmp.wal"):
        left.unlink()
    shutil.rmtree(_spill(path), ignore_errors=True)
    if path.with_name(f"{path.name}.wal").exists():
        raise CommitFailed(
            f"{path}: expected nobody to write to it, found {path.name}.wal: it is open for "
            "writing somewhere, or was when its program ended; open it read-only, and keep tables "
            "of your own in a file of your own",
        )


def _spill(path: Path) -> Path:
    return path.with_name(f".{path.name}.spill")


def _trees(lake: Lake, path: Path) -> Trees:
    """Where the files of one warehouse of a lake are frozen."""
    key = hashlib.sha256(str(path).encode()).hexdigest()[:_KEY_DIGITS]
    return Trees(lake.layout.root / DIRECTORY / "frozen" / key)


def _frozen(lake: Lake, path: Path) -> tuple[ToFreeze, dict[str, Path]]:
    """Look at the lake and freeze what was seen; again where it changed meanwhile."""
    trees = _trees(lake, path)
    for _ in range(_TRIES):
        try:
            found = to_freeze(lake)
            made = {name: trees.make(taken) for name, taken in found.files.items() if taken}
        except (FileNotFoundError, Moved):
            continue
        return found, {name: made.get(name, trees.root / "none") for name in found.files}
    raise StreamLost(f"{lake.layout.root}: expected files to stay for a moment, they kept changing")


def _due(
    lake: Lake,
    found: ToFreeze,
    trees: Mapping[str, Path],
    tables: Mapping[str, Instrument],
    state: State | None,
    done: Refreshed,
) -> list[_Due]:
    """Find the sealed days whose values the tables lack; note the others."""
    frozen = {one.source: trees["trades"] / one.name for one in found.files["trades"]}
    due: list[_Due] = []
    for table, instrument in tables.items():
        for partition in lake.layout.partitions("daily_trades", instrument.symbol):
            source = lake.layout.file("daily_trades", partition)
            if partition.instrument != instrument or source not in frozen:
                continue
            file = frozen[source]
            manifest, known = read_manifest(file), None
            if state is not None:
                known = state.loads.get((table, partition.date))
            promised = read_sidecar(source)
            if known and (known.logical_hash, known.sha256) == (manifest.logical_hash, promised):
                done.unchanged += 1
                continue
            sha256 = sha256_of(file)
            if promised not in (None, sha256) and version_of(source) == version_of(file):
                done.failed[partition] = f"expected sha256 {promised}, found {sha256}"
                continue
            if known and (known.logical_hash, known.sha256) == (manifest.logical_hash, sha256):
                done.unchanged += 1
                continue
            due.append(
                _Due(
                    Load(
                        table,
                        instrument,
                        partition.date,
                        manifest.version,
                        manifest.logical_hash,
                        sha256,
                        manifest.rows,
                    ),
                    file,
                ),
            )
    return due


def _views() -> tuple[str, ...]:
    longer = tuple(f"bars_{one}" for one in Interval if one is not Interval.SECOND)
    return (*VIEWS, *longer, "listings", "symbol_history", "completeness")


def _statements(trees: Mapping[str, Path], venue: str) -> Iterable[str]:
    yield warehouse.completeness_view()
    for name, assets in VIEWS.items():
        selected = views.of_tree(STORED[assets[0]].table, trees[name])
        yield view(name, views.by_coin(selected) if name == "price_snapshots" else selected)
    for interval in Interval:
        if interval is not Interval.SECOND:
            yield view(f"bars_{interval}", views.rolled_up(interval))
    listed = views.of_tree(LISTINGS, trees["listings"], labels=("venue", "date"))
    yield view("listings", listed)
    yield view("symbol_history", views.spans_of_listings(SAME))
    yield from macros(venue)


def _hash(statements: Sequence[str], found: ToFreeze) -> str:
    digest = hashlib.sha256("\n".join(statements).encode())
    digest.update(frame_of(found.days).write_json().encode())
    return digest.hexdigest()


def _replace(
    lake: Lake,
    path: Path,
    due: Sequence[_Due],
    defined: tuple[str, Sequence[str], Sequence[Completeness]],
    now: dt.datetime,
    told: Callable[[int, int], None],
) -> None:
    """Change a copy of the file and put it in its place."""
    definition, statements, days = defined
    with atomic.replacing(path) as temporary:
        if path.exists():
            copy(path, temporary)
        else:
            # DuckDB takes an empty file for a damaged one.
            temporary.unlink()
        with warehouse.opened(temporary, _spill(path)) as connection:
            for number, one in enumerate(due):
                told(number, len(due))
                warehouse.load(connection, one.load, one.file, read_manifest(one.file), now)
            told(len(due), len(due))
            warehouse.define(connection, lake.layout.root, definition, statements, frame_of(days))


def _judge(done: Refreshed, days: Sequence[Completeness], kept: State | None) -> None:
    """Note the days of the tables that are not any more what they were when they were loaded."""
    known = {(day.partition.instrument, day.partition.date): day for day in days}
    for load in kept.loads.values() if kept else ():
        day = known.get((load.instrument, load.date))
        if day is None or not day.is_sealed:
            done.unsealed.append(load)
        elif day.trades.condition.is_fault:
            done.degraded.append(load)
