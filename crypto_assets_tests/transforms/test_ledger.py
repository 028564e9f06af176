"""The ledger holds exactly what is missing, and forgets nothing that was."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from crypto_assets.model.coverage import Coverage, Range
from crypto_assets.model.gap import Cause, Gap, GapState
from crypto_assets.transforms.ledger import cause_of, reconcile, tried

_ranges = st.lists(
    st.tuples(st.integers(0, 60), st.integers(0, 8)).map(lambda pair: (pair[0], sum(pair))),
    max_size=6,
)
_coverages = _ranges.map(Coverage.of)


def _gap(ids: Range, found_us: int = 1) -> Gap:
    return Gap(
        ids=ids,
        state=GapState.OPEN,
        cause=Cause.NOT_DELIVERED,
        before_us=0,
        after_us=9,
        found_us=found_us,
    )


def _missing(gaps: list[Gap]) -> Coverage:
    return Coverage.of(gap.ids for gap in gaps if gap.state.is_missing)


def _all(gaps: list[Gap]) -> Coverage:
    return Coverage.of(gap.ids for gap in gaps)


def _step(known: list[Gap], missing: Coverage, now: int) -> list[Gap]:
    return reconcile(known, missing, lambda ids: _gap(ids, now), lambda _: "rest", now)


@given(st.lists(st.tuples(_coverages, _coverages), max_size=6))
def test_the_gaps_that_are_not_healed_are_exactly_what_is_missing(
    steps: list[tuple[Coverage, Coverage]],
) -> None:
    known: list[Gap] = []
    ever = Coverage()
    for now, (missing, denied) in enumerate(steps, 1):
        known = _step(known, missing, now)
        ever |= missing
        assert _missing(known) == missing
        assert sum(gap.count for gap in known if gap.state.is_missing) == len(missing)
        assert _all(known) == ever
        assert _step(known, missing, now + 100) == known
        known = tried(known, missing, denied, {"asked": now}, now)
        assert _missing(known) == missing
        gone = Coverage.of(gap.ids for gap in known if gap.state is GapState.UNHEALABLE)
        assert gone == missing & denied


def test_a_gap_of_which_some_ids_came_is_split() -> None:
    known = _step([], Coverage.of([(10, 19)]), 5)
    found = _step(known, Coverage.of([(10, 12), (18, 19)]), 7)
    assert [(gap.ids, gap.state, gap.found_us, gap.closed_us, gap.source) for gap in found] == [
        ((10, 12), GapState.OPEN, 5, None, None),
        ((13, 17), GapState.HEALED, 5, 7, "rest"),
        ((18, 19), GapState.OPEN, 5, None, None),
    ]


def test_ids_that_are_missing_again_are_a_new_gap() -> None:
    once = _step([], Coverage.of([(1, 2)]), 5)
    healed = _step(once, Coverage(), 6)
    again = _step(healed, Coverage.of([(1, 2)]), 7)
    assert [(gap.state, gap.found_us) for gap in again] == [
        (GapState.HEALED, 5),
        (GapState.OPEN, 7),
    ]


def test_a_try_in_vain_is_counted_and_what_was_denied_is_closed() -> None:
    known = _step([], Coverage.of([(1, 4), (9, 9)]), 5)
    found = tried(known, Coverage.of([(1, 4)]), Coverage.of([(3, 4)]), {"why": "no"}, 8)
    assert [(gap.ids, gap.state, gap.tries, gap.closed_us) for gap in found] == [
        ((1, 2), GapState.OPEN, 1, None),
        ((3, 4), GapState.UNHEALABLE, 1, 8),
        ((9, 9), GapState.OPEN, 0, None),
    ]
    assert found[0].evidence == {"why": "no"}
    assert found[2].evidence == {}


def test_what_turns_up_after_all_is_healed() -> None:
    known = tried(_step([], Coverage.of([(1, 1)]), 5), Coverage.of([(1, 1)]), Coverage(), {}, 6)
    gone = tried(known, Coverage.of([(1, 1)]), Coverage.of([(1, 1)]), {}, 7)
    assert gone[0].state is GapState.UNHEALABLE
    (found,) = _step(gone, Coverage(), 8)
    assert (found.state, found.closed_us, found.source) == (GapState.HEALED, 8, "rest")


def test_the_cause_is_what_the_recordings_tell() -> None:
    def cause(recorded: list[Range], *sources: str, unreadable: bool = False) -> Cause:
        return cause_of((100, 200), recorded, sources, unreadable=unreadable)[0]

    assert cause([(50, 250)], "stream") is Cause.NOT_DELIVERED
    assert cause([(50, 250)], "stream", unreadable=True) is Cause.UNREADABLE
    assert cause([(50, 150), (160, 250)], "stream") is Cause.NOT_LISTENING
    assert cause([(50, 150)], "stream", unreadable=True) is Cause.NOT_LISTENING
    assert cause([], "stream") is Cause.NOT_LISTENING
    assert cause([], "archive") is Cause.NOT_PUBLISHED
    assert cause([(50, 250)], "archive") is Cause.NOT_DELIVERED


def test_it_is_told_when_nobody_listened() -> None:
    recorded = [(50, 150), (160, 250)]
    assert cause_of((100, 200), recorded, {"stream"}, unreadable=False)[1] == ((151, 159),)
    assert cause_of((100, 200), [(0, 300)], {"stream"}, unreadable=False)[1] == ()
