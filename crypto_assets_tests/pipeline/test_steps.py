"""How a day is sealed: once, by linking or merging, and again only for other values."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec
import pyarrow.parquet as pq
import pytest

from crypto_assets.errors import CommitFailed, NothingStored
from crypto_assets.lake.blocks import sha256_of
from crypto_assets.lake.lake import Committed, Lake, read_sidecar, sidecar_of
from crypto_assets.lake.parquet import MANIFEST_KEY, read_manifest
from crypto_assets.model.assets import ASSETS
from crypto_assets.model.partition import Partition
from crypto_assets.pipeline.build import LEDGERS, build, frames_upstream
from crypto_assets.pipeline.ingest import take
from crypto_assets.pipeline.status import status_of
from crypto_assets.pipeline.steps import STEPS
from crypto_assets.pipeline.verify import verify

Tree = dict[str, tuple[int, int, str]]
DAY_MS = 1_721_779_200_000
FIRST = 100


def archive(directory: Path, ids: Iterable[int], days: int = 0, price: str = "1.5") -> Path:
    """Write a day's archive file, one trade a second from noon, with the id the second's number."""
    midnight = DAY_MS + days * 86_400_000
    text = "".join(
        f"{id_},{price},2.0,{2 * float(price)},{midnight + id_ * 1_000},True,True\n" for id_ in ids
    )
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"NEXOUSDT-trades-2024-07-{24 + days}.csv"
    path.write_text(text)
    return path


def capture(directory: Path, ids: Iterable[int], name: str = "nexo") -> Path:
    """Write the same trades as a recorder would."""
    text = "".join(
        f'{(DAY_MS + id_ * 1_000) * 1_000} {{"stream":"nexousdt@trade","data":{{"e":"trade","E":'
        f'{DAY_MS + id_ * 1_000},"s":"NEXOUSDT","t":{id_},"p":"1.5","q":"2.0","T":'
        f'{DAY_MS + id_ * 1_000},"m":true,"M":true}}}}\n'
        for id_ in ids
    )
    path = directory / f"{name}.jsonl"
    path.write_text(text)
    return path


def step(lake: Lake, asset: str, day: Partition) -> list[Committed]:
    made = STEPS[asset](lake, day, frames_upstream(lake, asset, day))
    return [lake.store(asset, day, one) for one in made]


def sealed(lake: Lake, day: Partition) -> Committed:
    (found,) = step(lake, "daily_trades", day)
    return found


def test_every_asset_that_is_made_of_data_has_a_step() -> None:
    assert list(STEPS) == [name for name in ASSETS if name not in LEDGERS]


def test_a_single_part_is_sealed_without_writing_it_again(
    lake: Lake,
    day: Partition,
    tmp_path: Path,
) -> None:
    (part,) = take(lake, archive(tmp_path, range(FIRST, 120))).parts
    found = sealed(lake, day)
    assert found.path.stat().st_ino == part.path.stat().st_ino
    assert found.manifest.version == 1
    assert read_sidecar(found.path) == part.sha256


def test_several_parts_are_sealed_merged(lake: Lake, day: Partition, tmp_path: Path) -> None:
    take(lake, archive(tmp_path, range(FIRST, 120)))
    take(lake, capture(tmp_path, range(110, 130)))
    found = sealed(lake, day)
    assert found.manifest.rows == 30
    assert found.manifest.duplicates == 10
    assert found.manifest.sources == {"archive": 20, "stream": 10}
    (whole,) = take(Lake(tmp_path / "other"), archive(tmp_path / "x", range(FIRST, 130))).parts
    assert found.manifest.logical_hash == whole.manifest.logical_hash


@pytest.mark.parametrize("several", [False, True])
def test_sealing_twice_leaves_the_file_untouched(
    several: bool,  # noqa: FBT001
    lake: Lake,
    day: Partition,
    tmp_path: Path,
    tree: Callable[[Path], Tree],
) -> None:
    take(lake, archive(tmp_path, range(FIRST, 120)))
    if several:
        take(lake, capture(tmp_path, range(110, 130)))
    first = sealed(lake, day)
    before = tree(lake.layout.root)
    again = sealed(lake, day)
    assert tree(lake.layout.root) == before
    assert (first.sha256, first.manifest) == (again.sha256, again.manifest)
    assert not again.changed


def test_another_part_of_the_same_values_does_not_seal_the_day_again(
    lake: Lake,
    day: Partition,
    tmp_path: Path,
    tree: Callable[[Path], Tree],
) -> None:
    take(lake, archive(tmp_path, range(FIRST, 120)))
    sealed(lake, day)
    before = tree(lake.layout.root / "daily_trades")
    take(lake, capture(tmp_path, range(FIRST, 120)))
    take(lake, capture(tmp_path, range(105, 110), "more"))
    assert sealed(lake, day).manifest.version == 1
    assert tree(lake.layout.root / "daily_trades") == before


def test_new_values_make_the_next_version(lake: Lake, day: Partition, tmp_path: Path) -> None:
    take(lake, archive(tmp_path, range(FIRST, 120)))
    first = sealed(lake, day)
    take(lake, archive(tmp_path, range(FIRST, 121)))
    second = sealed(lake, day)
    take(lake, archive(tmp_path, range(FIRST, 121), price="2.5"))
    third = sealed(lake, day)
    assert [one.manifest.version for one in (first, second, third)] == [1, 2, 3]
    assert len({one.manifest.logical_hash for one in (first, second, third)}) == 3
    assert read_sidecar(third.path) == third.sha256
    assert [one.fault for one in verify(lake)] == [None]


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("damage", ["no sidecar", "stale sidecar", "other bytes"])
def test_a_sealed_file_without_its_right_checksum_is_made_again(
    damage: str,
    several: bool,  # noqa: FBT001
    lake: Lake,
    day: Partition,
    tmp_path: Path,
    contents: Callable[[Path], dict[str, str]],
) -> None:
    take(lake, archive(tmp_path, range(FIRST, 120)))
    if several:
        take(lake, capture(tmp_path, range(110, 130)))
    found = sealed(lake, day)
    before = contents(lake.layout.root / "daily_trades")
    if damage == "no sidecar":
        sidecar_of(found.path).unlink()
    elif damage == "stale sidecar":
        sidecar_of(found.path).write_text(f"{'0' * 64}  {found.path.name}\n")
    else:
        data = bytearray(found.path.read_bytes())
        found.path.unlink()  # it may be the part itself
        data[10] ^= 1
        found.path.write_bytes(data)
    assert [one.fault for one in verify(lake)] != [None]
    assert sealed(lake, day).manifest.version == 1
    assert contents(lake.layout.root / "daily_trades") == before
    assert [one.fault for one in verify(lake)] == [None]


def test_neighbours_that_come_later_complete_a_day_without_touching_its_trades(
    lake: Lake,
    day: Partition,
    tmp_path: Path,
    tree: Callable[[Path], Tree],
) -> None:
    take(lake, archive(tmp_path, range(FIRST, 120)))
    build(lake, [day])
    assert status_of(lake, day).condition == "provisional"
    before = tree(lake.layout.directory("daily_trades", day))
    take(lake, archive(tmp_path, range(50, FIRST), -1))
    build(lake, [day.previous])
    assert status_of(lake, day).condition == "provisional"
    take(lake, archive(tmp_path, range(120, 150), 1))
    build(lake, [day.next])
    # Its own file is the exchange's: the proven edges confirm it.
    assert status_of(lake, day).condition == "confirmed"
    assert tree(lake.layout.directory("daily_trades", day)) == before
    build(lake, [day])
    assert tree(lake.layout.directory("daily_trades", day)) == before
    bars = lake.manifest("daily_bars", day)
    assert bars is not None
    assert bars.version == 2
    assert lake.scan("daily_bars", day).collect()["is_complete"].all()


def test_building_twice_changes_nothing(
    lake: Lake,
    day: Partition,
    tmp_path: Path,
    tree: Callable[[Path], Tree],
) -> None:
    for days, ids in ((-1, range(50, FIRST)), (0, range(FIRST, 120)), (1, range(120, 150))):
        take(lake, archive(tmp_path, ids, days))
    take(lake, capture(tmp_path, range(110, 130)))
    days_built = [day.previous, day, day.next]
    build(lake, days_built)
    before = tree(lake.layout.root)
    build(lake, days_built)
    assert tree(lake.layout.root) == before


def test_the_order_days_are_built_in_makes_no_difference(
    lake: Lake,
    day: Partition,
    tmp_path: Path,
    contents: Callable[[Path], dict[str, str]],
) -> None:
    other = Lake(tmp_path / "other")
    days = [day.previous, day, day.next]
    for target in (lake, other):
        for at, ids in ((-1, range(50, FIRST)), (0, range(FIRST, 120)), (1, range(120, 150))):
            take(target, archive(tmp_path, ids, at))
    build(lake, days)
    build(other, days[::-1])
    assert contents(lake.layout.root) == contents(other.layout.root)


def test_bars_of_other_trades_are_not_sealed(lake: Lake, day: Partition, tmp_path: Path) -> None:
    take(lake, archive(tmp_path, range(FIRST, 120)))
    step(lake, "bars_1s", day)
    step(lake, "daily_bars", day)
    take(lake, capture(tmp_path, range(110, 130)))
    with pytest.raises(CommitFailed, match="materialize bars_1s first"):
        step(lake, "daily_bars", day)
    step(lake, "bars_1s", day)
    (found,) = step(lake, "daily_bars", day)
    assert found.manifest.version == 2


def test_bars_say_what_they_were_made_of(lake: Lake, day: Partition, tmp_path: Path) -> None:
    (part,) = take(lake, archive(tmp_path, range(FIRST, 120))).parts
    (bars,) = step(lake, "bars_1s", day)
    assert bars.manifest.parents["raw_trades"] == part.manifest.logical_hash
    assert bars.manifest.rows == 86_400
    assert step(lake, "bars_1s", day)[0].changed is False


def test_where_nothing_is_stored_nothing_is_made(lake: Lake, day: Partition) -> None:
    for asset in ("raw_trades", "bars_1s"):
        with pytest.raises(NothingStored, match=f"{asset} of {day}"):
            STEPS[asset](lake, day, {})
    for asset in ("raw_quotes", "klines", "daily_trades", "daily_quotes", "daily_bars"):
        assert STEPS[asset](lake, day, {}) == []


def aged(path: Path) -> None:
    """Make a file of trades what it was before trades had names."""
    manifest = msgspec.structs.replace(read_manifest(path), schema_version=1)
    text = {MANIFEST_KEY: manifest.encode()}
    table = pq.read_table(path, partitioning=None).drop_columns("match_id")
    # A sealed file may be the part itself under a second name: it is not written into.
    aside = path.with_suffix(".aged")
    pq.write_table(table.replace_schema_metadata(text), aside)
    aside.replace(path)
    if sidecar_of(path).exists():
        sidecar_of(path).write_text(f"{sha256_of(path)}  {path.name}\n")


def test_files_of_an_earlier_schema_are_made_again_with_the_same_values(
    lake: Lake,
    tmp_path: Path,
) -> None:
    day = Partition.of("binance", "NEXOUSDT", "2024-07-24")
    take(lake, archive(tmp_path, range(FIRST, FIRST + 50)))
    build(lake, [day])
    files = [lake.layout.file("daily_trades", day), *lake.layout.files("raw_trades", day)]
    before = {path: (read_manifest(path).logical_hash, path.read_bytes()) for path in files}
    for path in files:
        aged(path)
    build(Lake(lake.layout.root), [day])
    assert {path: (read_manifest(path).logical_hash, path.read_bytes()) for path in files} == before
    assert status_of(lake, day).version == 1
    assert [found.fault for found in verify(lake)] == [None, None]
