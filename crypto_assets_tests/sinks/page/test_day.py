"""A day's page says all that its report does, needs nothing else, and escapes what it is told."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from decimal import Decimal

import pytest

from crypto_assets.model.gap import Cause, Gap, GapState
from crypto_assets.model.partition import Partition
from crypto_assets.model.report import DayReport, Fact, FileFact, Mark, MarkKind, Sizes
from crypto_assets.model.verdict import Condition, Severity, Verdict
from crypto_assets.sinks.page import shell
from crypto_assets.sinks.page.day import html
from crypto_assets_tests.sinks.page.reading import read
from crypto_assets_tests.sinks.page.test_payload import START_US, UNIT, frame

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'&\u2028"
DAY = Partition.of("binance", "币安人生USDT", "2024-07-24")
BARS = frame(
    [
        {
            "ts_open": START_US + at * 1_000_000,
            **dict.fromkeys(("open", "high", "low", "close"), 5 * UNIT + at),
            "volume": 3 * UNIT,
            "quote_volume": 15 * UNIT,
            "trade_count": 2,
            "taker_buy_volume": UNIT,
            "is_complete": True,
        }
        for at in range(3)
    ],
)
GAP = Gap(
    ids=(4_000_003_359, 4_000_003_800),
    state=GapState.HEALED,
    cause=Cause.NOT_LISTENING,
    before_us=START_US + 1_000_000,
    after_us=START_US + 2_500_000,
    found_us=START_US + 9_000_000,
    closed_us=START_US + 10_000_000,
    tries=2,
    source="rest",
    evidence={"interruptions": [HOSTILE]},
)


@pytest.fixture
def report() -> DayReport:
    return DayReport(
        partition=DAY,
        condition=Condition.DEGRADED,
        rows=1_234,
        ids=(7_000, 8_239),
        missing=[(7_500, 7_505)],
        duplicates=77,
        unreadable=5,
        sources={"stream": 1_000, "rest": 234},
        facts=[
            Fact("Held", "it is so", holds=True),
            Fact("Broken", HOSTILE, holds=False),
            Fact("Open", "nobody knows", holds=None),
        ],
        files=[
            FileFact(
                asset="daily_trades",
                path=f"daily_trades/{HOSTILE}",
                rows=1_234,
                version=3,
                bytes=98_765,
                sha256="ab" * 32,
                is_intact=False,
                logical_hash="cd" * 32,
            ),
        ],
        checks=[
            Verdict("raw_trades", "trade_ids_are_contiguous", "T2", Severity.ERROR, False, HOSTILE),
            Verdict("verdicts", "day_edges_join", "T3", Severity.WARN, False, "left edge unproven"),
            Verdict("bars_1s", "bar_ids_tile", "B4", Severity.ERROR, True, "they tile"),
            Verdict(
                "bars_1s",
                "bars_equal_klines",
                "B7",
                Severity.ERROR,
                True,
                "no klines",
                {"checked": False},
            ),
        ],
        gaps=[GAP, replace(GAP, ids=(7_500, 7_505), state=GapState.OPEN, closed_us=None)],
        marks=[Mark(MarkKind.MISSING, START_US, START_US + 1_500_000, HOSTILE)],
        drawn="bars_1s",
        step_us=1_000_000,
        bars=BARS,
        sizes=[
            Sizes(Decimal("0.25"), Decimal("0.315"), 3, 4),
            Sizes(Decimal("0.315"), Decimal("0.4"), 0, 1),
        ],
    )


def test_the_same_report_is_the_same_text(report: DayReport) -> None:
    assert html(report) == html(report)


def test_it_loads_nothing_and_its_policy_forbids_all_connections(report: DayReport) -> None:
    page = read(html(report))
    assert page.loads == []
    assert not {"link", "iframe", "img", "object", "embed", "base", "form"} & set(page.tags)
    policy = dict(part.strip().split(" ", 1) for part in page.policy.split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["img-src"] == "data:"
    assert policy["base-uri"] == policy["form-action"] == "'none'"
    assert "connect-src" not in policy
    for style in page.styles:
        assert not re.search(r"url\(|@import|@font-face", style)
    for script in page.scripts:
        assert not re.search(
            r"\bfetch\(|XMLHttpRequest|WebSocket|EventSource|sendBeacon|importScripts|import\(",
            script,
        )


def test_its_policy_names_each_of_its_scripts_and_no_other(report: DayReport) -> None:
    page = read(html(report))
    allowed = set(re.findall(r"'sha256-([^']+)'", page.policy))
    found = {
        base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in page.scripts
    }
    assert allowed == found
    assert len(found) == 3
    assert "unsafe-inline" not in page.policy.split("style-src")[0]


def test_no_text_becomes_markup(report: DayReport) -> None:
    text = html(report)
    page = read(text)
    assert page.handlers == []
    assert len(page.scripts) == 3
    assert "<script>alert" not in text
    assert text.count("alert(1)") == text.count("alert(2)") >= 5
    assert page.data["day"]["marks"][0][3] == HOSTILE
    assert HOSTILE.split("\u2028", maxsplit=1)[0] in page.text


def test_it_states_every_fact_of_the_report(report: DayReport) -> None:
    text = " ".join(read(html(report)).text.split())
    for said in (
        "币安人生USDT on binance, 2024-07-24",
        "The UTC day is degraded: trades are missing, conflicting or unreadable.",
        "1,234",
        "7000 to 8239",
        "From stream 1,000",
        "From rest 234",
        "Twice 77",
        "Unreadable 5",
        "version 3",
        "98,765",
        "ab" * 32,
        "cd" * 32,
        "not what its checksum says",
        "Held (holds) it is so",
        "Broken (does not hold)",
        "Open (is not proven) nobody knows",
    ):
        assert said in text, said


def test_every_check_is_told_with_how_it_ended(report: DayReport) -> None:
    text = " ".join(read(html(report)).text.split())
    assert "T2 raw_trades trade ids are contiguous failed" in text
    assert "T3 verdicts day edges join warning left edge unproven" in text
    assert "B4 bars_1s bar ids tile passed they tile" in text
    assert "B7 bars_1s bars equal klines not judged no klines" in text
    assert "1 of 3 passed, 1 had nothing to judge" in text


def test_every_gap_of_the_ledger_is_told(report: DayReport) -> None:
    text = " ".join(read(html(report)).text.split())
    assert "4000003359 4000003800 442 healed not listening" in text
    assert "2024-07-24 00:00:10.000 rest" in text
    assert "7500 7505 6 open not listening" in text


def test_marks_reach_the_chart_and_a_table(report: DayReport) -> None:
    page = read(html(report))
    assert page.data["day"]["marks"][0][:3] == ["missing", START_US, START_US + 1_500_000]
    assert "ids missing 00:00:00.000 00:00:01.500 1.500" in " ".join(page.text.split())


def test_a_day_without_anything_to_draw_runs_no_script(report: DayReport) -> None:
    empty = replace(
        report,
        condition=Condition.NOT_LISTED,
        rows=0,
        ids=None,
        missing=[],
        bars=None,
        drawn="",
        sizes=(),
        gaps=[],
        marks=[],
        files=[],
        checks=[],
        facts=[],
    )
    page = read(html(empty))
    assert page.scripts == []
    assert "script-src" not in page.policy
    for said in (
        "The UTC day is not listed",
        "Nothing to draw",
        "Nothing is sealed of this day",
        "Nothing of this day was judged",
        "No id of this day was ever found missing",
    ):
        assert said in page.text


def test_of_a_missing_day_it_is_not_said_that_nothing_is_missing(report: DayReport) -> None:
    missing = replace(report, condition=Condition.MISSING, rows=0, ids=None, missing=[])
    text = " ".join(read(html(missing)).text.split())
    assert "Missing not known no trade is stored" in text
    assert "no id is known to be missing" not in text


def test_trade_sizes_are_drawn_without_a_script_and_told_in_words(report: DayReport) -> None:
    text = html(report)
    assert 'title="0.25 to 0.315: 3 bought, 4 sold"' in text
    assert "3 by takers that bought (above), 5 by takers that sold (below)" in text
    assert '<i class="sold" style="height:50.00%"></i>' in text


@pytest.mark.parametrize("condition", list(Condition))
def test_every_condition_has_a_meaning(report: DayReport, condition: Condition) -> None:
    assert shell.MEANS[condition] in read(html(replace(report, condition=condition))).text


def test_the_licence_of_the_chart_library_goes_with_it(report: DayReport) -> None:
    assert "Copyright (c) 2022 Leon Sorokin" in read(html(report)).text
    assert "THE SOFTWARE IS PROVIDED" in read(html(report)).text
