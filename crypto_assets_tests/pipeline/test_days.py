"""What the checks are given of a day is what lies on the disk."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from crypto_assets.lake.blocks import sha256_of
from crypto_assets.lake.draft import Draft
from crypto_assets.lake.lake import Lake
from crypto_assets.model.partition import Partition
from crypto_assets.pipeline.build import build
from crypto_assets.pipeline.days import day_of, judged_day, sealed_file
from crypto_assets.pipeline.ingest import take
from crypto_assets.pipeline.verdicts import judge

DAY_MS = 1_721_779_200_000


def put(lake: Lake, directory: Path, ids: Iterable[int], name: str = "", *, days: int = 0) -> None:
    midnight = DAY_MS + days * 86_400_000
    text = "".join(f"{id_},1.5,2.0,3.0,{midnight + id_ * 1_000},True,True\n" for id_ in ids)
    path = directory / (name or f"NEXOUSDT-trades-2024-07-{24 + days}.csv")
    path.write_text(text)
    take(lake, path)


def test_a_day_of_nothing_has_nothing(lake: Lake, day: Partition) -> None:
    found = day_of(lake, day)
    assert found.trades_summary is None
    assert found.trade_parts == found.quote_parts == ()
    assert found.previous is None
    assert found.next is None


def test_a_day_has_its_neighbours_ends(nexo: Lake) -> None:
    found = day_of(nexo, Partition.of("binance", "NEXOUSDT", "2024-07-24"))
    assert found.previous is not None
    assert found.next is not None
    assert (found.previous.last_id, found.next.first_id) == (12_796_827, 12_809_043)
    assert found.trades_summary is not None
    assert found.trades_summary.rows == 12_215
    assert len(found.trade_parts) == 2


def test_the_sealed_trades_stand_in_where_the_hot_ones_are_gone(
    lake: Lake,
    day: Partition,
    tmp_path: Path,
) -> None:
    put(lake, tmp_path, range(5))
    (part,) = lake.layout.files("raw_trades", day)
    lake.link("daily_trades", day, part)
    part.unlink()
    found = day_of(lake, day)
    assert found.trades_summary is not None
    assert found.trades_summary.rows == 5
    assert len(found.trade_parts) == 1


def test_merged_parts_are_summed_up_with_the_hash_of_their_values(
    lake: Lake,
    day: Partition,
    tmp_path: Path,
) -> None:
    put(lake, tmp_path, range(5))
    put(lake, tmp_path, range(3, 9), "NEXOUSDT-trades-2024-07.csv")
    whole = Lake(tmp_path / "whole")
    put(whole, tmp_path, range(9))
    (part,) = whole.parts("raw_trades", day)
    lake.link("daily_trades", day, part.path)
    found = judged_day(lake, "daily_trades", day)
    assert found.trades_summary is not None
    assert found.trades_summary.logical_hash == part.manifest.logical_hash


def test_a_sealed_files_facts_are_read_from_the_disk_not_from_its_manifest(
    nexo_copy: Lake,
) -> None:
    day = Partition.of("binance", "NEXOUSDT", "2024-07-24")
    path = nexo_copy.layout.file("daily_trades", day)
    found = sealed_file(nexo_copy, "daily_trades", day)
    assert found.sha256 == found.sidecar_sha256 == sha256_of(path)
    assert found.logical_hash == found.manifest.logical_hash
    assert (found.rows, found.neighbours) == (12_215, ())
    assert found.row_group_keys == ((12_796_828, 12_809_042),)
    path.with_name("note.txt").write_text("")
    path.write_bytes(nexo_copy.layout.file("daily_trades", day.next).read_bytes())
    changed = sealed_file(nexo_copy, "daily_trades", day)
    assert changed.sha256 != changed.sidecar_sha256
    assert changed.rows == 1_921
    assert changed.neighbours == ("note.txt",)


def test_bars_are_computed_a_second_time_to_be_compared(nexo: Lake) -> None:
    day = Partition.of("binance", "NEXOUSDT", "2024-07-24")
    found = judged_day(nexo, "bars_1s", day)
    bars = nexo.manifest("bars_1s", day)
    assert bars is not None
    assert found.rebuilt_bars_hash == bars.logical_hash
    assert set(found.rolled) == {"1m"}


def test_bars_made_before_their_neighbours_came_are_compared_with_what_was_known_then(
    lake: Lake,
    day: Partition,
    tmp_path: Path,
) -> None:
    put(lake, tmp_path, range(10, 15))
    build(lake, [day])
    before = lake.manifest("bars_1s", day)
    put(lake, tmp_path, range(5, 10), days=-1)
    put(lake, tmp_path, range(15, 20), days=1)
    assert before is not None
    assert judged_day(lake, "bars_1s", day).rebuilt_bars_hash == before.logical_hash
    assert all(verdict.passed for verdict in judge(lake, "bars_1s", day))
    # They know of their neighbours once they are made anew, and are other ones then.
    build(lake, [day])
    after = lake.manifest("bars_1s", day)
    assert after is not None
    assert after.logical_hash != before.logical_hash
    assert judged_day(lake, "bars_1s", day).rebuilt_bars_hash == after.logical_hash


def test_bars_of_other_trades_are_not_the_same_a_second_time(
    lake: Lake,
    day: Partition,
    tmp_path: Path,
) -> None:
    put(lake, tmp_path, range(10, 15))
    build(lake, [day])
    put(lake, tmp_path, range(15, 20), "NEXOUSDT-trades-2024-07.csv")
    found = [verdict.check for verdict in judge(lake, "bars_1s", day) if verdict.is_fault]
    assert "rebuilding_gives_the_same_bars" in found


def test_bars_that_do_not_say_what_they_were_made_with_cannot_be_compared(
    lake: Lake,
    day: Partition,
    tmp_path: Path,
) -> None:
    put(lake, tmp_path, range(10, 15))
    build(lake, [day])
    (bars,) = lake.stored("bars_1s", day)
    rows = lake.scan("bars_1s", day).collect()
    parents = {**bars.manifest.parents, "edges": "left"}
    lake.commit("bars_1s", day, Draft(rows=[rows], parents=parents))
    (verdict,) = judge(lake, "bars_1s", day)
    assert verdict.is_fault
    assert "expected the edges of a day, found 'left'" in verdict.message


def test_bars_are_rolled_up_to_every_interval_of_the_klines(btc_eth: Lake) -> None:
    found = judged_day(btc_eth, "bars_1s", Partition.of("binance", "BTCUSDT", "2024-08-09"))
    assert "1m" in found.rolled
    assert found.klines is not None
