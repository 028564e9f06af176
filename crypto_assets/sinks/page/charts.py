"""The charts of a day's page: where a script draws them, what it draws, and the same in words."""

from __future__ import annotations

from decimal import Decimal

import polars as pl

from crypto_assets.model.report import DayReport, MarkKind
from crypto_assets.sinks.page.payload import grids_of
from crypto_assets.sinks.page.shell import embedded, escaped, table

STYLES = ("uPlot.min.css", "day.css")
SCRIPTS = ("uPlot.iife.min.js", "grid.js", "day.js")
_DRAWN = {
    "bars_1s": "one-second bars",
    "daily_bars": "sealed one-second bars",
    "klines": "the exchange's own klines, for no bars of trades are stored",
}
"""What is drawn, in words."""
MARKS = {
    MarkKind.MISSING: "ids missing",
    MarkKind.DENIED: "ids missing, denied by the exchange",
    MarkKind.HEALED: "ids healed",
    MarkKind.HALT: "halt: no trade, no id missing",
    MarkKind.UNHEARD: "no recorder was listening",
}
"""What a mark means, in words."""
_CURVES = {
    "sma_20": ("SMA of 20 bars", "fast", True),
    "ema_50": ("EMA of 50 bars", "slow", True),
    "vwap_so_far": ("VWAP since 00:00", "vwap", True),
    "volatility_20": ("Realized volatility of 20 bars, annualised", "vol", False),
}
"""What each curve is called, its colour, and whether it lies over the candles."""
_SUMMARY = "<summary>The charts' numbers as text</summary>"


def charts(report: DayReport) -> str:
    """Write the section that the script fills, with its data; or that there is nothing to draw."""
    if report.bars is None:
        told = "Nothing to draw: no trade and no kline of this day is stored."
        return f"<section><h2>Charts</h2><p>{told}</p></section>"
    day = {
        "start_us": report.partition.start_us,
        "end_us": report.partition.end_us,
        "title": str(report.partition),
        "grids": grids_of(report.bars, report.step_us),
        "curves": _curves(report),
        "profile": _profile(report.profile),
        "marks": [
            [mark.kind.value, mark.from_us, mark.until_us, mark.says] for mark in report.marks
        ],
    }
    kinds = [kind for kind in MarkKind if any(mark.kind is kind for mark in report.marks)]
    legend = "".join(f'<li class="mark-{kind}">{escaped(MARKS[kind])}</li>' for kind in kinds)
    told = f"Drawn from {_DRAWN[report.drawn]}. Times are UTC."
    return (
        "<section><h2>Charts</h2>"
        "<noscript><p>The charts need JavaScript; every number of theirs by the hour, and all "
        "else, is in the tables below.</p></noscript>"
        '<div id="toolbar" class="toolbar"></div>'
        '<div id="reading" aria-live="polite"></div>'
        '<div id="charts" tabindex="0" role="application" aria-describedby="hint" '
        f'aria-label="{escaped(_described(report))}"></div>'
        f'<ul class="legend">{legend}</ul>'
        f'<p class="hint" id="hint">{told} Drag to zoom, double-click to see the whole day; with '
        "the keyboard: arrows move the cross-hair, Shift with arrows the view, + and - zoom, "
        "0 shows the whole day. Ctrl and the wheel zoom too, Shift and the wheel pan.</p>"
        f"{embedded('day', day)}</section>"
    )


def _curves(report: DayReport) -> dict[str, object]:
    """Give the curves there are with their names, colours and values by interval."""
    known = {name for curve in report.curves for name in curve.columns}
    return {
        "names": [
            {"name": name, "label": label, "tone": tone, "over": over}
            for name, (label, tone, over) in _CURVES.items()
            if name in known
        ],
        "grids": [
            {
                "step_us": curve.step_us,
                "columns": {
                    # Derived values, for the eye: seven digits are finer than any pixel.
                    name: [None if v is None else float(f"{v:.7g}") for v in values]
                    for name, values in curve.columns.items()
                },
            }
            for curve in report.curves
        ],
    }


def _profile(levels: pl.DataFrame | None) -> list[list[object]]:
    if levels is None:
        return []
    sold = pl.col("volume") - pl.col("taker_buy_volume")
    rows = levels.select("price_from", "price_to", "taker_buy_volume", sold, "is_value_area")
    return [[*map(str, decimals), is_in] for *decimals, is_in in rows.iter_rows()]


def _described(report: DayReport) -> str:
    """Say in words what the charts show."""
    told = f"Charts of {report.partition}: candles, volume"
    if report.hours is None or report.hours["close"].is_null().all():
        return told
    traded = report.hours.filter(pl.col("close").is_not_null())
    first, last = traded["open"][0], traded["close"][-1]
    high, low = traded["high"].max(), traded["low"].min()
    return (
        f"{told}. Opens at {number(first)}, highest {number(_decimal(high))}, lowest "
        f"{number(_decimal(low))}, closes at {number(last)}; the table by the hour has the numbers."
    )


def _decimal(value: object) -> Decimal:
    return value if isinstance(value, Decimal) else Decimal(str(value))


def hours(report: DayReport) -> str:
    """Write the bars by the hour as a table."""
    if report.hours is None:
        return ""
    names = ["open", "high", "low", "close", "volume"]
    heads = ["hour, UTC", *names]
    if "trade_count" in report.hours.columns:
        names.append("trade_count")
        heads.append("trades")
    rows = report.hours.select("ts_open", *names).iter_rows()
    found = table(
        heads,
        ((f"{opens:%H:%M}", *map(_cell, values)) for opens, *values in rows),
        numbers=range(1, len(heads)),
        kind="small",
        caption="Prices in quote units, volumes in base units",
    )
    return f"<section><h2>By the hour</h2><details>{_SUMMARY}{found}</details></section>"


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return number(value) if isinstance(value, Decimal) else f"{value:,}"


def number(value: Decimal) -> str:
    """Write a decimal exactly, without the zeros at its end."""
    text = f"{value:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
