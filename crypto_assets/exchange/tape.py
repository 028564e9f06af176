"""One symbol's trades and quotes in the order and at the times they happen: the source of truth.

A tape never changes. A halt makes another tape, whose later trades come later and keep their ids.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from crypto_assets.exchange.klines import Span, bars
from crypto_assets.model.interval import DAY_US
from crypto_assets.model.tables import PRICE, QUANTITY

Ints = npt.NDArray[np.int64]

UNIT = 10**8
"""Prices and quantities are counted in units of 1e-8."""
NEVER = int(np.iinfo(np.int64).max)
"""When an event of a halted symbol is due."""

TRADE_COLUMNS = pl.Schema(
    {
        "trade_id": pl.Int64(),
        "time_us": pl.Int64(),
        "price": PRICE,
        "quantity": QUANTITY,
        "is_buyer_maker": pl.Boolean(),
    },
)
QUOTE_COLUMNS = pl.Schema(
    {
        "update_id": pl.Int64(),
        "time_us": pl.Int64(),
        "bid": PRICE,
        "bid_quantity": QUANTITY,
        "ask": PRICE,
        "ask_quantity": QUANTITY,
    },
)

_QUOTED = ("FDUSD", "USDT", "USDC", "TUSD", "BUSD", "EUR", "TRY", "BRL", "BTC", "ETH", "BNB")
_MS = 1_000


@dataclass(frozen=True, slots=True)
class Symbol:
    """What is listed: a name, its two assets, and the steps of price and quantity in 1e-8."""

    name: str
    base: str
    quote: str
    tick: int
    step: int


@dataclass(frozen=True, slots=True)
class Hold:
    """A halt that lasts: the rows from which on nothing is due."""

    since_us: int
    trade: int
    quote: int
    is_break: bool


@dataclass(frozen=True, slots=True)
class Tape:
    """A symbol's history, past and to come.

    ``due`` ascends with the rows of its frame: a trade whose time is before that of the trade
    before it (real recordings have some) is due with that one and keeps its own time.
    """

    symbol: Symbol
    trades: pl.DataFrame
    """:data:`TRADE_COLUMNS`, the exact ``quote`` value and ``agg_id``, ascending by id."""
    quotes: pl.DataFrame
    """:data:`QUOTE_COLUMNS`, ascending by update id."""
    aggregates: pl.DataFrame
    """``agg_id, price, quantity, first_id, last_id, time_us, is_buyer_maker``."""
    ids: Ints
    trade_due: Ints
    quote_due: Ints
    aggregate_due: Ints
    late_us: int
    """By how much a trade's time may lie before its due time."""
    breaks: tuple[Span, ...] = ()
    """When the symbol was in BREAK, so that there are no klines."""
    hold: Hold | None = None

    @classmethod
    def of(cls, name: str, trades: pl.DataFrame, quotes: pl.DataFrame) -> Tape:
        """Build from frames with at least the columns above, in any order, repeats allowed.

        Raises:
            ValueError: there is no trade.

        """
        trades = trades.select(TRADE_COLUMNS.names()).match_to_schema(TRADE_COLUMNS)
        trades = trades.unique("trade_id", keep="first").sort("trade_id")
        quotes = quotes.select(QUOTE_COLUMNS.names()).match_to_schema(QUOTE_COLUMNS)
        quotes = quotes.unique("update_id", keep="first").sort("update_id")
        if trades.is_empty():
            raise ValueError(f"{name}: expected at least one trade, found none")
        symbol = _symbol(name, trades)
        return _assembled(symbol, _numbered(trades), quotes)

    @property
    def first_us(self) -> int:
        """When the first trade is due."""
        return int(self.trade_due[0])

    @property
    def last_us(self) -> int:
        """When the last event is due that is not held back."""
        found = [int(due[due < NEVER].max(initial=0)) for due in (self.trade_due, self.quote_due)]
        return max(found)

    def trades_until(self, now_us: int) -> int:
        """Count the trades that happened by then."""
        return int(np.searchsorted(self.trade_due, now_us, side="right"))

    def days_until(self, now_us: int) -> list[int]:
        """Find the days since 1970 on which it had traded by then, ascending."""
        count = self.trades_until(now_us)
        if not count:
            return []
        days = np.arange(self.first_us // DAY_US, int(self.trade_due[count - 1]) // DAY_US + 2)
        edges = np.searchsorted(self.trade_due[:count], days * DAY_US)
        found: list[int] = days[:-1][np.diff(edges) > 0].tolist()
        return found

    def shifted(self, by_us: int) -> Tape:
        """Give the same tape at another time."""
        move = pl.col("time_us") + by_us
        return _assembled(
            self.symbol,
            self.trades.with_columns(move),
            self.quotes.with_columns(move),
        )

    def held(self, now_us: int, *, is_break: bool) -> Tape:
        """Halt: trades after now are not due; in a break neither are quotes."""
        if self.hold:
            return self
        trade = self.trades_until(now_us)
        quote = int(np.searchsorted(self.quote_due, now_us, side="right"))
        quote = quote if is_break else len(self.quote_due)
        hold = Hold(now_us, trade, quote, is_break)
        return dataclasses.replace(
            self,
            trade_due=_never(self.trade_due, trade),
            quote_due=_never(self.quote_due, quote),
            aggregate_due=_aggregate_due(self.trades, _never(self.trade_due, trade)),
            hold=hold,
        )

    def resumed(self, now_us: int) -> Tape:
        """End a halt: what was held back comes as much later as the halt was long."""
        if self.hold is None:
            return self
        hold, by = self.hold, now_us - self.hold.since_us
        breaks = (*self.breaks, (hold.since_us, now_us)) if hold.is_break else self.breaks
        return _assembled(
            self.symbol,
            _postponed(self.trades, hold.trade, by),
            _postponed(self.quotes, hold.quote, by),
            breaks,
        )

    def klines(self, interval_us: int, opens: range, count: int) -> pl.DataFrame:
        """Build the klines that open at ``opens`` from the first ``count`` trades.

        Nothing opens before the first trade's kline, and none lies wholly inside a break; see
        :func:`crypto_assets.exchange.klines.bars` for the columns.
        """
        first = int(self.trades["time_us"][0]) // interval_us * interval_us
        opens = range(max(opens.start, first), opens.stop, interval_us)
        if not count or not opens:
            return bars(self.trades.clear(), interval_us, range(0), None)
        low = int(np.searchsorted(self.trade_due, opens.start))
        high = int(np.searchsorted(self.trade_due, opens[-1] + interval_us + self.late_us))
        found = bars(
            self.trades.slice(low, max(min(high, count) - low, 0)),
            interval_us,
            opens,
            self.trades.row(min(low, count) - 1, named=True) if min(low, count) else None,
        )
        for start, stop in (*self.breaks, *((self._open_break,) if self._open_break else ())):
            inside = (pl.col("open_us") >= start) & (pl.col("open_us") + interval_us <= stop)
            found = found.remove(inside)
        return found

    @property
    def _open_break(self) -> Span | None:
        return (self.hold.since_us, NEVER) if self.hold and self.hold.is_break else None


def quote_value() -> pl.Expr:
    """Give price times quantity, half up to 8 decimals."""
    price, quantity = (pl.col(name).reinterpret(dtype=pl.Int128) for name in ("price", "quantity"))
    # In two parts, for the product may exceed 128 bits.
    value = price * (quantity // UNIT) + (price * (quantity % UNIT) + UNIT // 2) // UNIT
    return value.reinterpret(dtype=QUANTITY)


def _numbered(trades: pl.DataFrame) -> pl.DataFrame:
    """Add the exact quote value, and the number of the aggregate trade each belongs to.

    Consecutive ids of one price, side and millisecond are one taker's order.
    """
    alike = (
        (pl.col("trade_id").diff() == 1)
        & (pl.col("price") == pl.col("price").shift())
        & (pl.col("is_buyer_maker") == pl.col("is_buyer_maker").shift())
        & (pl.col("time_us") // _MS == pl.col("time_us").shift() // _MS)
    )
    number = (~alike.fill_null(value=False)).cum_sum().cast(pl.Int64())
    return trades.with_columns(
        quote=quote_value(),
        # Aggregates have fewer ids than trades; they are contiguous too.
        agg_id=number + pl.col("trade_id").first() // 2,
    )


def _assembled(
    symbol: Symbol,
    trades: pl.DataFrame,
    quotes: pl.DataFrame,
    breaks: tuple[Span, ...] = (),
) -> Tape:
    time, due = trades["time_us"].to_numpy(), _due(trades)
    aggregates = trades.group_by("agg_id", maintain_order=True).agg(
        pl.col("price").first(),
        pl.col("quantity").sum().cast(QUANTITY),
        pl.col("trade_id").first().alias("first_id"),
        pl.col("trade_id").last().alias("last_id"),
        pl.col("time_us").first(),
        pl.col("is_buyer_maker").first(),
    )
    return Tape(
        symbol=symbol,
        trades=trades,
        quotes=quotes,
        aggregates=aggregates,
        ids=trades["trade_id"].to_numpy(),
        trade_due=due,
        quote_due=_due(quotes),
        aggregate_due=_aggregate_due(trades, due),
        late_us=int((due - time).max()),
        breaks=breaks,
    )


def _due(frame: pl.DataFrame) -> Ints:
    due: Ints = np.maximum.accumulate(frame["time_us"].to_numpy()) if len(frame) else _EMPTY
    return due


def _aggregate_due(trades: pl.DataFrame, due: Ints) -> Ints:
    """An aggregate is known with the last of its trades."""
    ids = trades["agg_id"].to_numpy()
    last: Ints = np.flatnonzero(np.diff(ids, append=ids[-1] + 1))
    return due[last]


def _never(due: Ints, start: int) -> Ints:
    held = due.copy()
    held[start:] = NEVER
    return held


def _postponed(frame: pl.DataFrame, start: int, by_us: int) -> pl.DataFrame:
    later = pl.when(pl.int_range(pl.len()) >= start).then(by_us).otherwise(0)
    return frame.with_columns(pl.col("time_us") + later)


def _symbol(name: str, trades: pl.DataFrame) -> Symbol:
    quote = next((asset for asset in _QUOTED if name.endswith(asset) and name != asset), name[-3:])
    return Symbol(
        name=name,
        base=name.removesuffix(quote),
        quote=quote,
        tick=_step(trades["price"]),
        step=_step(trades["quantity"]),
    )


def _step(values: pl.Series) -> int:
    """Find the largest power of ten, at most 1, that all values are multiples of."""
    steps = [10**k for k in range(8, 0, -1)]
    units = pl.col(values.name).reinterpret(dtype=pl.Int128)
    fits = values.to_frame().select((units % step == 0).all().alias(str(step)) for step in steps)
    return next((step for step in steps if fits.item(0, str(step))), 1)


_EMPTY: Ints = np.empty(0, dtype=np.int64)
