"""One input's rows, sorted out by table, symbol and day, with what is known of each."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from crypto_assets.lake.draft import Draft
from crypto_assets.lake.inputs import Record
from crypto_assets.model.partition import Partition
from crypto_assets.pipeline.landing import Landing
from crypto_assets.venues import venue

RECORD = Record(
    id="nexo-0123",
    name="nexo.jsonl",
    venue="binance",
    kind="capture",
    source="stream",
    sha256="ab",
    bytes=1,
    checksum="absent",
)
DAY_MS = 1_721_779_200_000
DAY = Partition.of("binance", "NEXOUSDT", "2024-07-24")


def trade(at_ms: int, id_: int, *, ahead_us: int = 0, symbol: str = "NEXOUSDT") -> bytes:
    """One trade seen the moment it was sent, by a clock that is ahead."""
    return (
        f'{at_ms * 1_000 + ahead_us} {{"stream":"{symbol.lower()}@trade","data":{{"e":"trade",'
        f'"E":{at_ms},"s":"{symbol}","t":{id_},"p":"1.5","q":"2.0","T":{at_ms},"m":true,"M":true}}}}\n'
    ).encode()


def quote(at_ms: int, id_: int, *, ahead_us: int = 0) -> bytes:
    return (
        f'{at_ms * 1_000 + ahead_us} {{"stream":"nexousdt@bookTicker","data":{{"u":{id_},'
        '"s":"NEXOUSDT","b":"1.4","B":"1","a":"1.6","A":"1"}}\n'
    ).encode()


@pytest.fixture
def landing(tmp_path: Path) -> Landing:
    return Landing(RECORD, tmp_path)


def drafts(landing: Landing, *lines: bytes) -> dict[tuple[str, str], Draft]:
    landing.add_frames(venue("binance").decode_frames(b"".join(lines), 1, last=True))
    return {(asset, str(partition)): draft for asset, partition, draft in landing.drafts()}


def rows(draft: Draft) -> pl.DataFrame:
    assert not isinstance(draft.rows, pl.LazyFrame)
    return pl.concat(draft.rows)


def test_every_table_symbol_and_day_is_a_part_named_after_the_input(landing: Landing) -> None:
    found = drafts(
        landing,
        trade(DAY_MS, 1),
        trade(DAY_MS - 1, 2),
        trade(DAY_MS, 3, symbol="BTCUSDT"),
        quote(DAY_MS, 4),
    )
    assert set(found) == {
        ("raw_trades", "binance:NEXOUSDT 2024-07-24"),
        ("raw_trades", "binance:NEXOUSDT 2024-07-23"),
        ("raw_trades", "binance:BTCUSDT 2024-07-24"),
        ("raw_quotes", "binance:NEXOUSDT 2024-07-24"),
    }
    assert {draft.name for draft in found.values()} == {"nexo-0123"}
    assert {draft.inputs[0].sha256 for draft in found.values()} == {"ab"}


@pytest.mark.parametrize("ahead_us", [0, 5_000_000, -1_273_000])
def test_a_quote_is_as_of_the_exchanges_clock(ahead_us: int, landing: Landing) -> None:
    found = drafts(
        landing,
        trade(DAY_MS + 5_000, 1, ahead_us=ahead_us),
        quote(DAY_MS + 6_000, 7, ahead_us=ahead_us),
    )
    assert landing.clock_offset_us == ahead_us
    (row,) = rows(found["raw_quotes", str(DAY)]).iter_rows(named=True)
    as_of = (row["ts_as_of"].timestamp() * 1_000) - DAY_MS
    assert as_of == pytest.approx(6_000)
    assert (row["ts_recv"] - row["ts_as_of"]).total_seconds() * 1_000_000 == ahead_us
    span = (DAY.start_us + 5_000_000, DAY.start_us + 6_000_000)
    assert found["raw_quotes", str(DAY)].recorded == (span,)


def test_a_recording_across_midnight_was_listening_on_both_days(landing: Landing) -> None:
    found = drafts(landing, trade(DAY_MS - 2_000, 1), trade(DAY_MS + 3_000, 2))
    at = DAY.start_us
    assert found["raw_trades", str(DAY.previous)].recorded == ((at - 2_000_000, at),)
    assert found["raw_trades", str(DAY)].recorded == ((at, at + 3_000_000),)


def test_nothing_read_is_empty_and_anything_known_is_not(landing: Landing, tmp_path: Path) -> None:
    assert landing.is_empty
    drafts(landing, b"garbage\n")
    assert landing.is_empty
    assert len(landing.dead) == 1
    known = Landing(RECORD, tmp_path)
    drafts(known, b'1721779200000000 {"result":null,"id":1}\n')
    assert not known.is_empty


def test_an_unreadable_line_counts_for_the_days_it_may_be_of(landing: Landing) -> None:
    yesterday = (DAY_MS - 3_600_000) * 1_000
    found = drafts(
        landing,
        trade(DAY_MS - 7_200_000, 1),
        b"%d garbage\n" % yesterday,
        trade(DAY_MS + 3_600_000, 2),
        b"no time at all\n",
    )
    assert found["raw_trades", str(DAY.previous)].unreadable == 2
    assert found["raw_trades", str(DAY)].unreadable == 1
