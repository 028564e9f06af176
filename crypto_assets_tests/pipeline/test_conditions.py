"""What is said of days that were really recorded, from the files to the condition."""

from __future__ import annotations

import datetime as dt
import gzip
import shutil
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from crypto_assets.lake.lake import Lake
from crypto_assets.model.partition import Partition
from crypto_assets.model.tables import BARS
from crypto_assets.pipeline import query, verdicts
from crypto_assets.pipeline.build import build
from crypto_assets.pipeline.ingest import take
from crypto_assets.pipeline.status import DayStatus, status_of

NEXO = Partition.of("binance", "NEXOUSDT", "2024-07-24")
BTC = Partition.of("binance", "BTCUSDT", "2024-08-09")
ETH = Partition.of("binance", "ETHUSDT", "2024-08-09")
FIRST, LAST = 12_796_828, 12_809_042
ARCHIVE = "NEXOUSDT-trades-2024-07-24.csv.gz"
KLINE_FIELDS = (
    "open",
    "high",
    "low",
    "close",
    "volume",
    "quote_volume",
    "trade_count",
    "taker_buy_volume",
    "taker_buy_quote_volume",
)


def built(lake: Lake, day: Partition, *files: Path) -> DayStatus:
    for path in files:
        take(lake, path)
    build(lake, [day])
    return status_of(lake, day)


def captures(spot: Path) -> list[Path]:
    return sorted((spot / "websocket").glob("nexousdt_*"))


def evidence(lake: Lake, day: Partition, check: str) -> dict[str, object]:
    found = verdicts.read(lake, day)
    assert found is not None
    (verdict,) = [one for one in found.verdicts if one.check == check and one.asset != "daily_bars"]
    return dict(verdict.evidence)


@pytest.fixture
def archive_without(spot: Path, tmp_path: Path) -> Callable[..., Path]:
    """Write the day's archive file without some trades."""

    def write(*gaps: tuple[int, int]) -> Path:
        lines = gzip.decompress((spot / "trades" / ARCHIVE).read_bytes()).splitlines(keepends=True)
        path = tmp_path / ARCHIVE
        kept = [
            line
            for line in lines
            if not any(first <= int(line.split(b",")[0]) <= last for first, last in gaps)
        ]
        path.write_bytes(gzip.compress(b"".join(kept), mtime=0))
        return path

    return write


def test_a_day_recorded_whole_with_both_neighbours_is_complete(nexo: Lake) -> None:
    found = status_of(nexo, NEXO)
    assert (found.condition, found.rows, found.missing) == ("complete", 12_215, [])
    assert (found.first_trade_id, found.last_trade_id) == (FIRST, LAST)
    assert (found.duplicates, found.unreadable, found.faults) == (0, 0, [])
    assert found.sources == {"stream": 12_215}
    assert (found.is_sealed, found.version) == (True, 1)
    bars = nexo.scan("daily_bars", NEXO).collect()
    assert bars.height == 86_400
    assert bars["is_complete"].all()
    assert (bars["trade_count"] > 0).sum() == 4_645
    assert bars["trade_count"].sum() == 12_215


def test_days_recorded_in_part_are_provisional_and_say_which_edge(nexo: Lake) -> None:
    for day, rows, edge in (
        (NEXO.previous, 4_681, "left edge unproven, right edge joined"),
        (NEXO.next, 1_921, "left edge joined, right edge unproven"),
    ):
        found = status_of(nexo, day)
        assert (found.condition, found.rows) == ("provisional", rows)
        assert [fault.message for fault in found.faults] == [edge]


def test_only_the_exchanges_file_of_a_day_is_provisional(lake: Lake, spot: Path) -> None:
    found = built(lake, NEXO, spot / "trades" / ARCHIVE)
    assert (found.condition, found.rows, found.missing) == ("provisional", 12_215, [])
    assert found.sources == {"archive": 12_215}
    assert found.is_sealed


def test_the_exchanges_file_and_both_neighbours_are_confirmed(lake: Lake, spot: Path) -> None:
    take(lake, spot / "trades" / ARCHIVE)
    found = built(lake, NEXO, *captures(spot))
    assert (found.condition, found.rows) == ("confirmed", 12_215)
    assert found.duplicates == 12_215
    assert found.sources == {"archive": 12_215, "stream": 0}
    assert found.faults == []


def test_a_recording_and_the_exchanges_file_seal_to_the_same_values(
    lake: Lake,
    nexo: Lake,
    spot: Path,
) -> None:
    found = built(lake, NEXO, spot / "trades" / ARCHIVE)
    assert found.logical_hash == status_of(nexo, NEXO).logical_hash
    assert found.sha256 != status_of(nexo, NEXO).sha256


GAPS = ((12_800_000, 12_800_000), (12_800_002, 12_800_100), (12_809_000, 12_809_040))


