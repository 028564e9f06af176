"""Parts that overlap in any way read as their union: each key once, ascending, nothing lost."""

from __future__ import annotations

import datetime as dt
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto_assets.errors import UnreadableInput
from crypto_assets.lake import parts as module
from crypto_assets.lake.draft import Draft, hash_of, write
from crypto_assets.lake.parts import PRECEDENCE, Part, digest_of, overlaps, scan_parts, summarise
from crypto_assets.model.coverage import Coverage
from crypto_assets.model.manifest import Input
from crypto_assets.model.partition import Partition
from crypto_assets.model.tables import QUOTES, TRADES, Table

Frame = Callable[..., pl.DataFrame]
PARTITION = Partition.of("binance", "NEXOUSDT", "2024-07-24")
MIDNIGHT = dt.datetime(2024, 7, 24, tzinfo=dt.UTC)
WINDOW = 5
MOST = 30


@dataclass(frozen=True)
class Seen:
    """What one part holds: which ids, from where, how finely stamped, and which of them wrong."""

    ids: frozenset[int]
    source: str
    in_ms: bool
    recv: int | None
    wrong: frozenset[int]

    def rows(self, times: list[int]) -> dict[int, tuple[int, Decimal, int | None]]:
        found = {}
        for id_ in sorted(self.ids):
            us = times[id_] // 1_000 * 1_000 if self.in_ms else times[id_]
            price = Decimal(id_ + 1) + (Decimal("0.5") if id_ in self.wrong else 0)
            found[id_] = (us, price, None if self.recv is None else times[id_] + self.recv)
        return found


ids = st.frozensets(st.integers(0, MOST))
seen = st.builds(
    Seen,
    ids=ids,
    source=st.sampled_from(PRECEDENCE),
    in_ms=st.booleans(),
    recv=st.none() | st.integers(0, 9),
    wrong=st.frozensets(st.integers(0, MOST), max_size=2),
)
times = st.lists(st.integers(0, 40_000), min_size=MOST + 1, max_size=MOST + 1) | st.just(
    [id_ * 700 for id_ in range(MOST + 1)],
)


def frame(rows: Mapping[int, tuple[int, Decimal, int | None]]) -> pl.DataFrame:
    def at(us: int | None) -> dt.datetime | None:
        return None if us is None else MIDNIGHT + dt.timedelta(microseconds=us)

    return pl.DataFrame(
        {
            "trade_id": list(rows),
            "ts_event": [at(us) for us, _, _ in rows.values()],
            "price": [price for _, price, _ in rows.values()],
            "quantity": [Decimal(1)] * len(rows),
            "is_buyer_maker": [True] * len(rows),
            "ts_recv": [at(recv) for _, _, recv in rows.values()],
            "quoted_value": [None] * len(rows),
            "match_id": [None] * len(rows),
        },
        schema=TRADES.schema,
    )


def part(path: Path, rows: pl.DataFrame, source: str, table: Table = TRADES) -> Part:
    entry = Input(name=path.name, sha256=path.name, source=source)
    return Part(path, write(path, table, PARTITION, Draft(rows=[rows], inputs=(entry,))))


@contextmanager
def stored(found: list[Seen], at: list[int]) -> Iterator[list[Part]]:
    with tempfile.TemporaryDirectory() as directory, pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BATCH_ROWS", WINDOW)
        yield [
            part(Path(directory, f"{number}.parquet"), frame(one.rows(at)), one.source)
            for number, one in enumerate(found)
        ]


def trusted(found: list[Seen]) -> list[tuple[int, Seen]]:
    """Put what the exchange published first, and of equals the part that holds most."""

    def trust(pair: tuple[int, Seen]) -> tuple[int, int, int]:
        number, one = pair
        return PRECEDENCE.index(one.source), -len(one.ids), number

    return sorted(enumerate(found), key=trust)


def union(found: list[Seen], at: list[int]) -> pl.DataFrame:
    """Merge the parts one trade at a time."""
    rows: dict[int, tuple[int, Decimal, int | None]] = {}
    for _, one in trusted(found):
        for id_, (us, price, recv) in one.rows(at).items():
            if id_ not in rows:
                rows[id_] = (us, price, recv)
                continue
            kept_us, kept_price, kept_recv = rows[id_]
            known = [value for value in (kept_recv, recv) if value is not None]
            rows[id_] = (max(kept_us, us), kept_price, min(known, default=None))
    return frame(dict(sorted(rows.items())))


