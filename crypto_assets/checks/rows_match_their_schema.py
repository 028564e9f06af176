"""R1: every row has the columns, types and ranges its table declares.

A sealed file holds the very values judged before it was sealed (F1 and F2 say so), so it is not
judged row by row a second time.
"""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl
from pandera.config import ValidationDepth, config_context
from pandera.errors import SchemaErrors

from crypto_assets.checks.assets import TABLE_OF, frame_of
from crypto_assets.checks.check import Check, Finding, Measured
from crypto_assets.checks.day import Day
from crypto_assets.model.tables import validate

# A batch of trades takes about 100 MB; a larger one is not faster.
_BATCH = 1_000_000
_SHOWN = 20


def _batches(frame: pl.LazyFrame) -> Iterator[pl.DataFrame]:
    """Cut the rows into bounded batches; an empty frame is one, it has columns too."""
    empty = True
    for batch in frame.collect_batches(chunk_size=_BATCH, engine="streaming"):
        empty = False
        yield batch
    if empty:
        yield frame.head(0).collect()


def _judge(day: Day, measured: Measured) -> Finding:
    asset: str = measured["asset"]
    frame = frame_of(day, asset)
    if frame is None:
        return Finding.cannot_judge("its rows are not stored")
    rows = 0
    # Pandera skips checks of data on lazy frames, and all checks when its environment says so.
    with config_context(validation_enabled=True, validation_depth=ValidationDepth.SCHEMA_AND_DATA):
        for batch in _batches(frame):
            try:
                validate(batch, TABLE_OF[asset])
            except SchemaErrors as error:
                return _failed(error, rows)
            rows += batch.height
    return Finding.passes(f"all {rows:,} rows are as declared", {"rows": rows})


def _failed(error: SchemaErrors, rows_before: int) -> Finding:
    cases = error.failure_cases
    shown = [
        {
            "column": case["column"],
            "check": case["check"],
            "value": case["failure_case"],
            "row": None if case["index"] is None else rows_before + case["index"],
        }
        for case in cases.head(_SHOWN).to_dicts()
    ]
    broken = sorted(
        {f"{column}: {check}" for column, check in cases.select("column", "check").iter_rows()}
    )
    return Finding.fails(
        f"{cases.height:,} values are not as declared ({'; '.join(broken[:3])})",
        {
            "count": cases.height,
            "rules": broken[:_SHOWN],
            "cases": shown,
            "rows_before": rows_before,
        },
    )


CHECK = Check(
    code="R1",
    assets=(
        "raw_trades",
        "raw_quotes",
        "klines",
        "agg_trades",
        "ohlcv",
        "bars_1s",
        "indicators",
        "volume_profile",
    ),
    says="Every row has the columns, types and ranges its table declares.",
    judge=_judge,
)