def test_dropped_trades_are_missing_exactly_and_the_day_is_degraded(
    lake: Lake,
    archive_without: Callable[..., Path],
) -> None:
    found = built(lake, NEXO, archive_without(*GAPS))
    assert found.condition == "degraded"
    assert [tuple(gap) for gap in found.missing] == list(GAPS)
    assert found.rows == 12_215 - 1 - 99 - 41
    assert not found.is_sealed
    assert [fault.check for fault in found.faults if fault.severity == "ERROR"]


def test_dropped_trades_are_healed_by_what_holds_them(
    lake: Lake,
    nexo: Lake,
    spot: Path,
    archive_without: Callable[..., Path],
) -> None:
    built(lake, NEXO, archive_without(*GAPS))
    found = built(lake, NEXO, *captures(spot))
    assert (found.condition, found.missing, found.rows) == ("complete", [], 12_215)
    assert found.sources == {"archive": 12_215 - 141, "stream": 141}
    assert found.logical_hash == status_of(nexo, NEXO).logical_hash


@pytest.mark.parametrize(
    ("gap", "edge"), [((FIRST, FIRST + 2), "left"), ((LAST - 4, LAST), "right")]
)
def test_trades_dropped_at_midnight_are_seen_by_the_neighbour(
    gap: tuple[int, int],
    edge: str,
    lake: Lake,
    nexo: Lake,
    archive_without: Callable[..., Path],
) -> None:
    for other in (NEXO.previous, NEXO.next):
        source, target = (one.layout.directory("raw_trades", other) for one in (nexo, lake))
        shutil.copytree(source, target)
    found = built(lake, NEXO, archive_without(gap))
    assert found.condition == "degraded"
    (fault,) = [one for one in found.faults if one.check == "day_edges_join"]
    assert f"{edge} edge: ids {gap[0]} to {gap[1]} are missing" in fault.message


def test_a_day_of_which_nothing_is_stored_is_missing(lake: Lake) -> None:
    found = built(lake, NEXO)
    assert (found.condition, found.rows, found.first_trade_id) == ("missing", 0, None)
    assert not found.is_sealed


@pytest.mark.parametrize(
    ("symbol", "date", "condition"),
    [
        ("PEPEUSDT", "2021-10-12", "not_listed"),
        ("PEPEUSDT", "2021-01-01", "not_listed"),
        ("PEPEUSDT", "2021-10-13", "missing"),
        ("BTCUSDT", "2021-10-12", "missing"),
    ],
)
def test_a_symbol_the_exchange_did_not_list_is_not_missing(
    symbol: str,
    date: str,
    condition: str,
    lake: Lake,
    spot: Path,
) -> None:
    take(lake, spot / "exchange_info" / "exchangeInfo-2021-10-12.json.gz")
    day = Partition.of("binance", symbol, date)
    assert status_of(lake, day).condition == condition
    build(lake, [day])
    assert status_of(lake, day).condition == condition


def test_a_day_without_a_trade_between_days_that_join_is_a_halt(lake: Lake, tmp_path: Path) -> None:
    for date, ids in (("2024-07-23", range(5)), ("2024-07-25", range(5, 9))):
        at = int(dt.datetime.fromisoformat(f"{date}T12:00+00:00").timestamp() * 1000)
        text = "".join(f"{id_},1.5,2.0,3.0,{at + id_},True,True\n" for id_ in ids)
        (tmp_path / f"NEXOUSDT-trades-{date}.csv").write_text(text)
        take(lake, tmp_path / f"NEXOUSDT-trades-{date}.csv")
    assert status_of(lake, NEXO).condition == "halted"
    assert status_of(lake, NEXO.next.next).condition == "missing"


def test_trades_lie_on_their_own_side_of_midnight(btc_eth: Lake) -> None:
    for day in (BTC, ETH):
        before = btc_eth.scan("raw_trades", day.previous).collect()
        after = btc_eth.scan("raw_trades", day).collect()
        assert before["ts_event"].to_physical().max() < day.start_us  # type: ignore[operator]
        assert after["ts_event"].to_physical().min() >= day.start_us  # type: ignore[operator]
        assert before["trade_id"].max() + 1 == after["trade_id"].min()  # type: ignore[operator]
    count = {
        day: sum(status_of(btc_eth, each).rows for each in (day.previous, day))
        for day in (BTC, ETH)
    }
    assert count == {BTC: 19_904, ETH: 14_515}


