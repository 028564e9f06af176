"""Take recorded files into the lake: keep their bytes, decode them once, commit the parts."""

from __future__ import annotations

import contextlib
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import polars as pl

from crypto_assets.errors import ChecksumMismatch, UnreadableInput
from crypto_assets.lake import atomic
from crypto_assets.lake.blocks import (
    BLOCK_BYTES,
    Block,
    Torn,
    blocks,
    published_checksum,
    sha256_of,
)
from crypto_assets.lake.draft import Draft, frames_of, scan_files
from crypto_assets.lake.inputs import Inputs, Landed, Record
from crypto_assets.lake.lake import Committed, Lake
from crypto_assets.lake.parquet import read_manifest
from crypto_assets.model.assets import ASSETS
from crypto_assets.model.manifest import Input, Manifest
from crypto_assets.model.partition import Partition
from crypto_assets.pipeline import revisions
from crypto_assets.pipeline.exchange_info import keep_exchange_info
from crypto_assets.pipeline.landing import Landing
from crypto_assets.venues import venue
from crypto_assets.venues.binance_exchange_info import ExchangeInfo, looks_like_exchange_info
from crypto_assets.venues.venue import ArchiveName, DeadLetter

Progress = Callable[[int], None]
"""Told how many bytes of decoded text were just worked off."""

ARCHIVE_BLOCK_BYTES = 4 << 20
"""So much of an archive is decoded at once; a few blocks and their frames are held at a time."""

_SUFFIXES = (".gz", ".zst", ".zip", ".csv", ".dat", ".jsonl", ".json", ".txt")
_REST = re.compile(r"[^\W_]+-rest-\d+-\d+\.csv")
"""Trades fetched to heal a day, in the archive's columns, named by their first and last id."""
_SOURCES = {"capture": "stream", "rest": "rest"}
_UNSAFE = re.compile(r"[^\w.+-]")


def _ignore(_: int) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of one file."""

    record: Record
    parts: tuple[Committed, ...] = ()
    dead: tuple[DeadLetter, ...] = ()
    listed: ExchangeInfo | None = None
    """The symbols of the venue, where the file was its description of them."""
    is_new: bool = True
    """False when the lake already had the same bytes and everything made of them."""


def take(
    lake: Lake,
    path: Path,
    venue_name: str = "binance",
    progress: Progress = _ignore,
    name: str | None = None,
    *,
    is_final: bool = False,
    may_differ: bool = False,
) -> Taken:
    """Take one recorded file into the lake and commit a part for each symbol and day in it.

    The file's bytes are kept verbatim, so every part can be made again. Taking the same file
    twice changes nothing; an archive file published again under its name takes the place of the
    earlier one. Lines that cannot be read go to the dead-letter file, all others are kept.
    ``name`` is what it is known by where its own name would not tell it from others; ``is_final``
    says that nobody will ever write to it again, so that its bytes need not be copied.
    ``may_differ`` takes a file whose bytes are not what the checksum beside it says, marked as
    such: its content is then for the checks to judge.

    Raises:
        ChecksumMismatch: the published checksum beside the file is not that of its bytes.
        UnreadableInput: the file is empty, or nothing in it could be read. The lake is then as it
            was before.
    """
    record = _identify(path, venue_name, name or path.name, may_differ=may_differ)
    inputs = Inputs(lake.layout, venue_name)
    with inputs.lock(record):
        known = inputs.find(record.id)
        if known is not None and _is_same(known, record) and not _Held(lake).is_stale(known):
            return Taken(known, is_new=False)
        kept = inputs.keep(path, record, is_final=is_final)
        aside = inputs.aside(record)
        if known is not None and known.sha256 != record.sha256:
            revisions.set_aside(lake, known, aside)
        try:
            taken = _listing(lake, record, kept) or _decode(lake, record, kept, progress)
        except UnreadableInput as error:
            if known is None or known.sha256 != record.sha256:
                inputs.drop(record)
                revisions.forget(aside)
            # The copy is gone: name the file that was given.
            raise UnreadableInput(str(error).replace(f"{kept}", f"{path}")) from error
        if known is not None:
            _retire(lake, known, taken.record)
            if known.sha256 != record.sha256:
                revisions.note(lake, known, taken.record, aside)
        inputs.write(taken.record)
        return taken


def _is_same(known: Record, record: Record) -> bool:
    """Whether an input is known by its bytes, and by what its publisher says of them if he does."""
    return known.sha256 == record.sha256 and record.published in (None, known.published)


def refresh(lake: Lake, asset: str, partitions: Iterable[Partition]) -> list[Taken]:
    """Make every part of these partitions again that is gone or of another schema.

    Each input concerned is decoded once for everything in it. Parts that are there stay untouched.

    Raises:
        UnreadableInput: the bytes a part was made of are gone.
        ChecksumMismatch: they are not those that were imported.
    """
    wanted = list(partitions)
    found: list[Taken] = []
    held = _Held(lake)
    for venue_name in sorted({partition.instrument.venue for partition in wanted}):
        inputs = Inputs(lake.layout, venue_name)
        names = [(partition.instrument.symbol, partition.date.isoformat()) for partition in wanted]
        for record in inputs.of(asset, names):
            with inputs.lock(record):
                if held.is_stale(record):
                    inputs.check(record)
                    kept = inputs.path(record)
                    found.append(_decode(lake, record, kept, _ignore))
    return found


def _identify(path: Path, venue_name: str, filename: str, *, may_differ: bool) -> Record:
    if not path.is_file():
        raise UnreadableInput(f"{path}: expected a file, found none")
    size = path.stat().st_size
    if size == 0:
        raise UnreadableInput(f"{path}: expected a recording or an archive file, found 0 bytes")
    sha256 = sha256_of(path)
    published = published_checksum(path)
    differs = published is not None and published != sha256
    if differs and not may_differ:
        raise ChecksumMismatch(
            f"{path}: its published checksum is {published}, its bytes have {sha256}; "
            "nothing of it was taken, download it again",
        )
    name = venue(venue_name).archive_name(filename)
    kind = "rest" if _REST.fullmatch(filename) else name.table if name else "capture"
    checksum = "absent" if published is None else "mismatch" if differs else "verified"
    source = "archive_monthly" if name is not None and name.is_monthly else "archive"
    return Record(
        id=_input_id(filename, sha256, name),
        name=_UNSAFE.sub("_", filename),
        venue=venue_name,
        kind=kind,
        source=_SOURCES.get(kind, source),
        sha256=sha256,
        bytes=size,
        checksum=checksum,
        published=published,
    )


def _listing(lake: Lake, record: Record, kept: Path) -> Taken | None:
    """Keep an ``exchangeInfo`` answer; None where the file is none."""
    data = _exchange_info(kept) if record.kind == "capture" else None
    if data is None:
        return None
    try:
        found = keep_exchange_info(lake, record.venue, data)
    except UnreadableInput as error:
        raise UnreadableInput(f"{kept}: {error}") from error
    return Taken(msgspec.structs.replace(record, kind="exchange_info"), listed=found)


def _exchange_info(path: Path) -> bytes | None:
    """The bytes of an ``exchangeInfo`` answer, None where the file is none."""
    found: list[bytes] = []
    for block in blocks(path):
        if isinstance(block, Torn) or not (found or looks_like_exchange_info(block.data)):
            return None
        found.append(block.data)
    return b"".join(found) or None


def stem_of(filename: str) -> str:
    """What an input's id begins with."""
    stem = _UNSAFE.sub("_", filename)
    for suffix in _SUFFIXES:
        stem = stem.removesuffix(suffix)
    return stem


