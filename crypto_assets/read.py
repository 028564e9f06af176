"""Read the lake from Python: lazy frames of days that are proven complete.

::

    from crypto_assets import read

    trades = read.scan_trades("BTCUSDT", "2024-07-24", "2024-07-25", columns=["ts_event", "price"])
    bars = read.scan_bars(["BTCUSDT", "bybit:BTCUSDT"], "2024-07-24", "2024-07-25", "1m")

Symbols are ``BTCUSDT``, of the settings' venue, or ``bybit:BTCUSDT``; one or several. ``start`` is
in the range and ``end`` is not: dates (their midnight UTC), ISO 8601 text or aware datetimes. A
day's sealed file is read where there is one and its hot files elsewhere, each id once. Every row
has ``venue`` and ``symbol`` before the columns asked for; prices and quantities are exact decimals,
times microseconds UTC.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import polars as pl

from crypto_assets import settings
from crypto_assets.errors import InvalidName
from crypto_assets.lake.lake import Lake
from crypto_assets.model.instrument import Instrument
from crypto_assets.model.interval import Interval
from crypto_assets.model.span import Instant, Span
from crypto_assets.pipeline import reading
from crypto_assets.pipeline.proof import Proof, hold_complete
from crypto_assets.sinks.frames import to_arrow, to_duckdb, to_pandas

__all__ = [
    "completeness",
    "scan_bars",
    "scan_quotes",
    "scan_trades",
    "to_arrow",
    "to_duckdb",
    "to_pandas",
]

Symbols = str | Instrument | Iterable[str | Instrument]
Where = Lake | Path | str | None
"""A lake or its directory; None for the settings' one."""

_PROOF = pl.Schema(
    {
        "venue": pl.String(),
        "symbol": pl.String(),
        "date": pl.Date(),
        "condition": pl.String(),
        "is_complete": pl.Boolean(),
        "missing_count": pl.Int64(),
        "missing": pl.List(pl.Struct({"first": pl.Int64(), "last": pl.Int64()})),
        "why": pl.String(),
    },
)


def scan_trades(
    symbols: Symbols,
    start: Instant,
    end: Instant,
    *,
    columns: Sequence[str] | None = None,
    complete_only: bool = True,
    lake: Where = None,
) -> pl.LazyFrame:
    """Read trades matched in ``[start, end)``, ascending by venue, symbol and trade id.

    With ``complete_only`` every day that has an instant of the range must be proven complete, the
    whole of it: a day's ids prove it as a whole.

    Raises:
        Incomplete: a day is not proven complete, or nothing of it is stored; names each such day.
        InvalidName: a symbol, an instant, the range or a column is none.
        NothingStored: the lake itself is not there.
        UnreadableInput: a file's manifest cannot be read.
    """
    found, instruments, span = _asked(symbols, start, end, lake)
    if complete_only:
        hold_complete(reading.proofs(found, "trades", instruments, span))
    return reading.scan(found, "trades", instruments, span, columns)


def scan_quotes(
    symbols: Symbols,
    start: Instant,
    end: Instant,
    *,
    columns: Sequence[str] | None = None,
    lake: Where = None,
) -> pl.LazyFrame:
    """Read quotes as of ``[start, end)``, ascending by venue, symbol and update id.

    What was observed: nothing proves quotes complete, so what is not stored is not there.

    Raises:
        InvalidName: a symbol, an instant, the range or a column is none.
        NothingStored: the lake itself is not there.
        UnreadableInput: a file's manifest cannot be read.
    """
    found, instruments, span = _asked(symbols, start, end, lake)
    return reading.scan(found, "quotes", instruments, span, columns)


def scan_bars(
    symbols: Symbols,
    start: Instant,
    end: Instant,
    interval: str = "1s",
    columns: Sequence[str] | None = None,
    *,
    complete_only: bool = True,
    lake: Where = None,
) -> pl.LazyFrame:
    """Read bars that open in ``[start, end)``, ascending by venue, symbol and time.

    Those longer than ``1s`` are rolled up from all their seconds. With ``complete_only`` every day
    of the range must be proven complete, as a whole, and the bars made of all its trades.

    Raises:
        Incomplete: a day is not proven complete, or has no bars; names each such day.
        InvalidName: a symbol, an instant, the range, the interval or a column is none.
        NothingStored: the lake itself is not there.
        UnreadableInput: a file's manifest cannot be read.
    """
    length = Interval.of(interval)
    found, instruments, span = _asked(symbols, start, end, lake)
    if complete_only:
        hold_complete(reading.proofs(found, "bars_1s", instruments, span))
    return reading.scan_bars(found, instruments, span, length, columns)


def completeness(
    symbols: Symbols,
    start: Instant,
    end: Instant,
    *,
    bars: bool = False,
    lake: Where = None,
) -> pl.DataFrame:
    """Tell of every day that has an instant of ``[start, end)`` whether it is proven complete.

    Returns:
        A row a venue, symbol and ``date``: its ``condition``, ``is_complete`` as the readers take
        it, ``missing_count`` ids in ``missing`` ranges of ``first`` and ``last`` (both missing),
        and ``why`` it is not complete. Of the trades, or of the ``bars`` made of them.

    Raises:
        InvalidName: a symbol, an instant or the range is none.
        NothingStored: the lake itself is not there.
        UnreadableInput: a file's manifest cannot be read.
    """
    found, instruments, span = _asked(symbols, start, end, lake)
    view = "bars_1s" if bars else "trades"
    rows = [_row(proof) for proof in reading.proofs(found, view, instruments, span)]
    return pl.DataFrame(rows, schema=_PROOF, orient="row")


def _row(proof: Proof) -> tuple[object, ...]:
    instrument = proof.partition.instrument
    return (
        instrument.venue,
        instrument.symbol,
        proof.partition.date,
        proof.condition.value,
        proof.is_complete,
        len(proof.missing),
        [{"first": first, "last": last} for first, last in proof.missing.ranges],
        proof.why,
    )


def _asked(
    symbols: Symbols,
    start: Instant,
    end: Instant,
    lake: Where,
) -> tuple[Lake, list[Instrument], Span]:
    names = [symbols] if isinstance(symbols, str | Instrument) else list(symbols)
    if not names:
        raise InvalidName("symbols: expected at least one, such as BTCUSDT, found none")
    known = settings.load()
    instruments = [Instrument.parse(str(name), known.venue) for name in names]
    span = Span.of(start, end)
    found = lake if isinstance(lake, Lake) else Lake(Path(lake or known.lake))
    reading.hold_there(found)
    return found, instruments, span
