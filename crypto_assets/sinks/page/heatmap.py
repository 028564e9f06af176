"""The page of all symbols and days: what each is said to be, at a glance."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from crypto_assets.model.instrument import Instrument
from crypto_assets.model.report import DayCell, Survey, SymbolDays
from crypto_assets.model.verdict import Condition
from crypto_assets.sinks.page import shell
from crypto_assets.sinks.page.shell import embedded, escaped, table

_TITLE = "Completeness by symbol and day"
_SHOWN = 1_000
_LETTERS = {
    Condition.CONFIRMED: "c",
    Condition.COMPLETE: "o",
    Condition.PROVISIONAL: "p",
    Condition.DEGRADED: "d",
    Condition.HALTED: "h",
    Condition.NOT_LISTED: "n",
    Condition.MISSING: "m",
}
"""How a condition is written in the data of the page, one letter a day."""


def html(survey: Survey, reports: Path, beside: Path) -> str:
    """Write the page; it loads nothing, and links to the pages of days that are there.

    Args:
        survey: What is known.
        reports: The directory that the days' pages lie in.
        beside: The directory this page will lie in.

    """
    if not survey.symbols:
        told = "Nothing is stored in this lake yet."
        return shell.page(_TITLE, f"<h1>{_TITLE}</h1><p class=lead>{told}</p>")
    counts = Counter(day.condition for one in survey.symbols for day in one.days)
    data = {
        "meanings": {
            _LETTERS[one]: [one.value, shell.MEANS[one], counts[one]] for one in Condition
        },
        "reports": PurePosixPath(os.path.relpath(reports, beside)).as_posix(),
        **_packed(survey.symbols),
    }
    body = [
        f"<h1>{_TITLE}</h1>",
        f'<p class="lead">{escaped(_lead(survey))}</p>',
        _map(_lead(survey), data),
        f"<section><h2>By symbol</h2>{_by_symbol(survey.symbols)}</section>",
        f"<section><h2>Days to act upon</h2>{_faults(survey.symbols)}</section>",
    ]
    return shell.page(
        _TITLE,
        "\n".join(body),
        styles=("heatmap.css",),
        scripts=("heatmap.js",),
    )


def _map(told: str, data: object) -> str:
    """Write what the script fills, with its data."""
    return (
        '<section><div id="tools" class="tools"></div><ul id="legend" class="legend"></ul>'
        '<p id="reading" class="reading"></p>'
        '<div id="map" class="map" tabindex="0" role="application" aria-describedby="hint" '
        f'aria-label="{escaped(told)} The table below says the same in words."></div>'
        '<p class="hint" id="hint">Point at a day to read what is known of it; a click opens its '
        "report where one is written. With the keyboard: arrows move, Page Up and Page Down move "
        "by a month, Enter opens. Days are UTC.</p>"
        "<noscript><p>The map needs JavaScript; the tables below say the same.</p></noscript>"
        f"{embedded('survey', data)}</section>"
    )


def _lead(survey: Survey) -> str:
    proven, listed = (sum(of) for of in zip(*(one.proven for one in survey.symbols), strict=True))
    symbols = len(survey.symbols)
    return (
        f"{symbols:,} symbol{'s' * (symbols != 1)}, {listed:,} days on which they were listed: "
        f"{proven:,} of them, {_share(proven, listed)}, are proven, which is confirmed, complete "
        "or halted."
    )


def _share(part: int, whole: int) -> str:
    """Write a share in per cent; never 100 % where anything lacks."""
    if not whole:
        return "-"
    found = part * 1000 // whole
    return f"{found // 10}.{found % 10} %"


def _packed(symbols: Sequence[SymbolDays]) -> dict[str, object]:
    """Write the days of symbols by columns: a letter, rows, missing ids and sources each."""
    sources = sorted({day.sources for one in symbols for day in one.days})
    at = {names: index for index, names in enumerate(sources)}
    return {
        "sources": [", ".join(names) for names in sources],
        "symbols": [
            {
                "venue": one.instrument.venue,
                "symbol": one.instrument.symbol,
                "first": one.days[0].date.isoformat(),
                "share": _share(*one.proven),
                "conditions": "".join(_LETTERS[day.condition] for day in one.days),
                "rows": [day.rows for day in one.days],
                "missing": {str(n): day.missing for n, day in enumerate(one.days) if day.missing},
                "sources": [at[day.sources] for day in one.days],
                "reported": [n for n, day in enumerate(one.days) if day.has_report],
            }
            for one in symbols
        ],
    }


def _by_symbol(symbols: Sequence[SymbolDays]) -> str:
    shown = [
        one for one in Condition if any(one is day.condition for s in symbols for day in s.days)
    ]
    heads = ("symbol", "from", "to", "proven", *(one.value.replace("_", " ") for one in shown),
             "missing ids")  # fmt: skip
    rows = (
        (
            escaped(_name(one.instrument)),
            f'<span class="w">{one.days[0].date}</span>',
            f'<span class="w">{one.days[-1].date}</span>',
            _share(*one.proven),
            *(f"{sum(day.condition is of for day in one.days):,}" for of in shown),
            f"{sum(day.missing for day in one.days):,}",
        )
        for one in symbols
    )
    return table(heads, rows, numbers=range(3, len(heads)), kind="small")


def _faults(symbols: Sequence[SymbolDays]) -> str:
    found = [(one.instrument, day) for one in symbols for day in one.days if day.condition.is_fault]
    if not found:
        return "<p>None: no day is degraded or missing.</p>"
    heads = ("symbol", "day", "condition", "trades", "missing ids", "sources")
    rows = (_fault(instrument, day) for instrument, day in found[:_SHOWN])
    shown = table(heads, rows, numbers=(3, 4), kind="small")
    left = len(found) - _SHOWN
    more = (
        f"<p>and {left:,} more; <code>crypto-assets status</code> has all.</p>" if left > 0 else ""
    )
    told = f"{len(found):,} day{'s' * (len(found) != 1)} degraded or missing"
    return f"<details><summary>{told}</summary>{shown}{more}</details>"


def _fault(instrument: Instrument, day: DayCell) -> Sequence[str]:
    return (
        escaped(_name(instrument)),
        f'<span class="w">{day.date}</span>',
        shell.condition(day.condition),
        f"{day.rows:,}",
        f"{day.missing:,}",
        escaped(", ".join(day.sources)),
    )


def _name(instrument: Instrument) -> str:
    return f"{instrument.symbol} on {instrument.venue}"
