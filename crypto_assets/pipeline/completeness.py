"""What is known of days, as a table: which are proven, and which ids the others lack."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import polars as pl
from polars.io.plugins import register_io_source

from crypto_assets.lake.lake import Lake
from crypto_assets.model.partition import Partition
from crypto_assets.pipeline import views
from crypto_assets.pipeline.proof import Proof, prove
from crypto_assets.pipeline.status import known_partitions

COMPLETENESS = pl.Schema(
    {
        "venue": pl.String(),
        "symbol": pl.String(),
        "date": pl.Date(),
        "condition": pl.String(),
        "is_proven": pl.Boolean(),
        "missing_ids": pl.Int64(),
        "missing": pl.List(pl.Struct({"first": pl.Int64(), "last": pl.Int64()})),
        "why": pl.String(),
        "is_sealed": pl.Boolean(),
        "bars_are_proven": pl.Boolean(),
    },
)
"""One row a day that anything is known of.

``is_proven`` is said of the trades that are read, the sealed file where there is one, and
``bars_are_proven`` of the bars: see :func:`~crypto_assets.pipeline.proof.prove`. ``missing`` are
ranges of ids, both ends inside, and ``why`` says what keeps the trades from being proven.
"""
_BY = ("venue", "symbol", "date")


@dataclass(frozen=True, slots=True)
class Completeness:
    """What is known of one day."""

    trades: Proof
    is_sealed: bool
    bars_are_proven: bool

    @property
    def partition(self) -> Partition:
        """The day."""
        return self.trades.partition


def completeness_of(lake: Lake, partition: Partition) -> Completeness:
    """Say of a day whether the trades that are read of it, and the bars, are proven complete."""
    trades = prove(lake, "trades", partition, views.day(lake, "trades", partition))
    return Completeness(
        trades,
        is_sealed=bool(lake.layout.files("daily_trades", partition)),
        bars_are_proven=trades.is_complete
        and prove(lake, "bars_1s", partition, views.day(lake, "bars_1s", partition)).is_complete,
    )


def frame_of(found: Iterable[Completeness]) -> pl.DataFrame:
    """Lay out what is known of days as a table, of :data:`COMPLETENESS`."""
    rows = [
        (
            one.partition.instrument.venue,
            one.partition.instrument.symbol,
            one.partition.date,
            one.trades.condition.value,
            one.trades.is_complete,
            len(one.trades.missing),
            [{"first": first, "last": last} for first, last in one.trades.missing.ranges],
            one.trades.why,
            one.is_sealed,
            one.bars_are_proven,
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
