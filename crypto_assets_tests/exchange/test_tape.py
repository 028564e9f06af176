"""The source of truth."""

from __future__ import annotations

import csv
import gzip
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto_assets.exchange import Market, random_market
from crypto_assets.exchange.klines import INTERVALS
from crypto_assets.exchange.tape import NEVER, QUOTE_COLUMNS, Tape
from crypto_assets.model.tables import PRICE, QUANTITY

DEMO = Path(__file__).resolve().parents[2] / "crypto_assets" / "demo" / "recordings"
SECOND = 1_000_000
START = 1_735_689_600_000_000


def tape_of(rows: list[tuple[int, int, str, str, bool]]) -> Tape:
    trades = pl.DataFrame(
        rows,
        schema=["trade_id", "time_us", "price", "quantity", "is_buyer_maker"],
        orient="row",
    ).with_columns(pl.col("price").cast(PRICE), pl.col("quantity").cast(QUANTITY))
    return Tape.of("BTCUSDT", trades, pl.DataFrame(schema=QUOTE_COLUMNS))


@st.composite
def tapes(draw: st.DrawFn) -> Tape:
    steps = draw(
        st.lists(
            st.tuples(
                st.integers(0, 700_000),
                st.integers(1, 5),
                st.integers(1, 10**12),
                st.booleans(),
            ),
            min_size=1,
            max_size=30,
        ),
    )
    at, rows = START, []
    for k, (pause, price, quantity, maker) in enumerate(steps):
        at += pause
        rows.append((100 + k, at, f"{price}.5", str(Decimal(quantity).scaleb(-8)), maker))
    return tape_of(rows)


def test_trades_are_kept_once_and_by_id() -> None:
    tape = tape_of(
        [
            (8, START + 2, "2", "1", True),
            (7, START, "1", "1", True),
            (8, START + 2, "2", "1", True),
        ],
    )
    assert tape.trades["trade_id"].to_list() == [7, 8]


def test_a_symbol_without_a_trade_is_refused() -> None:
    with pytest.raises(ValueError, match="expected at least one trade"):
        tape_of([(1, START, "1", "1", True)]).of(
            "BTCUSDT",
            tape_of([(1, START, "1", "1", True)]).trades.clear(),
            pl.DataFrame(schema=QUOTE_COLUMNS),
        )


def test_a_trade_timed_before_its_predecessor_is_due_with_it_and_keeps_its_time() -> None:
    tape = tape_of([(1, START + 9, "1", "1", True), (2, START + 4, "1", "1", True)])
    assert tape.trade_due.tolist() == [START + 9, START + 9]
    assert tape.trades["time_us"].to_list() == [START + 9, START + 4]


def test_a_late_timed_trade_is_in_the_kline_of_its_own_time() -> None:
    rows = [(1, START + SECOND + 9, "1", "1", True), (2, START + SECOND - 1, "2", "1", True)]
    tape = tape_of([(0, START, "3", "1", True), *rows])
    bars = tape.klines(SECOND, range(START, START + 2 * SECOND, SECOND), 3)
    assert bars["count"].to_list() == [2, 1]


def test_steps_are_the_largest_that_fit() -> None:
    tape = tape_of([(1, START, "1.25", "0.001", True), (2, START, "1.5", "0.02", True)])
    assert (tape.symbol.tick, tape.symbol.step) == (1_000_000, 100_000)
    assert (tape.symbol.base, tape.symbol.quote) == ("BTC", "USDT")