def test_ten_of_ten_whole_minutes_equal_the_exchanges_klines(btc_eth: Lake) -> None:
    minutes = query.query(
        btc_eth,
        """SELECT ts_open, bars_1m.* EXCLUDE (ts_open), klines.* EXCLUDE (ts_open)
        FROM bars_1m JOIN klines USING (symbol, date, ts_open)
        WHERE ts_open BETWEEN '2024-08-08 23:55:00+00' AND '2024-08-09 00:04:00+00'""",
    )
    assert minutes.height == 10
    for field in KLINE_FIELDS:
        assert minutes[field].equals(minutes[f"{field}_1"], check_names=False), field


@pytest.mark.parametrize(
    ("day", "missing"),
    [
        (BTC.previous, (3_733_089_955, 3_735_683_258)),
        (BTC, (3_735_703_163, 3_737_520_805)),
    ],
    ids=str,
)
def test_klines_prove_exactly_which_trades_were_not_recorded(
    day: Partition,
    missing: tuple[int, int],
    btc_eth: Lake,
) -> None:
    found = status_of(btc_eth, day)
    assert found.condition == "degraded"
    assert found.missing == [missing]
    shown = evidence(btc_eth, day, "klines_count_every_trade")
    assert shown["missing_count"] == missing[1] - missing[0] + 1
    assert not found.is_sealed


def test_a_stream_in_microseconds_keeps_them(lake: Lake, spot: Path, tmp_path: Path) -> None:
    name = "TRXUSDT-trade-stream-2025-03-04-microseconds.csv.gz"
    stream = pl.read_csv(gzip.decompress((spot / "trades" / name).read_bytes()), infer_schema=False)
    maker = pl.when(pl.col("IsBuyerMarketMaker") == "1").then(pl.lit("True"))
    rows = stream.select(
        "TradeId",
        "Price",
        "Quantity",
        quote=pl.lit("0.0"),
        time="TransactionTime",
        maker=maker.otherwise(pl.lit("False")),
        best=pl.lit("True"),
    )
    path = tmp_path / "TRXUSDT-trades-2025-03-04.csv"
    rows.write_csv(path, include_header=False)
    day = Partition.of("binance", "TRXUSDT", "2025-03-04")
    found = built(lake, day, path)
    assert (found.rows, found.first_trade_id, found.last_trade_id) == (
        10_000,
        348_656_870,
        348_666_869,
    )
    stored = lake.scan("daily_trades" if found.is_sealed else "raw_trades", day).collect()
    expected = stream["TransactionTime"].cast(pl.Int64)
    assert stored["ts_event"].to_physical().equals(expected, check_names=False)
    assert (expected % 1_000 != 0).sum() > 9_000
    assert stored["price"].equals(
        stream["Price"].str.to_decimal(scale=8).cast(pl.Decimal(18, 8)),
        check_names=False,
    )


def test_thirty_of_thirty_minutes_of_new_years_day_equal_the_exchanges_klines(
    lake: Lake,
    spot: Path,
    tmp_path: Path,
) -> None:
    trades = pl.read_parquet(spot / "trades" / "BTCUSDT-trades-2024-01-01T1200-1230.parquet")
    path = tmp_path / "BTCUSDT-trades-2024-01-01.csv"
    with path.open("w") as file:
        for row in trades.iter_rows(named=True):
            price, quantity = Decimal(repr(row["price"])), Decimal(repr(row["quantity"]))
            at = int(row["datetime"].timestamp() * 1000)
            maker = "True" if row["is_buyer_maker"] else "False"
            value = f"{price * quantity:.8f}"
            file.write(f"{row['trade_id']},{price:.8f},{quantity:.8f},{value},{at},{maker},True\n")
    take(lake, spot / "klines_1m" / "BTCUSDT-1m-2024-01-01.csv.gz")
    day = Partition.of("binance", "BTCUSDT", "2024-01-01")
    found = built(lake, day, path)
    assert (found.condition, found.rows) == ("degraded", 16_702)
    ours = query.query(lake, "SELECT * FROM bars_1m WHERE trade_count > 0 ORDER BY ts_open")
    theirs = lake.scan("klines", day).collect()
    whole = ours.head(30).join(theirs, on="ts_open", suffix="_theirs")
    assert whole.height == 30
    for field in KLINE_FIELDS:
        assert whole[field].equals(whole[f"{field}_theirs"], check_names=False), field
    # The last trade is at half past twelve exactly and opens the next minute.
    assert ours.height == 31
    assert ours["trade_count"][30] == 1
    assert set(BARS.schema) <= set(ours.columns)


def test_what_was_never_judged_is_shown_by_its_ids_and_nothing_is_written(
    lake: Lake,
    spot: Path,
    tree: Callable[[Path], dict[str, tuple[int, int, str]]],
) -> None:
    for path in captures(spot):
        take(lake, path)
    before = tree(lake.layout.root)
    assert status_of(lake, NEXO).condition == "complete"
    assert status_of(lake, NEXO.next).condition == "provisional"
    assert tree(lake.layout.root) == before
