"""What a day's page says in tables: the proof, what is marked, gaps, sealed files and checks."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence

import msgspec

from crypto_assets.model.gap import Gap
from crypto_assets.model.report import DayReport, Fact, FileFact, Mark
from crypto_assets.sinks.page import shell
from crypto_assets.sinks.page.charts import MARKS
from crypto_assets.sinks.page.shell import escaped, table

_SHOWN = 2_000
"""So many rows of a table at most; how many more there are is said."""


_LEDGER = (
    "first id",
    "last id",
    "ids",
    "state",
    "cause",
    "trade before, UTC",
    "trade after, UTC",
    "found, UTC",
    "tries",
    "closed, UTC",
    "source",
    "evidence",
)


def facts(facts: Iterable[Fact]) -> str:
    """Write the steps of the proof, each with whether it holds."""
    classes = {True: "", False: ' class="bad"', None: ' class="open"'}
    words = {True: "holds", False: "does not hold", None: "is not proven"}
    return (
        '<section><h2>The proof</h2><ul class="claims">'
        + "".join(
            f"<li{classes[fact.holds]}><b>{escaped(fact.name)}</b> "
            f'<span class="unseen">({words[fact.holds]})</span> {escaped(fact.says)}</li>'
            for fact in facts
        )
        + "</ul></section>"
    )


def marks(marks: Sequence[Mark]) -> str:
    """Write what is marked on the time axis as a table; nothing where nothing is."""
    if not marks:
        return ""
    rows = (
        (
            f'<span class="swatch mark-{mark.kind}"></span>{escaped(MARKS[mark.kind])}',
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


def ledger(gaps: Sequence[Gap]) -> str:
    """Write every gap of the ledger."""
    if not gaps:
        told = "No id of this day was ever found missing by the ledger."
        return f"<section><h2>Gap ledger</h2><p>{told}</p></section>"
    found = table(_LEDGER, map(_gap, gaps[:_SHOWN]), numbers=(0, 1, 2, 8), kind="small")
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


def files(report: DayReport) -> str:
    """Write every sealed file with its hashes."""
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


def checks(report: DayReport) -> str:
    """Write every check of the day."""
    if not report.checks:
        return "<section><h2>Every check</h2><p>Nothing of this day was judged.</p></section>"
    told = escaped(shell.count_of_checks(report.checks))
    return f"<section><h2>Every check</h2><p>{told}</p>{shell.checks(report.checks)}</section>"


def _clock(us: int) -> str:
    """Write the time of day; the end of a day is 24:00."""
    at = dt.datetime.fromtimestamp(us // 1_000_000, dt.UTC)
    return f'<span class="w">{at:%H:%M:%S}.{us % 1_000_000 // 1000:03}</span>'


def _moment(us: int) -> str:
    at = dt.datetime.fromtimestamp(us // 1_000_000, dt.UTC)
    return f'<span class="w">{at:%Y-%m-%d %H:%M:%S}.{us % 1_000_000 // 1000:03}</span>'