@given(tapes())
@settings(max_examples=40, deadline=None)
def test_klines_conserve_every_trade_exactly(tape: Tape) -> None:
    rows = tape.trades.to_dicts()
    for length in (SECOND, 60 * SECOND):
        first = tape.first_us // length * length
        opens = range(first, tape.last_us + 1, length)
        bars = tape.klines(length, opens, len(rows)).to_dicts()
        assert [bar["open_us"] for bar in bars] == list(opens)
        close = None
        for bar in bars:
            mine = [row for row in rows if row["time_us"] // length * length == bar["open_us"]]
            taken = [row for row in mine if not row["is_buyer_maker"]]
            assert bar["count"] == len(mine)
            assert bar["volume"] == sum(row["quantity"] for row in mine)
            assert bar["quote_volume"] == sum(_value(row) for row in mine)
            assert bar["taker_volume"] == sum(row["quantity"] for row in taken)
            assert bar["taker_quote_volume"] == sum(_value(row) for row in taken)
            if mine:
                prices = [row["price"] for row in mine]
                told = (bar["open"], bar["high"], bar["low"], bar["close"])
                assert told == (prices[0], max(prices), min(prices), prices[-1])
                ids = (bar["first_id"], bar["last_id"])
                assert ids == (mine[0]["trade_id"], mine[-1]["trade_id"])
            else:
                assert {bar[name] for name in ("open", "high", "low", "close")} == {close}
                assert (bar["first_id"], bar["last_id"]) == (-1, -1)
            close = bar["close"]


def _value(row: dict[str, object]) -> Decimal:
    price, quantity = row["price"], row["quantity"]
    assert isinstance(price, Decimal)
    assert isinstance(quantity, Decimal)
    return (price * quantity).quantize(Decimal("1e-8"), ROUND_HALF_UP)


@given(tapes())
@settings(max_examples=40, deadline=None)
def test_aggregates_tile_the_ids_and_hold_one_price_side_and_millisecond(tape: Tape) -> None:
    at = int(tape.ids[0])
    for found in tape.aggregates.to_dicts():
        assert found["first_id"] == at
        at = found["last_id"] + 1
        mine = tape.trades.filter(pl.col("trade_id").is_between(found["first_id"], at - 1))
        assert mine["quantity"].sum() == found["quantity"]
        alike = mine.select("price", "is_buyer_maker", pl.col("time_us") // 1_000)
        assert alike.n_unique() == 1
    assert at == tape.ids[-1] + 1
    assert (tape.aggregates["agg_id"].diff().drop_nulls() == 1).all()


def test_an_aggregate_ends_where_an_id_is_missing() -> None:
    tape = tape_of([(1, START, "1", "1", True), (3, START, "1", "1", True)])
    assert tape.aggregates["last_id"].to_list() == [1, 3]


@given(tapes(), st.integers(0, 5 * SECOND), st.integers(1, 5 * SECOND), st.booleans())
@settings(max_examples=40, deadline=None)
def test_a_halt_postpones_what_comes_and_loses_no_id(
    tape: Tape,
    after: int,
    length: int,
    is_break: bool,  # noqa: FBT001 - drawn
) -> None:
    at = START + after
    held = tape.held(at, is_break=is_break)
    before = tape.trades_until(at)
    assert held.trades_until(NEVER - 1) == before
    resumed = held.resumed(at + length)
    assert resumed.ids.tolist() == tape.ids.tolist()
    assert resumed.trade_due[:before].tolist() == tape.trade_due[:before].tolist()
    assert (resumed.trade_due[before:] - length).tolist() == tape.trade_due[before:].tolist()
    assert resumed.aggregates["agg_id"].to_list() == tape.aggregates["agg_id"].to_list()


def test_a_halt_has_empty_klines_and_a_break_has_none() -> None:
    tape = tape_of([(1, START, "1", "1", True), (2, START + 9 * SECOND, "2", "1", True)])
    opens = range(START, START + 5 * SECOND, SECOND)
    at, until = START + SECOND, START + 3 * SECOND
    halted = tape.held(at, is_break=False)
    assert halted.klines(SECOND, opens, 1)["count"].to_list() == [1, 0, 0, 0, 0]
    broken = tape.held(at, is_break=True)
    assert broken.klines(SECOND, opens, 1)["open_us"].to_list() == [START]
    resumed = broken.resumed(until).klines(SECOND, opens, 1)
    assert resumed["open_us"].to_list() == [START, until, until + SECOND]


def test_the_same_seed_makes_the_same_market() -> None:
    one, two, other = (random_market(["ABCUSDT"], START, 20, 20, seed) for seed in (1, 1, 2))
    assert one.tapes["ABCUSDT"].trades.equals(two.tapes["ABCUSDT"].trades)
    assert not one.tapes["ABCUSDT"].trades.equals(other.tapes["ABCUSDT"].trades)
    assert (one.tapes["ABCUSDT"].trades["trade_id"].diff().drop_nulls() == 1).all()


def test_a_shifted_market_differs_in_time_only(market: Market) -> None:
    moved = market.shifted(SECOND)
    assert (moved.start_us - market.start_us, moved.end_us - market.end_us) == (SECOND, SECOND)
    assert moved.tapes.keys() == market.tapes.keys()


def test_a_recorded_quote_is_timed_by_the_exchanges_clock(recorded: Market) -> None:
    """The recorder's clock was 1.27 s behind."""
    tape = recorded.tapes["BTCUSDT"]
    assert len(tape.quotes) > 10_000
    assert abs(int(tape.quote_due[0]) - tape.first_us) < SECOND // 2


def test_klines_of_a_recording_are_the_ones_the_exchange_published(recorded: Market) -> None:
    """Every whole minute of the recording, every field, against the exchange's own files."""
    tape = recorded.tapes["BTCUSDT"]
    minute = INTERVALS["1m"]
    opens = range(-(-tape.first_us // minute) * minute, tape.last_us - minute, minute)
    bars = tape.klines(minute, opens, len(tape.ids))
    found = {bar["open_us"] // 1_000: bar for bar in bars.to_dicts()}
    told = 0
    for path in sorted(DEMO.glob("BTCUSDT-1m-*.csv.gz")):
        for row in csv.reader(gzip.decompress(path.read_bytes()).decode().splitlines()):
            bar = found.get(int(row[0]))
            if bar is None:
                continue
            told += 1
            mine = [bar[name] for name in ("open", "high", "low", "close", "volume")]
            assert mine == [Decimal(text) for text in row[1:6]]
            names = ("quote_volume", "count", "taker_volume", "taker_quote_volume")
            assert [bar[name] for name in names] == [Decimal(text) for text in row[7:11]]
    assert told == len(opens) == 10
