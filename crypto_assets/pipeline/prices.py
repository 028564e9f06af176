"""Prices of coins: ask, keep what can be used, add it to the file of its day.

A day is one file, written anew with what came. An update that is there already is not added again,
and hours that were asked for at the time are not filled from the past.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import pandera.errors
import polars as pl

from crypto_assets.checks import price_checks
from crypto_assets.checks.priced import PricedDay
from crypto_assets.errors import (
    CryptoAssetsError,
    NothingStored,
    Refused,
    SchemaMismatch,
    StreamLost,
    UnreadableInput,
)
from crypto_assets.lake import atomic
from crypto_assets.lake.draft import Draft, readable, scan_files
from crypto_assets.lake.lake import Committed, Lake
from crypto_assets.model.coin import PRICES
from crypto_assets.model.interval import DAY_US
from crypto_assets.model.manifest import Input
from crypto_assets.model.partition import Partition
from crypto_assets.model.tables import PRICE_SNAPSHOTS, validate
from crypto_assets.model.verdict import Verdict
from crypto_assets.pipeline.verdicts import failure
from crypto_assets.transforms.prices import added
from crypto_assets.venues.coingecko import Prices, Skipped, read_chart, read_prices

ASSET = "price_snapshots"
_UNKNOWN = 404


class Door(Protocol):
    """What answers for CoinGecko: see :class:`crypto_assets.sources.coingecko.CoinGecko`."""

    def batches(
        self,
        coins: Sequence[str],
        currencies: Sequence[str],
    ) -> Iterator[Sequence[str]]:
        """Cut coins into as many as may be asked for at once."""
        ...

    def prices(self, coins: Sequence[str], currencies: Sequence[str]) -> bytes:
        """Ask what coins cost now."""
        ...

    def chart(self, coin: str, currency: str, span_us: tuple[int, int]) -> bytes:
        """Ask what a coin cost in the past."""
        ...


@dataclass(frozen=True, slots=True)
class _Question:
    """What is asked, and how the answer, and when it came, is read."""

    ask: Callable[[], bytes]
    read: Callable[[bytes, int], Prices]


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of asking."""

    days: dict[Partition, Committed]
    """The files the rows are in, by day."""
    rows: pl.DataFrame
    """What was given and could be used; of it only what is new was added."""
    skipped: tuple[Skipped, ...]


def day_of(date: dt.date) -> Partition:
    """Where the prices of a day lie."""
    return Partition(PRICES, date)


def take_snapshot(
    lake: Lake,
    door: Door,
    coins: Sequence[str],
    currencies: Sequence[str],
    now_us: Callable[[], int],
) -> Taken:
    """Ask what coins cost now, and store it under the day each price was made on.

    What can be used is stored, also where another request fails.

    Raises:
        UnreadableInput: nothing of what came can be used.
        StreamLost: the server cannot answer now; ``retry_after`` says when to ask again.
        Refused: it will not answer this.
    """
    wanted, units = tuple(dict.fromkeys(coins)), tuple(dict.fromkeys(currencies))
    questions = [
        _Question(
            partial(door.prices, batch, units),
            partial(_read_prices, batch, units),
        )
        for batch in door.batches(wanted, units)
    ]
    return _taken(lake, questions, now_us)


def take_day(
    lake: Lake,
    door: Door,
    coins: Sequence[str],
    currencies: Sequence[str],
    date: dt.date,
    now_us: Callable[[], int],
) -> Taken:
    """Ask what coins cost on a day that is over, and fill the hours nobody asked in.

    What can be used is stored, also where another request fails.

    Raises:
        UnreadableInput: nothing of what came can be used.
        StreamLost: the server cannot answer now; ``retry_after`` says when to ask again.
        Refused: it will not answer this.
    """
    day = day_of(date)
    span = (day.start_us, day.end_us)
    questions = [
        _Question(
            partial(door.chart, coin, currency, span),
            partial(_read_chart, coin, currency, span),
        )
        for coin in dict.fromkeys(coins)
        for currency in dict.fromkeys(currencies)
    ]
    return _taken(lake, questions, now_us)


def _read_prices(
    coins: Sequence[str],
    currencies: Sequence[str],
    body: bytes,
    came_us: int,
) -> Prices:
    return read_prices(body, coins, currencies, came_us)


