"""Rows are described as they pass, and what is written is read back before it counts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import msgspec
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_assets.errors import CommitFailed, SchemaMismatch, UnreadableInput
from crypto_assets.lake.draft import Draft, frames_of, hash_of, read_back, scan_files, write
from crypto_assets.model.coverage import Coverage
from crypto_assets.model.manifest import Input, Manifest
from crypto_assets.model.partition import Partition
from crypto_assets.model.tables import BARS, QUANTITY, QUOTES, TRADES

Frame = Callable[..., pl.DataFrame]
PARTITION = Partition.of("binance", "NEXOUSDT", "2024-07-24")


def written(path: Path, *frames: pl.DataFrame) -> Manifest:
    return write(path, TRADES, PARTITION, Draft(rows=frames))


def cut(frame: pl.DataFrame, at: list[int]) -> list[pl.DataFrame]:
    edges = [0, *sorted(at), frame.height]
    return [frame[start:stop] for start, stop in pairwise(edges)]


@given(
    st.sets(st.integers(0, 40), min_size=1),
    st.lists(st.integers(0, 60), min_size=41, max_size=41),
    st.lists(st.integers(0, 41), max_size=4),
)
def test_ids_holes_times_and_inversions_are_counted_across_frames(
    tmp_path_factory: pytest.TempPathFactory,
    trades: Frame,
    ids: set[int],
    seconds: list[int],
    at: list[int],
) -> None:
    ordered = sorted(ids)
    us = [seconds[id_] * 1_000_000 for id_ in ordered]
    frame = trades(ordered, us=us)
    path = tmp_path_factory.getbasetemp() / "cut.parquet"
    found = written(path, *cut(frame, [min(one, frame.height) for one in at]))
    assert found.rows == len(ids)
    assert found.coverage == Coverage.of((id_, id_) for id_ in ids)
    assert found.first_us == PARTITION.start_us + min(us)
    assert found.last_us == PARTITION.start_us + max(us)
    assert found.inversions == sum(a > b for a, b in pairwise(us))
    assert found.logical_hash == hash_of(frame.lazy(), TRADES) == hash_of(path, TRADES)


@pytest.mark.parametrize("cuts", [[], [2], [3]])
@pytest.mark.parametrize("ids", [[1, 2, 2, 3], [1, 3, 2, 4], [1, 2, 5, 4], [4, 3, 2, 1]])
def test_ids_that_do_not_ascend_each_once_are_refused(
    ids: list[int],
    cuts: list[int],
    tmp_path: Path,
    trades: Frame,
) -> None:
    with pytest.raises(CommitFailed, match="binance:NEXOUSDT 2024-07-24: expected ascending trade"):
        written(tmp_path / "x.parquet", *cut(trades(ids), cuts))


def test_an_id_repeated_by_the_next_frame_is_refused(tmp_path: Path, trades: Frame) -> None:
    with pytest.raises(CommitFailed, match="each once"):
        written(tmp_path / "x.parquet", trades([1, 2]), trades([2, 3]))


def test_bars_that_do_not_ascend_in_time_are_refused(tmp_path: Path) -> None:
    empty = {name: [None, None] for name in BARS.schema}
    frame = pl.DataFrame(
        empty | {"ts_open": [2, 1]},
        schema={**BARS.schema, "ts_open": pl.Int64},
    ).cast(dict(BARS.schema))
    with pytest.raises(CommitFailed, match="expected ascending ts_open"):
        write(tmp_path / "x.parquet", BARS, PARTITION, Draft(rows=[frame]))


@pytest.mark.parametrize(
    "change",
    [
        lambda frame: frame.drop("price"),
        lambda frame: frame.with_columns(extra=pl.lit(1)),
        lambda frame: frame.select(reversed(frame.columns)),
        lambda frame: frame.cast({"price": pl.Float64()}),
        lambda frame: frame.cast({"price": QUANTITY}),
        lambda frame: frame.cast({"ts_event": pl.Datetime("ms", "UTC")}),
    ],
)
def test_other_columns_than_the_tables_are_refused(
    change: Callable[[pl.DataFrame], pl.DataFrame],
    tmp_path: Path,
    trades: Frame,
) -> None:
    with pytest.raises(SchemaMismatch, match=r"expected .*trade_id.* found"):
        written(tmp_path / "x.parquet", change(trades([1, 2])))


def test_a_lazy_frame_that_fails_on_the_way_is_an_error_of_ours(
    tmp_path: Path,
    trades: Frame,
) -> None:
    good = trades(range(5)).write_parquet
    good(tmp_path / "in.parquet")
    data = bytearray((tmp_path / "in.parquet").read_bytes())
    data[40:60] = bytes(20)
    (tmp_path / "in.parquet").write_bytes(data)
    with pytest.raises(UnreadableInput, match="trades of binance:NEXOUSDT 2024-07-24"):
        write(
            tmp_path / "x.parquet",
            TRADES,
            PARTITION,
            Draft(rows=scan_files([tmp_path / "in.parquet"])),
        )


def test_what_is_known_beforehand_is_in_the_manifest(tmp_path: Path, trades: Frame) -> None:
    one = Input(name="a.csv", sha256="1", source="archive", checksum="verified")
    draft = Draft(
        rows=[trades([1, 2, 3])],
        version=4,
        inputs=(one,),
        parents={"raw_trades": "x"},
        duplicates=5,
        conflicts=tuple(range(2_000)),
        disordered=6,
        unreadable=7,
        recorded=((1, 2),),
    )
    found = write(tmp_path / "x.parquet", TRADES, PARTITION, draft)
    assert found.inputs == (msgspec.structs.replace(one, rows=3),)
    assert (found.version, found.parents) == (4, {"raw_trades": "x"})
    assert (found.duplicates, found.disordered, found.unreadable) == (5, 6, 7)
    assert found.conflicts == tuple(range(1_000))
    assert found.recorded == ((1, 2),)
    assert (found.table, found.venue, found.symbol, found.date) == (
        "trades",
        "binance",
        "NEXOUSDT",
        "2024-07-24",
    )


def test_no_rows_make_a_file_that_says_so(tmp_path: Path) -> None:
    found = written(tmp_path / "x.parquet")
    read_back(tmp_path / "x.parquet", TRADES, found)
    assert (found.rows, found.first_id, found.first_us, found.coverage) == (
        0,
        None,
        None,
        Coverage(),
    )


def test_quotes_have_no_holes_for_their_ids_are_not_dense(tmp_path: Path, quotes: Frame) -> None:
    found = write(tmp_path / "x", QUOTES, PARTITION, Draft(rows=[quotes([1, 5, 9])]))
    assert (found.first_id, found.last_id, found.missing) == (1, 9, ())


def test_any_flipped_byte_of_the_values_is_caught_on_reading_back(
    tmp_path: Path,
    trades: Frame,
) -> None:
    path = tmp_path / "x.parquet"
    manifest = written(path, trades(range(300)))
    good = path.read_bytes()
    read_back(path, TRADES, manifest)
    # The pages of every column lie before the footer, whose length the last 8 bytes say.
    pages = len(good) - 8 - int.from_bytes(good[-8:-4], "little")
    caught = 0
    for at in range(4, pages, max(pages // 60, 1)):
        path.write_bytes(good[:at] + bytes([good[at] ^ 0x10]) + good[at + 1 :])
        try:
            read_back(path, TRADES, manifest)
        except (CommitFailed, UnreadableInput):
            caught += 1
        else:
            # Where nothing is said of it, the byte was of statistics or of a receive time.
            assert hash_of(path, TRADES) == manifest.logical_hash
    assert caught > 20


def test_a_file_of_other_rows_is_caught_on_reading_back(tmp_path: Path, trades: Frame) -> None:
    first = written(tmp_path / "a", trades(range(5)))
    written(tmp_path / "b", trades(range(6)))
    with pytest.raises(CommitFailed, match="expected 5 rows, its footer says 6"):
        read_back(tmp_path / "b", TRADES, first)


def test_frames_stream_in_order(trades: Frame) -> None:
    frame = trades(range(1_000))
    assert pl.concat(frames_of(frame.lazy())).equals(frame)

    def lazily() -> Iterator[pl.DataFrame]:
        yield frame[:10]
        yield frame[10:]

    assert pl.concat(frames_of(lazily())).equals(frame)
