"""Every symbol's tape, and where they come from: recordings, or chance with a seed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from crypto_assets.exchange.tape import QUOTE_COLUMNS, Ints, Tape
from crypto_assets.model.interval import SECOND_US
from crypto_assets.model.tables import PRICE, QUANTITY
from crypto_assets.venues.venue import Frames

_FIRST_ID = 4_000_000_000
_FIRST_UPDATE = 60_000_000_000
_FIRST_TICKS = 9_500_000
_TICK = 1_000_000
_STEP = 1_000
_SILENT, _SAME_INSTANT, _BUYS, _MOVES = 0.1, 0.66, 0.5, 0.2


@dataclass(frozen=True, slots=True)
class Market:
    """The tapes by symbol."""

    tapes: Mapping[str, Tape]

    @classmethod
    def of(cls, trades: pl.DataFrame, quotes: pl.DataFrame | None = None) -> Market:
        """Build from frames of several symbols, in any order, repeats allowed.

        ``trades`` has the columns ``symbol, trade_id, ts_event, price, quantity,
        is_buyer_maker``, ``quotes`` has ``symbol, update_id, ts_as_of, bid, bid_quantity, ask,
        ask_quantity``, as the venues and the lake have them. A symbol without trades is left out.
        """
        empty = pl.DataFrame(schema={"symbol": pl.String(), **QUOTE_COLUMNS})
        trades = trades.with_columns(time_us=pl.col("ts_event").to_physical())
        found = (
            empty
            if quotes is None
            else quotes.with_columns(time_us=pl.col("ts_as_of").to_physical())
        )
        quoted = found.partition_by("symbol", as_dict=True)
        return cls(
            {
                str(name): Tape.of(str(name), mine, quoted.get((name,), empty))
                for (name,), mine in sorted(trades.partition_by("symbol", as_dict=True).items())
            },
        )

    @classmethod
    def recorded(cls, blocks: Iterable[Frames]) -> Market:
        """Build from one recording, decoded by its venue.

        A quote has no time of the exchange's; it is the receive time less the median of what
        the recorder's clock was ahead of the exchange's.
        """
        found = list(blocks)
        clock = pl.concat([block.clock for block in found])
        ahead = (clock["ts_recv_us"] - clock["ts_sent_us"]).median()
        offset = int(ahead) if isinstance(ahead, float) else 0
        quotes = pl.concat([block.quotes for block in found]).with_columns(
            pl.col("ts_as_of") - pl.duration(microseconds=offset),
        )
        return cls.of(pl.concat([block.trades for block in found]), quotes)

    @property
    def start_us(self) -> int:
        """When the first trade of all is due."""
        return min(tape.first_us for tape in self.tapes.values())

    @property
    def end_us(self) -> int:
        """When the last event of all is due."""
        return max(tape.last_us for tape in self.tapes.values())

    def shifted(self, by_us: int) -> Market:
        """Give the same market at another time, such as today."""
        return Market({name: tape.shifted(by_us) for name, tape in self.tapes.items()})

    def without(self, symbols: Iterable[str]) -> Market:
        """Give the market without some symbols."""
        gone = set(symbols)
        return Market({name: tape for name, tape in self.tapes.items() if name not in gone})

    def replaced(self, tape: Tape) -> Market:
        """Give the market with another tape of a symbol it has."""
        return Market({**self.tapes, tape.symbol.name: tape})


def random_market(
    symbols: Iterable[str],
    start_us: int,
    seconds: int,
    per_second: float,
    seed: int,
) -> Market:
    """Make up a market, the same for the same arguments: ``per_second`` trades of each symbol.

    Ids are contiguous, times are microseconds that never run backwards, bursts are heavy-tailed
    and some seconds silent, orders match several times at one instant, prices walk in ticks of
    0.01 and quantities are log-normal on a step of 0.00001.
    """
    tapes = {}
    for k, name in enumerate(symbols):
        rng = np.random.default_rng([seed, k])
        times = _times(rng, max(int(seconds * per_second), 1), start_us, seconds)
        tapes[name] = _random_tape(rng, name, times, _FIRST_ID + k * 10**9)
    return Market(tapes)


def _times(rng: np.random.Generator, count: int, start_us: int, seconds: int) -> Ints:
    activity = rng.lognormal(0.0, 1.0, seconds)
    activity[rng.random(seconds) < _SILENT] = 0.0
    activity[0] = max(float(activity[0]), 0.1)
    second = np.repeat(
        np.arange(seconds),
        rng.multinomial(count, activity / activity.sum()),
    )
    inside = rng.integers(0, SECOND_US, count)
    # The matches of one large order share its instant: two in three have the one before's.
    follows = (rng.random(count) < _SAME_INSTANT) & (np.diff(second, prepend=-1) == 0)
    leader = np.maximum.accumulate(np.where(follows, 0, np.arange(count)))
    times: Ints = np.sort(start_us + second * SECOND_US + inside[leader])
    return times


def _random_tape(rng: np.random.Generator, name: str, times: Ints, first_id: int) -> Tape:
    count = len(times)
    # One order has one side, and moves the price seldom.
    order = np.cumsum(np.diff(times, prepend=-1) != 0)
    maker = (rng.random(int(order[-1]) + 1) < _BUYS)[order]
    moves = rng.integers(-3, 4, count) * (rng.random(count) < _MOVES)
    ticks = np.maximum(_FIRST_TICKS + np.cumsum(moves), 10)
    trades = pl.DataFrame(
        {
            "trade_id": np.arange(first_id, first_id + count),
            "time_us": times,
            "price": _decimal(ticks, _TICK, PRICE),
            "quantity": _decimal(_lognormal(rng, count, 60.0), _STEP, QUANTITY),
            "is_buyer_maker": maker,
        },
    )
    quotes = pl.DataFrame(
        {
            "update_id": _FIRST_UPDATE + np.cumsum(rng.integers(1, 5, count)),
            "time_us": times,
            "bid": _decimal(ticks - maker.astype(np.int64), _TICK, PRICE),
            "bid_quantity": _decimal(_lognormal(rng, count, 90_000.0), _STEP, QUANTITY),
            "ask": _decimal(ticks + 1 - maker.astype(np.int64), _TICK, PRICE),
            "ask_quantity": _decimal(_lognormal(rng, count, 90_000.0), _STEP, QUANTITY),
        },
    )
    return Tape.of(name, trades, quotes)


def _decimal(steps: Ints, unit: int, dtype: pl.Decimal) -> pl.Series:
    return pl.Series(steps * unit).cast(pl.Int128).reinterpret(dtype=dtype)


def _lognormal(rng: np.random.Generator, count: int, median: float) -> Ints:
    steps: Ints = np.maximum(rng.lognormal(np.log(median), 1.8, count), 1.0).astype(np.int64)
    return steps
