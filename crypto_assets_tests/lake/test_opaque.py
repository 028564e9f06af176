"""Parts whose ids are no numbers: told apart by their names, merged in spans of bounded rows."""

from __future__ import annotations

import datetime as dt
import tempfile
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto_assets.errors import CommitFailed
from crypto_assets.lake import parts as module
from crypto_assets.lake.draft import Draft, hash_of, write
from crypto_assets.lake.parts import Part, overlaps, scan_parts, summarise
from crypto_assets.lake.runs import Runs
from crypto_assets.model.coverage import Coverage
from crypto_assets.model.manifest import Input
from crypto_assets.model.numbering import Numbering
from crypto_assets.model.partition import Partition
from crypto_assets.model.tables import TRADES

PARTITION = Partition.of("bybit", "BTCUSDT", "2024-07-24")
MIDNIGHT = dt.datetime(2024, 7, 24, tzinfo=dt.UTC)
WINDOW = 6
# Few milliseconds and few heads, so that ids meet; a name never comes with two ids.
keys = st.sets(st.tuples(st.integers(0, 30), st.integers(0, 1), st.integers(0, 2)), max_size=40)
Key = tuple[int, int, int]


def frame(found: Sequence[Key], finer_us: int = 0, price: str = "1") -> pl.DataFrame:
    """Trades by millisecond, head of the name and the rest of it."""
    return pl.DataFrame(
        {
            "trade_id": [(ms << 22) + head for ms, head, _ in found],
            "ts_event": [
                MIDNIGHT + dt.timedelta(milliseconds=ms, microseconds=finer_us * (head + rest))
                for ms, head, rest in found
            ],
            "price": [Decimal(price)] * len(found),
            "quantity": [Decimal(1 + ms) for ms, _, _ in found],
            "is_buyer_maker": [True] * len(found),
            "ts_recv": [None] * len(found),
            "quoted_value": [None] * len(found),
            "match_id": [f"{head}-{ms}-{rest}" for ms, head, rest in found],
        },
        schema=TRADES.schema,
    )


def part(path: Path, rows: pl.DataFrame, source: str = "stream") -> Part:
    draft = Draft(
        rows=[rows],
        inputs=(Input(name=path.name, sha256=path.name, source=source),),
        numbering=Numbering.OPAQUE,
    )
    return Part(path, write(path, TRADES, PARTITION, draft))


@settings(max_examples=60, deadline=None)
@given(st.lists(keys, min_size=1, max_size=4))
def test_any_parts_scan_to_their_union_each_name_once(found: list[set[Key]]) -> None:
    sizes: list[int] = []

    def seen(frames: Sequence[pl.DataFrame], table: object) -> object:
        sizes.append(sum(one.height for one in frames))
        return merge(frames, table)

    merge = module.merge
    with tempfile.TemporaryDirectory() as directory, pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BATCH_ROWS", WINDOW)
        patch.setattr(module, "merge", seen)
        those = [
            part(Path(directory, f"{number}.parquet"), frame(sorted(each)))
            for number, each in enumerate(found)
        ]
        every = sorted(set().union(*found))
        scanned = scan_parts(those, TRADES).collect()
        assert scanned.equals(frame(every))
        assert scan_parts(those, TRADES).select("price", "match_id").collect().height == len(every)
        summary = summarise(those, TRADES)
        assert (summary.rows, summary.conflicts, summary.inversions) == (len(every), (), 0)
        assert summary.duplicates == sum(map(len, found)) - len(every)
        assert (summary.missing, summary.coverage) == ((), Coverage())
        assert summary.numbering is Numbering.OPAQUE
        # Ids of one millisecond and head stay together, and are three here at most.
        assert max(sizes, default=0) <= max(WINDOW, 2 * len(those)) + 3 * len(those)
        assert hash_of(scan_parts(those, TRADES), TRADES) == hash_of(frame(every).lazy(), TRADES)


def test_parts_that_meet_in_one_id_overlap(tmp_path: Path) -> None:
    one = part(tmp_path / "a.parquet", frame([(1, 0, 0), (2, 0, 0)]))
    other = part(tmp_path / "b.parquet", frame([(2, 0, 1), (3, 0, 0)]))
    assert overlaps([one, other])
    assert scan_parts([one, other], TRADES).collect().height == 4


def test_the_finer_time_is_kept_and_is_no_inversion(tmp_path: Path) -> None:
    rows = [(5, 0, 2), (5, 1, 0), (6, 0, 0)]
    archive = part(tmp_path / "a.parquet", frame(rows, finer_us=100), "archive")
    stream = part(tmp_path / "b.parquet", frame(rows))
    assert archive.manifest.inversions == 0
    whole = summarise([archive, stream], TRADES)
    assert (whole.conflicts, whole.inversions, whole.duplicates) == ((), 0, 3)
    scanned = scan_parts([archive, stream], TRADES).collect()
    assert scanned.equals(frame(rows, finer_us=100))


def test_another_price_of_the_same_name_is_a_conflict(tmp_path: Path) -> None:
    one = part(tmp_path / "a.parquet", frame([(5, 0, 1), (5, 0, 2)]))
    other = part(tmp_path / "b.parquet", frame([(5, 0, 2)], price="2"))
    assert summarise([one, other], TRADES).conflicts == (5 << 22,)


@pytest.mark.parametrize(
    "rows",
    [
        [(5, 0, 1), (5, 0, 1)],
        [(5, 0, 2), (5, 0, 1)],
        [(5, 1, 0), (5, 0, 0)],
    ],
)
@pytest.mark.parametrize("cut", [0, 1])
def test_names_that_do_not_ascend_within_an_id_are_refused(
    rows: list[Key],
    cut: int,
    tmp_path: Path,
) -> None:
    found = frame(rows)
    draft = Draft(rows=[found[:cut], found[cut:]], numbering=Numbering.OPAQUE)
    with pytest.raises(CommitFailed, match="each once"):
        write(tmp_path / "a.parquet", TRADES, PARTITION, draft)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.sampled_from(range(40)), max_size=12), max_size=6))
def test_rows_in_any_order_are_sorted_each_name_once(
    batches: list[list[int]],
) -> None:
    pool = [(ms, head, rest) for ms in range(5) for head in range(2) for rest in range(4)]
    with tempfile.TemporaryDirectory() as directory:
        runs = Runs(TRADES, Path(directory), Numbering.OPAQUE)
        for number, batch in enumerate(batches):
            runs.add(frame([pool[at] for at in batch]))
            if number % 2 and runs.rows_held:
                runs.spill()
        rows = runs.drain()
        draft = Draft(rows=rows, begun=runs.begun, numbering=Numbering.OPAQUE)
        path = Path(directory, "whole.parquet")
        manifest = write(path, TRADES, PARTITION, draft)
        every = sorted({pool[at] for batch in batches for at in batch})
        assert pl.read_parquet(path).equals(frame(every))
        assert manifest.missing == ()
        assert runs.duplicates == sum(map(len, batches)) - len(every)
