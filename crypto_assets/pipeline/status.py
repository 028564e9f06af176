"""The completeness matrix: what is known of every symbol and day."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

import msgspec

from crypto_assets.errors import UnreadableInput
from crypto_assets.lake.lake import Lake, read_sidecar
from crypto_assets.model.assets import ASSETS
from crypto_assets.model.coverage import Coverage, Range
from crypto_assets.model.instrument import Instrument
from crypto_assets.model.manifest import Manifest
from crypto_assets.model.partition import Partition
from crypto_assets.model.verdict import Severity, Verdict
from crypto_assets.pipeline import verdicts


class Fault(msgspec.Struct, frozen=True):
    """A check that did not pass."""

    asset: str
    check: str
    severity: str
    message: str


class DayStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one symbol on one day."""

    venue: str
    symbol: str
    date: str
    condition: str
    rows: int
    """Trades, each id once."""
    first_trade_id: int | None
    """None, and so the last, where ids of the venue are not numbered."""
    last_trade_id: int | None
    missing: list[Range]
    """Missing trade ids as ``[from, to]``, both ends missing."""
    duplicates: int
    """Rows dropped because their id was there already."""
    sources: dict[str, int]
    """Trades by where they came from."""
    is_sealed: bool
    version: int | None
    """Of the sealed trades; None before they are sealed."""
    sha256: str | None
    logical_hash: str | None
    unreadable: int
    """Lines of the inputs that could not be read."""
    faults: list[Fault]


def known_partitions(lake: Lake, symbol: str | None = None) -> list[Partition]:
    """Every partition the lake holds anything of, in order."""
    return sorted(
        {partition for asset in ASSETS for partition in lake.layout.partitions(asset, symbol)},
    )


def known_instruments(lake: Lake) -> list[Instrument]:
    """Every instrument the lake has raw data or klines of, without looking at single days."""
    return sorted(
        {
            instrument
            for asset in ("raw_trades", "raw_quotes", "klines", "agg_trades", "daily_trades")
            for instrument in lake.layout.instruments(asset)
        },
    )


def _missing(trades: Manifest | None, found: Sequence[Verdict]) -> list[Range]:
    """The holes between the ids, and what klines or aggregates prove missing around them."""
    holes = Coverage.of(trades.missing if trades else ())
    return list((holes | verdicts.proven_missing(found)).ranges)


def status_of(lake: Lake, partition: Partition) -> DayStatus:
    """Say what is known of one partition; one that was never judged is judged by its ids."""
    stored = verdicts.glance(lake, partition)
    # Of a damaged file nothing is known; the verdicts name it.
    trades = sealed = None
    with contextlib.suppress(UnreadableInput):
        sealed = lake.manifest("daily_trades", partition)
    with contextlib.suppress(UnreadableInput):
        trades = lake.summary("raw_trades", partition) or sealed
    return DayStatus(
        venue=partition.instrument.venue,
        symbol=partition.instrument.symbol,
        date=partition.date.isoformat(),
        condition=stored.condition.value,
        rows=trades.rows if trades else 0,
        first_trade_id=trades.coverage.first if trades else None,
        last_trade_id=trades.coverage.last if trades else None,
        missing=_missing(trades, stored.verdicts),
        duplicates=trades.duplicates if trades else 0,
        sources=trades.sources if trades else {},
        is_sealed=sealed is not None,
        version=sealed.version if sealed else None,
        sha256=read_sidecar(lake.layout.file("daily_trades", partition)),
        logical_hash=sealed.logical_hash if sealed else None,
        unreadable=trades.unreadable if trades else 0,
        faults=[
            Fault(verdict.asset, verdict.check, verdict.severity.value, verdict.message)
            for verdict in stored.verdicts
            if not verdict.passed
            and verdict.severity is not Severity.INFO
            and not verdicts.is_consequence(verdict)
        ],
    )
