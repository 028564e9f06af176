"""A picture of bars: price, volume, and which stretches are proven complete.

Drawn with Matplotlib's objects alone, which is imported when the first chart is drawn: nothing here
opens a window or keeps state between two charts. Prices become floats on their way to pixels and
nowhere else; every number that is written out is formatted from the exact decimals.
"""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import polars as pl

from crypto_assets.errors import NothingStored
from crypto_assets.model.coverage import Range
from crypto_assets.model.interval import DAY_US, SECOND_US, Interval
from crypto_assets.transforms.rollup import roll_up

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FloatArray = npt.NDArray[np.float64]

INCHES = (10.0, 6.1)
_PRICE_BARS, _VOLUME_BARS = 1_500, 300
"""At most so many bars are drawn side by side; more would be thinner than a pixel."""

_THINNEST = 0.003
"""The least part of the width an incomplete stretch is drawn in."""

_FOOT = -1.52
"""Where the line below the times stands, in heights of the strip."""
_USUAL, _ABOVE_USUAL = 0.98, 1.5
"""Columns that leave this quantile so far below are cut off."""

_INK, _MUTED, _GRID, _PAPER = "#1f2a37", "#6b7684", "#e8ebef", "#ffffff"
_CLOSE, _BAND, _SPREAD = "#1d4f7c", "#a9c7e2", "#f0c36d"
_BUY, _SELL = "#2b9a86", "#dd7a5c"
_COMPLETE, _INCOMPLETE = "#8cc7a1", "#cf3f3f"
_COLOURS = 256
_NO_METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))
_TITLE, _TEXT, _SMALL = 13.0, 8.5, 7.5
_BOX = "\u25a1"


@dataclass(frozen=True, slots=True)
class Chart:
    """What is drawn, and what is written around it."""

    bars: pl.DataFrame
    """The Bars schema, ascending by ``ts_open``, all of one length and without a hole."""
    title: str
    subtitle: str = ""
    missing: Sequence[Range] = ()
    """Trade ids known to be missing, as ``(first, last)``."""
    price_unit: str = "quote units"
    quantity_unit: str = "base units"


def png(chart: Chart, width_px: int = 1600) -> bytes:
    """Draw a chart as PNG, so many pixels wide.

    It is written in 256 colours: 900 pixels of a busy day are less than 60 KB, small enough to be
    kept as an asset's metadata.

    Raises:
        NothingStored: there are no bars.
    """
    from PIL import Image

    drawn, packed = io.BytesIO(), io.BytesIO()
    draw(chart).savefig(drawn, format="png", dpi=width_px / INCHES[0])
    with Image.open(drawn) as image:
        # Colours that cover most; the default gives up rare ones: a single incomplete second.
        few = image.convert("RGB").quantize(
            _COLOURS,
            method=Image.Quantize.MAXCOVERAGE,
            dither=Image.Dither.NONE,
        )
    few.save(packed, format="png", optimize=True)
    return packed.getvalue()


def svg(chart: Chart) -> str:
    """Draw a chart as an ``<svg>`` element; the same bars give the same text.

    Raises:
        NothingStored: there are no bars.
    """
    import matplotlib as mpl

    data = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": "crypto-assets"}):
        draw(chart).savefig(data, format="svg", metadata=_NO_METADATA)
    text = data.getvalue()
    return text[text.index("<svg") :]


def drawable(text: str) -> str:
    """Put a box for every character that the font has no glyph for, as of 币安人生USDT."""
    from matplotlib.font_manager import FontProperties, findfont, get_font

    known = get_font(findfont(FontProperties())).get_charmap()
    return "".join(one if ord(one) in known else _BOX for one in text)


