"""The page says what is claimed, and needs nothing but itself."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from crypto_assets.demo.proof import Claim
from crypto_assets.demo.report import Report, Section, html
from crypto_assets.model.verdict import Severity, Verdict
from crypto_assets.pipeline.status import DayStatus

DAY = DayStatus(
    venue="binance",
    symbol="NEXOUSDT",
    date="2024-07-24",
    condition="degraded",
    rows=12_158,
    first_trade_id=12_796_828,
    last_trade_id=12_809_042,
    missing=[(1, 57)],
    duplicates=0,
    sources={"stream": 12_158},
    is_sealed=False,
    version=None,
    sha256=None,
    logical_hash=None,
    unreadable=0,
    faults=[],
)


def verdict(*, passed: bool, checked: bool = True) -> Verdict:
    evidence = {} if checked else {"checked": False}
    return Verdict("bars_1s", "bar_ids_tile", "B3", Severity.ERROR, passed, "a < b", evidence)


@pytest.fixture
def report() -> Report:
    return Report(
        title="A & B",
        lead="lead",
        chart='<svg xmlns="http://www.w3.org/2000/svg" width="720pt" viewBox="0 0 1 1"></svg>',
        days=[(DAY, 57)],
        sections=[
            Section(
                "Proof", "intro", [Claim("it is <so>", holds=True), Claim("not so", holds=False)]
            ),
            Section("Picture", "intro", [], picture=b"\x89PNG"),
        ],
        checks=[verdict(passed=True), verdict(passed=False), verdict(passed=True, checked=False)],
        commands=['sql "SELECT 1 < 2"'],
        footer="footer",
    )


def test_it_loads_nothing_and_runs_nothing(report: Report) -> None:
    page = html(report)
    assert "default-src 'none'" in page
    for word in ("<script", "<link", 'src="http', "href=", "url(", "@import"):
        assert word not in page


def test_texts_are_escaped(report: Report) -> None:
    page = html(report)
    assert "A &amp; B" in page
    assert "it is &lt;so&gt;" in page
    assert "SELECT 1 &lt; 2" in page


def test_a_claim_that_does_not_hold_is_marked(report: Report) -> None:
    page = html(report)
    assert "<li>it is" in page
    assert "<li class=bad>not so" in page


def test_days_and_checks_are_told(report: Report) -> None:
    page = html(report)
    assert '<span class="mark bad">degraded</span>' in page
    assert "<td class=n>57</td>" in page
    assert "1 of 2 passed, 1 had nothing to judge" in page
    for word in ("passed", "failed", "not judged"):
        assert f">{word}</span>" in page


def test_pictures_are_within_the_page(report: Report) -> None:
    page = html(report)
    assert 'src="data:image/png;base64,iVBORw=="' in page
    assert '<svg xmlns="http://www.w3.org/2000/svg" viewBox' in page


def test_a_sealed_day_shows_its_version(report: Report) -> None:
    sealed = msgspec.structs.replace(DAY, condition="complete", is_sealed=True, version=2)
    assert "version 2" not in html(report)
    assert "version 2" in html(replace(report, days=[(sealed, 0)]))
