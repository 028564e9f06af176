"""The completeness matrix lists all that is there, and says no more than is known."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from crypto_assets.lake.lake import Lake, read_sidecar
from crypto_assets.model.instrument import Instrument
from crypto_assets.model.partition import Partition
from crypto_assets.pipeline.build import build
from crypto_assets.pipeline.ingest import take
from crypto_assets.pipeline.status import known_instruments, known_partitions, status_of

Tree = dict[str, tuple[int, int, str]]
DAY_MS = 1_721_779_200_000


def test_every_partition_with_anything_stored_is_known_in_order(nexo: Lake, btc_eth: Lake) -> None:
    assert [str(one.date) for one in known_partitions(nexo)] == [
        "2024-07-23",
        "2024-07-24",
        "2024-07-25",
    ]
    assert [str(one) for one in known_partitions(btc_eth)] == [
        "binance:BTCUSDT 2024-08-08",
        "binance:BTCUSDT 2024-08-09",
        "binance:ETHUSDT 2024-08-08",
        "binance:ETHUSDT 2024-08-09",
    ]
    assert {one.instrument.symbol for one in known_partitions(btc_eth, "ETHUSDT")} == {"ETHUSDT"}
    assert known_partitions(btc_eth, "XRPUSDT") == []
    assert [one.symbol for one in known_instruments(btc_eth)] == ["BTCUSDT", "ETHUSDT"]


def test_nothing_is_known_of_an_empty_lake(lake: Lake) -> None:
    assert known_partitions(lake) == []
    assert known_instruments(lake) == []


def test_the_checksum_shown_is_the_sealed_files(nexo: Lake) -> None:
    day = Partition.of("binance", "NEXOUSDT", "2024-07-24")
    found = status_of(nexo, day)
    manifest = nexo.manifest("daily_trades", day)
    assert manifest is not None
    assert found.sha256 == read_sidecar(nexo.layout.file("daily_trades", day))
    assert found.logical_hash == manifest.logical_hash


def test_a_status_can_be_written_as_json_and_read_again(nexo: Lake) -> None:
    found = status_of(nexo, Partition.of("binance", "NEXOUSDT", "2024-07-24"))
    assert msgspec.json.decode(msgspec.json.encode(found), type=type(found)) == found


def test_looking_changes_nothing(nexo: Lake, tree: Callable[[Path], Tree]) -> None:
    before = tree(nexo.layout.root)
    for day in known_partitions(nexo):
        status_of(nexo, day)
    assert tree(nexo.layout.root) == before


def test_a_day_with_a_damaged_file_is_shown_degraded_and_the_file_named(
    lake: Lake,
    day: Partition,
    tmp_path: Path,
) -> None:
    for name in ("NEXOUSDT-trades-2024-07-24.csv", "NEXOUSDT-trades-2024-07.csv"):
        text = "".join(f"{at},1.5,2.0,3.0,{DAY_MS + at},True,True\n" for at in range(50))
        (tmp_path / name).write_text(text)
        take(lake, tmp_path / name)
    assert status_of(lake, day).condition == "provisional"
    path = lake.layout.files("raw_trades", day)[0]
    data = bytearray(path.read_bytes())
    data[4:60] = bytes(56)
    path.write_bytes(data)
    found = status_of(Lake(lake.layout.root), day)
    assert (found.condition, found.rows) == ("degraded", 0)
    assert any(str(path) in fault.message for fault in found.faults)


def test_a_damaged_sealed_file_does_not_hide_the_other_days(lake: Lake, tmp_path: Path) -> None:
    text = "".join(f"{at},1.5,2.0,3.0,{DAY_MS + at},True,True\n" for at in range(50))
    (tmp_path / "NEXOUSDT-trades-2024-07-24.csv").write_text(text)
    take(lake, tmp_path / "NEXOUSDT-trades-2024-07-24.csv")
    (day,) = known_partitions(lake)
    build(lake, [day])
    sealed = lake.layout.file("daily_trades", day)
    torn = sealed.read_bytes()[:-40]
    sealed.unlink()
    sealed.write_bytes(torn)
    found = status_of(Lake(lake.layout.root), day)
    assert not found.is_sealed
    assert found.rows == 50
    (part,) = lake.layout.files("raw_trades", day)
    part.write_bytes(torn)
    assert status_of(Lake(lake.layout.root), day).condition == "degraded"


def test_instruments_are_read_off_their_directories(lake: Lake, tmp_path: Path) -> None:
    path = tmp_path / "币安人生USDT-trades-2024-07-24.csv"
    path.write_text(f"1,1.5,2.0,3.0,{DAY_MS},True,True\n")
    take(lake, path)
    assert known_instruments(lake) == [Instrument("binance", "币安人生USDT")]
