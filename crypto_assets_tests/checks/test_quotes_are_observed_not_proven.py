"""Q7."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from crypto_assets.model.interval import DAY_US, SECOND_US
from crypto_assets.model.verdict import Severity

if TYPE_CHECKING:
    from crypto_assets_tests.checks.conftest import Make

NAME = "quotes_are_observed_not_proven"


def test_it_tells_how_much_of_the_day_was_listened_to(make: Make) -> None:
    day = make.day(quotes=make.quotes())
    assert day.quotes_summary is not None
    minute, end = 60 * SECOND_US, make.start + DAY_US
    summary = msgspec.structs.replace(
        day.quotes_summary,
        recorded=(
            (make.start - minute, make.start + minute),
            (make.start + minute, make.start + 2 * minute),
            (end - minute, end + minute),
            (end + minute, end + 2 * minute),
        ),
    )
    verdict = make.judge("raw_quotes", NAME, replace(day, quotes_summary=summary))
    assert verdict.passed
    assert verdict.severity is Severity.INFO
    assert verdict.message.startswith("3 quotes were seen in 180 of 86,400 seconds")
    assert verdict.evidence["spans_us"] == [
        [make.start, make.start + 2 * minute],
        [end - minute, end - 1],
    ]
    assert verdict.evidence["longest_silence_us"] == SECOND_US


def test_nothing_listened_to_is_told(make: Make) -> None:
    verdict = make.judge("raw_quotes", NAME, make.day(quotes=make.quotes([], [], [])))
    assert verdict.passed
    assert verdict.evidence["listened_us"] == 0


def test_without_quotes_it_cannot_tell(make: Make) -> None:
    assert not make.judge("raw_quotes", NAME, make.day()).passed
    day = replace(make.day(quotes=make.quotes()), quotes_summary=None)
    assert not make.judge("raw_quotes", NAME, day).passed
