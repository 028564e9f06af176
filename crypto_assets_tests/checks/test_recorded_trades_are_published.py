"""T18."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from crypto_assets.model.tables import TRADES
from crypto_assets.model.verdict import Severity

if TYPE_CHECKING:
    from crypto_assets.checks.day import Day
    from crypto_assets_tests.checks.conftest import Make

NAME = "recorded_trades_are_published"


def _day(make: Make, recorded: list[int], published: list[int], checksum: str = "verified") -> Day:
    every = make.trades(sorted({*recorded, *published}))
    return replace(
        make.day(every),
        trade_parts=(
            make.manifest(make.trades(recorded), TRADES),
            make.published(make.trades(published), checksum),
        ),
    )


def test_a_file_that_has_every_recorded_trade_passes(make: Make) -> None:
    verdict = make.judge("raw_trades", NAME, _day(make, [101, 102], [100, 101, 102, 103]))
    assert verdict.passed
    assert verdict.evidence["only_published_count"] == 2


def test_trades_the_file_lacks_are_listed(make: Make) -> None:
    verdict = make.judge("raw_trades", NAME, _day(make, [100, 101, 102, 105], [100, 101]))
    assert not verdict.passed
    assert verdict.severity is Severity.WARN
    assert verdict.evidence["only_recorded"] == [[102, 102], [105, 105]]
    assert "2 of 4" in verdict.message


def test_a_file_in_doubt_proves_nothing(make: Make) -> None:
    verdict = make.judge("raw_trades", NAME, _day(make, [100, 105], [100], "mismatch"))
    assert verdict.evidence == {"checked": False}


def test_one_side_alone_is_not_judged(make: Make) -> None:
    day = make.day(make.trades())
    assert make.judge("raw_trades", NAME, day).evidence == {"checked": False}
    alone = replace(day, trade_parts=(make.published(make.trades()),))
    assert make.judge("raw_trades", NAME, alone).evidence == {"checked": False}
