"""Lay aggregates over the trades they are made of, side by side and in bounded memory.

Both are read once, in order: a window of trades, and the aggregates that end within it. One that
reaches beyond the window waits for the next, with the trades it has so far.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import polars as pl

from crypto_assets.checks.stretches import Stretch
from crypto_assets.model.coverage import Coverage, Range
from crypto_assets.model.tables import QUANTITY

WINDOW = 250_000
"""So many trades are looked at at once."""
SHOWN = 20
"""So many faults of a kind are shown."""
_TRADE = ("trade_id", "ts_event", "price", "quantity", "is_buyer_maker")
_LISTED = 1_000
"""So many holes are listed."""
_NAMED = ("agg_id", "first_trade_id", "last_trade_id")
_MILLISECOND = 1_000

_Ints = npt.NDArray[np.int64]
_Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Over:
    """An aggregate some of whose trades are before the first or after the last that is held."""

    agg_id: int
    ids: Range
    us: int


@dataclass(slots=True)
class Covering:
    """What was found."""

    lacks: str | None = None
    """Why they could not be laid over each other to the end."""
    aggregates: int = 0
    ids: int = 0
    """Trades as the aggregates count them: the sum of last - first + 1."""
    said: int = 0
    """The sum of the aggregates' quantities, in 1e-8."""
    held: int = 0
    """The sum of the quantities of their trades, in 1e-8."""
    span: Range | None = None
    """The first and last trade id of any aggregate."""
    trades: Range | None = None
    """The first and last trade id that is held."""
    faults: Counter[str] = field(default_factory=Counter)
    """Aggregates by what is wrong: ``backwards, holes, overlaps, trades, quantity, price, side,
    time``; holes are counted between aggregates."""
    shown: list[dict[str, object]] = field(default_factory=list)
    left_out: list[Range] = field(default_factory=list)
    """Trade ids in holes between aggregates, the first of them."""
    untold: list[Range] = field(default_factory=list)
    """Trade ids between aggregates where some are not stored: no fault, they cannot be judged."""
    missing: Coverage = field(default_factory=Coverage)
    """Trade ids that aggregates have and that are not held, within or beyond what is held."""
    over: list[Over] = field(default_factory=list)
    """Aggregates over the first or last id that is held, with trades on both sides."""

    def note(self, kind: str, faulty: pl.DataFrame, **unlike: list[object]) -> None:
        """Count aggregates with a fault and show the first of its kind.

        ``unlike`` are further things to show of each, as many as there are aggregates or room.
        """
        room = SHOWN - self.faults[kind]
        self.faults[kind] += faulty.height
        for at, (agg_id, first, last) in enumerate(faulty.head(max(room, 0)).select(_NAMED).rows()):
            told = {name: values[at] for name, values in unlike.items()}
            self.shown.append({"fault": kind, "agg_id": agg_id, "trade_ids": [first, last], **told})


def cover(
    trades: pl.LazyFrame,
    aggregates: pl.LazyFrame,
    stretches: Sequence[Stretch],
) -> Covering:
    """Lay a day's aggregates over its trades; both ascend by their ids.

    A hole between two aggregates of one stretch is a fault; between stretches some are not stored.
    """
    found = Covering()
    ordered = _ascending(aggregates)
    if ordered is None:
        found.lacks = "an aggregate has no id"
        return found
    tiles = _Tiles(found, stretches)
    waiting = _Waiting(map(tiles.add, ordered))
    kept: pl.DataFrame | None = None
    windows = trades.select(_TRADE).collect_batches(
        chunk_size=WINDOW, maintain_order=True, engine="streaming"
    )
    for window in windows:
        if window.is_empty():
            continue
        before = found.trades and found.trades[1]
        if not _rise(window["trade_id"], before):
            found.lacks = "the trades do not ascend by trade id, each once"
            return found
        last = int(window["trade_id"][-1])
        first = int(window["trade_id"][0]) if found.trades is None else found.trades[0]
        found.trades = (first, last)
        held = window if kept is None else pl.concat([kept, window])
        _compare(found, held, waiting.until(last))
        needed = waiting.first_id
        kept = held.filter(pl.col("trade_id") >= needed) if needed is not None else held.clear()
    empty = trades.select(_TRADE).head(0).collect()
    for rest in waiting.rest():
        _compare(found, empty if kept is None else kept, rest)
    return found


def _rise(ids: pl.Series, before: int | None) -> bool:
    """Whether ids ascend, each once, and go on from the one before them."""
    if ids.null_count() or (before is not None and int(ids[0]) <= before):
        return False
    return bool((ids.diff().slice(1) > 0).all())


