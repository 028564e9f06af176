"""What a check may look at: one partition, gathered by the pipeline, with no door to the disk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

import polars as pl

from crypto_assets.model.manifest import Manifest
from crypto_assets.model.numbering import Numbering
from crypto_assets.model.partition import Partition


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """The ids a neighbouring day ends and begins with."""

    first_id: int
    last_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What the venue accepted that day: multiples of these, None where it is not known."""

    tick_size: Decimal | None = None
    step_size: Decimal | None = None
    status: str | None = None
    """What the venue called the symbol's state, such as ``TRADING``, ``HALT`` or ``BREAK``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Elsewhere:
    """What other symbols of the venue did between two trades of this one."""

    span: tuple[int, int]
    """When the two were matched, in microseconds."""
    silent: tuple[str, ...]
    """Symbols that traded before and after, and not meanwhile."""
    trading: tuple[str, ...]
    """Symbols that traded meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedFile:
    """The facts of one sealed file, read back from the disk."""

    manifest: Manifest
    schema: pl.Schema
    """Column names and types as the file's footer gives them."""
    rows: int
    """Rows as the footer counts them."""
    row_group_keys: tuple[tuple[int, int], ...]
    """Lowest and highest key of each row group, from its statistics (times as microseconds)."""
    sha256: str
    """Of the file's bytes, computed now."""
    sidecar_sha256: str | None
    """As the sidecar says; None where there is no sidecar."""
    logical_hash: str
    """Of the file's values, computed now."""
    neighbours: tuple[str, ...] = ()
    """Names of everything else in the partition's directory but the sidecar."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """One partition as the checks see it; what is not stored is None or empty.

    Frames are lazy and have the schemas of :mod:`crypto_assets.model.tables`.
    """

    partition: Partition
    numbering: Numbering = Numbering.SEQUENCE
    """How the venue names its trades: what their ids can prove."""
    klines_open_at_last_close: bool = False
    """Whether the venue's klines open at the close before them, and not at their first trade."""
    trades: pl.LazyFrame | None = None
    """All trade parts, each trade once, ascending by id."""
    trades_summary: Manifest | None = None
    """What ``trades`` is: coverage, duplicates, conflicts, inversions, unreadable lines, inputs."""
    trade_parts: tuple[Manifest, ...] = ()
    quotes: pl.LazyFrame | None = None
    """All quote parts, each update id once, ascending by update id."""
    quotes_summary: Manifest | None = None
    quote_parts: tuple[Manifest, ...] = ()
    bars: pl.LazyFrame | None = None
    """The day's 1 s bars."""
    rolled: dict[str, pl.LazyFrame] = field(default_factory=dict)
    """The 1 s bars rolled up, by interval such as ``1m``; at least every interval of ``klines``."""
    bars_summary: Manifest | None = None
    rebuilt_bars_hash: str | None = None
    """Logical hash of the bars computed a second time from the same inputs."""
    klines: pl.LazyFrame | None = None
    """The exchange's own bars of the day, every stored interval."""
    aggregates: pl.LazyFrame | None = None
    """The exchange's aggregate trades, each once, ascending by their own ids."""
    aggregate_parts: tuple[Manifest, ...] = ()
    ohlcv: pl.LazyFrame | None = None
    """Bars of any exchange, every stored interval."""
    ohlcv_until: dict[str, int] = field(default_factory=dict)
    """By interval: the end of what the exchange had finished when they were fetched, in us."""
    indicators: pl.LazyFrame | None = None
    """Indicators of the bars, every interval."""
    profile: pl.LazyFrame | None = None
    """Volume by bins of price."""
    outdated: tuple[str, ...] | None = None
    """What the indicators or the profile were made of, and what is stored differently by now."""
    sealed: dict[str, SealedFile] = field(default_factory=dict)
    """The sealed files that exist, by asset name."""
    previous: Edge | None = None
    """The day before, None where it is not stored or has holes at the edge."""
    next: Edge | None = None
    rules: Rules = Rules()
    is_first: bool = False
    """Whether it is the symbol's first day by the archive's listing: nothing was traded before."""
    republished: Mapping[str, str] | None = None
    """Published files of trades that were published again since they were taken, with the sha256
    they have now; None where nobody asked."""
    elsewhere: tuple[Elsewhere, ...] = ()
    """Of the long silences of ``trades``."""