def draw(chart: Chart) -> Figure:
    """Draw a chart: price over volume over a strip that shows what is complete.

    Raises:
        NothingStored: there are no bars.
    """
    from matplotlib.figure import Figure

    bars = chart.bars
    if bars.is_empty():
        raise NothingStored(f"chart {chart.title!r}: expected bars, found none")
    figure = Figure(figsize=INCHES, facecolor=_PAPER)
    price, volume, strip = figure.subplots(
        3,
        1,
        sharex=True,
        gridspec_kw={
            "height_ratios": (10, 3.6, 0.55),
            "hspace": 0.16,
            "left": 0.072,
            "right": 0.928,
            "top": 0.845,
            "bottom": 0.115,
        },
    )
    for axes in (price, volume, strip):
        _plain(axes)
    _price(price, chart)
    _volume(volume, chart)
    _strip(strip, chart)
    _time_axis(strip, bars)
    figure.text(0.072, 0.945, drawable(chart.title), size=_TITLE, weight="bold", color=_INK)
    figure.text(0.072, 0.905, drawable(chart.subtitle), size=_TEXT, color=_MUTED)
    return figure


def _plain(axes: Axes) -> None:
    axes.set_facecolor(_PAPER)
    for side in ("top", "left", "right"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(_GRID)
    axes.tick_params(length=0, labelsize=_SMALL, labelcolor=_MUTED, pad=5)
    axes.tick_params(axis="x", labelbottom=False)
    axes.grid(visible=True, color=_GRID, linewidth=0.6)
    axes.set_axisbelow(True)


def _step_us(bars: pl.DataFrame) -> int:
    """How long a bar is; a single one is taken for a second."""
    steps = bars["ts_open"].to_physical().head(2).to_list()
    return steps[1] - steps[0] if len(steps) > 1 else SECOND_US


def _at_most(bars: pl.DataFrame, count: int) -> pl.DataFrame:
    """Merge bars into the shortest interval that gives no more than a count of them."""
    span = bars.height * (step := _step_us(bars))
    for interval in Interval:
        if interval.microseconds >= step and span <= count * interval.microseconds:
            break
    if interval.microseconds == step:
        return bars
    return roll_up(bars.lazy(), interval).collect()


def _days(bars: pl.DataFrame) -> pl.Series:
    """Give opening times as days since 1970, what Matplotlib's dates are."""
    return bars["ts_open"].to_physical() / DAY_US


def _length(bars: pl.DataFrame) -> str:
    step = _step_us(bars)
    return next((i.value for i in Interval if i.microseconds == step), f"{step // SECOND_US}s")


def _price(axes: Axes, chart: Chart) -> None:
    bars = _at_most(chart.bars, _PRICE_BARS)
    traded = bars.filter(pl.col("trade_count") > 0)
    axes.set_ylabel(f"price, {chart.price_unit}", size=_SMALL, color=_MUTED, labelpad=8)
    quoted = bars.filter((pl.col("bid") > 0) & (pl.col("ask") > 0))
    if not quoted.is_empty():
        floats = bars.select(
            pl.when((pl.col("bid") > 0) & (pl.col("ask") > 0))
            .then(pl.col(name))
            .cast(pl.Float64)
            .fill_null(float("nan"))
            .alias(name)
            for name in ("bid", "ask")
        )
        axes.fill_between(
            (_days(bars) + _step_us(bars) / DAY_US).to_numpy(),
            floats["bid"].to_numpy(),
            floats["ask"].to_numpy(),
            step="post",
            color=_SPREAD,
            alpha=0.9,
            linewidth=0,
            label=f"bid to ask, median {_number(_median(quoted['spread']))}",
            zorder=2.2,
        )
    if traded.is_empty():
        axes.text(0.5, 0.5, "no trade", transform=axes.transAxes, ha="center", color=_MUTED)
        axes.set_yticks([])
        return
    middle = (_days(traded) + _step_us(bars) / DAY_US / 2).to_numpy()
    high, low = (traded[name].cast(pl.Float64).to_numpy() for name in ("high", "low"))
    axes.vlines(
        middle,
        low,
        high,
        color=_BAND,
        linewidth=1.1,
        label=f"high to low of {_length(bars)}",
    )
    known = bars.filter(pl.col("close").is_not_null())
    axes.plot(
        (_days(known) + _step_us(bars) / DAY_US / 2).to_numpy(),
        known["close"].cast(pl.Float64).to_numpy(),
        color=_CLOSE,
        linewidth=0.8,
        label="close",
        zorder=2.4,
        solid_joinstyle="round",
    )
    axes.margins(y=0.07)
    axes.ticklabel_format(axis="y", style="plain", useOffset=False)
    _last_price(axes, traded)
    _legend(axes)


def _median(prices: pl.Series) -> Decimal:
    """Find the middle of an odd number of prices, the lower of the two middle ones of an even."""
    known = prices.drop_nulls().sort()
    found: Decimal = known[(len(known) - 1) // 2]
    return found


def _last_price(axes: Axes, traded: pl.DataFrame) -> None:
    last = traded["close"][-1]
    axes.annotate(
        _number(last),
        xy=(1, float(last)),
        xycoords=("axes fraction", "data"),
        xytext=(5, 0),
        textcoords="offset points",
        va="center",
        size=_SMALL,
        weight="bold",
        color=_CLOSE,
    )


def _volume(axes: Axes, chart: Chart) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    bars = _at_most(chart.bars, _VOLUME_BARS)
    axes.set_ylabel(
        f"{chart.quantity_unit} in {_length(bars)}",
        size=_SMALL,
        color=_MUTED,
        labelpad=8,
    )
    width = _step_us(bars) / DAY_US
    left = _days(bars).to_numpy()
    buy = bars["taker_buy_volume"].cast(pl.Float64).to_numpy()
    sell = bars["volume"].cast(pl.Float64).to_numpy() - buy
    for amounts, below, color, label in (
        (buy, 0, _BUY, "takers bought"),
        (sell, buy, _SELL, "takers sold"),
    ):
        axes.bar(
            left,
            amounts,
            width * 0.82,
            bottom=below,
            align="edge",
            color=color,
            linewidth=0,
            label=label,
        )
    _clip(axes, left + width, buy + sell)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=3, min_n_ticks=2))
    axes.yaxis.set_major_formatter(FuncFormatter(_short))
    _legend(axes)


