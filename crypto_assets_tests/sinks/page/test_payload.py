"""What is packed for a page is every bar, to the last decimal."""

from __future__ import annotations

import base64
import zlib
from decimal import Decimal
from typing import Any

import msgspec
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto_assets.model.tables import BARS, PRICE, QUANTITY, TIME
from crypto_assets.sinks.page.payload import Grid, grids_of
from crypto_assets_tests.sinks.page.reading import bars_of, unpacked

SECOND_US, MINUTE_US = 1_000_000, 60_000_000
START_US = 1_721_779_200_000_000
UNIT = 10**8

prices = st.integers(1, 10**18 - 1) | st.integers(1, 10**6).map(lambda n: n * 10**6)
volumes = st.integers(0, 10**27) | st.integers(0, 10**6).map(lambda n: n * 1_000)


@st.composite
def some_bars(draw: st.DrawFn) -> pl.DataFrame:
    rows = []
    has_quotes = draw(st.booleans())
    for at in range(draw(st.integers(1, 65))):
        four = sorted(draw(st.lists(prices, min_size=4, max_size=4)))
        has_price = draw(st.booleans())
        volume = draw(volumes) if has_price else 0
        bid = draw(st.none() | prices) if has_quotes else None
        ask = None if bid is None else draw(prices)
        rows.append(
            {
                "ts_open": START_US + at * SECOND_US,
                "open": four[1] if has_price else None,
                "high": four[3] if has_price else None,
                "low": four[0] if has_price else None,
                "close": four[2] if has_price else None,
                "volume": volume,
                "quote_volume": draw(volumes),
                "trade_count": draw(st.integers(0, 10**6)),
                "taker_buy_volume": draw(st.integers(0, volume)),
                "is_complete": draw(st.booleans()),
                "bid": bid,
                "ask": ask,
            },
        )
    return frame(rows)


def frame(rows: list[dict[str, Any]]) -> pl.DataFrame:
    """Put whole numbers of 10^-8 into columns of decimals."""
    whole = {
        name: pl.Int128() if isinstance(BARS.schema[name], pl.Decimal) else BARS.schema[name]
        for name in rows[0]
    }
    found = pl.DataFrame(rows, schema={**whole, "ts_open": pl.Int64()}, orient="row")
    return found.with_columns(
        pl.col("ts_open").cast(TIME),
        *(
            pl.col(name).reinterpret(dtype=BARS.schema[name])
            for name in whole
            if isinstance(BARS.schema[name], pl.Decimal)
        ),
    )


def plain(grid: Grid) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.to_builtins(grid)
    return found


def decoded(bars: pl.DataFrame, step_us: int = SECOND_US) -> list[dict[str, Any]]:
    return bars_of(plain(grids_of(bars, step_us)[0]))


def expected(bars: pl.DataFrame, names: list[str]) -> list[dict[str, Any]]:
    """The same bars, read off their decimals."""
    return [
        {
            name: int(value * UNIT) if isinstance(value, Decimal) else value
            for name, value in row.items()
        }
        for row in bars.select(names).iter_rows(named=True)
    ]


@settings(max_examples=25)
@given(some_bars())
def test_what_is_unpacked_is_every_bar_to_the_last_decimal(bars: pl.DataFrame) -> None:
    found = decoded(bars)
    names = [name for name in bars.columns if name in found[0]]
    assert {"open", "high", "low", "close", "volume", "trade_count"} <= set(names)
    assert found == expected(bars, names)


@settings(max_examples=10)
@given(some_bars())
def test_minutes_hold_the_sum_of_their_quote_volumes(bars: pl.DataFrame) -> None:
    grid = plain(grids_of(bars, SECOND_US)[1])
    columns, places = unpacked(grid)
    whole = [int(value * UNIT) for value in bars["quote_volume"].to_list()]
    sums = [sum(whole[at : at + 60]) for at in range(0, len(whole), 60)]
    unit = 10 ** (8 - places["quote_volume"])
    assert [value * unit for value in columns["quote_volume"]] == sums
    assert grid["step_us"] == MINUTE_US


def test_numbers_a_float_does_not_hold_are_told() -> None:
    row: dict[str, Any] = {
        "ts_open": START_US,
        **dict.fromkeys(("open", "high", "low", "close"), 10**18 - 1),
        "volume": 10**27 + 1,
        "quote_volume": 0,
        "trade_count": 1,
        "taker_buy_volume": 0,
        "is_complete": True,
    }
    columns = {one.name: one for one in grids_of(frame([row]), SECOND_US)[0].columns}
    assert columns["open"].is_big
    assert columns["sold"].is_big
    assert not columns["trade_count"].is_big


def test_bars_without_sides_have_one_volume() -> None:
    bars = pl.DataFrame(
        {
            "ts_open": [START_US, START_US + MINUTE_US],
            **{key: [Decimal(2), None] for key in ("open", "high", "low", "close")},
            "volume": [Decimal("1.25"), None],
            "quote_volume": [Decimal("2.5"), None],
            "trade_count": [None, None],
            "taker_buy_volume": [None, None],
            "is_complete": [True, False],
        },
        schema={
            "ts_open": pl.Int64(),
            **dict.fromkeys(("open", "high", "low", "close"), PRICE),
            "volume": QUANTITY,
            "quote_volume": QUANTITY,
            "trade_count": pl.Int64(),
            "taker_buy_volume": QUANTITY,
            "is_complete": pl.Boolean(),
        },
    ).with_columns(pl.col("ts_open").cast(TIME))
    (grid,) = grids_of(bars, MINUTE_US)
    assert [bar["volume"] for bar in bars_of(plain(grid))] == [125_000_000, 0]
    assert [bar["close"] for bar in bars_of(plain(grid))] == [200_000_000, None]
    names = {column.name for column in grid.columns}
    assert "trade_count" not in names
    assert "quote_volume" in names


def test_a_byte_that_is_changed_is_another_bar() -> None:
    bars = frame(
        [
            {
                "ts_open": START_US,
                **dict.fromkeys(("open", "high", "low", "close"), 5 * UNIT),
                "volume": 1,
                "quote_volume": 1,
                "trade_count": 1,
                "taker_buy_volume": 0,
                "is_complete": True,
            },
        ],
    )
    grid = plain(grids_of(bars, SECOND_US)[0])
    data = bytearray(zlib.decompress(base64.b64decode(grid["packed"]), wbits=-15))
    data[2] ^= 2
    packer = zlib.compressobj(wbits=-15)
    packed = packer.compress(bytes(data)) + packer.flush()
    changed = bars_of({**grid, "packed": base64.b64encode(packed).decode()})
    assert changed != bars_of(grid)