def _input_id(filename: str, sha256: str, name: ArchiveName | None) -> str:
    """Name an input: an archive file by what it is, a capture by its bytes too."""
    stem = stem_of(filename)
    return stem if name else f"{stem}-{sha256[:12]}"


def input_id(venue_name: str, entry: Input) -> str:
    """Name the input that a manifest's entry stands for."""
    return _input_id(entry.name, entry.sha256, venue(venue_name).archive_name(entry.name))


def _part_of(lake: Lake, record: Record, landed: Landed) -> Path:
    partition = Partition.of(record.venue, landed.symbol, landed.date)
    return lake.layout.file(landed.asset, partition, landed.part)


class _Held:
    """What the parts of partitions were made of, each partition read once."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        self._known: dict[tuple[str, Partition], dict[str, int]] = {}

    def is_stale(self, record: Record) -> bool:
        """Whether a part of an input is gone, of other bytes, or of another schema."""
        for landed in record.landed:
            partition = Partition.of(record.venue, landed.symbol, landed.date)
            found = self._versions(landed.asset, partition).get(record.sha256)
            if found != ASSETS[landed.asset].table.version:
                return True
        return False

    def _versions(self, asset: str, partition: Partition) -> dict[str, int]:
        """The schema versions in a partition by the sha256 of the inputs."""
        key = asset, partition
        if key not in self._known:
            manifests = map(_manifest, self._lake.layout.files(*key))
            self._known[key] = {
                entry.sha256: manifest.schema_version
                for manifest in manifests
                if manifest is not None
                for entry in manifest.inputs
            }
        return self._known[key]


def _manifest(path: Path) -> Manifest | None:
    """Read a part's manifest; None where there is no part, or none that can be read."""
    try:
        return read_manifest(path)
    except (FileNotFoundError, UnreadableInput):
        return None


def _retire(lake: Lake, old: Record, new: Record) -> None:
    """Remove parts an earlier version of an archive file had and the present one has not."""
    present = {_part_of(lake, new, landed) for landed in new.landed}
    for landed in old.landed:
        path = _part_of(lake, old, landed)
        if path not in present:
            path.unlink(missing_ok=True)


