"""Trades, aggregates and klines of real days hold together, and every planted fault is found.

The trades were recorded from the exchange. Aggregates were not, and klines of NEXOUSDT were not:
the loopback exchange publishes them by the documented rules, from its own tape and by its own code,
and they come in through the archive's columns. Klines of BTCUSDT are the exchange's.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from crypto_assets.checks import catalogue
from crypto_assets.checks.check import Finding
from crypto_assets.checks.day import Day, Edge
from crypto_assets.demo import recorded
from crypto_assets.exchange.archive import File, content
from crypto_assets.exchange.market import Market
from crypto_assets.exchange.tape import Tape
from crypto_assets.lake.blocks import Block, blocks
from crypto_assets.lake.lake import Lake
from crypto_assets.model.coverage import Coverage
from crypto_assets.model.interval import DAY_US, SECOND_US, Interval
from crypto_assets.model.manifest import Input, Manifest
from crypto_assets.model.partition import Partition
from crypto_assets.model.tables import TRADES
from crypto_assets.model.verdict import Severity
from crypto_assets.pipeline.build import build
from crypto_assets.pipeline.ingest import take
from crypto_assets.pipeline.status import status_of
from crypto_assets.transforms import bars
from crypto_assets.transforms.rollup import roll_up
from crypto_assets.venues import venue

SHARED = Path(__file__).resolve().parents[1].parent / "shared" / "data" / "binance_spot"
BINANCE = venue("binance")
LEAST = Decimal("0.00000001")
CHECKS = {
    "bars_equal_klines": "B7",
    "aggregates_cover_the_trades": "T11",
    "klines_count_every_trade": "T12",
    "klines_add_up_to_the_trades": "T12b",
    "three_sources_agree": "T19",
}
"""The checks that hold the three against each other, with their codes."""
EVERY = set(CHECKS.values())


@dataclass(frozen=True)
class Sources:
    """What three sources say of one day."""

    partition: Partition
    trades: pl.DataFrame
    aggregates: pl.DataFrame
    klines: pl.DataFrame
    edges: tuple[int, int] | None = None
    """The last id before the day and the first after it, where they are known."""

    def day(self) -> Day:
        """The day as the checks are given it."""
        ids, times = self.trades["trade_id"], self.aggregates["ts_event"].to_physical()
        seconds = bars.from_trades(
            self.trades.lazy(), None, self.partition, left_edge_proven=True, right_edge_proven=True
        ).collect(engine="streaming")
        summary = manifest_of(self.partition, "trades", ids)
        part = manifest_of(self.partition, "agg_trades", self.aggregates["agg_id"], times)
        before, after = self.edges or (None, None)
        return Day(
            partition=self.partition,
            trades=self.trades.lazy(),
            trades_summary=summary,
            trade_parts=(summary,),
            bars=seconds.lazy(),
            rolled={
                Interval.SECOND.value: seconds.lazy(),
                Interval.MINUTE.value: roll_up(seconds.lazy(), Interval.MINUTE),
            },
            klines=self.klines.lazy(),
            aggregates=self.aggregates.lazy(),
            aggregate_parts=(part,),
            previous=None if before is None else Edge(first_id=1, last_id=before),
            next=None if after is None else Edge(first_id=after, last_id=after),
        )


def manifest_of(
    partition: Partition,
    table: str,
    ids: pl.Series,
    times: pl.Series | None = None,
) -> Manifest:
    """The manifest of one file that the exchange published."""
    held = Coverage.of_ids(ids)
    return Manifest(
        table=table,
        venue=partition.instrument.venue,
        symbol=partition.instrument.symbol,
        date=partition.date.isoformat(),
        rows=len(ids),
        logical_hash="",
        schema_version=1,
        writer="test",
        inputs=(Input(name=table, sha256="", source="archive", rows=len(ids)),),
        first_id=held.first,
        last_id=held.last,
        missing=held.missing,
        first_us=None if times is None else int(times.min()),  # type: ignore[arg-type]
        last_us=None if times is None else int(times.max()),  # type: ignore[arg-type]
    )


def judged(sources: Sources) -> dict[str, Finding]:
    """What the checks find, by their names."""
    day = sources.day()
    return {name: catalogue()[name].judge(day, {}) for name in CHECKS}


def failing(sources: Sources) -> set[str]:
    """The codes of the checks that fail; none may be unable to judge."""
    found = judged(sources)
    for finding in found.values():
        assert finding.checked, finding
        assert "lacks" not in finding.evidence, finding
    return {CHECKS[name] for name, finding in found.items() if not finding.passed}


# What was recorded, and what the exchange makes of it.


def recordings(name: str) -> tuple[list[Path], list[Path], list[Path]]:
    """The captures of NEXOUSDT and of BTCUSDT, and the klines of BTCUSDT."""
    if name == "bundled":
        groups = (recorded.NEXO_CAPTURES, recorded.BTC_CAPTURES, recorded.BTC_KLINES)
        nexo, btc, klines = ([recorded.path(one) for one in group] for group in groups)
        return nexo, btc, klines
    if not SHARED.is_dir():
        pytest.skip("the shared recordings are not beside the repository")
    captures = SHARED / "websocket"
    days = ("2024-08-08", "2024-08-09")
    klines = [SHARED / "klines_1m" / f"BTCUSDT-1m-{day}.csv.gz" for day in days]
    return sorted(captures.glob("nexousdt_*")), sorted(captures.glob("btcusdt_*")), klines


def tape_of(paths: list[Path]) -> tuple[Tape, pl.DataFrame]:
    """The one symbol of recordings as the exchange's history, and its trades as decoded."""
    found = [
        BINANCE.decode_frames(block.data, block.first_line, last=False)
        for path in paths
        for block in blocks(path)
        if isinstance(block, Block)
    ]
    (tape,) = Market.recorded(found).tapes.values()
    trades = pl.concat([frames.trades for frames in found])
    return tape, trades.unique("trade_id").sort("trade_id").select(TRADES.schema.names())