def _ascending(aggregates: pl.LazyFrame) -> Iterator[pl.DataFrame] | None:
    """Read aggregates in order of their first trade; None where one has no id.

    Sorts only where the order of their own ids is not that of their trades'.
    """
    nulls = pl.sum_horizontal(pl.col(_NAMED).null_count())
    falling = (pl.col("first_trade_id").diff() < 0).any()
    lack, falls = (
        aggregates.select(nulls, falling.alias("falls")).collect(engine="streaming").row(0)
    )
    if lack:
        return None
    ordered = aggregates.sort("first_trade_id", "agg_id") if falls else aggregates
    return ordered.collect_batches(chunk_size=WINDOW, maintain_order=True, engine="streaming")


class _Tiles:
    """Whether aggregates follow each other as they pass by."""

    def __init__(self, found: Covering, stretches: Sequence[Stretch]) -> None:
        self._found = found
        self._starts = np.array([stretch.ids[0] for stretch in stretches], dtype=np.int64)
        self._reach: int | None = None
        self._before = 0

    def add(self, batch: pl.DataFrame) -> pl.DataFrame:
        """Judge where a batch begins and ends; gives it without what ends before it begins."""
        found = self._found
        found.aggregates += batch.height
        is_backwards = pl.col("first_trade_id") > pl.col("last_trade_id")
        found.note("backwards", batch.filter(is_backwards))
        batch = batch.remove(is_backwards)
        if batch.is_empty():
            return batch
        number, first, last = (batch[name].to_numpy() for name in _NAMED)
        found.ids += int((last - first + 1).sum())
        found.said += int(batch["quantity"].to_physical().sum())
        reach = np.maximum.accumulate(last)
        if self._reach is not None:
            reach = np.maximum(reach, self._reach)
        head = int(first[0]) - 1 if self._reach is None else self._reach
        before = np.concatenate([[head], reach[:-1]])
        earlier = np.concatenate([[self._before if found.span else number[0]], number[:-1]])
        found.span = (found.span[0] if found.span else int(first[0]), int(reach[-1]))
        self._reach, self._before = int(reach[-1]), int(number[-1])
        found.note("overlaps", batch[np.flatnonzero(first <= before)])
        self._holes(batch, earlier, before + 1, first - 1)
        return batch

    def _holes(self, batch: pl.DataFrame, earlier: _Ints, low: _Ints, high: _Ints) -> None:
        """Judge what is left out between each aggregate and the one before it."""
        at = np.flatnonzero(low <= high)
        number = batch["agg_id"].to_numpy()[at]
        stretch = np.searchsorted(self._starts, number, side="right")
        within = stretch == np.searchsorted(self._starts, earlier[at], side="right")
        for place in at[~within].tolist():
            self._found.untold.append((int(low[place]), int(high[place])))
        left_out = [(int(low[place]), int(high[place])) for place in at[within].tolist()]
        room = max(_LISTED - self._found.faults["holes"], 0)
        self._found.left_out.extend(left_out[:room])
        self._found.note("holes", batch[at[within]], left_out=[list(ids) for ids in left_out])


class _Waiting:
    """Aggregates that were read and whose last trade was not."""

    def __init__(self, batches: Iterator[pl.DataFrame]) -> None:
        self._batches = batches
        self._held: pl.DataFrame | None = None

    @property
    def first_id(self) -> int | None:
        """The first trade any of them needs; None where none waits."""
        if self._held is None or self._held.is_empty():
            return None
        return int(self._held["first_trade_id"][0])

    def until(self, last: int) -> pl.DataFrame:
        """Take out those that end by a trade id, in order of their first."""
        read = [] if self._held is None else [self._held]
        while not read or read[-1].is_empty() or int(read[-1]["first_trade_id"][-1]) <= last:
            batch = next(self._batches, None)
            if batch is None:
                break
            read.append(batch)
        if not read:
            return _NO_AGGREGATE
        held = pl.concat(read)
        is_done = pl.col("last_trade_id") <= last
        self._held = held.filter(~is_done)
        return held.filter(is_done)

    def rest(self) -> Iterator[pl.DataFrame]:
        """Take out all that are left."""
        if self._held is not None:
            yield self._held
        yield from self._batches


_NO_AGGREGATE = pl.DataFrame(
    schema={"agg_id": pl.Int64, "first_trade_id": pl.Int64, "last_trade_id": pl.Int64},
)