def _decode(lake: Lake, record: Record, kept: Path, progress: Progress) -> Taken:
    """Decode an input once for all its symbols and days and commit a part for each."""
    with _scratch(kept.parent) as scratch:
        landing = Landing(record, scratch)
        torn = _read(landing, record, kept, progress)
        if landing.is_empty:
            first = next(iter(landing.dead), None)
            why = f"line {first.line}: {first.reason}" if first else "no data in it"
            raise UnreadableInput(
                f"{kept}: expected a recording or an archive file, could not read one line "
                f"of it ({why})",
            )
        parts = tuple(
            lake.commit(asset, partition, _with_others(lake, record, asset, partition, draft))
            for asset, partition, draft in landing.drafts()
        )
    _write_dead_letters(lake, record, landing.dead)
    whole = msgspec.structs.replace(
        record,
        landed=tuple(
            Landed(
                asset=partition_asset(part),
                symbol=part.manifest.symbol,
                date=part.manifest.date,
                part=part.path.stem,
                rows=part.manifest.rows,
            )
            for part in parts
        ),
        unreadable=sum(letter.lost for letter in landing.dead),
        unknown=sum(not letter.lost for letter in landing.dead),
        ignored=dict(sorted(landing.ignored.items())),
        torn=torn,
        clock_offset_us=landing.clock_offset_us,
        heard_us=landing.heard_us,
        interruptions=tuple(landing.listening.interruptions),
    )
    return Taken(whole, parts, tuple(landing.dead))


@contextlib.contextmanager
def _scratch(beside: Path) -> Iterator[Path]:
    """Give a directory that is made when needed and gone at the end, as is what a kill left of it.

    Whoever has it holds the input's lock.
    """
    scratch = beside / ".scratch"
    shutil.rmtree(scratch, ignore_errors=True)
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _with_others(
    lake: Lake,
    record: Record,
    asset: str,
    partition: Partition,
    draft: Draft,
) -> Draft:
    """Add the klines that other inputs hold of the same interval and day.

    A day's klines lie in one file an interval, whether they came daily, monthly, or as a stray row
    of the day before's file; where inputs disagree the last one taken is kept.
    """
    path = lake.layout.file(asset, partition, draft.name)
    known = _manifest(path) if asset == "klines" else None
    if known is None:
        return draft
    name_of = venue(record.venue).archive_name
    others = [
        msgspec.structs.replace(entry, rows=0)
        for entry in known.inputs
        if name_of(entry.name) != name_of(record.name)
    ]
    if not others:
        return draft
    rows = pl.concat([*frames_of(draft.rows), *frames_of(scan_files([path]))])
    return replace(
        draft,
        rows=[rows.unique("ts_open", keep="first").sort("ts_open")],
        inputs=tuple(sorted((*draft.inputs, *others), key=lambda entry: entry.name)),
    )


def partition_asset(part: Committed) -> str:
    """The asset a committed part belongs to, by where it lies."""
    return part.path.parents[3].name


def _read(landing: Landing, record: Record, path: Path, progress: Progress) -> str | None:
    """Decode every block; say where the file is cut short, None when it is whole."""
    waiting: Block | None = None
    torn: Torn | None = None
    is_archive = venue(record.venue).archive_name(record.name) is not None
    for block in blocks(path, ARCHIVE_BLOCK_BYTES if is_archive else BLOCK_BYTES):
        if isinstance(block, Torn):
            torn = block
            continue
        if waiting is not None:
            _decode_block(landing, record, waiting, last=False)
            progress(len(waiting.data))
        waiting = block
    if waiting is not None:
        _decode_block(landing, record, waiting, last=True)
        progress(len(waiting.data))
    if torn is None:
        return None
    # The cut line is a letter already where half of it is there.
    if not (landing.dead and landing.dead[-1].line == torn.line):
        landing.dead.append(DeadLetter(torn.line, torn.reason, b""))
    return f"line {torn.line}: {torn.reason}"


def _decode_block(landing: Landing, record: Record, block: Block, *, last: bool) -> None:
    found = venue(record.venue)
    if record.kind == "rest":
        symbol = record.name.split("-", 1)[0]
        landing.add_trades(symbol, found.decode_trades(block.data, block.first_line))
        return
    name = found.archive_name(record.name)
    if name is None:
        landing.add_frames(found.decode_frames(block.data, block.first_line, last=last))
    elif name.table == "trades":
        landing.add_trades(name.symbol, found.decode_trades(block.data, block.first_line))
    else:
        rows = found.decode_klines(block.data, block.first_line, name.interval or "")
        landing.add_klines(name.symbol, rows)


def _write_dead_letters(lake: Lake, record: Record, dead: Iterable[DeadLetter]) -> None:
    """Keep unreadable lines verbatim: line number, reason and bytes, separated by tabs."""
    target = lake.layout.dead_letters(record.venue, record.id)
    text = b"".join(b"%d\t%s\t%s\n" % (d.line, d.reason.encode(), d.data) for d in dead)
    if text:
        atomic.write_bytes(target, text)
    else:
        target.unlink(missing_ok=True)
