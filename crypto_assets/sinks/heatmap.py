"""A small picture of all symbols and days, one colour a condition."""

from __future__ import annotations

import datetime as dt
import io

import numpy as np

from crypto_assets.model.report import Survey
from crypto_assets.model.verdict import Condition
from crypto_assets.sinks.chart import drawable

COLOURS = {
    Condition.CONFIRMED: "#0b5fa5",
    Condition.COMPLETE: "#54a9dd",
    Condition.PROVISIONAL: "#e3bd2b",
    Condition.DEGRADED: "#d3540a",
    Condition.HALTED: "#b56a98",
    Condition.NOT_LISTED: "#c3cad2",
    Condition.MISSING: "#20262e",
}
"""Of the Okabe-Ito palette, which is told apart without seeing red or green."""
_INK, _MUTED, _PAPER = "#1f2a37", "#5b6675", "#ffffff"
_NAMED = 60
"""Of more symbols not every one is named beside its row."""


def png(survey: Survey, width_px: int = 1000) -> bytes:
    """Draw a survey that is not empty as PNG: a row a symbol, a column a day."""
    from matplotlib.colors import ListedColormap
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    symbols, order = survey.symbols, list(COLOURS)
    first = min(one.days[0].date for one in symbols).toordinal()
    last = max(one.days[-1].date for one in symbols).toordinal()
    cells = np.full((len(symbols), last - first + 1), np.nan)
    for row, one in enumerate(symbols):
        start = one.days[0].date.toordinal() - first
        codes = [order.index(day.condition) for day in one.days]
        cells[row, start : start + len(codes)] = codes
    height = 1.2 + min(9.0, max(0.6, 0.17 * len(symbols)))
    figure = Figure(figsize=(10, height), facecolor=_PAPER, layout="constrained")
    axes = figure.subplots()
    left = _days(dt.date.fromordinal(first))
    axes.imshow(
        np.ma.masked_invalid(cells),
        cmap=ListedColormap([COLOURS[one] for one in order]),
        vmin=-0.5,
        vmax=len(order) - 0.5,
        aspect="auto",
        interpolation="nearest",
        extent=(left, left + cells.shape[1], len(symbols), 0),
    )
    rows = range(1, len(symbols))
    axes.hlines(rows, left, left + cells.shape[1], color=_PAPER, linewidth=0.8)
    locator = AutoDateLocator(minticks=3, maxticks=12)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    every = -(-len(symbols) // _NAMED)
    axes.set_yticks(
        [row + 0.5 for row in range(0, len(symbols), every)],
        [drawable(one.instrument.symbol) for one in symbols[::every]],
    )
    axes.tick_params(labelsize=7, colors=_MUTED, length=0)
    axes.xaxis.get_offset_text().set(size=7, color=_MUTED)
    for spine in axes.spines.values():
        spine.set_visible(False)
    drawn = {day.condition for one in symbols for day in one.days}
    figure.legend(
        handles=[
            Patch(color=colour, label=one.value.replace("_", " "))
            for one, colour in COLOURS.items()
            if one in drawn
        ],
        loc="outside upper left",
        ncols=len(drawn),
        frameon=False,
        fontsize=8,
        labelcolor=_INK,
    )
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=width_px / 10)
    return data.getvalue()


def _days(date: dt.date) -> int:
    """Count days since 1970, what Matplotlib's dates are."""
    return (date - dt.date(1970, 1, 1)).days
