"""What is complete is decided once: by the condition, and by what is read being all it is about."""

from __future__ import annotations

import shutil
from decimal import Decimal
from pathlib import Path

import pytest

from crypto_assets import read
from crypto_assets.errors import Incomplete
from crypto_assets.lake.lake import Lake
from crypto_assets.model.partition import Partition
from crypto_assets.model.verdict import Condition
from crypto_assets.pipeline import views
from crypto_assets.pipeline.build import build
from crypto_assets.pipeline.ingest import take
from crypto_assets.pipeline.proof import Proof, prove
from crypto_assets_tests import bybit
from crypto_assets_tests.joined import FIRST, SECOND, THIRD, csv, ids_of


def proof_of(lake: Lake, day: Partition, view: str = "trades") -> Proof:
    return prove(lake, view, day, views.day(lake, view, day))


@pytest.mark.parametrize("condition", Condition)
def test_a_condition_is_proven_where_no_trade_can_be_missing(condition: Condition) -> None:
    proven = (Condition.CONFIRMED, Condition.COMPLETE, Condition.HALTED)
    assert condition.is_proven is (condition in proven)


def test_a_day_without_a_trade_is_complete_and_has_no_bars(lake: Lake, tmp_path: Path) -> None:
    take(lake, csv(tmp_path, FIRST, ids_of(FIRST)))
    later = SECOND.next
    path = tmp_path / f"NEXOUSDT-trades-{later.date}.csv"
    path.write_text(f"{ids_of(FIRST)[-1] + 1},1.5,2.0,3.0,{later.start_us // 1_000},True,True\n")
    take(lake, path)
    found = proof_of(lake, SECOND)
    assert (found.condition, found.is_complete, found.why) == (Condition.HALTED, True, "")
    day = (SECOND.date, later.date)
    assert read.scan_trades("NEXOUSDT", *day, lake=lake).collect().is_empty()
    with pytest.raises(Incomplete, match="nothing stored"):
        read.scan_bars("NEXOUSDT", *day, lake=lake)


def test_a_day_before_a_symbol_was_listed_lacks_nothing(lake: Lake, spot: Path) -> None:
    take(lake, spot / "exchange_info" / "exchangeInfo-2021-10-12.json.gz")
    before = Partition.of("binance", "PEPEUSDT", "2021-10-12")
    for view in ("trades", "bars_1s"):
        assert proof_of(lake, before, view).is_complete
        assert not proof_of(lake, before.next, view).is_complete
    assert read.scan_bars("PEPEUSDT", before.date, before.next.date, lake=lake).collect().is_empty()


@pytest.fixture(scope="module")
def unnumbered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A day whose trades have no numbers, proven by its klines."""
    directory = tmp_path_factory.mktemp("unnumbered")
    trades, root = bybit.a_day(300), directory / "lake"
    lake = Lake(root)
    for path in (
        bybit.archive(directory, trades),
        bybit.klines(directory, bybit.kline_rows(trades)),
    ):
        take(lake, path, "bybit")
    build(lake, [bybit.DAY])
    return root


def test_a_day_whose_trades_have_no_numbers_is_proven_by_its_klines(
    unnumbered: Path, tmp_path: Path
) -> None:
    shutil.copytree(unnumbered, tmp_path / "lake")
    lake = Lake(tmp_path / "lake")
    for view in ("trades", "bars_1s"):
        assert proof_of(lake, bybit.DAY, view).is_complete
    day = ("bybit:BTCUSDT", bybit.DAY.date, bybit.DAY.next.date)
    rows = read.scan_trades(*day, columns=["match_id", "ts_event"], lake=lake).collect()
    assert rows["match_id"].n_unique() == rows.height == len(bybit.a_day(300))
    # What is sealed has fewer trades than are stored by now.
    more = bybit.a_day(300)[:40] + bybit.a_day(40, seed=5)
    take(
        lake, bybit.capture(tmp_path / "recorded.jsonl", sorted(more, key=lambda m: m.us)), "bybit"
    )
    found = proof_of(lake, bybit.DAY)
    assert not found.is_complete


@pytest.fixture
def joined(lake: Lake, tmp_path: Path) -> Lake:
    """Three built days whose ids join: the second is proven."""
    for day in (FIRST, SECOND, THIRD):
        take(lake, csv(tmp_path, day, ids_of(day)))
    build(lake, [FIRST, SECOND, THIRD])
    return lake


@pytest.mark.parametrize("view", ["trades", "bars_1s"])
def test_what_was_made_of_other_values_under_the_same_ids_is_not_complete(
    joined: Lake,
    tmp_path: Path,
    view: str,
) -> None:
    assert proof_of(joined, SECOND, view).is_complete
    path = csv(tmp_path, SECOND, ids_of(SECOND))
    lines = path.read_text().splitlines(keepends=True)
    id_, _, quantity, _, *others = lines[100].split(",")
    lines[100] = ",".join([id_, "1.7", quantity, str(Decimal("1.7") * Decimal(quantity)), *others])
    path.write_text("".join(lines))
    take(joined, path)
    found = proof_of(joined, SECOND, view)
    assert (found.is_complete, len(found.missing)) == (False, 0)
    assert "build the day anew" in found.why
    build(joined, [SECOND])
    assert proof_of(joined, SECOND, view).is_complete


@pytest.mark.parametrize("view", ["trades", "bars_1s"])
def test_the_same_values_in_another_part_leave_a_day_complete(
    joined: Lake,
    tmp_path: Path,
    view: str,
) -> None:
    take(joined, csv(tmp_path, SECOND, ids_of(SECOND)[:200], "NEXOUSDT-trades-2024-07.csv"))
    assert proof_of(joined, SECOND, view).is_complete
