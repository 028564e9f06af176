"""What a chart shows, by its pixels and by its text."""

from __future__ import annotations

import datetime as dt
import io
import xml.etree.ElementTree as ET
from collections.abc import Sequence

import numpy as np
import polars as pl
import pytest
from PIL import Image

from crypto_assets.errors import NothingStored
from crypto_assets.model.coverage import Range
from crypto_assets.model.interval import Interval
from crypto_assets.model.tables import BARS
from crypto_assets.sinks.chart import Chart, draw, png, svg
from crypto_assets.transforms.rollup import roll_up

START = dt.datetime(2024, 7, 24, tzinfo=dt.UTC)
DAY = 86_400
RED = (0xCF, 0x3F, 0x3F)


def seconds(count: int = DAY, *, incomplete: range = range(0)) -> pl.DataFrame:
    """Bars of one second with one trade each, the price going up and down."""
    at = pl.int_range(count)
    price = 10_000 + 40 * (at * 0.002).sin().round(2)
    frame = pl.select(
        ts_open=START + pl.duration(seconds=at),
        open=price,
        high=price + 2,
        low=price - 2,
        close=price,
        volume=1 + at % 7,
        quote_volume=price,
        trade_count=1,
        taker_buy_volume=at % 2,
        taker_buy_quote_volume=price,
        vwap=price,
        first_trade_id=at,
        last_trade_id=at,
        is_complete=~at.is_between(incomplete.start, incomplete.stop, closed="left"),
        bid=price - 1,
        bid_quantity=1.0,
        ask=price + 1,
        ask_quantity=1.0,
        spread=2.0,
    )
    return frame.cast(BARS.schema)


def chart(bars: pl.DataFrame, missing: Sequence[Range] = ()) -> Chart:
    return Chart(bars, "NEXOUSDT", "24 July 2024", missing, price_unit="USDT")


def red_pixels(data: bytes) -> int:
    pixels = np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)
    return int((np.abs(pixels - RED).max(axis=2) < 24).sum())


def test_a_day_is_a_png_of_the_width_asked_for_and_small_enough_for_metadata() -> None:
    data = png(chart(seconds()), width_px=900)
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    assert Image.open(io.BytesIO(data)).width == 900
    assert 8_000 < len(data) < 80_000


def test_a_complete_day_has_nothing_red() -> None:
    assert red_pixels(png(chart(seconds()), width_px=900)) == 0


def test_a_single_incomplete_second_of_a_day_can_be_seen() -> None:
    bars = seconds(incomplete=range(50_000, 50_001))
    assert red_pixels(png(chart(bars), width_px=900)) > 10


def test_a_longer_incomplete_stretch_is_drawn_longer() -> None:
    short, long = (
        red_pixels(png(chart(seconds(incomplete=range(20_000, end))), width_px=900))
        for end in (22_000, 42_000)
    )
    assert long > 5 * short > 0


def test_missing_ids_are_counted_and_pointed_at_where_they_would_have_been_traded() -> None:
    bars = seconds().filter(~pl.col("first_trade_id").is_between(43_200, 43_209))
    figure = draw(chart(bars, missing=((43_200, 43_206), (43_207, 43_209))))
    strip = figure.axes[2]
    assert "10 trade ids missing in 2 ranges" in [text.get_text() for text in strip.texts]
    (marks,) = strip.lines
    noon = (START + dt.timedelta(hours=12)).timestamp() / DAY
    assert np.allclose(np.asarray(marks.get_xdata(), dtype=float), noon, atol=10 / DAY)


def test_ids_missing_before_the_first_trade_are_pointed_at_there() -> None:
    figure = draw(chart(seconds(600).with_columns(pl.col("^.*_trade_id$") + 5), missing=((0, 4),)))
    (marks,) = figure.axes[2].lines
    assert np.asarray(marks.get_xdata(), dtype=float)[0] == pytest.approx(START.timestamp() / DAY)