def _clip(axes: Axes, right: FloatArray, amounts: FloatArray) -> None:
    """Cut off a few columns that would flatten all others, and write at each how high it is."""
    usual = float(np.quantile(amounts, _USUAL)) * _ABOVE_USUAL
    highest = float(amounts.max())
    if not 0 < usual < highest / _ABOVE_USUAL:
        axes.set_ylim(0, highest * 1.05 or 1)
        return
    axes.set_ylim(0, usual)
    tall = np.flatnonzero(amounts > usual)
    for cluster in np.split(tall, np.flatnonzero(np.diff(tall) > len(amounts) // 12) + 1):
        axes.annotate(
            f"↑ {_short(float(f'{amounts[cluster].max():.3g}'), 0)}",
            xy=(right[cluster[-1]], 0.99),
            xycoords=("data", "axes fraction"),
            xytext=(3, 0),
            textcoords="offset points",
            va="top",
            size=_SMALL,
            color=_MUTED,
        )


def _short(value: float, _position: int) -> str:
    """Write a tick as people say it: 1.5 k, 20 k, 3 M."""
    for unit, name in ((1_000_000, " M"), (1_000, " k")):
        if abs(value) >= unit:
            return f"{value / unit:g}{name}"
    return f"{value:g}"


def _strip(axes: Axes, chart: Chart) -> None:
    """Show stretches of complete and incomplete bars; the shortest is still wide enough to see."""
    bars = chart.bars
    step = _step_us(bars)
    runs = bars.select(
        at=pl.col("ts_open").to_physical(),
        is_complete="is_complete",
        run=pl.col("is_complete").rle_id(),
    )
    runs = runs.group_by("run", maintain_order=True).agg(
        pl.col("is_complete").first(),
        begin=pl.col("at").first(),
        end=pl.col("at").last() + step,
    )
    first, last = _span_us(bars)
    thinnest = (last - first) * _THINNEST
    for is_complete, color in ((True, _COMPLETE), (False, _INCOMPLETE)):
        spans = [
            ((middle - length / 2) / DAY_US, length / DAY_US)
            for middle, length in (
                ((begin + end) / 2, max(end - begin, thinnest))
                for complete, begin, end in runs.select("is_complete", "begin", "end").iter_rows()
                if complete is is_complete
            )
        ]
        axes.broken_barh(spans, (0, 1), facecolor=color, linewidth=0)
    axes.set_ylim(0, 1)
    axes.set_yticks([])
    axes.grid(visible=False)
    axes.text(
        0,
        _FOOT,
        _completeness(bars),
        transform=axes.transAxes,
        size=_SMALL,
        va="top",
        color=_MUTED if bars["is_complete"].all() else _INCOMPLETE,
    )
    if chart.missing:
        _mark(axes, chart)


def _completeness(bars: pl.DataFrame) -> str:
    complete, length = int(bars["is_complete"].sum()), _length(bars)
    if complete == bars.height:
        return f"all {bars.height:,} bars of {length} are complete"
    return f"{bars.height - complete:,} of {bars.height:,} bars of {length} may lack trades"


def _mark(axes: Axes, chart: Chart) -> None:
    """Point at every range of missing ids, between the trades before and after it."""
    first, last = _span_us(chart.bars)
    traded = chart.bars.filter(pl.col("trade_count") > 0).select(
        pl.col("ts_open").to_physical(),
        "first_trade_id",
        "last_trade_id",
    )
    places = []
    for low, high in chart.missing:
        before = traded.filter(pl.col("first_trade_id") < low)["ts_open"].max()
        after = traded.filter(pl.col("last_trade_id") > high)["ts_open"].min()
        begin = first if before is None else before
        end = last if after is None else after
        places.append((int(str(begin)) + int(str(end))) / 2 / DAY_US)
    axes.plot(
        places,
        [1.3] * len(places),
        linestyle="none",
        marker="v",
        markersize=4.5,
        color=_INCOMPLETE,
        clip_on=False,
    )
    count = sum(high - low + 1 for low, high in chart.missing)
    axes.text(
        1,
        _FOOT,
        f"{count:,} trade ids missing in {len(chart.missing):,} ranges",
        transform=axes.transAxes,
        size=_SMALL,
        weight="bold",
        ha="right",
        va="top",
        color=_INCOMPLETE,
    )


def _span_us(bars: pl.DataFrame) -> Range:
    opens = bars["ts_open"].to_physical()
    return opens[0], opens[-1] + _step_us(bars)


def _time_axis(axes: Axes, bars: pl.DataFrame) -> None:
    """Label the time in UTC; the dates stand below the hours."""
    from matplotlib.dates import AutoDateLocator, DateFormatter

    first, last = _span_us(bars)
    axes.set_xlim(first / DAY_US, last / DAY_US)
    locator = AutoDateLocator(tz=dt.UTC, minticks=5, maxticks=13)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    form = "%H:%M" if last - first <= 2 * DAY_US else "%d %b"
    if last - first <= 10 * 60 * SECOND_US:
        form = "%H:%M:%S"
    axes.xaxis.set_major_formatter(DateFormatter(form, tz=dt.UTC))  # type: ignore[no-untyped-call]
    axes.tick_params(axis="x", labelbottom=True)
    dates = {dt.datetime.fromtimestamp(at // SECOND_US, dt.UTC).date() for at in (first, last - 1)}
    told = " to ".join(f"{date.day} {date:%B %Y}" for date in sorted(dates))
    axes.set_xlabel(f"{told}, UTC", size=_SMALL, color=_MUTED, labelpad=5, va="top")


def _legend(axes: Axes) -> None:
    from matplotlib.collections import LineCollection
    from matplotlib.lines import Line2D

    legend = axes.legend(
        loc="lower right",
        bbox_to_anchor=(1.0, 0.995),
        ncols=3,
        frameon=False,
        fontsize=_SMALL,
        labelcolor=_MUTED,
        handlelength=1.2,
        handleheight=0.7,
        columnspacing=1.6,
        borderpad=0,
        borderaxespad=0.2,
    )
    for handle in legend.legend_handles:
        if isinstance(handle, LineCollection | Line2D):
            handle.set_linewidth(2)


def _number(value: Decimal) -> str:
    """Write a decimal without the zeros behind its last place that says something."""
    text = f"{value:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
