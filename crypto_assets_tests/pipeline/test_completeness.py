"""What is said of a day is said of the trades that are read, and found out only where asked."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from crypto_assets.errors import UnsafeQuery
from crypto_assets.lake.lake import Lake
from crypto_assets.model.partition import Partition
from crypto_assets.pipeline import completeness, gaps
from crypto_assets.pipeline.build import build
from crypto_assets.pipeline.completeness import COMPLETENESS, completeness_of
from crypto_assets.pipeline.ingest import take
from crypto_assets.pipeline.query import query
from crypto_assets.pipeline.status import known_partitions

ASKED = "SELECT count(*) FROM complete_{}('NEXOUSDT', '2024-07-{}', '2024-07-{}')"


def archive(directory: Path, ids: range, date: str = "2024-07-24", start: int = 0) -> Path:
    """An archive file, a trade a minute from the first id of its day on."""
    day_ms = Partition.of("binance", "NEXOUSDT", date).start_us // 1_000
    lines = (f"{id_},1.5,2.0,3.0,{day_ms + (id_ - start) * 60_000},True,True\n" for id_ in ids)
    path = directory / f"NEXOUSDT-trades-{date}.csv"
    path.write_text("".join(lines))
    return path


@pytest.fixture
def three_days(lake: Lake, tmp_path: Path) -> Lake:
    """Three days that join on; the one in the middle lacks ids 1010 to 1012."""
    take(lake, archive(tmp_path, range(900, 1000), "2024-07-23", 900))
    middle = [*range(1000, 1010), *range(1013, 1100)]
    path = archive(tmp_path, range(1000, 1100), "2024-07-24", 1000)
    path.write_text(
        "".join(
            line
            for line in path.read_text().splitlines(keepends=True)
            if int(line.partition(",")[0]) in middle
        ),
    )
    take(lake, path)
    take(lake, archive(tmp_path, range(1100, 1200), "2024-07-25", 1100))
    build(lake, known_partitions(lake))
    gaps.refresh_days(lake, known_partitions(lake), 1)
    return lake


def test_a_proven_day_is_given_and_its_neighbours_are_refused(nexo: Lake) -> None:
    assert query(nexo, ASKED.format("trades", 24, 24)).item() == 12_215
    assert query(nexo, ASKED.format("bars", 24, 24)).item() == 1_440
    for first, last in ((23, 24), (24, 25), (23, 23), (24, 26)):
        with pytest.raises(UnsafeQuery, match="expected every day proven"):
            query(nexo, ASKED.format("trades", first, last))


def test_provisional_days_are_refused_and_flagged(nexo: Lake) -> None:
    with pytest.raises(
        UnsafeQuery, match=r"2024-07-23 provisional \(an edge .*\); 2024-07-25 provisional"
    ):
        query(nexo, ASKED.format("trades", 23, 25) + " WHERE price > 1 LIMIT 1")
    found = query(
        nexo,
        "SELECT date, is_proven, condition, count(*) AS n "
        "FROM flagged_trades('NEXOUSDT', '2024-07-23', '2024-07-25') GROUP BY ALL ORDER BY date",
    )
    assert [row[1:] for row in found.rows()] == [
        (False, "provisional", 4_681),
        (True, "complete", 12_215),
        (False, "provisional", 1_921),
    ]


def test_a_day_with_a_hole_is_refused_with_its_missing_ids(three_days: Lake) -> None:
    with pytest.raises(UnsafeQuery, match=r"2024-07-24 degraded, 3 ids missing: 1010\.\.1012"):
        query(three_days, ASKED.format("trades", 24, 24))
    found = query(three_days, "FROM completeness WHERE date = '2024-07-24'").row(0, named=True)
    assert found["missing"] == [{"first": 1010, "last": 1012}]
    assert (found["missing_ids"], found["is_proven"], found["is_sealed"]) == (3, False, False)


def test_absent_days_and_symbols_are_refused(nexo: Lake) -> None:
    with pytest.raises(UnsafeQuery, match=r"2024-07-22 missing \(nothing stored\)"):
        query(nexo, ASKED.format("trades", 22, 24))
    with pytest.raises(UnsafeQuery, match="binance:BTCUSDT"):
        query(nexo, "SELECT * FROM complete_trades('BTCUSDT', '2024-07-24', '2024-07-24') LIMIT 1")
    with pytest.raises(UnsafeQuery, match="bybit:NEXOUSDT"):
        query(nexo, ASKED.format("trades", 24, 24), venue="bybit")


def test_the_view_says_what_verdicts_and_gaps_say(three_days: Lake) -> None:
    mismatches = query(
        three_days,
        """SELECT * FROM completeness k
        LEFT JOIN (SELECT DISTINCT venue, symbol, date, condition FROM verdicts) v
            USING (venue, symbol, date)
        LEFT JOIN (
            SELECT venue, symbol, date, sum(count)::BIGINT AS ids FROM gaps
            WHERE state <> 'healed' GROUP BY ALL
        ) g USING (venue, symbol, date)
        WHERE k.condition <> v.condition OR k.missing_ids <> coalesce(g.ids, 0)""",
    )
    assert mismatches.is_empty()
    assert query(three_days, "SELECT count(*) FROM completeness").item() == 3


def test_a_sealed_day_is_not_proven_by_trades_that_came_after(lake: Lake, tmp_path: Path) -> None:
    """A file cut short was sealed; the whole one is here by now, and not sealed yet."""
    day = Partition.of("binance", "NEXOUSDT", "2024-07-24")
    for date, ids in (("2024-07-23", range(900, 1000)), ("2024-07-25", range(1100, 1200))):
        take(lake, archive(tmp_path, ids, date, ids[0]))
    short = archive(tmp_path, range(1000, 1050), "2024-07-24", 1000)
    take(lake, short.rename(tmp_path / "NEXOUSDT-trades-2024-07-24.csv"))
    lake.link("daily_trades", day, lake.layout.files("raw_trades", day)[0])
    whole = archive(tmp_path, range(1000, 1100), "2024-07-24", 1000)
    take(lake, whole.rename(tmp_path / "NEXOUSDT-trades-2024-07.csv"))
    known = completeness_of(lake, day)
    assert known.trades.condition.is_proven
    assert not known.trades.is_complete
    with pytest.raises(UnsafeQuery, match=r"50 ids missing: 1050\.\.1099 \(trades came"):
        query(lake, ASKED.format("trades", 24, 24))
    build(lake, [day])
    assert completeness_of(lake, day).trades.is_complete
    assert query(lake, ASKED.format("trades", 24, 24)).item() == 100
    assert query(lake, ASKED.format("bars", 24, 24)).item() == 1_440


def test_a_proven_day_without_bars_gives_trades_and_refuses_bars(nexo_copy: Lake) -> None:
    day = Partition.of("binance", "NEXOUSDT", "2024-07-24")
    for asset in ("daily_bars", "bars_1s"):
        nexo_copy.layout.file(asset, day).unlink()
    assert query(nexo_copy, ASKED.format("trades", 24, 24)).item() == 12_215
    with pytest.raises(UnsafeQuery, match="there are no bars of its trades"):
        query(nexo_copy, ASKED.format("bars", 24, 24))


def test_a_proven_day_whose_files_were_removed_is_not_proven(nexo_copy: Lake) -> None:
    day = Partition.of("binance", "NEXOUSDT", "2024-07-24")
    for asset in ("daily_trades", "raw_trades"):
        for path in nexo_copy.layout.files(asset, day):
            path.unlink()
    assert not completeness_of(nexo_copy, day).trades.is_complete
    with pytest.raises(UnsafeQuery, match="2024-07-24"):
        query(nexo_copy, ASKED.format("trades", 24, 24))


def test_a_day_of_a_damaged_file_is_refused_and_the_file_named(nexo_copy: Lake) -> None:
    day = Partition.of("binance", "NEXOUSDT", "2024-07-24")
    nexo_copy.layout.file("daily_trades", day).write_bytes(b"damaged")
    known = completeness_of(Lake(nexo_copy.layout.root), day)
    assert not known.trades.is_complete
    assert "daily_trades.parquet" in known.trades.why


def test_a_day_on_which_a_symbol_was_not_listed_lacks_nothing(lake: Lake, spot: Path) -> None:
    take(lake, spot / "exchange_info" / "exchangeInfo-2021-10-12.json.gz")
    build(lake, [Partition.of("binance", "PEPEUSDT", "2021-10-12")])
    asked = "SELECT count(*) FROM complete_{}('PEPEUSDT', '2021-10-12', '2021-10-12')"
    assert query(lake, asked.format("trades")).item() == 0
    assert query(lake, asked.format("bars")).item() == 0


def test_a_day_that_is_proven_to_have_no_trade_lacks_nothing(lake: Lake, tmp_path: Path) -> None:
    for date, ids in (("2024-07-23", range(5)), ("2024-07-25", range(5, 9))):
        take(lake, archive(tmp_path, ids, date, ids[0]))
    build(lake, [Partition.of("binance", "NEXOUSDT", f"2024-07-{day}") for day in (23, 24, 25)])
    assert query(lake, ASKED.format("trades", 24, 24)).item() == 0
    halted = query(lake, "FROM asked_days('NEXOUSDT', '2024-07-24', '2024-07-24')")
    row = halted.row(0, named=True)
    assert (row["condition"], row["is_proven"], row["missing_ids"]) == ("halted", True, 0)


def test_only_the_days_that_are_asked_for_are_looked_at(
    nexo: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Partition] = []

    def watched(lake: Lake, partition: Partition) -> completeness.Completeness:
        seen.append(partition)
        return completeness_of(lake, partition)

    monkeypatch.setattr(completeness, "completeness_of", watched)
    query(nexo, "SELECT count(*) FROM trades")
    assert seen == []
    query(nexo, "SELECT * FROM completeness WHERE date = '2024-07-24' AND symbol = 'NEXOUSDT'")
    assert [str(one) for one in seen] == ["binance:NEXOUSDT 2024-07-24"]
    seen.clear()
    query(nexo, ASKED.format("trades", 24, 24))
    assert {str(one) for one in seen} == {"binance:NEXOUSDT 2024-07-24"}


@pytest.mark.parametrize(
    "predicate",
    [
        pl.col("is_proven"),
        pl.col("date").dt.day() == 25,
        (pl.col("symbol") == "NEXOUSDT") & ~pl.col("is_proven"),
        pl.col("symbol") == "BTCUSDT",
    ],
)
def test_filters_give_what_they_would_give_of_the_whole_table(
    nexo: Lake, predicate: pl.Expr
) -> None:
    whole = completeness.scan(nexo).collect()
    assert whole.schema == COMPLETENESS
    assert completeness.scan(nexo).filter(predicate).collect().equals(whole.filter(predicate))
    assert completeness.scan(nexo).head(2).collect().equals(whole.head(2))
    assert (
        completeness.scan(nexo)
        .head(2)
        .filter(predicate)
        .collect()
        .equals(
            whole.head(2).filter(predicate),
        )
    )
    names = completeness.scan(nexo).filter(predicate).select("condition").collect()
    assert names.equals(whole.filter(predicate).select("condition"))
