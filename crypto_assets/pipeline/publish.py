"""Publish recorded trades to a broker: every input once, and any stored day again on demand.

What is published is what was recorded live and what was fetched to heal it: sealed segments,
whether they are taken into the lake yet or not, captures, and trades fetched over REST. An input is
marked once the broker has all its trades; killed before, it is published again as a whole, and
repeats are dropped: by the broker within its duplicate window, and by whoever writes them always.
"""

from __future__ import annotations

import contextlib
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from crypto_assets.errors import NothingStored, StreamLost, UnreadableInput
from crypto_assets.lake import segments, streamed
from crypto_assets.lake.blocks import Block, Torn, blocks, sha256_of
from crypto_assets.lake.draft import frames_of
from crypto_assets.lake.inputs import Inputs, Record
from crypto_assets.lake.lake import Lake
from crypto_assets.lake.streamed import Streamed
from crypto_assets.model.instrument import Instrument
from crypto_assets.model.manifest import Input
from crypto_assets.model.message import STREAM_FRAME, Broker
from crypto_assets.model.partition import Partition
from crypto_assets.pipeline.fetched import Fetched
from crypto_assets.pipeline.ingest import input_id
from crypto_assets.pipeline.segments import known_as
from crypto_assets.pipeline.views import asset_of
from crypto_assets.transforms.messages import messages_of
from crypto_assets.venues import venue

ROWS_AT_ONCE = 20_000
"""So many messages are held at a time."""
_PUBLISHED = ("capture", "rest")
_LOOK_SECONDS = 1.0
"""So often the lake is looked at for newly sealed segments."""
_PAUSE_SECONDS = 2.0
"""After so long a broker that was lost is asked again."""
_BEGAN = re.compile(r"\d{8}T\d{6}\.\d{6}Z")


@dataclass(frozen=True, slots=True)
class Source:
    """One input with trades that were not published yet."""

    venue: str
    id: str
    path: Path
    fetched: str | None = None
    """The symbol, where the rows are those of an archive and not of a recording."""

    @property
    def began(self) -> str:
        """When its recording began, as its name says; what does not say comes first."""
        found = _BEGAN.search(self.path.name)
        return found[0] if found else ""


@dataclass(frozen=True, slots=True)
class Published:
    """What was published of one input or day."""

    what: str
    trades: int
    repeats: int
    """Of them, those the broker had already."""
    why: str | None = None
    """Why nothing could be read of it, where that is so."""


Told = Callable[[Published], None]


def unpublished(lake: Lake, stream: str) -> list[Source]:
    """Find the inputs that were not published to a stream yet, in the order they were recorded.

    What killed collectors left is sealed first.
    """
    found: list[Source] = []
    names = {
        path.name.removeprefix("venue=") for path in (lake.layout.root / "inputs").glob("v*=*")
    }
    for name in sorted(names | set(segments.venues(lake.layout))):
        marked = streamed.known(lake.layout, stream, name)
        segments.recover(lake.layout, name)
        waiting = segments.sealed(lake.layout, name)
        taken = {one.id: one for one in _taken(lake, name, marked)}
        # A segment that is being taken lies in both places for a moment.
        for one in (_waiting(name, path) for path in waiting):
            if one is not None and one.id not in marked:
                taken.setdefault(one.id, one)
        found += taken.values()
    return sorted(found, key=lambda one: (one.began, one.venue, one.id))


def _waiting(name: str, path: Path) -> Source | None:
    try:
        entry = Input(name=known_as(path), sha256=sha256_of(path), source="stream")
    except FileNotFoundError:
        # It was taken this moment, and is found among the inputs next time.
        return None
    return Source(name, input_id(name, entry), path)


def _taken(lake: Lake, name: str, marked: set[str]) -> Iterator[Source]:
    inputs = Inputs(lake.layout, name)
    for record_id in inputs.ids():
        record = None if record_id in marked else inputs.find(record_id)
        if record is not None and _has_trades(record):
            fetched = Fetched.named(record.name)
            symbol = fetched.symbol if fetched is not None else None
            yield Source(name, record.id, inputs.path(record), symbol)