@settings(max_examples=60, deadline=None)
@given(st.lists(seen, min_size=1, max_size=4), times)
def test_any_parts_scan_to_their_union(found: list[Seen], at: list[int]) -> None:
    with stored(found, at) as those:
        whole = union(found, at)
        scan = scan_parts(those, TRADES)
        assert scan.collect_schema() == TRADES.schema
        assert scan.collect().equals(whole)
        assert scan.collect(engine="streaming").equals(whole)
        assert scan_parts(those[::-1], TRADES).collect().equals(whole)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(seen, min_size=2, max_size=3),
    times,
    st.lists(st.sampled_from(TRADES.schema.names()), min_size=1, max_size=4, unique=True),
    st.integers(0, MOST),
    st.integers(0, MOST + 5),
    st.sampled_from(["price", "trade_id", "ts_event", "ts_recv"]),
)
def test_projection_predicate_and_head_reach_the_parts_without_changing_the_answer(
    found: list[Seen],
    at: list[int],
    columns: list[str],
    above: int,
    rows: int,
    filtered: str,
) -> None:
    limits = {
        "price": pl.col("price") > Decimal(above),
        "trade_id": pl.col("trade_id") > above,
        "ts_event": pl.col("ts_event") > MIDNIGHT + dt.timedelta(microseconds=above * 700),
        "ts_recv": pl.col("ts_recv").is_null(),
    }
    predicate = limits[filtered]
    asked: list[Callable[[pl.LazyFrame], pl.LazyFrame]] = [
        lambda scan: scan.select(columns),
        lambda scan: scan.filter(predicate),
        lambda scan: scan.filter(predicate).select(columns),
        lambda scan: scan.head(rows),
        lambda scan: scan.head(rows).filter(predicate),
        lambda scan: scan.filter(predicate).head(rows),
        lambda scan: scan.filter(predicate).head(rows).select(columns),
        lambda scan: scan.select(pl.len()),
        lambda scan: scan.tail(rows).select(columns),
    ]
    with stored(found, at) as those:
        whole = union(found, at).lazy()
        for ask in asked:
            expected = ask(whole).collect()
            assert ask(scan_parts(those, TRADES)).collect().equals(expected)
            assert ask(scan_parts(those, TRADES)).collect(engine="streaming").equals(expected)


