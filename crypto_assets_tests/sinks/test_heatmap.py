"""The small map: a PNG of the width that was asked for, of as many colours as conditions."""

from __future__ import annotations

import io

from PIL import Image, ImageColor

from crypto_assets.model.report import Survey, SymbolDays
from crypto_assets.model.verdict import Condition
from crypto_assets.sinks.heatmap import COLOURS, png
from crypto_assets_tests.sinks.page.test_heatmap import SURVEY, cell


def colours_of(data: bytes) -> set[tuple[int, ...]]:
    with Image.open(io.BytesIO(data)) as image:
        assert image.width == 1000
        return {colour for _, colour in image.convert("RGB").getcolors(1 << 24)}  # type: ignore[union-attr, misc]


def test_every_condition_has_its_colour_in_the_picture() -> None:
    found = colours_of(png(SURVEY))
    assert {ImageColor.getrgb(colour) for colour in COLOURS.values()} <= found


def test_a_condition_that_no_day_has_is_not_drawn() -> None:
    (one, _) = SURVEY.symbols
    found = colours_of(png(Survey([SymbolDays(one.instrument, [cell(0, Condition.CONFIRMED)])])))
    assert ImageColor.getrgb(COLOURS[Condition.CONFIRMED]) in found
    assert ImageColor.getrgb(COLOURS[Condition.DEGRADED]) not in found
    assert set(COLOURS) == set(Condition)