def published(tape: Tape, partition: Partition, kind: str) -> bytes:
    """The rows of a file of the loopback exchange's archive."""
    days = (partition.start_us // DAY_US,)
    file = File(tape.symbol.name, kind, str(partition.date), days, partition.end_us)
    with zipfile.ZipFile(io.BytesIO(content(tape, file, BINANCE))) as archive:
        return archive.read(archive.namelist()[0])


def of_day(trades: pl.DataFrame, partition: Partition) -> pl.DataFrame:
    time = pl.col("ts_event").to_physical()
    return trades.filter(time.is_between(partition.start_us, partition.end_us, closed="left"))


@pytest.fixture(scope="module", params=["bundled", "shared"])
def origin(request: pytest.FixtureRequest) -> str:
    """Whose copy of the recordings."""
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def whole(origin: str) -> Sources:
    """The whole real day of NEXOUSDT, with its aggregates and its klines of both lengths."""
    day = recorded.WHOLE_DAY
    tape, trades = tape_of(recordings(origin)[0])
    klines = [
        BINANCE.decode_klines(published(tape, day, name), 1, name).frame for name in ("1s", "1m")
    ]
    aggregates = BINANCE.decode_agg_trades(published(tape, day, "aggTrades"), 1)
    assert aggregates.dead == ()
    first, last = recorded.WHOLE_DAY_IDS
    return Sources(
        day, of_day(trades, day), aggregates.frame, pl.concat(klines), (first - 1, last + 1)
    )


@pytest.fixture(scope="module")
def midnight(origin: str) -> list[Sources]:
    """BTCUSDT around midnight, with the exchange's klines of the ten minutes recorded whole."""
    _, captures, files = recordings(origin)
    tape, trades = tape_of(captures)
    minutes = pl.concat(
        BINANCE.decode_klines(block.data, block.first_line, "1m").frame
        for path in files
        for block in blocks(path)
        if isinstance(block, Block)
    )
    opens = pl.col("ts_open").to_physical()
    edge, minute = recorded.BTC_MORNING.start_us, 60 * SECOND_US
    recorded_whole = opens.is_between(edge - 5 * minute, edge + 4 * minute)
    found: list[Sources] = []
    for day in recorded.BTC:
        rows = BINANCE.decode_agg_trades(published(tape, day, "aggTrades"), 1)
        is_of_day = opens.is_between(day.start_us, day.end_us, closed="left")
        klines = minutes.filter(recorded_whole & is_of_day)
        found.append(Sources(day, of_day(trades, day), rows.frame, klines))
    return found


# They hold together.


def test_a_whole_real_day_holds_together(whole: Sources) -> None:
    assert whole.trades.height == 12_215
    assert whole.aggregates.height < whole.trades.height
    assert whole.klines.height == 86_400 + 1_440
    assert failing(whole) == set()


def test_every_check_says_that_it_judged_the_whole_day(whole: Sources) -> None:
    found = judged(whole)
    for name, finding in found.items():
        assert finding.evidence["whole_day"] is True, name
    assert found["aggregates_cover_the_trades"].evidence["published"] is True


def test_real_minutes_around_midnight_hold_together(midnight: list[Sources]) -> None:
    """Klines of ten minutes do not count the day, so T12 has nothing to judge."""
    for sources in midnight:
        assert sources.klines.height == 5
        found = judged(sources)
        assert not found.pop("klines_count_every_trade").checked
        for finding in found.values():
            assert finding.checked, finding
            assert finding.passed, finding
        assert found["three_sources_agree"].evidence["bars"]["agree"] == 5  # type: ignore[index]
        assert found["aggregates_cover_the_trades"].evidence["uncovered"] == []


# Faults, planted one at a time. Each says what it does to which source.

Corrupt = Callable[[Sources], Sources]
trade_id = pl.col("trade_id")
second = pl.col("ts_event").dt.truncate("1s")


def changed(frame: pl.DataFrame, is_it: pl.Expr, **values: pl.Expr) -> pl.DataFrame:
    """The same rows, but for some columns of those that are meant."""
    return frame.with_columns(
        pl.when(is_it).then(value).otherwise(pl.col(name)).cast(frame.schema[name]).alias(name)
        for name, value in values.items()
    )


def middle(frame: pl.DataFrame, is_fit: pl.Expr | None = None, key: str = "trade_id") -> pl.Expr:
    """Mean the row in the middle of all, or of those that fit."""
    fit = frame if is_fit is None else frame.filter(is_fit)
    assert not fit.is_empty()
    return pl.col(key) == fit[key][fit.height // 2]


def a_trade_is_dropped(all_: Sources) -> Sources:
    return replace(all_, trades=all_.trades.filter(~middle(all_.trades)))


def a_trade_is_doubled_and_later_ids_move_up(all_: Sources) -> Sources:
    at = all_.trades.height // 2
    twin = all_.trades[at : at + 1]
    trades = pl.concat([all_.trades[: at + 1], twin, all_.trades[at + 1 :]])
    first = int(trades["trade_id"][0])
    return replace(
        all_, trades=trades.with_columns(pl.int_range(first, first + pl.len()).alias("trade_id"))
    )


def the_last_trade_is_doubled_under_the_next_id(all_: Sources) -> Sources:
    twin = all_.trades.tail(1).with_columns(trade_id + 1)
    return replace(all_, trades=pl.concat([all_.trades, twin]))


def a_price_changes_within_a_bar(all_: Sources) -> Sources:
    """Neither the first nor the last of its second, between its lowest and its highest."""
    price = pl.col("price")
    inner = (
        (trade_id != trade_id.min().over(second))
        & (trade_id != trade_id.max().over(second))
        & (price > price.min().over(second))
        & (price < price.max().over(second))
    )
    between = price + pl.lit(LEAST)
    return replace(all_, trades=changed(all_.trades, middle(all_.trades, inner), price=between))


def a_quantity_changes_in_its_last_decimal(all_: Sources) -> Sources:
    more = pl.col("quantity") + pl.lit(LEAST)
    return replace(all_, trades=changed(all_.trades, middle(all_.trades), quantity=more))


def a_quantity_moves_to_another_bar(all_: Sources) -> Sources:
    """The day's sums stay what they are."""
    first, last = trade_id == trade_id.min(), trade_id == trade_id.max()
    sign = pl.when(last).then(pl.lit(LEAST)).otherwise(pl.lit(-LEAST))
    quantity = pl.col("quantity") + sign
    return replace(all_, trades=changed(all_.trades, first | last, quantity=quantity))


def a_side_is_flipped(all_: Sources) -> Sources:
    other = ~pl.col("is_buyer_maker")
    return replace(all_, trades=changed(all_.trades, middle(all_.trades), is_buyer_maker=other))


def begins_an_order(all_: Sources) -> pl.Expr:
    return trade_id.is_in(all_.aggregates["first_trade_id"].implode())


def a_time_moves_over_the_edge_of_a_bar(all_: Sources) -> Sources:
    """By a millisecond where it is matched in the last of its second."""
    at = pl.col("ts_event")
    late = begins_an_order(all_) & (at.dt.millisecond() == 999)
    it = middle(all_.trades, late)
    return replace(all_, trades=changed(all_.trades, it, ts_event=at.dt.offset_by("1ms")))


def a_time_moves_over_the_edge_of_a_bar_within_an_order(all_: Sources) -> Sources:
    """Into the next second; an aggregate has the time of its first trade only."""
    at = pl.col("ts_event")
    it = middle(all_.trades, ~begins_an_order(all_))
    return replace(all_, trades=changed(all_.trades, it, ts_event=at.dt.offset_by("1s")))


def two_ids_are_swapped(all_: Sources) -> Sources:
    """The first two of a second and millisecond, of another price each."""
    price, at = pl.col("price"), pl.col("ts_event")
    fit = (
        (trade_id == trade_id.min().over(second))
        & (price != price.shift(-1))
        & (at == at.shift(-1))
    )
    found = all_.trades.filter(fit & (trade_id.shift(-1) == trade_id + 1))
    first = int(found["trade_id"][found.height // 2])
    swapped = trade_id.replace({first: first + 1, first + 1: first})
    return replace(all_, trades=all_.trades.with_columns(swapped).sort("trade_id"))


def kline(all_: Sources, interval: str, **values: pl.Expr) -> Sources:
    """Change the busiest kline of an interval."""
    of = pl.col("interval") == interval
    busiest = all_.klines.filter(of).sort("trade_count")["ts_open"][-1]
    it = of & (pl.col("ts_open") == busiest)
    return replace(all_, klines=changed(all_.klines, it, **values))


def a_kline_counts_one_more(all_: Sources) -> Sources:
    return kline(all_, "1s", trade_count=pl.col("trade_count") + 1)


def a_kline_of_a_minute_counts_one_less(all_: Sources) -> Sources:
    return kline(all_, "1m", trade_count=pl.col("trade_count") - 1)


def a_volume_of_a_kline_is_off_in_its_last_decimal(all_: Sources) -> Sources:
    return kline(all_, "1s", volume=pl.col("volume") + pl.lit(LEAST))


def a_quote_volume_of_a_kline_is_off_in_its_last_decimal(all_: Sources) -> Sources:
    return kline(all_, "1s", quote_volume=pl.col("quote_volume") - pl.lit(LEAST))


def a_close_of_a_kline_is_off(all_: Sources) -> Sources:
    return kline(all_, "1m", close=pl.col("close") + pl.lit(LEAST))


def a_kline_is_missing(all_: Sources) -> Sources:
    of = pl.col("interval") == "1s"
    busiest = all_.klines.filter(of).sort("trade_count")["ts_open"][-1]
    return replace(all_, klines=all_.klines.filter(~(of & (pl.col("ts_open") == busiest))))


def pairs_of(all_: Sources) -> pl.Expr:
    """Mean aggregates of several trades with the next one in the same second, of the same side."""
    first, last, maker = (
        pl.col(name) for name in ("first_trade_id", "last_trade_id", "is_buyer_maker")
    )
    return (last > first) & (second == second.shift(-1)) & (maker == maker.shift(-1))


def an_aggregate_is_split_wrongly(all_: Sources) -> Sources:
    """Its last trade is counted to the next one."""
    it = middle(all_.aggregates, pairs_of(all_), "agg_id")
    whole = changed(all_.aggregates, it, last_trade_id=pl.col("last_trade_id") - 1)
    after = it.shift(1, fill_value=False)
    return replace(
        all_, aggregates=changed(whole, after, first_trade_id=pl.col("first_trade_id") - 1)
    )


def an_aggregate_is_missing(all_: Sources) -> Sources:
    it = middle(all_.aggregates, key="agg_id")
    return replace(all_, aggregates=all_.aggregates.filter(~it))


def a_quantity_of_an_aggregate_moves_to_the_next(all_: Sources) -> Sources:
    it = middle(all_.aggregates, pairs_of(all_), "agg_id")
    less, more = (pl.col("quantity") + pl.lit(by) for by in (-LEAST, LEAST))
    whole = changed(all_.aggregates, it, quantity=less)
    return replace(all_, aggregates=changed(whole, it.shift(1, fill_value=False), quantity=more))


def an_aggregate_is_there_twice(all_: Sources) -> Sources:
    it = middle(all_.aggregates, key="agg_id")
    last = int(all_.aggregates["agg_id"][-1])
    twin = all_.aggregates.filter(it).with_columns(agg_id=pl.lit(last + 1, dtype=pl.Int64))
    return replace(all_, aggregates=pl.concat([all_.aggregates, twin]))


def the_first_trades_are_cut(all_: Sources) -> Sources:
    """Nothing but the other two sources can tell: the ids left are contiguous."""
    return replace(all_, trades=all_.trades[7:], edges=None)


def the_last_trades_are_cut(all_: Sources) -> Sources:
    return replace(all_, trades=all_.trades[:-7], edges=None)


CORRUPTIONS: list[tuple[Corrupt, set[str]]] = [
    (a_trade_is_dropped, EVERY),
    (a_trade_is_doubled_and_later_ids_move_up, EVERY),
    (the_last_trade_is_doubled_under_the_next_id, EVERY - {"T11"}),
    (a_price_changes_within_a_bar, {"B7", "T11", "T12b"}),
    (a_quantity_changes_in_its_last_decimal, EVERY - {"T12"}),
    (a_quantity_moves_to_another_bar, EVERY - {"T12"}),
    (a_side_is_flipped, EVERY - {"T12"}),
    (a_time_moves_over_the_edge_of_a_bar, EVERY - {"T12"}),
    (a_time_moves_over_the_edge_of_a_bar_within_an_order, {"B7", "T12b", "T19"}),
    (two_ids_are_swapped, {"B7", "T11"}),
    (a_kline_counts_one_more, EVERY - {"T11"}),
    (a_kline_of_a_minute_counts_one_less, {"B7", "T12b"}),
    (a_volume_of_a_kline_is_off_in_its_last_decimal, {"B7", "T12b", "T19"}),
    (a_quote_volume_of_a_kline_is_off_in_its_last_decimal, {"B7", "T12b"}),
    (a_close_of_a_kline_is_off, {"B7"}),
    (a_kline_is_missing, {"B7", "T12b", "T19"}),
    (an_aggregate_is_split_wrongly, {"T11"}),
    (an_aggregate_is_missing, {"T11", "T19"}),
    (a_quantity_of_an_aggregate_moves_to_the_next, {"T11"}),
    (an_aggregate_is_there_twice, {"T11", "T19"}),
    (the_first_trades_are_cut, EVERY),
    (the_last_trades_are_cut, EVERY),
]


@pytest.mark.parametrize(
    ("corrupt", "expected"),
    CORRUPTIONS,
    ids=[corrupt.__name__ for corrupt, _ in CORRUPTIONS],
)
def test_a_planted_fault_is_found_by_just_these_checks(
    whole: Sources,
    corrupt: Corrupt,
    expected: set[str],
) -> None:
    assert failing(corrupt(whole)) == expected


@pytest.mark.parametrize(
    ("corrupt", "odd"),
    [
        (a_quantity_changes_in_its_last_decimal, "trades"),
        (a_volume_of_a_kline_is_off_in_its_last_decimal, "klines"),
        (an_aggregate_is_missing, "aggregates"),
    ],
)
def test_two_against_one_name_the_odd_one_out(whole: Sources, corrupt: Corrupt, odd: str) -> None:
    finding = judged(corrupt(whole))["three_sources_agree"]
    assert f"1 where the {odd} are the odd one out" in finding.message
    assert finding.severity is (None if odd == "trades" else Severity.WARN)


# On the way through a lake.


def lake_of(root: Path, aggregates: Callable[[bytes], bytes], kinds: tuple[str, ...]) -> Lake:
    """The recorded day and the day's published files, the aggregates changed."""
    lake, day = Lake(root / "lake"), recorded.WHOLE_DAY
    captures = recordings("bundled")[0]
    tape, _ = tape_of(captures)
    for path in captures:
        take(lake, path)
    for kind in kinds:
        path = root / f"NEXOUSDT-{kind}-{day.date}.csv"
        rows = published(tape, day, kind)
        path.write_bytes(aggregates(rows) if kind == "aggTrades" else rows)
        take(lake, path)
    build(lake, [day])
    return lake


def test_the_exchanges_own_aggregates_confirm_a_complete_day(tmp_path: Path) -> None:
    lake = lake_of(tmp_path, lambda rows: rows, ("aggTrades",))
    found = status_of(lake, recorded.WHOLE_DAY)
    assert (found.condition, found.is_sealed) == ("confirmed", True)
    assert [fault.check for fault in found.faults if fault.severity == "ERROR"] == []


def test_aggregates_that_are_not_the_trades_keep_a_day_from_being_sealed(tmp_path: Path) -> None:
    def without_one(rows: bytes) -> bytes:
        lines = rows.splitlines(keepends=True)
        return b"".join(lines[:3_000] + lines[3_001:])

    lake = lake_of(tmp_path, without_one, ("aggTrades", "1m"))
    found = status_of(lake, recorded.WHOLE_DAY)
    assert (found.condition, found.is_sealed) == ("degraded", False)
    assert {fault.check: fault.severity for fault in found.faults}.items() >= {
        "aggregates_cover_the_trades": "ERROR",
        "three_sources_agree": "WARN",
    }.items()