def disagree(found: list[Seen], at: list[int]) -> set[int]:
    """Find the ids whose rows differ, a millisecond stamp agreeing with any within it."""
    wrong = set()
    for id_ in range(MOST + 1):
        rows = [one.rows(at)[id_] for one in found if id_ in one.ids]
        fine = {us for us, _, _ in rows if us % 1_000}
        if (
            len({price for _, price, _ in rows}) > 1
            or len({us // 1_000 for us, _, _ in rows}) > 1
            or len(fine) > 1
        ):
            wrong.add(id_)
    return wrong


@settings(max_examples=50, deadline=None)
@given(st.lists(seen, min_size=1, max_size=4), times)
def test_the_summary_is_that_of_the_union(found: list[Seen], at: list[int]) -> None:
    with stored(found, at) as those:
        whole = union(found, at)
        summary = summarise(those, TRADES)
        assert summary.rows == whole.height
        assert summary.coverage == Coverage.of_ids(whole["trade_id"])
        assert summary.duplicates == sum(len(one.ids) for one in found) - whole.height
        assert summary.conflicts == tuple(sorted(disagree(found, at)))
        held = whole["ts_event"].to_physical()
        assert (summary.inversions == 0) == bool((held.diff().drop_nulls() >= 0).all())
        assert summary.sources == by_source(found)
        assert sum(summary.sources.values()) == whole.height
        if not whole.is_empty():
            ends = (held.min(), held.max())
            merged = (summary.first_us, summary.last_us)
            # A coarse stamp that was refined may have been the lowest.
            assert merged[1] == ends[1]
            assert merged[0] is not None
            assert 0 <= ends[0] - merged[0] < 1_000  # type: ignore[operator]


def by_source(found: list[Seen]) -> dict[str, int]:
    taken: set[int] = set()
    counted: dict[str, int] = {}
    for _, one in trusted(found):
        counted[one.source] = counted.get(one.source, 0) + len(one.ids - taken)
        taken |= one.ids
    return counted


def test_a_millisecond_stamp_of_the_same_trade_is_no_conflict_and_the_finer_is_kept(
    tmp_path: Path,
) -> None:
    coarse = part(tmp_path / "a.parquet", frame({1: (5_000, Decimal(1), None)}), "archive")
    fine = part(tmp_path / "b.parquet", frame({1: (5_432, Decimal(1), 7_000)}), "stream")
    other = part(tmp_path / "c.parquet", frame({1: (5_433, Decimal(1), 7_000)}), "stream")
    later = part(tmp_path / "d.parquet", frame({1: (6_000, Decimal(1), 7_000)}), "stream")
    assert summarise([coarse, fine], TRADES).conflicts == ()
    assert (
        scan_parts([coarse, fine], TRADES).collect().equals(frame({1: (5_432, Decimal(1), 7_000)}))
    )
    assert summarise([fine, other], TRADES).conflicts == (1,)
    assert summarise([coarse, later], TRADES).conflicts == (1,)


def test_a_stretch_between_two_windows_that_runs_backwards_is_counted(tmp_path: Path) -> None:
    rows = {id_: (id_ * 700 - (20_000 if id_ >= WINDOW else 0) + 30_000, Decimal(1), None)
            for id_ in range(2 * WINDOW)}  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BATCH_ROWS", WINDOW)
        those = [part(tmp_path / name, frame(rows), "stream") for name in ("a", "b")]
        assert summarise(those, TRADES).inversions == 1


def test_parts_overlap_where_their_spans_do(tmp_path: Path) -> None:
    def spanning(*those: int) -> Part:
        rows = {id_: (id_, Decimal(1), None) for id_ in those}
        return part(tmp_path / f"{those}.parquet", frame(rows), "stream")

    low, high, wide, empty = spanning(1, 2), spanning(3, 4), spanning(0, 9), spanning()
    assert not overlaps([low, high, empty])
    assert not overlaps([])
    assert overlaps([high, low, wide])
    assert overlaps([low, low])


def test_parts_are_named_by_what_they_hold_not_by_their_order(tmp_path: Path) -> None:
    those = [
        part(tmp_path / f"{id_}.parquet", frame({id_: (0, Decimal(1), None)}), "stream")
        for id_ in range(3)
    ]
    assert digest_of(those) == digest_of(those[::-1])
    assert digest_of(those) != digest_of(those[:2])
    assert digest_of(those[:1]) == those[0].manifest.logical_hash


def test_no_part_scans_to_no_row() -> None:
    assert scan_parts([], TRADES).collect().equals(TRADES.schema.to_frame())


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(ids, st.integers(0, 3)), min_size=1, max_size=3))
def test_quotes_are_merged_by_update_id_and_received_when_first_seen(
    quotes: Frame,
    found: list[tuple[frozenset[int], int]],
) -> None:
    with tempfile.TemporaryDirectory() as directory, pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BATCH_ROWS", WINDOW)
        those = [
            part(Path(directory, f"{at}"), quotes(sorted(held), late), "stream", QUOTES)
            for at, (held, late) in enumerate(found)
        ]
        kept: dict[int, int] = {}
        for held, late in found:
            for id_ in held:
                kept[id_] = min(late, kept.get(id_, late))
        first_seen = [quotes([id_], late) for id_, late in sorted(kept.items())]
        expected = pl.concat([QUOTES.schema.to_frame(), *first_seen])
        scan = scan_parts(those, QUOTES)
        assert scan.collect().equals(expected)
        assert scan.collect(engine="streaming").equals(expected)
        summary = summarise(those, QUOTES)
        assert (summary.rows, summary.conflicts) == (len(kept), ())
        assert summary.missing == ()


def test_merged_parts_hash_like_one_file_of_the_same_rows(tmp_path: Path) -> None:
    rows = {id_: (id_ * 700, Decimal(1), None) for id_ in range(20)}
    those = [
        part(tmp_path / "odd", frame({id_: rows[id_] for id_ in rows if id_ % 3}), "stream"),
        part(tmp_path / "even", frame({id_: rows[id_] for id_ in rows if id_ % 2 == 0}), "archive"),
    ]
    whole = part(tmp_path / "whole", frame(rows), "stream")
    rest = {id_: rows[id_] for id_ in rows if not id_ % 3}
    those.append(part(tmp_path / "rest", frame(rest), "rest"))
    assert hash_of(scan_parts(those, TRADES), TRADES) == whole.manifest.logical_hash


def test_a_damaged_part_is_named(tmp_path: Path) -> None:
    rows = {id_: (id_ * 700, Decimal(1), None) for id_ in range(20)}
    those = [part(tmp_path / name, frame(rows), "stream") for name in ("good", "bad")]
    data = bytearray(those[1].path.read_bytes())
    data[4:60] = bytes(56)
    those[1].path.write_bytes(data)
    with pytest.raises(UnreadableInput, match="bad: expected readable rows"):
        summarise(those, TRADES)
