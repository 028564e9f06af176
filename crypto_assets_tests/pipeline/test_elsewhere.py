"""Other symbols tell whose halt a silence was."""

from __future__ import annotations

from pathlib import Path

from crypto_assets.lake.lake import Lake
from crypto_assets.model.partition import Partition
from crypto_assets.pipeline.build import build
from crypto_assets.pipeline.elsewhere import elsewhere
from crypto_assets.pipeline.ingest import take
from crypto_assets.pipeline.verdicts import read

DATE = "2025-03-04"
SECOND = 1_000_000


def _take(lake: Lake, tmp_path: Path, symbol: str, halt_s: int, until_s: int = 0) -> Partition:
    """Take a day of a trade a second with one silence after the first 1,500."""
    day = Partition.of("binance", symbol, DATE)
    lines = []
    for k in range(until_s or 3_000):
        at = day.start_us + (k + (halt_s if k >= 1_500 else 0)) * SECOND
        lines.append(f"{100 + k},1.5,2.0,3.0,{at},True,True\n")
    path = tmp_path / f"{symbol}-trades-{DATE}.csv"
    path.write_text("".join(lines))
    take(lake, path)
    return day


def test_symbols_are_sorted_by_whether_they_traded_meanwhile(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    day = _take(lake, tmp_path, "BTCUSDT", 900)
    _take(lake, tmp_path, "ETHUSDT", 900)
    _take(lake, tmp_path, "SOLUSDT", 0)
    # It ends within the silence: whether it would have traded, nobody knows.
    _take(lake, tmp_path, "XRPUSDT", 0, until_s=1_600)
    (found,) = elsewhere(lake, day, lake.scan("raw_trades", day))
    assert (found.silent, found.trading) == (("ETHUSDT",), ("SOLUSDT",))
    assert found.span == (day.start_us + 1_499 * SECOND, day.start_us + 2_400 * SECOND)


def test_a_halt_of_all_symbols_is_in_the_verdict(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    day = _take(lake, tmp_path, "BTCUSDT", 900)
    _take(lake, tmp_path, "ETHUSDT", 900)
    build(lake, [day])
    stored = read(lake, day)
    assert stored is not None
    (verdict,) = [v for v in stored.verdicts if v.check == "silence_is_a_halt_or_a_loss"]
    assert "no other symbol traded (1 were silent too)" in verdict.message


def test_a_steady_day_asks_nobody(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    day = _take(lake, tmp_path, "BTCUSDT", 0)
    _take(lake, tmp_path, "ETHUSDT", 900)
    assert elsewhere(lake, day, lake.scan("raw_trades", day)) == ()
