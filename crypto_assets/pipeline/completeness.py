"""What is known of days, as a table: which are proven, and which ids the others lack."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import polars as pl
from polars.io.plugins import register_io_source

from crypto_assets.errors import UnreadableInput
from crypto_assets.lake.lake import Lake
from crypto_assets.lake.parts import digest_of
from crypto_assets.model.coverage import Coverage
from crypto_assets.model.manifest import Manifest
from crypto_assets.model.partition import Partition
from crypto_assets.model.verdict import Condition
from crypto_assets.pipeline import gaps, verdicts
from crypto_assets.pipeline.status import known_partitions, status_of

COMPLETENESS = pl.Schema(
    {
        "venue": pl.String(),
        "symbol": pl.String(),
        "date": pl.Date(),
        "condition": pl.String(),
        "is_proven": pl.Boolean(),
        "missing_ids": pl.Int64(),
        "missing": pl.List(pl.Struct({"first": pl.Int64(), "last": pl.Int64()})),
        "is_sealed": pl.Boolean(),
        "has_bars": pl.Boolean(),
    },
)
"""One row a day that anything is known of.

``is_proven`` is said of the trades that are read: the sealed file where there is one. ``has_bars``
says that there are bars, made of these same trades. ``missing`` are ranges of ids, both ends
inside.
"""
_BY = ("venue", "symbol", "date")


@dataclass(frozen=True, slots=True)
class Completeness:
    """What is known of one day."""

    partition: Partition
    condition: Condition
    is_proven: bool
    missing: Coverage
    is_sealed: bool
    has_bars: bool


def completeness_of(lake: Lake, partition: Partition) -> Completeness:
    """Say of a day whether the trades that are read of it are proven to be all of them.

    Its condition is said of the hot trades: a sealed file that was made of others, as where more
    were imported since, is not proven by it until it is sealed again.
    """
    try:
        sealed = lake.manifest("daily_trades", partition)
        hot = lake.parts("raw_trades", partition)
        digest = digest_of(hot) if hot else None
        bars = lake.manifest("daily_bars", partition) or lake.manifest("bars_1s", partition)
    except UnreadableInput:
        return Completeness(
            partition, Condition.DEGRADED, False, Coverage(), is_sealed=False, has_bars=False
        )
    condition = verdicts.glance(lake, partition).condition
    is_current = _is_made_of(sealed, digest) if sealed is not None else digest is not None
    is_proven = condition.is_proven and is_current
    return Completeness(
        partition,
        condition,
        is_proven,
        Coverage() if is_proven else _missing(lake, partition),
        is_sealed=sealed is not None,
        has_bars=bars is not None and _is_of(bars, sealed, digest),
    )


def _is_made_of(sealed: Manifest, digest: str | None) -> bool:
    """Whether a sealed file holds the hot trades; without any it is all there is."""
    return digest is None or digest in (sealed.logical_hash, sealed.parents.get("raw_trades"))


def _is_of(bars: Manifest, sealed: Manifest | None, digest: str | None) -> bool:
    """Whether bars were made of the trades that are read."""
    trades = {digest}
    if sealed is not None:
        trades |= {sealed.logical_hash, sealed.parents.get("raw_trades")}
    return bars.parents.get("raw_trades") in trades - {None}


def _missing(lake: Lake, partition: Partition) -> Coverage:
    """The ids a day lacks, by its ledger of gaps and by what was judged."""
    try:
        known = Coverage.of(gap.ids for gap in gaps.read(lake, partition) if gap.state.is_missing)
    except UnreadableInput:
        known = Coverage()
    return known | Coverage.of(status_of(lake, partition).missing)


def frame_of(found: Iterable[Completeness]) -> pl.DataFrame:
    """Lay out what is known of days as a table, of :data:`COMPLETENESS`."""
    rows = [
        (
            one.partition.instrument.venue,
            one.partition.instrument.symbol,
            one.partition.date,
            one.condition.value,
            one.is_proven,
            len(one.missing),
            [{"first": first, "last": last} for first, last in one.missing.ranges],
            one.is_sealed,
            one.has_bars,
        )
        for one in found
    ]
    return pl.DataFrame(rows, schema=COMPLETENESS, orient="row")


def scan(lake: Lake) -> pl.LazyFrame:
    """Give the table of every day the lake knows, which looks only at the days that are asked for.

    A filter on venue, symbol and date alone leaves the other days alone.
    """

    def frames(
        with_columns: list[str] | None,
        predicate: pl.Expr | None,
        n_rows: int | None,
        _batch_size: int | None,
    ) -> Iterator[pl.DataFrame]:
        days = known_partitions(lake)
        names = pl.DataFrame(
            [(one.instrument.venue, one.instrument.symbol, one.date) for one in days],
            schema={name: COMPLETENESS[name] for name in _BY},
            orient="row",
        ).with_row_index("_at")
        if n_rows is not None:
            names = names.head(n_rows)
        if predicate is not None and set(predicate.meta.root_names()) <= set(_BY):
            names = names.filter(predicate)
        frame = frame_of(completeness_of(lake, days[at]) for at in names["_at"])
        if predicate is not None:
            frame = frame.filter(predicate)
        yield frame if with_columns is None else frame.select(with_columns)

    return register_io_source(frames, schema=COMPLETENESS, is_pure=True)
