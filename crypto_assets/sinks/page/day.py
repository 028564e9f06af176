"""The page of one symbol on one day."""

from __future__ import annotations

from crypto_assets.model.coverage import Coverage
from crypto_assets.model.report import DayReport
from crypto_assets.model.verdict import Condition
from crypto_assets.sinks.page import charts, proof, shell
from crypto_assets.sinks.page.shell import escaped
from crypto_assets.sinks.page.sizes import figure


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
        charts.charts(report),
        _sizes(report),
        proof.facts(report.facts),
        proof.marks(report.marks),
        proof.ledger(report.gaps),
        proof.files(report),
        proof.checks(report),
        charts.hours(report),
        _footer(report),
    ]
    return shell.page(
        title,
        "\n".join(part for part in body if part),
        styles=charts.STYLES,
        scripts=charts.SCRIPTS if report.bars is not None else (),
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
    if not report.rows and report.condition in (Condition.MISSING, Condition.PROVISIONAL):
        keys.append(("Missing", f"{missing:,}" if missing else "not known", "no trade is stored"))
    else:
        told = ranges if missing else "no id is known to be missing"
        keys.append(("Missing", f"{missing:,}", told))
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


def _sizes(report: DayReport) -> str:
    if not report.sizes:
        return ""
    return f"<section><h2>Trade sizes</h2>{figure(report.sizes)}</section>"


def _footer(report: DayReport) -> str:
    instrument, date = report.partition.instrument, report.partition.date
    where = f"venue = '{instrument.venue}' AND symbol = '{instrument.symbol}' AND date = '{date}'"
    command = f'crypto-assets sql "SELECT * FROM bars_1m WHERE {where}"'  # noqa: S608 - is told
    licence = ""
    if report.bars is not None:
        text = escaped(shell.asset("uPlot.LICENSE.txt").strip())
        licence = f"<details><summary>Charts by uPlot</summary><pre>{text}</pre></details>"
    return f"<footer><p>Ask further:</p><pre>{escaped(command)}</pre>{licence}</footer>"
