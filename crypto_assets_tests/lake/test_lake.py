"""A commit is whole or not at all, and the same commit twice is nothing new."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from crypto_assets.errors import CommitFailed, NothingStored, SchemaMismatch, UnreadableInput
from crypto_assets.lake.draft import Draft
from crypto_assets.lake.lake import Lake, Link, read_sidecar, sidecar_of
from crypto_assets.model.coverage import Coverage
from crypto_assets.model.manifest import Input
from crypto_assets.model.partition import Partition

Frame = Callable[..., pl.DataFrame]
Tree = dict[str, tuple[int, int, str]]


def draft(rows: pl.DataFrame, name: str | None = "part", source: str = "stream") -> Draft:
    entry = Input(name=f"{name}.gz", sha256=f"{name}", source=source)
    return Draft(rows=[rows], name=name, inputs=(entry,))


def test_the_same_draft_twice_gives_the_same_bytes_and_touches_nothing(
    lake: Lake,
    day: Partition,
    trades: Frame,
    tree: Callable[[Path], Tree],
) -> None:
    first = lake.commit("raw_trades", day, draft(trades([1, 2])))
    before = tree(lake.layout.root)
    second = lake.commit("raw_trades", day, draft(trades([1, 2])))
    assert tree(lake.layout.root) == before
    assert (first.changed, second.changed) == (True, False)
    assert first.sha256 == second.sha256
    other = Lake(lake.layout.root.with_name("other"))
    assert other.commit("raw_trades", day, draft(trades([1, 2]))).sha256 == first.sha256


def test_other_rows_take_the_place_of_the_file(lake: Lake, day: Partition, trades: Frame) -> None:
    lake.commit("raw_trades", day, draft(trades([1, 2])))
    found = lake.commit("raw_trades", day, draft(trades([1, 2, 3])))
    assert found.changed
    assert lake.layout.files("raw_trades", day) == [found.path]
    assert lake.scan("raw_trades", day).collect().equals(trades([1, 2, 3]))


@pytest.mark.parametrize("ids", [[2, 1], [1, 1]])
def test_a_draft_that_is_refused_leaves_the_lake_as_it_was(
    ids: list[int],
    lake: Lake,
    day: Partition,
    trades: Frame,
    tree: Callable[[Path], Tree],
) -> None:
    lake.commit("raw_trades", day, draft(trades([1, 2])))
    before = tree(lake.layout.root)
    with pytest.raises(CommitFailed):
        lake.commit("raw_trades", day, draft(trades(ids)))
    with pytest.raises(SchemaMismatch):
        lake.commit("raw_trades", day, draft(trades([1]).drop("price")))
    assert tree(lake.layout.root) == before


def test_a_sealed_file_has_a_checksum_that_sha256sum_accepts(
    lake: Lake,
    day: Partition,
    trades: Frame,
) -> None:
    found = lake.commit("daily_trades", day, draft(trades([1]), name=None))
    assert read_sidecar(found.path) == found.sha256
    sidecar = sidecar_of(found.path).name
    run = subprocess.run(
        ["sha256sum", "--strict", "-c", sidecar],
        cwd=found.path.parent,
        capture_output=True,
        check=False,
    )
    assert run.returncode == 0
    found.path.write_bytes(found.path.read_bytes() + b"x")
    run = subprocess.run(
        ["sha256sum", "-c", sidecar],
        cwd=found.path.parent,
        capture_output=True,
        check=False,
    )
    assert run.returncode == 1


def test_a_part_has_no_checksum_beside_it(lake: Lake, day: Partition, trades: Frame) -> None:
    found = lake.commit("raw_trades", day, draft(trades([1])))
    assert read_sidecar(found.path) is None
    assert list(found.path.parent.iterdir()) == [found.path]


def test_a_single_part_is_sealed_by_giving_it_a_second_name(
    lake: Lake,
    day: Partition,
    trades: Frame,
    tree: Callable[[Path], Tree],
) -> None:
    part = lake.commit("raw_trades", day, draft(trades([1, 2])))
    sealed = lake.store("daily_trades", day, Link(part.path))
    assert sealed.path.samefile(part.path)
    assert (sealed.sha256, sealed.manifest) == (part.sha256, part.manifest)
    assert read_sidecar(sealed.path) == part.sha256
    before = tree(lake.layout.root)
    again = lake.store("daily_trades", day, Link(part.path))
    assert not again.changed
    assert tree(lake.layout.root) == before
    assert lake.store("daily_trades", day, again) is again


def test_a_part_whose_values_are_not_its_manifests_is_not_sealed(
    lake: Lake,
    day: Partition,
    trades: Frame,
) -> None:
    part = lake.commit("raw_trades", day, draft(trades(range(50))))
    data = bytearray(part.path.read_bytes())
    data[4:40] = bytes(36)
    part.path.write_bytes(data)
    with pytest.raises((CommitFailed, UnreadableInput)):
        lake.link("daily_trades", day, part.path)
    assert lake.layout.files("daily_trades", day) == []


def test_parts_come_the_most_trusted_first(lake: Lake, day: Partition, trades: Frame) -> None:
    for name, source in (("a", "stream"), ("b", "archive"), ("c", "rest")):
        lake.commit("raw_trades", day, draft(trades([1, 2]), name, source))
    assert [part.path.stem for part in lake.parts("raw_trades", day)] == ["b", "c", "a"]


def test_a_partition_reads_as_each_id_once(lake: Lake, day: Partition, trades: Frame) -> None:
    lake.commit("raw_trades", day, draft(trades([1, 2, 3]), "a"))
    lake.commit("raw_trades", day, draft(trades([3, 5]), "b"))
    assert lake.scan("raw_trades", day).collect().equals(trades([1, 2, 3, 5]))
    summary = lake.summary("raw_trades", day)
    assert summary is not None
    assert (summary.rows, summary.duplicates, summary.missing) == (4, 1, ((4, 4),))


def test_a_summary_follows_the_parts(lake: Lake, day: Partition, trades: Frame) -> None:
    def rows() -> int | None:
        found = lake.summary("raw_trades", day)
        return found and found.rows

    assert rows() is None
    lake.commit("raw_trades", day, draft(trades([1, 2]), "a"))
    assert rows() == 2
    lake.commit("raw_trades", day, draft(trades([2, 3, 4]), "b"))
    assert rows() == 4
    lake.commit("raw_trades", day, draft(trades([2, 3]), "b"))
    assert rows() == 3
    lake.layout.file("raw_trades", day, "a").unlink()
    assert rows() == 2


def test_ids_count_whether_hot_or_sealed(lake: Lake, day: Partition, trades: Frame) -> None:
    assert lake.coverage(day) == Coverage()
    lake.commit("raw_trades", day, draft(trades([5, 6])))
    lake.commit("daily_trades", day, draft(trades([1, 2]), name=None))
    assert lake.coverage(day) == Coverage.of([(1, 2), (5, 6)])
    assert lake.coverage(day.next) == Coverage()


def test_nothing_stored_is_said_so(lake: Lake, day: Partition) -> None:
    with pytest.raises(NothingStored, match="raw_trades of binance:NEXOUSDT 2024-07-24"):
        lake.scan("raw_trades", day)
    assert lake.manifest("bars_1s", day) is None
    assert lake.stored("raw_trades", day) == []
    assert not lake.layout.root.exists()


@pytest.mark.parametrize(
    "text",
    ["", "abc", "abc daily_trades.parquet\n", "abc  other.parquet\n", "abc  x\nabc  x\n"],
)
def test_a_sidecar_of_another_form_is_not_taken_for_a_checksum(text: str, tmp_path: Path) -> None:
    path = tmp_path / "daily_trades.parquet"
    sidecar_of(path).write_text("abc  daily_trades.parquet\n")
    assert read_sidecar(path) == "abc"
    sidecar_of(path).write_text(text)
    assert read_sidecar(path) == text
    sidecar_of(path).write_bytes(b"\xff\xfe")
    assert read_sidecar(path) is not None
