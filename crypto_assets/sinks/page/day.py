"""The page of one symbol on one day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from decimal import Decimal

import msgspec
import polars as pl

from crypto_assets.model.coverage import Coverage
from crypto_assets.model.gap import Gap
from crypto_assets.model.report import DayReport, Fact, FileFact, Mark, MarkKind
from crypto_assets.sinks.page import shell
from crypto_assets.sinks.page.payload import grids_of
from crypto_assets.sinks.page.shell import embedded, escaped, table
from crypto_assets.sinks.page.sizes import figure

_SOURCES = {
    "bars_1s": "one-second bars",
    "daily_bars": "sealed one-second bars",
    "klines": "the exchange's own klines, for no bars of trades are stored",
}
_MARKS = {
    MarkKind.MISSING: "ids missing",
    MarkKind.DENIED: "ids missing, denied by the exchange",
    MarkKind.HEALED: "ids healed",
    MarkKind.HALT: "halt: no trade, no id missing",
    MarkKind.UNHEARD: "no recorder was listening",
}
_CURVES = {
    "sma_20": ("SMA of 20 bars", "fast", True),
    "ema_50": ("EMA of 50 bars", "slow", True),
    "vwap_so_far": ("VWAP since 00:00", "vwap", True),
    "volatility_20": ("Realized volatility of 20 bars, a year's", "vol", False),
}
"""What each curve is called, its colour, and whether it lies over the candles."""
_SHOWN = 2_000
"""So many rows of a table at most; how many more there are is said."""


def html(report: DayReport) -> str:
    """Write the page of a day: charts, the proof, every check, the gap ledger, the sealed files.

    It loads nothing and connects to nothing; the same report gives the same text.
    """
    partition = report.partition
    title = f"{partition.instrument.symbol} on {partition.instrument.venue}, {partition.date}"
    body = [
        '<div class="top">',
        f"<h1>{escaped(title)}</h1>{shell.condition(report.condition)}</div>",
        f'<p class="lead">{escaped(_lead(report))}</p>',
        f"<section><h2>In numbers</h2>{_keys(report)}</section>",
        _charts(report),
        _sizes(report),
        f"<section><h2>The proof</h2>{_facts(report.facts)}</section>",
        _marks(report.marks),
        _ledger(report.gaps),
        _files(report),
        _checks(report),
        _hours(report),
        _footer(report),
    ]
    return shell.page(
        title,
        "\n".join(part for part in body if part),
        styles=("uPlot.min.css", "day.css"),
        scripts=("uPlot.iife.min.js", "grid.js", "day.js") if report.bars is not None else (),
    )


def _lead(report: DayReport) -> str:
    means = shell.MEANS[report.condition]
    return f"The UTC day is {report.condition.value.replace('_', ' ')}: {means}."


def _keys(report: DayReport) -> str:
    missing = len(Coverage.of(report.missing))
    ranges = f"in {len(report.missing):,} range{'s' * (len(report.missing) != 1)}"
    keys = [("Trades", f"{report.rows:,}", "each id once")]
    if report.ids is not None:
        first, last = report.ids
        keys.append(("Trade ids", f"{first} to {last}", f"{last - first + 1:,} ids"))
    keys.append(("Missing", f"{missing:,}", ranges if missing else "no id is known to be missing"))
    keys += [(f"From {name}", f"{rows:,}", "trades") for name, rows in report.sources.items()]
    if report.duplicates:
        keys.append(("Twice", f"{report.duplicates:,}", "rows that were there already"))
    if report.unreadable:
        keys.append(("Unreadable", f"{report.unreadable:,}", "lines of the inputs, kept aside"))
    sealed = next((one for one in report.files if one.asset == "daily_trades"), None)
    keys.append(
        ("Sealed", f"version {sealed.version}", f"{sealed.bytes:,} bytes")
        if sealed
        else ("Sealed", "no", "no final file of its trades"),
    )
    return '<dl class="keys">' + "".join(map(_key, keys)) + "</dl>"


def _key(key: tuple[str, str, str]) -> str:
    name, value, more = map(escaped, key)
    return f"<div><dt>{name}</dt><dd>{value}<small>{more}</small></dd></div>"


def _charts(report: DayReport) -> str:
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
        "marks": [[mark.kind.value, mark.from_us, mark.until_us, mark.says] for mark in report.marks],
    }
    kinds = [kind for kind in MarkKind if any(mark.kind is kind for mark in report.marks)]
    legend = "".join(f'<li class="mark-{kind}">{escaped(_MARKS[kind])}</li>' for kind in kinds)
    told = f"Drawn from {_SOURCES[report.drawn]}. Times are UTC."
    return (
        "<section><h2>Charts</h2>"
        "<noscript><p>The charts need JavaScript; every number of theirs by the hour, and all "
        "else, is in the tables below.</p></noscript>"
        '<div id="toolbar" class="toolbar"></div>'
        '<div id="reading" aria-live="polite"></div>'
        f'<div id="charts" tabindex="0" role="application" aria-label="{escaped(_described(report))}"'
        ' aria-describedby="hint"></div>'
        f'<ul class="legend">{legend}</ul>'
        f'<p class="hint" id="hint">{told} Drag to zoom, double-click to see the whole day; with '
        "the keyboard: arrows move the cross-hair, Shift with arrows the view, + and − zoom, "
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


def _sizes(report: DayReport) -> str:
    if not report.sizes:
        return ""
    return f"<section><h2>Trade sizes</h2>{figure(report.sizes)}</section>"


def _facts(facts: Iterable[Fact]) -> str:
    classes = {True: "", False: ' class="bad"', None: ' class="open"'}
    words = {True: "holds", False: "does not hold", None: "is not proven"}
    return (
        '<ul class="claims">'
        + "".join(
            f"<li{classes[fact.holds]}><b>{escaped(fact.name)}</b> "
            f'<span class="unseen">({words[fact.holds]})</span> {escaped(fact.says)}</li>'
            for fact in facts
        )
        + "</ul>"
    )


def _marks(marks: Sequence[Mark]) -> str:
    if not marks:
        return ""
    rows = (
        (
            f'<span class="swatch mark-{mark.kind}"></span>{escaped(_MARKS[mark.kind])}',
            _clock(mark.from_us),
            _clock(mark.until_us),
            f"{(mark.until_us - mark.from_us) / 1e6:,.3f}",
            escaped(mark.says),
        )
        for mark in marks[:_SHOWN]
    )
    heads = ("what", "from, UTC", "until, UTC", "seconds", "says")
    found = table(heads, rows, numbers=(3,), kind="small")
    return f"<section><h2>Marked on the time axis</h2>{found}{_more(marks)}</section>"


def _ledger(gaps: Sequence[Gap]) -> str:
    if not gaps:
        told = "No id of this day was ever found missing by the ledger."
        return f"<section><h2>Gap ledger</h2><p>{told}</p></section>"
    heads = ("first id", "last id", "ids", "state", "cause", "trade before, UTC", "trade after, UTC",
             "found, UTC", "tries", "closed, UTC", "source", "evidence")  # fmt: skip
    found = table(heads, map(_gap, gaps[:_SHOWN]), numbers=(0, 1, 2, 8), kind="small")
    return f"<section><h2>Gap ledger</h2>{found}{_more(gaps)}</section>"


def _gap(gap: Gap) -> Sequence[str]:
    state = shell.mark(gap.state, "bad" if gap.state.is_missing else "good")
    return (
        str(gap.ids[0]),
        str(gap.ids[1]),
        f"{gap.count:,}",
        state,
        escaped(gap.cause.replace("_", " ")),
        _moment(gap.before_us),
        _moment(gap.after_us),
        _moment(gap.found_us),
        str(gap.tries),
        "" if gap.closed_us is None else _moment(gap.closed_us),
        escaped(gap.source or ""),
        f'<span class="hash">{escaped(_json(gap.evidence))}</span>' if gap.evidence else "",
    )


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _more(rows: Sequence[object]) -> str:
    left = len(rows) - _SHOWN
    return f"<p>and {left:,} more; SQL has all of them.</p>" if left > 0 else ""


def _files(report: DayReport) -> str:
    if not report.files:
        told = "Nothing is sealed of this day."
        return f"<section><h2>Sealed files</h2><p>{told}</p></section>"
    heads = ("file", "rows", "version", "bytes", "sha256 of the bytes, and hash of the values")
    rows = (
        (
            f'<span class="hash">{escaped(file.path)}</span>',
            f"{file.rows:,}",
            str(file.version),
            f"{file.bytes:,}",
            _hashes(file),
        )
        for file in report.files
    )
    found = table(heads, rows, numbers=(1, 2, 3), kind="small files")
    return (
        f"<section><h2>Sealed files</h2>{found}<p class=hint>In its directory, "
        "<code>sha256sum -c *.sha256</code> says the same without this program.</p></section>"
    )


def _hashes(file: FileFact) -> str:
    told = (
        shell.mark("as its checksum says", "good")
        if file.is_intact
        else shell.mark("not what its checksum says", "bad")
    )
    return (
        f'<span class="hash">sha256 {escaped(file.sha256)}</span> {told}<br>'
        f'<span class="hash">values {escaped(file.logical_hash)}</span>'
    )


def _checks(report: DayReport) -> str:
    if not report.checks:
        return "<section><h2>Every check</h2><p>Nothing of this day was judged.</p></section>"
    told = escaped(shell.count_of_checks(report.checks))
    return f"<section><h2>Every check</h2><p>{told}</p>{shell.checks(report.checks)}</section>"


def _hours(report: DayReport) -> str:
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


_SUMMARY = "<summary>The charts' numbers as text</summary>"


def _cell(value: object) -> str:
    if value is None:
        return "–"
    return number(value) if isinstance(value, Decimal) else f"{value:,}"


def number(value: Decimal) -> str:
    """Write a decimal exactly, without the zeros at its end."""
    text = f"{value:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _footer(report: DayReport) -> str:
    instrument, date = report.partition.instrument, report.partition.date
    where = f"venue = '{instrument.venue}' AND symbol = '{instrument.symbol}' AND date = '{date}'"
    command = f'crypto-assets sql "SELECT * FROM bars_1m WHERE {where}"'
    licence = ""
    if report.bars is not None:
        text = escaped(shell.asset("uPlot.LICENSE.txt").strip())
        licence = f"<details><summary>Charts by uPlot</summary><pre>{text}</pre></details>"
    return f"<footer><p>Ask further:</p><pre>{escaped(command)}</pre>{licence}</footer>"


def _clock(us: int) -> str:
    """Write the time of day; the end of a day is 24:00."""
    at = dt.datetime.fromtimestamp(us // 1_000_000, dt.UTC)
    return f'<span class="w">{at:%H:%M:%S}.{us % 1_000_000 // 1000:03}</span>'


def _moment(us: int) -> str:
    at = dt.datetime.fromtimestamp(us // 1_000_000, dt.UTC)
    return f'<span class="w">{at:%Y-%m-%d %H:%M:%S}.{us % 1_000_000 // 1000:03}</span>'
