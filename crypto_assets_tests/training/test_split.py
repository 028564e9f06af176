"""Parts of a span follow each other in time with a gap between, and leave nothing else out."""

from __future__ import annotations

import datetime as dt
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_assets.errors import InvalidName
from crypto_assets.model.interval import DAY_US
from crypto_assets.training import Span, split

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
DAYS = Span.of("2024-07-24", "2024-07-28")


@given(
    st.lists(st.integers(1, 4 * DAY_US - 1), min_size=1, max_size=4, unique=True).map(sorted),
    st.integers(0, DAY_US),
)
def test_every_part_ends_before_the_next_begins_by_the_gap(cuts: list[int], gap_us: int) -> None:
    at = [EPOCH + dt.timedelta(microseconds=DAYS.start_us + cut) for cut in cuts]
    fits = all(b - a > gap_us for a, b in itertools.pairwise([*cuts, 4 * DAY_US]))
    gap = dt.timedelta(microseconds=gap_us)
    if not fits:
        with pytest.raises(InvalidName, match="leave every part some time"):
            split(DAYS, at, gap)
        return
    parts = split(DAYS, at, gap)
    assert (parts[0].start_us, parts[-1].end_us) == (DAYS.start_us, DAYS.end_us)
    assert [part.end_us - DAYS.start_us for part in parts[:-1]] == cuts
    assert all(b.start_us - a.end_us == gap_us for a, b in itertools.pairwise(parts))


@pytest.mark.parametrize(
    ("at", "gap"),
    [
        (["2024-07-24"], 0),
        (["2024-07-28"], 0),
        (["2024-07-23"], 0),
        (["2024-07-26", "2024-07-25"], 0),
        (["2024-07-25", "2024-07-25"], 0),
        (["2024-07-27"], 1),
        (["2024-07-25"], -1),
    ],
)
def test_a_split_that_leaves_a_part_nothing_is_refused(at: list[str], gap: int) -> None:
    with pytest.raises(InvalidName):
        split(DAYS, at, dt.timedelta(days=gap))
