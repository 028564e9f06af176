"""Windows of bars: what was known, and what came after, never across anything that is missing."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl

from crypto_assets.errors import InvalidName
from crypto_assets.lake.draft import readable
from crypto_assets.lake.lake import Lake
from crypto_assets.model.instrument import Instrument
from crypto_assets.model.interval import Interval
from crypto_assets.model.span import Span
from crypto_assets.model.tables import BARS
from crypto_assets.pipeline import reading
from crypto_assets.training.decode import Array, numeric_columns
from crypto_assets.training.order import Consumer, Ints, permutation
from crypto_assets.training.plan import Unproven, proven_days
from crypto_assets.training.rows import Batch

FIRST_OPEN, INSTRUMENT = "ts_open", "instrument"


@dataclass(frozen=True, slots=True, kw_only=True)
class Windows:
    """Every window of so many bars side by side, ``context`` known ones and ``horizon`` after them.

    A window is of one instrument and has a bar in every interval, each complete and with a value
    in every column. Batches hold for each column float64 ``(batch, context + horizon)``, and
    ``ts_open`` of the first bar and ``instrument``, both int64 ``(batch,)``.
    """

    interval: Interval
    context: int
    horizon: int
    values: dict[str, Array]
    """By column, every bar one after the other."""
    times: Ints
    """When they open, in microseconds."""
    of: Ints
    """Which instrument each is of."""
    starts: Ints
    """The bars windows begin with."""
    batch_rows: int = 256
    seed: int = 0
    shuffled: bool = True
    drop_last: bool = False
    contents: str = field(default="", compare=False)
    """A sha256 over all that the batches follow from."""

    def __post_init__(self) -> None:
        digest = hashlib.sha256(
            "\n".join(
                map(str, (self.interval, self.context, self.horizon, self.batch_rows, self.seed)),
            ).encode(),
        )
        digest.update(f"\n{self.shuffled} {self.drop_last} {','.join(self.values)}\n".encode())
        for array in (self.times, self.of, self.starts, *self.values.values()):
            digest.update(np.ascontiguousarray(array).tobytes())
        object.__setattr__(self, "contents", digest.hexdigest())

    @property
    def length(self) -> int:
        """Bars of a window."""
        return self.context + self.horizon

    def within(self, span: Span) -> Windows:
        """Give the windows that lie whole in a span, the end of their last bar included."""
        last = self.times[self.starts + self.length - 1] + self.interval.microseconds
        is_in = (self.times[self.starts] >= span.start_us) & (last <= span.end_us)
        return replace(self, starts=self.starts[is_in])

    def count(self, consumer: Consumer) -> int:
        """Tell how many batches a consumer gets an epoch."""
        start, stop = consumer.share(len(self.starts))
        if self.drop_last:
            return len(self.starts) // consumer.all // self.batch_rows
        return -(-(stop - start) // self.batch_rows)

    def batches(self, consumer: Consumer, epoch: int, first: int = 0) -> Iterator[Batch]:
        """Give a consumer's batches of an epoch, from the n-th on."""
        order = self.starts
        if self.shuffled:
            order = order[permutation(len(order), self.seed, epoch)]
        start, stop = consumer.share(len(order))
        mine = order[start:stop]
        offsets = np.arange(self.length)
        for number in range(first, self.count(consumer)):
            at = mine[number * self.batch_rows : (number + 1) * self.batch_rows]
            found: Batch = {FIRST_OPEN: self.times[at], INSTRUMENT: self.of[at]}
            bars = at[:, None] + offsets
            found.update((name, column[bars]) for name, column in self.values.items())
            yield found


def windows(
    lake: Lake,
    instruments: Collection[Instrument],
    span: Span,
    *,
    interval: str,
    columns: Sequence[str],
    context: int,
    horizon: int,
    stride: int = 1,
    unproven: Unproven = "refuse",
    batch_rows: int = 256,
    seed: int = 0,
    shuffled: bool = True,
    drop_last: bool = False,
) -> Windows:
    """Find the windows of bars that lie whole in a span; they are held in memory.

    Raises:
        Incomplete: a day is not proven complete or not sealed, and none is to be skipped.
        InvalidName: a column is no number of a bar, the interval is none, or a length not positive.
        NothingStored: the lake itself is not there.
        UnreadableInput: bars cannot be read.
    """
    numeric_columns(BARS, columns)
    if min(context, horizon, stride, batch_rows) < 1 or seed < 0:
        raise InvalidName(
            f"windows of {context} + {horizon} bars, every {stride}, {batch_rows} a batch: "
            "expected numbers from 1 on",
        )
    length, names = Interval.of(interval), sorted(set(instruments))
    frame = _bars(lake, names, span, length, columns, unproven)
    values = {name: _floats(frame[name]) for name in columns}
    times = frame["ts_open"].to_physical().to_numpy()
    of = frame["of"].to_numpy().astype(np.int64)
    is_whole = frame["is_complete"].to_numpy()
    for column in values.values():
        is_whole = is_whole & ~np.isnan(column)
    starts = _starts(times, of, is_whole, length.microseconds, context + horizon, stride)
    return Windows(
        interval=length,
        context=context,
        horizon=horizon,
        values=values,
        times=times,
        of=of,
        starts=starts,
        batch_rows=batch_rows,
        seed=seed,
        shuffled=shuffled,
        drop_last=drop_last,
    ).within(span)


def _bars(
    lake: Lake,
    instruments: Sequence[Instrument],
    span: Span,
    interval: Interval,
    columns: Sequence[str],
    unproven: Unproven,
) -> pl.DataFrame:
    wanted = list(dict.fromkeys(("ts_open", "is_complete", *columns)))
    days = proven_days(lake, "bars_1s", instruments, span, unproven)
    frames = [
        reading.scan_bars(lake, [day.instrument], Span(day.start_us, day.end_us), interval, wanted)
        .drop(*reading.LABELS)
        .with_columns(pl.lit(instruments.index(day.instrument), pl.Int64).alias("of"))
        for day in (held.partition for held in days)
    ]
    if not frames:
        schema = {name: BARS.schema[name] for name in wanted}
        return pl.Schema({**schema, "of": pl.Int64()}).to_frame()
    with readable("bars"):
        return pl.concat(pl.collect_all(frames))


def _floats(column: pl.Series) -> Array:
    return column.to_physical().cast(pl.Float64).to_numpy() / 10.0 ** (
        column.dtype.scale if isinstance(column.dtype, pl.Decimal) else 0
    )


def _starts(
    times: Ints,
    of: Ints,
    is_whole: Array,
    apart_us: int,
    length: int,
    stride: int,
) -> Ints:
    """Find where windows of bars side by side begin, every so many within a run of such bars."""
    if len(times) == 0:
        return np.zeros(0, np.int64)
    joins = (np.diff(times) == apart_us) & (np.diff(of) == 0) & is_whole[:-1] & is_whole[1:]
    begins = np.flatnonzero(np.concatenate([[True], ~joins]))
    ends = np.append(begins[1:], len(times))
    runs = [
        np.arange(first, stop - length + 1, stride)
        for first, stop in zip(begins.tolist(), ends.tolist(), strict=True)
        if is_whole[first]
    ]
    return np.concatenate(runs) if runs else np.zeros(0, np.int64)
