"""Numbers reach the table to the last digit, or not at all."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto_assets.errors import UnreadableInput
from crypto_assets.model.tables import OHLCV, validate
from crypto_assets.transforms.ohlcv import frame_of, merged
from crypto_assets.transforms.ohlcv_pages import Row

AT = 1_735_776_000_000_000
numbers = st.decimals(0, Decimal(10) ** 20 - 1, places=18, allow_nan=False)


def row(price: str, at: int = AT, volume: str = "1") -> Row:
    return (at, price, price, price, price, volume)


@settings(deadline=None)
@given(st.lists(numbers, min_size=1, max_size=5), st.booleans())
def test_every_number_that_fits_is_kept_exactly(
    values: list[Decimal],
    plainly: bool,  # noqa: FBT001
) -> None:
    texts = [f"{value:f}" if plainly else f"{value:E}" for value in values]
    found = frame_of([row(text, AT + k) for k, text in enumerate(texts)], "1m")
    assert found["close"].to_list() == values
    assert found.schema == OHLCV.schema


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0.00000001250000000000000000", "0.0000000125"),
        ("1e-12", "0.000000000001"),
        ("1.5E+3", "1500"),
        ("95000.10", "95000.1"),
        ("12345678901234567890.123456789012345678", "12345678901234567890.123456789012345678"),
    ],
)
def test_a_number_is_read_in_any_notation(text: str, value: str) -> None:
    assert frame_of([row(text)], "1m")["open"].to_list() == [Decimal(value)]


@pytest.mark.parametrize(
    "text",
    ["0.0000000000000000001", "123456789012345678901", "-1", "nan", "Infinity", "", "1,5", "x"],
)
def test_a_number_that_would_be_rounded_or_is_none_is_refused(text: str) -> None:
    with pytest.raises(UnreadableInput, match="18 behind the point"):
        frame_of([row("1"), row(text, AT + 1)], "1m")


def test_no_rows_are_an_empty_frame() -> None:
    assert frame_of([], "1m").schema == OHLCV.schema


def test_rows_are_as_the_table_declares() -> None:
    validate(frame_of([row("1.5"), row("0.00000002", AT + 60_000_000, "0")], "1m"), OHLCV)


def test_what_only_the_old_rows_have_is_kept_and_the_new_ones_win() -> None:
    old = frame_of([row("1", AT), row("2", AT + 1)], "1m")
    new = frame_of([row("3", AT + 1), row("4", AT + 2)], "1m")
    found = merged(new, old)
    assert found["close"].to_list() == [Decimal(1), Decimal(3), Decimal(4)]
    assert merged(new, new).equals(new)
