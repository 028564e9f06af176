"""Whatever order rows come in, they leave sorted, each once, and counted."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto_assets.lake import parquet, parts
from crypto_assets.lake import runs as module
from crypto_assets.lake.draft import Draft, write
from crypto_assets.lake.runs import Runs
from crypto_assets.model.partition import Partition
from crypto_assets.model.tables import BARS, QUOTES, TRADES, Table

Frame = Callable[..., pl.DataFrame]
PARTITION = Partition.of("binance", "NEXOUSDT", "2024-07-24")

ordered = st.lists(st.integers(1, 9), max_size=6).map(
    lambda sizes: [list(range(sum(sizes[:at]), sum(sizes[: at + 1]))) for at in range(len(sizes))],
)
anyhow = st.lists(st.lists(st.integers(0, 30), max_size=12), max_size=6)


def small_files(patch: pytest.MonkeyPatch) -> None:
    for place in (parquet, module):
        patch.setattr(place, "ROW_GROUP_ROWS", 7)
    patch.setattr(parts, "BATCH_ROWS", 5)


@settings(max_examples=60, deadline=None)
@given(ordered | anyhow, st.sets(st.integers(0, 5)))
def test_any_order_and_any_spill_gives_the_file_of_the_sorted_rows(
    trades: Frame,
    batches: list[list[int]],
    spilled: set[int],
) -> None:
    came = [id_ for batch in batches for id_ in batch]
    with tempfile.TemporaryDirectory() as scratch, pytest.MonkeyPatch.context() as patch:
        small_files(patch)
        runs = Runs(TRADES, Path(scratch, "runs"))
        for number, batch in enumerate(batches):
            runs.add(trades(batch))
            assert 0 <= runs.rows_held <= len(came)
            if number in spilled and runs.rows_held:
                runs.spill()
                assert runs.rows_held == 0
        rows = runs.drain()
        assert runs.duplicates == len(came) - len(set(came))
        assert runs.disordered == sum(b < a for a, b in pairwise(came))
        assert runs.conflicts == ()
        found = write(
            Path(scratch, "found"),
            TRADES,
            PARTITION,
            Draft(rows=rows, begun=runs.begun),
        )
        expected = write(
            Path(scratch, "expected"),
            TRADES,
            PARTITION,
            Draft(rows=[trades(sorted(set(came)))]),
        )
        assert pl.read_parquet(Path(scratch, "found")).equals(trades(sorted(set(came))))
        assert found.logical_hash == expected.logical_hash
        assert found.coverage == expected.coverage
        if not spilled:
            whole = Path(scratch, "expected").read_bytes()
            assert Path(scratch, "found").read_bytes() == whole


@pytest.mark.parametrize("spilled", [False, True])
def test_rows_of_one_id_that_disagree_are_named_and_the_first_is_kept(
    spilled: bool,  # noqa: FBT001
    trades: Frame,
    tmp_path: Path,
) -> None:
    runs = Runs(TRADES, tmp_path / "runs")
    runs.add(trades([1, 2, 3]))
    if spilled:
        runs.spill()
    runs.add(trades([2], price="99"))
    found = pl.concat(runs.drain())
    assert runs.conflicts == (2,)
    assert runs.duplicates == 1
    assert runs.begun is None
    assert found.equals(trades([1, 2, 3]))


def test_quotes_are_sorted_by_their_update_id(quotes: Frame, tmp_path: Path) -> None:
    runs = Runs(QUOTES, tmp_path / "runs")
    runs.add(quotes([9, 5]))
    runs.spill()
    runs.add(quotes([7, 5]))
    assert pl.concat(runs.drain()).equals(quotes([5, 7, 9]))
    assert (runs.duplicates, runs.disordered) == (1, 2)


def test_nothing_is_written_to_the_disk_while_rows_fit(trades: Frame, tmp_path: Path) -> None:
    runs = Runs(TRADES, tmp_path / "runs")
    runs.add(trades([1, 2, 3]))
    assert pl.concat(runs.drain()).equals(trades([1, 2, 3]))
    assert not (tmp_path / "runs").exists()


def test_no_rows_are_no_frames(tmp_path: Path) -> None:
    runs = Runs(TRADES, tmp_path)
    runs.add(TRADES.schema.to_frame())
    assert list(runs.drain()) == []


def test_a_table_without_an_id_cannot_be_sorted_by_it(tmp_path: Path) -> None:
    no_id: Table = BARS
    with pytest.raises(ValueError, match="bars has no id"):
        Runs(no_id, tmp_path)