def test_the_text_says_how_many_bars_may_lack_trades() -> None:
    said = [text.get_text() for text in draw(chart(seconds(incomplete=range(9)))).axes[2].texts]
    assert said == ["9 of 86,400 bars of 1s may lack trades"]
    said = [text.get_text() for text in draw(chart(seconds())).axes[2].texts]
    assert said == ["all 86,400 bars of 1s are complete"]


def test_the_same_bars_give_the_same_svg_and_it_loads_nothing() -> None:
    first, second = svg(chart(seconds(3_600))), svg(chart(seconds(3_600)))
    assert first == second
    root = ET.fromstring(first)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    links = [
        value
        for element in root.iter()
        for name, value in element.attrib.items()
        if name.endswith("href")
    ]
    assert all(link.startswith(("#", "data:")) for link in links)


def test_an_svg_differs_when_a_stretch_is_incomplete() -> None:
    assert svg(chart(seconds(3_600))) != svg(chart(seconds(3_600, incomplete=range(9))))


@pytest.mark.parametrize("interval", [Interval.MINUTE, Interval.HOUR, Interval.DAY])
def test_bars_of_any_length_can_be_drawn(interval: Interval) -> None:
    bars = roll_up(seconds().lazy(), interval).collect()
    assert png(chart(bars), width_px=600).startswith(b"\x89PNG")


def test_a_day_without_a_trade_says_so() -> None:
    prices = ("open", "high", "low", "close", "vwap", "first_trade_id", "last_trade_id")
    quotes = ("bid", "bid_quantity", "ask", "ask_quantity", "spread")
    amounts = ("volume", "quote_volume", "taker_buy_volume", "taker_buy_quote_volume")
    empty = seconds().with_columns(
        *(pl.lit(None).alias(name) for name in prices + quotes),
        *(pl.lit(0).alias(name) for name in (*amounts, "trade_count")),
    )
    figure = draw(chart(empty.cast(BARS.schema)))
    assert "no trade" in [text.get_text() for text in figure.axes[0].texts]
    assert png(chart(empty.cast(BARS.schema)), width_px=600)


def test_without_quotes_no_spread_is_drawn() -> None:
    quotes = ("bid", "bid_quantity", "ask", "ask_quantity", "spread")
    bars = seconds(600).with_columns(pl.lit(None).cast(BARS.schema[n]).alias(n) for n in quotes)
    with_quotes, without = draw(chart(seconds(600))), draw(chart(bars))
    labels = [figure.axes[0].get_legend_handles_labels()[1] for figure in (with_quotes, without)]
    assert "bid to ask, median 2" in labels[0]
    assert not any("bid" in label for label in labels[1])


def test_a_column_far_above_all_others_is_cut_off_and_its_height_written() -> None:
    tall = pl.when(pl.col("first_trade_id") == 400).then(12_345).otherwise("volume")
    bars = seconds().with_columns(volume=tall.cast(BARS.schema["volume"]))
    volume = draw(chart(bars)).axes[1]
    assert volume.get_ylim()[1] < 5_000
    assert [text.get_text() for text in volume.texts] == ["↑ 13.5 k"]


def test_a_price_far_from_zero_is_labelled_whole() -> None:
    figure = draw(chart(seconds(600)))
    figure.draw_without_rendering()
    price = figure.axes[0]
    assert price.yaxis.get_offset_text().get_text() == ""
    assert "10000" in [label.get_text() for label in price.get_yticklabels()]


def test_no_bars_are_refused() -> None:
    with pytest.raises(NothingStored, match="expected bars, found none"):
        draw(chart(seconds().clear()))


def test_a_symbol_the_font_cannot_draw_is_drawn_with_boxes() -> None:
    found = png(Chart(seconds(3_600), "币安人生USDT"))
    assert found != png(Chart(seconds(3_600), "USDT"))