def _has_trades(record: Record) -> bool:
    return record.kind in _PUBLISHED and any(one.asset == "raw_trades" for one in record.landed)


def publish_new(lake: Lake, broker: Broker, told: Told = lambda _: None) -> list[Published]:
    """Publish every input that was not published yet, and mark each once the broker has it all.

    Raises:
        StreamLost: the broker could not be reached or had no room; what was marked before stays.
    """
    done: list[Published] = []
    for source in unpublished(lake, broker.name):
        try:
            trades, repeats = _published(broker, _frames(source))
            found = Published(source.id, trades, repeats)
        except FileNotFoundError:
            continue
        except UnreadableInput as error:
            found = Published(source.id, 0, 0, str(error))
        made = Streamed(
            trades=found.trades,
            repeats=found.repeats,
            published_us=time.time_ns() // 1_000,
            why=found.why,
        )
        streamed.mark(lake.layout, broker.name, source.venue, source.id, made)
        done.append(found)
        told(found)
    return done


def keep_publishing(
    lake: Lake,
    connect: Callable[[], Broker],
    ended: threading.Event,
    told: Told,
    lost: Callable[[StreamLost], None],
) -> None:
    """Publish whatever is sealed, until it is to end; a broker that is lost is asked again."""
    while not ended.is_set():
        try:
            with contextlib.closing(connect()) as broker:
                while not ended.is_set():
                    publish_new(lake, broker, told)
                    ended.wait(_LOOK_SECONDS)
        except StreamLost as error:
            lost(error)
            ended.wait(_PAUSE_SECONDS)


def publish_day(lake: Lake, broker: Broker, partition: Partition) -> Published:
    """Publish a stored day, sealed where it is and hot elsewhere, whatever was published before.

    Raises:
        NothingStored: nothing is stored of it.
        StreamLost: the broker could not be reached or had no room.
    """
    asset = asset_of(lake, "trades", partition)
    if asset is None:
        raise NothingStored(f"{partition}: expected stored trades, found none")
    rows = frames_of(lake.scan(asset, partition))
    frames = (_labelled(frame, partition.instrument) for frame in rows)
    return Published(str(partition), *_published(broker, frames))


def _published(broker: Broker, frames: Iterator[pl.DataFrame]) -> tuple[int, int]:
    trades = repeats = 0
    for frame in frames:
        for rows in frame.iter_slices(ROWS_AT_ONCE):
            repeats += broker.publish(messages_of(rows))
            trades += rows.height
    return trades, repeats


def _labelled(frame: pl.DataFrame, instrument: Instrument) -> pl.DataFrame:
    return frame.with_columns(
        pl.lit(instrument.venue).alias("venue"),
        pl.lit(instrument.symbol).alias("symbol"),
    ).select(*STREAM_FRAME)


def _frames(source: Source) -> Iterator[pl.DataFrame]:
    """Decode an input; lines that cannot be read are told of by whoever takes it into the lake."""
    found = venue(source.venue)
    for block, is_last in _ending(blocks(source.path)):
        if source.fetched is not None:
            rows = found.decode_trades(block.data, block.first_line).frame
            yield _labelled(rows, Instrument(source.venue, source.fetched))
            continue
        trades = found.decode_frames(block.data, block.first_line, last=is_last).trades
        yield trades.with_columns(pl.lit(source.venue).alias("venue")).select(*STREAM_FRAME)


def _ending(found: Iterator[Block | Torn]) -> Iterator[tuple[Block, bool]]:
    """Tell of each block whether it is the last."""
    before: Block | None = None
    for block in found:
        if isinstance(block, Torn):
            continue
        if before is not None:
            yield before, False
        before = block
    if before is not None:
        yield before, True
