"""The route of one trade, by its id: a line, a part, a bar, a sealed file, a verdict, SQL."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path

import msgspec
import polars as pl
import pytest

from crypto_assets.lake.blocks import sha256_of
from crypto_assets.lake.inputs import Inputs
from crypto_assets.lake.lake import Lake, read_sidecar
from crypto_assets.lake.parquet import read_manifest
from crypto_assets.model.partition import Partition
from crypto_assets.pipeline import query, verdicts
from crypto_assets.pipeline.build import build
from crypto_assets.pipeline.ingest import take
from crypto_assets.pipeline.verify import verify

RECORDING = Path(__file__).with_name("recordings") / "binance-nexousdt-2024-07-23.jsonl"
DAY = Partition.of("binance", "NEXOUSDT", "2024-07-23")


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    found = Lake(tmp_path_factory.mktemp("route") / "lake")
    take(found, RECORDING)
    build(found, [DAY])
    return found


@pytest.fixture(scope="module")
def line() -> dict[str, object]:
    """The recording's last trade, as its line says."""
    (last,) = [text for text in RECORDING.read_text().splitlines() if '"e":"trade"' in text][-1:]
    received, _, body = last.partition(" ")
    data: dict[str, object] = msgspec.json.decode(body)["data"]
    return {**data, "received": int(received)}


def row(frame: pl.DataFrame) -> dict[str, object]:
    assert frame.height == 1
    return frame.row(0, named=True)


def at(us: int) -> dt.datetime:
    return dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=us)


def test_the_line_is_kept_verbatim(lake: Lake, line: dict[str, object]) -> None:
    inputs = Inputs(lake.layout, "binance")
    (record,) = inputs
    kept = inputs.path(record)
    assert kept.read_bytes() == RECORDING.read_bytes()
    assert f'"t":{line["t"]},' in kept.read_text()


def test_the_line_becomes_a_row_of_the_part(lake: Lake, line: dict[str, object]) -> None:
    (part,) = lake.layout.files("raw_trades", DAY)
    found = row(pl.read_parquet(part).filter(trade_id=line["t"]))
    assert found["ts_event"] == at(int(str(line["T"])) * 1_000)
    assert found["ts_recv"] == at(int(str(line["received"])))
    assert found["price"] == Decimal(str(line["p"]))
    assert found["quantity"] == Decimal(str(line["q"]))
    assert found["is_buyer_maker"] is line["m"]
    manifest = read_manifest(part)
    assert manifest.coverage & manifest.coverage.of([(found["trade_id"],) * 2])
    assert manifest.inputs[0].sha256 == sha256_of(RECORDING)


def test_the_row_is_in_the_bar_of_its_second(lake: Lake, line: dict[str, object]) -> None:
    second = at(int(str(line["T"])) // 1_000 * 1_000_000)
    bar = row(lake.scan("bars_1s", DAY).filter(ts_open=second).collect())
    trades = (
        lake.scan("raw_trades", DAY)
        .filter(pl.col("ts_event").dt.truncate("1s") == second)
        .collect()
    )
    assert bar["first_trade_id"] <= line["t"] <= bar["last_trade_id"]  # type: ignore[operator]
    assert bar["trade_count"] == trades.height
    assert bar["volume"] == sum(trades["quantity"].to_list(), Decimal(0))
    assert bar["close"] == trades.sort("trade_id")["price"][-1]
    assert bar["low"] <= Decimal(str(line["p"])) <= bar["high"]  # type: ignore[operator]
    bars = lake.manifest("bars_1s", DAY)
    (part,) = lake.parts("raw_trades", DAY)
    assert bars is not None
    assert bars.parents["raw_trades"] == part.manifest.logical_hash


def test_the_row_is_sealed_with_a_checksum(lake: Lake, line: dict[str, object]) -> None:
    path = lake.layout.file("daily_trades", DAY)
    row(pl.read_parquet(path, hive_partitioning=False).filter(trade_id=line["t"]))
    assert read_sidecar(path) == sha256_of(path)
    assert [found.fault for found in verify(lake)] == [None, None, None]


def test_the_day_is_judged_with_the_row_in_it(lake: Lake, line: dict[str, object]) -> None:
    found = verdicts.read(lake, DAY)
    assert found is not None
    assert found.condition == "provisional"
    assert not [verdict for verdict in found.verdicts if verdict.is_fault]
    (contiguous,) = [
        verdict
        for verdict in found.verdicts
        if (verdict.asset, verdict.check) == ("raw_trades", "trade_ids_are_contiguous")
    ]
    assert contiguous.passed
    sealed = lake.manifest("daily_trades", DAY)
    assert sealed is not None
    assert sealed.missing == ()
    assert sealed.first_id is not None
    assert sealed.first_id <= int(str(line["t"])) <= (sealed.last_id or 0)


def test_sql_finds_the_row_once_and_in_its_minute(lake: Lake, line: dict[str, object]) -> None:
    found = row(query.query(lake, f"SELECT * FROM trades WHERE trade_id = {line['t']}"))
    assert (found["venue"], found["symbol"], found["date"]) == ("binance", "NEXOUSDT", DAY.date)
    assert found["price"] == Decimal(str(line["p"]))
    minute = row(
        query.query(
            lake,
            f"SELECT * FROM bars_1m WHERE {line['t']} BETWEEN first_trade_id AND last_trade_id",
        ),
    )
    assert minute["ts_open"] == at(int(str(line["T"])) // 60_000 * 60_000_000)