def _read_chart(
    coin: str,
    currency: str,
    span: tuple[int, int],
    body: bytes,
    came_us: int,
) -> Prices:
    return read_chart(body, coin, currency, span, came_us)


def _taken(lake: Lake, questions: Sequence[_Question], now_us: Callable[[], int]) -> Taken:
    frames: list[pl.DataFrame] = []
    skipped: list[Skipped] = []
    inputs: list[Input] = []
    unusable: list[CryptoAssetsError] = []
    lost: CryptoAssetsError | None = None
    for question in questions:
        try:
            body = question.ask()
            found = question.read(body, now_us())
        except UnreadableInput as error:
            unusable.append(error)
        except Refused as error:
            if error.status != _UNKNOWN:
                lost = error
                break
            unusable.append(error)
        except StreamLost as error:
            lost = error
            break
        else:
            sha256 = hashlib.sha256(body).hexdigest()
            name = f"{found.rows['source'][0]}-{sha256[:16]}"
            inputs.append(Input(name=name, sha256=sha256, source="rest", rows=found.rows.height))
            frames.append(found.rows)
            skipped.extend(found.skipped)
    skipped.extend(Skipped("*", "*", str(error)) for error in unusable)
    rows = pl.concat([PRICE_SNAPSHOTS.schema.to_frame(), *frames])
    rows = rows.sort("ts_updated", "coin", "currency")
    days = dict(_stored(lake, rows, inputs))
    if lost is not None:
        raise lost
    if not frames:
        raise unusable[0] if unusable else NothingStored(f"{ASSET}: no coin was asked for")
    return Taken(days, rows, tuple(skipped))


def _stored(
    lake: Lake,
    rows: pl.DataFrame,
    inputs: Sequence[Input],
) -> Iterator[tuple[Partition, Committed]]:
    days = rows["ts_updated"].to_physical() // DAY_US
    for number in days.unique().sort():
        day = Partition.of_day(PRICES, number)
        yield day, add(lake, day, rows.filter(days == number), inputs)


def add(lake: Lake, day: Partition, rows: pl.DataFrame, inputs: Sequence[Input]) -> Committed:
    """Add rows of a day to its file; what is there already stays as it is.

    Raises:
        SchemaMismatch: rows are not as the table declares.
        UnreadableInput: the day's file is damaged.
    """
    try:
        validate(rows, PRICE_SNAPSHOTS)
    except (pandera.errors.SchemaError, pandera.errors.SchemaErrors) as error:
        raise SchemaMismatch(
            f"{ASSET} of {day.date}: expected rows as declared, {error}"
        ) from error
    with atomic.locked(lake.layout.directory(ASSET, day)):
        stored = lake.stored(ASSET, day)
        if not stored:
            return lake.commit(ASSET, day, Draft(rows=[rows], inputs=tuple(inputs)))
        (old,) = stored
        with readable(str(old.path)):
            kept = scan_files([old.path]).collect()
        new = added(kept, rows)
        if new.height == kept.height:
            return old
        named = {entry.name: entry for entry in (*old.manifest.inputs, *inputs)}
        return lake.commit(ASSET, day, Draft(rows=[new], inputs=tuple(named.values())))


def judge(
    lake: Lake,
    date: dt.date,
    coins: Sequence[str],
    currencies: Sequence[str],
    now_us: int,
) -> tuple[Verdict, ...]:
    """Judge a stored day by every check about it; a damaged file is a verdict too."""
    day = day_of(date)
    try:
        with readable(f"{ASSET} of {date}"):
            rows = lake.scan(ASSET, day).collect()
    except (UnreadableInput, NothingStored) as error:
        return (failure(ASSET, error),)
    pairs = tuple((coin, currency) for coin in coins for currency in currencies)
    priced = PricedDay(day=day, rows=rows, pairs=pairs, until_us=min(now_us, day.end_us))
    return tuple(
        Verdict(
            asset=ASSET,
            check=name,
            code=check.code,
            severity=found.severity or check.severity,
            passed=found.passed,
            message=found.message,
            evidence=dict(found.evidence),
        )
        for name, check in price_checks().items()
        for found in (check.judge(priced),)
    )
