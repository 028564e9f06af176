"""What a venue lists, day by day: fetched, judged, and told as what changed since."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import polars as pl

from crypto_assets.checks import listing_checks
from crypto_assets.checks.listed import Listed
from crypto_assets.lake.draft import scan_files
from crypto_assets.lake.lake import Lake
from crypto_assets.model.interval import DAY_US
from crypto_assets.model.partition import parse_date
from crypto_assets.model.tables import LISTINGS
from crypto_assets.model.verdict import Severity, Verdict
from crypto_assets.pipeline import exchange_info
from crypto_assets.sinks.duckdb import View
from crypto_assets.venues.binance_exchange_info import ExchangeInfo, Listing

ASSET = "exchange_info"
_EPOCH = dt.date(1970, 1, 1)
SAME = ("status", "tick_size", "step_size")
"""A symbol's history has a row for every span of days on which these stayed."""


class Describing(Protocol):
    """Where a venue's description of its symbols can be asked for, as of now."""

    def server_time_us(self) -> int:
        """Ask the exchange's clock, in microseconds since 1970."""
        ...

    def exchange_info(self) -> bytes:
        """Fetch the exchange's description of all its symbols, verbatim."""
        ...


@dataclass(frozen=True, slots=True)
class Change:
    """What is different of one symbol since the last day before of which it is known."""

    symbol: str
    what: str
    """``new``, ``gone``, ``status``, ``tick_size``, ``step_size`` or ``min_notional``."""
    before: str
    after: str


def make_listings(lake: Lake, venue: str, date: dt.date, door: Describing) -> None:
    """Make a day's table: of what the exchange says now, if it is today, else of what is kept.

    Raises:
        NothingStored: the day is over and no answer of it is kept; it cannot be asked for.
        UnreadableInput: what came, or what is kept, is no such answer.
        StreamLost: the exchange cannot answer now.
        Refused: it will not answer this.
    """
    today = _EPOCH + dt.timedelta(days=door.server_time_us() // DAY_US)
    if date == today:
        exchange_info.keep_exchange_info(lake, venue, door.exchange_info())
    exchange_info.commit_listings(lake, venue, date)


def listed_of(
    lake: Lake,
    venue: str,
    date: dt.date,
    wanted: tuple[str, ...] = (),
) -> Listed | None:
    """Gather what the checks of a day's listings may look at; None where nothing is kept.

    Raises:
        UnreadableInput: what is kept is no such answer.
    """
    info = exchange_info.read(lake, venue, date)
    if info is None:
        return None
    earlier = [each for each in exchange_info.dates(lake, venue) if each < date]
    before = exchange_info.read(lake, venue, earlier[-1]) if earlier else None
    return Listed(date=date, info=info, before=before, wanted=wanted)


def judge_listings(listed: Listed) -> tuple[Verdict, ...]:
    """Judge a day's listings by every check of them in the catalogue, in order of name."""
    found = [(name, check, check.judge(listed)) for name, check in listing_checks().items()]
    return tuple(
        Verdict(
            asset=ASSET,
            check=name,
            code=check.code,
            severity=check.severity if finding.checked else Severity.INFO,
            passed=finding.passed,
            message=finding.message,
            evidence=finding.evidence if finding.checked else {"checked": False},
        )
        for name, check, finding in found
    )


def changes_of(listed: Listed) -> list[Change]:
    """Say what is new, gone or different since the last day before that is known, by symbol."""
    if listed.before is None:
        return []
    return sorted(_changes(listed.before, listed.info), key=lambda one: (one.symbol, one.what))


def _changes(before: ExchangeInfo, after: ExchangeInfo) -> Iterator[Change]:
    for symbol in before.symbols.keys() | after.symbols.keys():
        old, new = before.symbols.get(symbol), after.symbols.get(symbol)
        if old is None and new is not None:
            yield Change(symbol, "new", "", new.status)
        elif new is None and old is not None:
            yield Change(symbol, "gone", old.status, "")
        elif old is not None and new is not None:
            yield from _differences(symbol, old, new)


def _differences(symbol: str, old: Listing, new: Listing) -> Iterator[Change]:
    if old.status != new.status:
        yield Change(symbol, "status", old.status, new.status)
    for what, was, is_now in (
        ("tick_size", old.tick_size, new.tick_size),
        ("step_size", old.step_size, new.step_size),
        ("min_notional", old.min_notional, new.min_notional),
    ):
        if was != is_now:
            said = ("" if one is None else f"{one.normalize():f}" for one in (was, is_now))
            yield Change(symbol, what, *said)


def views_of_listings(lake: Lake) -> dict[str, View]:
    """Find what the views ``listings`` and ``symbol_history`` read.

    ``listings`` has a row a symbol and day; ``symbol_history`` a row for every span of days, from
    ``date`` to ``last_date``, on which a symbol's state, tick and step size stayed as they were.
    """
    columns = pl.Schema({name: of for name, of in LISTINGS.schema.items() if name != "symbol"})
    spans = pl.Schema({"last_date": pl.Date(), "days": pl.UInt32(), **columns})
    frames = list(_frames(lake))
    return {
        "listings": View(columns, frames=frames),
        "symbol_history": View(spans, frames=[spans_of(pl.concat(frames))] if frames else []),
    }


def _frames(lake: Lake) -> Iterator[pl.LazyFrame]:
    for path in lake.layout.listed():
        venue, date = (part.split("=", 1)[1] for part in path.parts[-3:-1])
        yield scan_files([path]).with_columns(
            pl.lit(venue).alias("venue"),
            pl.lit(parse_date(date)).alias("date"),
        )


def spans_of(listings: pl.LazyFrame) -> pl.LazyFrame:
    """Make a row for every span of days on which a symbol's state, tick and step size stayed."""
    symbol = ("venue", "symbol")
    return (
        listings.sort(*symbol, "date")
        .with_columns(pl.struct(SAME).rle_id().over(*symbol).alias("_span"))
        .group_by(*symbol, "_span", maintain_order=True)
        .agg(
            pl.col("date").first(),
            pl.col("date").last().alias("last_date"),
            pl.len().alias("days"),
            *(pl.col(name).last() for name in LISTINGS.schema if name != "symbol"),
        )
        .drop("_span")
    )
