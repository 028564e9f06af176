"""The report: one HTML page that needs nothing but itself."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass

from crypto_assets.demo.proof import Claim
from crypto_assets.model.verdict import Verdict
from crypto_assets.pipeline.status import DayStatus
from crypto_assets.sinks.page import shell
from crypto_assets.sinks.page.shell import escaped


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
    # Sized by the page, not by the inches it was drawn in.
    chart = re.sub(r'<svg ([^>]*?)width="[^"]*" ', r"<svg \1", report.chart, count=1)
    days = shell.table(
        ("symbol", "date", "condition", "trades", "trade ids", "missing", "sealed", "source"),
        (_day(day, missing) for day, missing in report.days),
        numbers=(3, 5),
    )
    told = escaped(shell.count_of_checks(report.checks))
    checks = f"<details><summary>{told}</summary>{shell.checks(report.checks)}</details>"
    body = [
        f"<h1>{escaped(report.title)}</h1>",
        f'<p class="lead">{escaped(report.lead)}</p>',
        f'<section class="chart"><figure>{chart}</figure></section>',
        f"<section><h2>What is known of each day</h2>{days}</section>",
        *map(_section, report.sections),
        f"<section><h2>Every check of the day</h2>{checks}</section>",
        "<section><h2>Read it</h2>",
        *(f"<pre>{escaped(command)}</pre>" for command in report.commands),
        f"</section><footer>{escaped(report.footer)}</footer>",
    ]
    return shell.page(report.title, "\n".join(body))


def _day(day: DayStatus, missing: int) -> Sequence[str]:
    return (
        escaped(day.symbol),
        f'<span class="w">{day.date}</span>',
        shell.condition(day.condition),
        f"{day.rows:,}",
        f"{day.first_trade_id} to {day.last_trade_id}",
        f"{missing:,}",
        f"version {day.version}" if day.is_sealed else "no",
        escaped(", ".join(day.sources)),
    )


def _section(section: Section) -> str:
    claims = "".join(
        f"<li{'' if claim.holds else ' class=bad'}>{escaped(claim.says)}</li>"
        for claim in section.claims
    )
    picture = ""
    if section.picture is not None:
        data = base64.b64encode(section.picture).decode()
        alt = escaped(section.heading)
        picture = f'<figure><img alt="{alt}" src="data:image/png;base64,{data}"></figure>'
    return (
        f"<section><h2>{escaped(section.heading)}</h2><p>{escaped(section.intro)}</p>"
        f'<ul class="claims">{claims}</ul>{picture}</section>'
    )
