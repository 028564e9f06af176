"""What the days around a day, and the exchange's klines, prove of its first and last trade."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path

import pytest

from crypto_assets.errors import UnreadableInput
from crypto_assets.lake.lake import Lake
from crypto_assets.model.partition import Partition
from crypto_assets.pipeline.edges import Edges, edges_of, neighbour
from crypto_assets.pipeline.ingest import take

DAY_MS = 1_721_779_200_000


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path


def put(lake: Lake, directory: Path, ids: Iterable[int], days: int = 0) -> None:
    midnight = DAY_MS + days * 86_400_000
    text = "".join(
        f"{id_},{id_}.5,2.0,{2 * id_ + 1}.0,{midnight + id_ * 1_000},True,True\n" for id_ in ids
    )
    path = directory / f"NEXOUSDT-trades-2024-07-{24 + days}.csv"
    path.write_text(text)
    take(lake, path)


def put_klines(lake: Lake, directory: Path, interval: str, counts: list[int]) -> None:
    step = 86_400_000 // len(counts)
    text = "".join(
        f"{DAY_MS + at * step},1,1,1,1,1,{DAY_MS + (at + 1) * step - 1},1,{count},1,1,0\n"
        for at, count in enumerate(counts)
    )
    path = directory / f"NEXOUSDT-{interval}-2024-07-24.csv"
    path.write_text(text)
    take(lake, path)


def edges(lake: Lake, day: Partition) -> Edges:
    trades = lake.summary("raw_trades", day)
    assert trades is not None
    return edges_of(lake, day, trades)


def test_a_neighbour_is_its_first_and_last_id(lake: Lake, day: Partition, directory: Path) -> None:
    assert neighbour(lake, day) is None
    put(lake, directory, [7, 5, 9])
    found = neighbour(lake, day)
    assert found is not None
    assert (found.first_id, found.last_id) == (5, 9)


@pytest.mark.parametrize(
    ("before", "after", "left", "right", "close"),
    [
        ((), (), False, False, None),
        (range(10), (), True, False, Decimal("9.5")),
        ((), range(20, 30), False, True, None),
        (range(10), range(20, 30), True, True, Decimal("9.5")),
        (range(9), range(21, 30), False, False, None),
        (range(11), range(19, 30), False, False, None),
    ],
)
def test_an_edge_is_proven_by_the_neighbour_that_joins(
    before: range,
    after: range,
    left: bool,  # noqa: FBT001
    right: bool,  # noqa: FBT001
    close: Decimal | None,
    lake: Lake,
    day: Partition,
    directory: Path,
) -> None:
    put(lake, directory, range(10, 20))
    if before:
        put(lake, directory, before, -1)
    if after:
        put(lake, directory, after, 1)
    assert edges(lake, day) == Edges(left, right, close)


@pytest.mark.parametrize(
    ("interval", "counts", "proven"),
    [
        ("1h", [10, *[0] * 23], True),
        ("1h", [5, *[0] * 22, 5], True),
        ("1h", [11, *[0] * 23], False),
        ("1h", [9, *[0] * 23], False),
        ("4h", [2, 2, 2, 2, 1, 1], True),
        ("1d", [10], True),
        ("1d", [12], False),
    ],
)
def test_klines_of_the_whole_day_that_count_every_trade_prove_both_edges(
    interval: str,
    counts: list[int],
    proven: bool,  # noqa: FBT001
    lake: Lake,
    day: Partition,
    directory: Path,
) -> None:
    put(lake, directory, range(10, 20))
    put_klines(lake, directory, interval, counts)
    assert edges(lake, day) == Edges(proven, proven, None)


def test_klines_of_a_part_of_the_day_prove_nothing(
    lake: Lake,
    day: Partition,
    directory: Path,
) -> None:
    put(lake, directory, range(10, 20))
    path = directory / "NEXOUSDT-1h-2024-07-24.csv"
    path.write_text(f"{DAY_MS},1,1,1,1,1,{DAY_MS + 3_599_999},1,10,1,1,0\n")
    take(lake, path)
    assert edges(lake, day) == Edges(left_proven=False, right_proven=False, previous_close=None)


def test_the_close_before_is_read_from_the_sealed_day_where_the_hot_one_is_gone(
    lake: Lake,
    day: Partition,
    directory: Path,
) -> None:
    put(lake, directory, range(10, 20))
    put(lake, directory, range(10), -1)
    (part,) = lake.layout.files("raw_trades", day.previous)
    lake.link("daily_trades", day.previous, part)
    part.unlink()
    assert edges(lake, day).previous_close == Decimal("9.5")


def test_damaged_klines_are_named(lake: Lake, day: Partition, directory: Path) -> None:
    put(lake, directory, range(10, 20))
    put_klines(lake, directory, "1d", [10])
    (path,) = lake.layout.files("klines", day)
    data = bytearray(path.read_bytes())
    data[4:60] = bytes(56)
    path.write_bytes(data)
    with pytest.raises(UnreadableInput, match="klines of binance:NEXOUSDT 2024-07-24"):
        edges(lake, day)
