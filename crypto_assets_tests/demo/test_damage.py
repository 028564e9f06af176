"""Damage takes exactly what it says."""

from __future__ import annotations

import re
from collections import Counter

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto_assets.demo import story
from crypto_assets.demo.damage import damage
from crypto_assets.model.coverage import Coverage


def capture(first: int, count: int) -> bytes:
    """A quote before and after every trade."""
    text = ['1 {"stream":"xusdt@bookTicker","data":{"u":1,"s":"XUSDT"}}\n']
    for trade_id in range(first, first + count):
        text.append(
            f'2 {{"stream":"xusdt@trade","data":{{"e":"trade","t":{trade_id},"m":true}}}}\n'
        )
        text.append('3 {"stream":"xusdt@bookTicker","data":{"u":2,"s":"XUSDT"}}\n')
    return "".join(text).encode()


def inflate(data: bytes) -> bytes:
    return zstandard.ZstdDecompressor().decompressobj().decompress(data)


def ids(text: bytes) -> list[int]:
    return [int(found) for found in re.findall(rb'"t":(\d+),"m":true}}\n', text)]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_exactly_the_ids_it_names_are_gone_or_twice(data: st.DataObject) -> None:
    count = data.draw(st.integers(2, 40))
    free = list(range(100, 100 + count - 1))
    dropped = data.draw(st.sets(st.sampled_from(free)))
    rest = [found for found in free if found not in dropped]
    repeated = data.draw(st.sets(st.sampled_from(rest))) if rest else set()
    found = damage(
        capture(100, count),
        drop=Coverage.of((one, one) for one in dropped).ranges,
        repeat=repeated,
    )
    held = Counter(ids(inflate(found.data)))
    assert held == Counter({one: 2 if one in repeated else 1 for one in rest})
    lost = {one for first, last in found.lost for one in range(first, last + 1)}
    assert lost == dropped | {100 + count - 1}
    assert found.torn_id == 100 + count - 1
    assert found.repeated == len(repeated)


def test_the_file_ends_within_a_line_and_without_the_end_of_its_frame() -> None:
    found = damage(capture(100, 5), drop=[], repeat=[])
    inflater = zstandard.ZstdDecompressor().decompressobj()
    text = inflater.decompress(found.data)
    assert not inflater.eof
    assert not text.endswith(b"\n")
    assert capture(100, 5).startswith(text)


def test_quotes_before_the_tear_are_left_as_they_are() -> None:
    found = damage(capture(100, 5), drop=[(101, 103)], repeat=[100])
    assert inflate(found.data).count(b"@bookTicker") == 5


@pytest.mark.parametrize(
    ("drop", "repeat"),
    [([(99, 100)], []), ([(104, 104)], []), ([], [105]), ([], [104])],
)
def test_an_id_that_is_not_there_to_be_damaged_is_refused(
    drop: list[tuple[int, int]],
    repeat: list[int],
) -> None:
    with pytest.raises(ValueError, match="expected ids before the tear"):
        damage(capture(100, 5), drop=drop, repeat=repeat)


def test_an_id_cannot_be_dropped_and_repeated() -> None:
    with pytest.raises(ValueError, match="both dropped and repeated"):
        damage(capture(100, 5), drop=[(101, 102)], repeat=[102])


def test_the_demo_loses_57_trades_in_4_places_and_repeats_20() -> None:
    found = story.damaged_recording()
    assert found.lost == (*story.DROPPED, (12_804_604, 12_804_604))
    assert len(Coverage.of(found.lost)) == 57
    assert found.repeated == 20
    held = Counter(
        int(i) for i in re.findall(rb'"e":"trade".*?"t":(\d+).*}\n', inflate(found.data))
    )
    assert Coverage.of((one, one) for one in held).missing == story.DROPPED
    assert sorted(one for one, times in held.items() if times == 2) == list(story.REPEATED)
    assert max(held) == 12_804_603
