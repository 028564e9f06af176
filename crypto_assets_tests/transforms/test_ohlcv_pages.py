"""Whatever way an exchange pages, what exists and is finished is found once, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto_assets.errors import UnreadableInput
from crypto_assets.transforms.ohlcv_pages import Ask, Pages, Row

STEP = 60_000_000
START = 28_000_000 * STEP


def bar(at: int) -> Row:
    return (at, f"{at}.1", f"{at}.3", f"{at}", f"{at}.2", "1")


def bars(slots: Iterable[int]) -> list[Row]:
    return [bar(START + slot * STEP) for slot in slots]


Answer = Callable[[Ask, int], list[Row]]


def run(pages: Pages, answer: Answer) -> list[Ask]:
    asked: list[Ask] = []
    while (ask := pages.next()) is not None:
        pages.take(ask, answer(ask, len(asked)))
        asked.append(ask)
    return asked


@dataclass(frozen=True)
class Model:
    """An exchange: the bars it has, and how it cuts a page."""

    has: list[Row]
    way: str
    caps: tuple[int, ...]
    doubles: bool
    backwards: bool
    keeps_before: bool
    """Whether a page begins with the last bar before ``since``, as some exchanges' do."""

    def __call__(self, ask: Ask, count: int) -> list[Row]:
        cap = min(self.caps[count % len(self.caps)], ask.limit)
        after = [row for row in self.has if row[0] >= ask.start_us]
        before = [row for row in self.has if row[0] < ask.start_us]
        window = [row for row in after if row[0] < ask.end_us]
        match self.way:
            case "forward":  # from since on, whatever lies between
                found = after[:cap]
            case "window":  # the first within since and until
                found = window[:cap]
            case "newest":  # the last within since and until
                found = window[-cap:]
            case "slots":  # what there is in the first so many intervals since
                found = [row for row in window if row[0] < ask.start_us + cap * STEP]
            case _:  # all of it, whatever limit was sent
                found = after
        if self.keeps_before and found and found[0] == after[0]:
            found = before[-1:] + found
        if self.doubles:
            found = found + found[:2]
        return found[::-1] if self.backwards else found


slots = st.sets(st.integers(-20, 140))


@settings(deadline=None)
@given(
    has=slots,
    gaps=st.lists(st.tuples(st.integers(-20, 140), st.integers(1, 60)), max_size=3),
    way=st.sampled_from(["forward", "window", "newest", "everything"]),
    caps=st.lists(st.integers(1, 40), min_size=1, max_size=5),
    limit=st.integers(1, 50),
    count=st.integers(0, 120),
    doubles=st.booleans(),
    backwards=st.booleans(),
    keeps_before=st.booleans(),
    dense=st.booleans(),
)
def test_the_pages_of_any_exchange_add_up_to_what_it_has(
    has: set[int],
    gaps: list[tuple[int, int]],
    way: str,
    caps: list[int],
    limit: int,
    count: int,
    doubles: bool,  # noqa: FBT001
    backwards: bool,  # noqa: FBT001
    keeps_before: bool,  # noqa: FBT001
    dense: bool,  # noqa: FBT001
) -> None:
    if dense:
        has = set(range(-20, 141))
    has -= {slot for first, length in gaps for slot in range(first, first + length)}
    model = Model(bars(sorted(has)), way, tuple(caps), doubles, backwards, keeps_before)
    pages = Pages(START, START + count * STEP, STEP, limit, requests=10_000)
    run(pages, model)
    assert pages.rows == bars(sorted(slot for slot in has if 0 <= slot < count))


def honest(has: list[Row]) -> Answer:
    return Model(has, "forward", (1_000,), doubles=False, backwards=False, keeps_before=False)


@pytest.mark.parametrize(
    "has", [range(1_440), range(300, 1_440), [*range(100), *range(700, 1_440)]]
)
def test_spans_are_no_longer_than_pages_turn_out_to_be(has: Iterable[int]) -> None:
    cut = Model(bars(has), "slots", (50,), doubles=False, backwards=False, keeps_before=False)
    pages = Pages(START, START + 1_440 * STEP, STEP, 1_000)
    asked = run(pages, cut)
    assert pages.rows == bars(has)
    assert len(asked) <= 60


def test_a_whole_day_of_minutes_takes_two_pages() -> None:
    pages = Pages(START, START + 1_440 * STEP, STEP, 1_000)
    asked = run(pages, honest(bars(range(-5, 1_500))))
    assert [ask.limit for ask in asked] == [1_000, 440]
    assert len(pages.rows) == 1_440


def test_an_unfinished_bar_is_not_kept() -> None:
    pages = Pages(START, START + 10 * STEP + STEP // 2, STEP, 1_000)
    run(pages, honest(bars(range(11))))
    assert pages.rows == bars(range(10))


def test_a_bar_that_is_not_on_the_grid_is_kept_where_it_is_finished() -> None:
    pages = Pages(START, START + 2 * STEP, STEP, 1_000)
    run(pages, honest([bar(START + STEP // 2), bar(START + 3 * STEP // 2)]))
    assert pages.rows == [bar(START + STEP // 2)]


def test_the_last_of_two_answers_for_one_bar_is_kept() -> None:
    pages = Pages(START, START + STEP, STEP, 10)
    ask = pages.next()
    assert ask is not None
    later = (START, "2", "2", "2", "2", "2")
    pages.take(ask, [bar(START), later])
    assert pages.rows == [later]
    assert pages.next() is None


def test_a_span_without_a_bar_is_stepped_over_in_whole_pages() -> None:
    pages = Pages(START, START + 1_440 * STEP, STEP, 100)
    assert len(run(pages, honest([]))) == 15
    assert pages.rows == []


def test_an_exchange_that_never_gets_there_is_given_up() -> None:
    pages = Pages(START, START + 1_440 * STEP, STEP, 1_000, requests=5)
    one_each = Model(bars(range(1_440)), "forward", (1,), False, False, False)
    with pytest.raises(UnreadableInput, match=r"at most 5 pages, found 5 bars"):
        run(pages, one_each)
    assert pages.requests == 5


def test_nothing_is_asked_of_a_span_that_has_not_begun() -> None:
    assert Pages(START, START - STEP, STEP, 1_000).next() is None