def _compare(found: Covering, held: pl.DataFrame, aggregates: pl.DataFrame) -> None:
    """Hold whole aggregates against their trades, which ``held`` has as far as they are stored."""
    if aggregates.is_empty():
        return
    ids = held["trade_id"].to_numpy()
    first, last = (aggregates[name].to_numpy() for name in ("first_trade_id", "last_trade_id"))
    low, high = np.searchsorted(ids, first), np.searchsorted(ids, last, side="right")
    is_whole = high - low == last - first + 1
    _lacking(found, ids, aggregates, low, high, np.flatnonzero(~is_whole))
    has_any = np.flatnonzero(high > low)
    if not len(has_any):
        return
    some, low, high = aggregates[has_any], low[has_any], high[has_any]
    whole, begins = is_whole[has_any], ids[low] == first[has_any]
    _amounts(found, held, some, low, high, whole)
    for kind, column in (("price", "price"), ("side", "is_buyer_maker")):
        unlike = _differs(held[column], some[column], low, high)
        _unlike(found, kind, held, some, column, unlike)
    time, said = (frame["ts_event"].to_physical().to_numpy() for frame in (held, some))
    unlike = begins & _times_differ(time[low], said)
    _unlike(found, "time", held, some, "ts_event", unlike)


def _lacking(
    found: Covering,
    ids: _Ints,
    aggregates: pl.DataFrame,
    low: _Ints,
    high: _Ints,
    places: _Ints,
) -> None:
    """Note which trades of aggregates are not held."""
    whole: list[Range] = []
    faulty: list[int] = []
    for at in places.tolist():
        agg_id, first, last = aggregates.select(_NAMED).row(at)
        has = Coverage.of_ids(pl.Series(ids[low[at] : high[at]], dtype=pl.Int64()))
        if len(has) and found.trades is not None and _is_over((first, last), found.trades, has):
            us = int(aggregates["ts_event"].to_physical()[at])
            found.over.append(Over(agg_id, (first, last), us))
            continue
        whole.extend((Coverage.of([(first, last)]) - has).ranges)
        faulty.append(at)
    found.missing |= Coverage.of(whole)
    found.note("trades", aggregates[faulty])


def _is_over(ids: Range, held: Range, has: Coverage) -> bool:
    """Whether all that an aggregate lacks is before the first or after the last trade held."""
    within = (max(ids[0], held[0]), min(ids[1], held[1]))
    return within != ids and has.ranges == (within,)


def _amounts(
    found: Covering,
    held: pl.DataFrame,
    some: pl.DataFrame,
    low: _Ints,
    high: _Ints,
    whole: _Mask,
) -> None:
    """Hold the quantity of each whole aggregate against the sum over its trades."""
    zero = pl.Series([0], dtype=pl.Int128())
    upto = zero.append(held["quantity"].to_physical().cast(pl.Int128()).cum_sum())
    sums = upto.gather(high) - upto.gather(low)
    said = some["quantity"].to_physical().cast(pl.Int128())
    found.held += int(sums.sum())
    at = ((sums != said).to_numpy() & whole).nonzero()[0]
    found.note(
        "quantity",
        some[at],
        aggregate=_texts(said.gather(at), QUANTITY),
        trades=_texts(sums.gather(at), QUANTITY),
    )


def _texts(units: pl.Series, dtype: pl.Decimal) -> list[object]:
    """Write the first few whole numbers of 1e-8 as decimals with all their places."""
    return units.head(SHOWN).reinterpret(dtype=dtype).cast(pl.String()).to_list()


def _differs(trades: pl.Series, said: pl.Series, low: _Ints, high: _Ints) -> _Mask:
    """Whether any trade from ``low`` until ``high`` has another value than its aggregate says."""
    value = trades.to_physical().cast(pl.Int64()).to_numpy()
    changes = np.concatenate([[0], np.cumsum(value[1:] != value[:-1])])
    unlike: _Mask = changes[low] != changes[high - 1]
    unlike |= value[low] != said.to_physical().cast(pl.Int64()).to_numpy()
    return unlike


def _times_differ(trades: _Ints, said: _Ints) -> _Mask:
    """Whether times differ at the coarser resolution: a millisecond stamp is one cut short."""
    is_coarse = (trades % _MILLISECOND == 0) | (said % _MILLISECOND == 0)
    unlike: _Mask = np.where(
        is_coarse,
        trades // _MILLISECOND != said // _MILLISECOND,
        trades != said,
    )
    return unlike


def _unlike(
    found: Covering,
    kind: str,
    held: pl.DataFrame,
    some: pl.DataFrame,
    column: str,
    unlike: _Mask,
) -> None:
    """Note the aggregates that have a trade unlike them in one column, with the first such."""
    faulty = some[np.flatnonzero(unlike)]
    trades: list[object] = []
    for first, last, said in faulty.head(SHOWN).select(*_NAMED[1:], column).rows():
        mine = held.filter(pl.col("trade_id").is_between(first, last))[column].to_list()
        trades.append(next((value for value in mine if value != said), said))
    found.note(
        kind,
        faulty,
        aggregate=[str(value) for value in faulty[column].head(SHOWN)],
        trades=[str(value) for value in trades],
    )
