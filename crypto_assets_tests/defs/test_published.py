"""A backfill takes what is published, says what is wrong with it, and asks for nothing twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from crypto_assets.exchange import FLAT_OUT, Remote, run_in_thread
from crypto_assets.lake.lake import Lake
from crypto_assets.pipeline.status import status_of
from crypto_assets_tests.published import History, know_symbols

HISTORY = History()
MARKET = HISTORY.market()


@pytest.fixture
def exchange(monkeypatch: pytest.MonkeyPatch) -> Iterator[Remote]:
    with run_in_thread(MARKET, pace=FLAT_OUT, faults=HISTORY.faults(MARKET)) as found:
        found.jump(HISTORY.day("BTCUSDT", 5).end_us + 3_600_000_000)
        monkeypatch.setenv("CRYPTO_ASSETS_ARCHIVE_URL", found.http_url)
        yield found


def backfill(lake: Lake) -> list[str]:
    """Build all thirty symbol-days; gives the failures of the runs."""
    from crypto_assets.defs.inprocess import build

    return build(lake, HISTORY.days, lambda _asset, _partition: None)


def conditions(lake: Lake) -> dict[str, str]:
    return {str(day): status_of(lake, day).condition for day in HISTORY.days}


def test_a_backfill(exchange: Remote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRYPTO_ASSETS_LAKE", str(tmp_path / "lake"))
    lake = Lake(tmp_path / "lake")
    know_symbols(lake, exchange, tmp_path)
    backfill(lake)
    expected = {str(day): condition for day, condition in HISTORY.expected().items()}
    assert conditions(lake) == expected
