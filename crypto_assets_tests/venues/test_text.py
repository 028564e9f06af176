"""Reading a block by position gives what reading each field alone gives."""

from __future__ import annotations

import re

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto_assets.venues.text import Ints, Text

digits = st.text("0123456789", min_size=0, max_size=24)
odd = st.text("0123456789./:; +-eé\x00", min_size=0, max_size=24)
fields = st.lists(st.one_of(digits, odd).filter(lambda text: "," not in text), min_size=1)


def placed(texts: list[str]) -> tuple[Text, Ints, Ints]:
    """Put fields into a text, each with a comma behind, and say where they start and end."""
    pieces = [text.encode() for text in texts]
    text = Text.of(memoryview(b"".join(piece + b"," for piece in pieces)))
    lengths = np.array([len(piece) for piece in pieces], dtype=np.int64)
    end = np.cumsum(lengths + 1) - 1 + text.start
    return text, end - lengths, end


@settings(deadline=None)
@given(fields)
def test_a_whole_number_is_one_to_18_digits(texts: list[str]) -> None:
    text, start, end = placed(texts)
    value, good = text.whole(start, end)
    expected = [bool(re.fullmatch(r"[0-9]{1,18}", field)) for field in texts]
    assert good.tolist() == expected
    for field, number, fine in zip(texts, value.tolist(), expected, strict=True):
        assert not fine or number == int(field)


@settings(deadline=None)
@given(fields, fields)
def test_a_decimal_is_up_to_10_digits_a_point_and_up_to_8(
    above: list[str],
    below: list[str],
) -> None:
    pairs = list(zip(above, below, strict=False))
    text, start, end = placed([f"{a}.{b}" for a, b in pairs])
    point = start + np.array([len(a.encode()) for a, _ in pairs])
    value, good = text.decimal(start, point, end)
    for (a, b), number, fine in zip(pairs, value.tolist(), good.tolist(), strict=True):
        assert fine == bool(re.fullmatch(r"[0-9]{1,10}", a) and re.fullmatch(r"[0-9]{1,8}", b))
        assert not fine or number == int(a + b.ljust(8, "0"))


@settings(deadline=None)
@given(st.binary(max_size=60), st.binary(min_size=1, max_size=26))
def test_a_literal_is_found_exactly_where_it_stands(data: bytes, literal: bytes) -> None:
    whole = data + literal + data
    text = Text.of(memoryview(whole))
    at = np.arange(len(whole))
    expected = [whole[k : k + len(literal)] == literal for k in range(len(whole))]
    inside = np.array([k + len(literal) <= len(whole) for k in range(len(whole))])
    assert (text.says(at + text.start, literal) & inside).tolist() == expected


@settings(deadline=None)
@given(st.lists(st.text("abAB币\x00", max_size=20), min_size=1))
def test_texts_spell_alike_exactly_where_they_are_equal(texts: list[str]) -> None:
    text, start, end = placed(texts)
    words, good = text.spell(start, end, 40)
    spelt = list(zip(*(column.tolist() for column in words), strict=True))
    for k, one in enumerate(texts):
        assert good[k] == (len(one.encode()) <= 40)
        for m, other in enumerate(texts):
            if good[k] and good[m]:
                assert (spelt[k] == spelt[m]) == (one == other)
