"""The report: one HTML page that needs nothing but itself."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from string import Template

from crypto_assets.demo.proof import Claim
from crypto_assets.model.verdict import Verdict
from crypto_assets.pipeline.status import DayStatus

_PAGE = Path(__file__).with_name("report.html")
_MARKS = {"confirmed": "good", "complete": "good", "degraded": "bad", "missing": "bad"}


@dataclass(frozen=True, slots=True)
class Section:
    """Claims that belong together."""

    heading: str
    intro: str
    claims: Sequence[Claim]
    picture: bytes | None = None
    """A PNG to show below them."""


@dataclass(frozen=True, slots=True)
class Report:
    """What the page shows."""

    title: str
    lead: str
    chart: str
    """An ``<svg>`` element."""
    days: Sequence[tuple[DayStatus, int]]
    """Each day, and how many of its trades are known to be missing."""
    sections: Sequence[Section]
    checks: Sequence[Verdict]
    commands: Sequence[str]
    footer: str


def html(report: Report) -> str:
    """Write the page; it loads nothing and runs no script."""
    judged = [verdict for verdict in report.checks if _is_judged(verdict)]
    passed = sum(verdict.passed for verdict in judged)
    return Template(_PAGE.read_text(encoding="utf-8")).substitute(
        title=escape(report.title),
        lead=escape(report.lead),
        # Sized by the page, not by the inches it was drawn in.
        chart=re.sub(r'<svg ([^>]*?)width="[^"]*" ', r"<svg \1", report.chart, count=1),
        days=_table(
            ("symbol", "date", "condition", "trades", "trade ids", "missing", "sealed", "source"),
            (_day(day, missing) for day, missing in report.days),
            numbers=(3, 5),
        ),
        proofs="\n".join(_section(section) for section in report.sections),
        checks_told=f"{passed} of {len(judged)} passed, "
        f"{len(report.checks) - len(judged)} had nothing to judge",
        checks=_table(
            ("code", "asset", "proposition", "", "found"),
            (_check(verdict) for verdict in report.checks),
            kind="checks",
        ),
        commands="".join(f"<pre>{escape(command)}</pre>" for command in report.commands),
        footer=escape(report.footer),
    )


def _table(
    heads: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    numbers: Sequence[int] = (),
    kind: str = "",
) -> str:
    def cells(tag: str, row: Sequence[str]) -> str:
        return "".join(
            f"<{tag}{' class=n' if index in numbers else ''}>{cell}</{tag}>"
            for index, cell in enumerate(row)
        )

    body = "".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    return f'<table class="{kind}"><tr>{cells("th", heads)}</tr>{body}</table>'


def _day(day: DayStatus, missing: int) -> Sequence[str]:
    mark = _MARKS.get(day.condition, "fair")
    return (
        escape(day.symbol),
        f"<span style='white-space:nowrap'>{day.date}</span>",
        f'<span class="mark {mark}">{day.condition}</span>',
        f"{day.rows:,}",
        f"{day.first_trade_id} to {day.last_trade_id}",
        f"{missing:,}",
        f"version {day.version}" if day.is_sealed else "no",
        escape(", ".join(day.sources)),
    )


def _is_judged(verdict: Verdict) -> bool:
    return bool(verdict.evidence.get("checked", True))


def _check(verdict: Verdict) -> Sequence[str]:
    mark, word = ("good", "passed") if verdict.passed else ("bad", "failed")
    if not _is_judged(verdict):
        mark, word = "fair", "not judged"
    return (
        escape(verdict.code),
        escape(verdict.asset),
        escape(verdict.check.replace("_", " ")),
        f'<span class="mark {mark}">{word}</span>',
        escape(verdict.message),
    )


def _section(section: Section) -> str:
    claims = "".join(
        f"<li{'' if claim.holds else ' class=bad'}>{escape(claim.says)}</li>"
        for claim in section.claims
    )
    picture = ""
    if section.picture is not None:
        data = base64.b64encode(section.picture).decode()
        alt = escape(section.heading)
        picture = f'<figure><img alt="{alt}" src="data:image/png;base64,{data}"></figure>'
    return (
        f"<section><h2>{escape(section.heading)}</h2><p>{escape(section.intro)}</p>"
        f'<ul class="claims">{claims}</ul>{picture}</section>'
    )
