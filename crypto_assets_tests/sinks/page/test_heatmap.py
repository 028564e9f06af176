"""The map of all days has every day with its condition, and nothing it is told becomes markup."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from crypto_assets.model.instrument import Instrument
from crypto_assets.model.report import DayCell, Survey, SymbolDays
from crypto_assets.model.verdict import Condition
from crypto_assets.sinks.page.heatmap import html
from crypto_assets_tests.sinks.page.reading import Page, read

REPORTS = Path("/lake/reports")
FIRST = dt.date(2024, 2, 28)


def cell(at: int, condition: Condition, **more: object) -> DayCell:
    found: dict[str, object] = {"rows": 0, "missing": 0, "sources": (), "has_report": False}
    return DayCell(date=FIRST + dt.timedelta(days=at), condition=condition, **{**found, **more})  # type: ignore[arg-type]


SURVEY = Survey(
    [
        SymbolDays(
            Instrument("binance", "币安人生USDT"),
            [
                cell(0, Condition.NOT_LISTED),
                cell(1, Condition.CONFIRMED, rows=7, sources=("archive",), has_report=True),
                cell(2, Condition.DEGRADED, rows=5, missing=2, sources=("rest", "stream")),
            ],
        ),
        SymbolDays(
            Instrument("bybit", "BTCUSDT"),
            [cell(at + 1, condition) for at, condition in enumerate(Condition)],
        ),
    ],
)


def page_of(survey: Survey, beside: Path = REPORTS) -> Page:
    return read(html(survey, REPORTS, beside))


def days_of(page: Page) -> dict[tuple[str, str, str], str]:
    """Read the conditions back off the page's data, by venue, symbol and day."""
    survey = page.data["survey"]
    return {
        (
            one["venue"],
            one["symbol"],
            (dt.date.fromisoformat(one["first"]) + dt.timedelta(days=at)).isoformat(),
        ): survey["meanings"][letter][0]
        for one in survey["symbols"]
        for at, letter in enumerate(one["conditions"])
    }


def test_every_day_is_there_with_its_condition() -> None:
    assert days_of(page_of(SURVEY)) == {
        (one.instrument.venue, one.instrument.symbol, day.date.isoformat()): day.condition.value
        for one in SURVEY.symbols
        for day in one.days
    }


def test_every_condition_is_counted_in_the_legend() -> None:
    meanings = page_of(SURVEY).data["survey"]["meanings"]
    counts = {name: count for name, _, count in meanings.values()}
    assert counts["confirmed"] == counts["degraded"] == counts["not_listed"] == 2
    assert sum(counts.values()) == 10


def test_rows_missing_ids_sources_and_reports_go_with_their_day() -> None:
    survey = page_of(SURVEY).data["survey"]
    first = survey["symbols"][0]
    assert first["rows"] == [0, 7, 5]
    assert first["missing"] == {"2": 2}
    assert [survey["sources"][at] for at in first["sources"]] == ["", "archive", "rest, stream"]
    assert first["reported"] == [1]


def test_the_share_is_of_the_days_a_symbol_was_listed() -> None:
    page = page_of(SURVEY)
    shares = [one["share"] for one in page.data["survey"]["symbols"]]
    assert shares == ["50.0 %", "50.0 %"]
    assert "8 days on which they were listed: 4 of them, 50.0 %, are proven" in page.text


def test_a_share_is_100_only_where_nothing_lacks() -> None:
    days = [cell(at, Condition.CONFIRMED) for at in range(2_000)]
    days.append(cell(2_000, Condition.MISSING))
    survey = Survey([SymbolDays(Instrument("binance", "BTCUSDT"), days)])
    assert page_of(survey).data["survey"]["symbols"][0]["share"] == "99.9 %"


def test_faults_are_told_in_words() -> None:
    text = " ".join(page_of(SURVEY).text.split())
    assert "3 days degraded or missing" in text
    assert "币安人生USDT on binance 2024-03-01 degraded 5 2 rest, stream" in text


def test_links_go_from_where_the_page_lies() -> None:
    assert page_of(SURVEY).data["survey"]["reports"] == "."
    elsewhere = page_of(SURVEY, Path("/elsewhere")).data["survey"]["reports"]
    assert elsewhere == "../lake/reports"


def test_it_loads_nothing_and_is_the_same_every_time() -> None:
    page = page_of(SURVEY)
    assert page.loads == []
    assert page.handlers == []
    assert "default-src 'none'" in page.policy
    assert html(SURVEY, REPORTS, REPORTS) == html(SURVEY, REPORTS, REPORTS)


def test_an_empty_lake_has_a_page_too() -> None:
    page = page_of(Survey())
    assert "Nothing is stored in this lake yet." in page.text
    assert page.scripts == []
