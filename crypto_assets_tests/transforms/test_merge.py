"""Frames that overlap become one: each key once, disagreements counted."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_assets.model.tables import QUOTES, TRADES
from crypto_assets.transforms.merge import ascends, merge

MIDNIGHT = dt.datetime(2024, 7, 24, tzinfo=dt.UTC)


def trades(
    ids: Sequence[int],
    us: Sequence[int] | None = None,
    price: str = "1.5",
    recv: int | None = None,
) -> pl.DataFrame:
    """Build trades, one a second by id."""
    times = [id_ * 1_000_000 for id_ in ids] if us is None else us
    return pl.DataFrame(
        {
            "trade_id": list(ids),
            "ts_event": [MIDNIGHT + dt.timedelta(microseconds=at) for at in times],
            "price": [Decimal(price)] * len(ids),
            "quantity": [Decimal(id_ + 1) for id_ in ids],
            "is_buyer_maker": [id_ % 2 == 1 for id_ in ids],
            "ts_recv": [None if recv is None else MIDNIGHT + dt.timedelta(seconds=recv)] * len(ids),
            "quoted_value": [None] * len(ids),
            "match_id": [None] * len(ids),
        },
        schema=TRADES.schema,
    )


def quotes(ids: Sequence[int], late: int = 0) -> pl.DataFrame:
    """Build quotes, one a second by update id."""
    times = [MIDNIGHT + dt.timedelta(seconds=id_, microseconds=late) for id_ in ids]
    whole = [Decimal(1)] * len(ids)
    return pl.DataFrame(
        {"update_id": list(ids), "ts_as_of": times, "ts_recv": times}
        | dict.fromkeys(("bid", "bid_quantity", "ask", "ask_quantity"), whole),
        schema=QUOTES.schema,
    )


@given(st.lists(st.lists(st.integers(0, 15), max_size=10), min_size=1, max_size=4))
def test_frames_in_any_order_become_each_key_once_ascending(
    frames: list[list[int]],
) -> None:
    found = merge([trades(ids) for ids in frames], TRADES)
    every = {id_ for ids in frames for id_ in ids}
    assert found.frame.equals(trades(sorted(every)))
    assert found.duplicates == sum(map(len, frames)) - len(every)
    assert found.conflicts == ()


def test_an_ascending_frame_is_given_back_as_it_is() -> None:
    frame = trades([1, 2, 3])
    assert merge([frame], TRADES).frame is frame


def test_the_first_frames_row_is_kept_and_the_disagreement_named() -> None:
    found = merge([trades([1, 2]), trades([2, 3], price="9")], TRADES)
    assert found.frame.equals(pl.concat([trades([1, 2]), trades([3], price="9")]))
    assert found.conflicts == (2,)


@pytest.mark.parametrize("column", ["price", "quantity", "is_buyer_maker"])
def test_a_difference_in_any_hashed_column_is_a_conflict(column: str) -> None:
    value = pl.col(column)
    other = ~value if column == "is_buyer_maker" else value + Decimal("0.00000001")
    changed = trades([1]).with_columns(other.cast(TRADES.schema[column]))
    assert merge([trades([1]), changed], TRADES).conflicts == (1,)


def test_when_and_how_a_row_was_received_is_no_conflict() -> None:
    one = trades([1], recv=5)
    other = trades([1], recv=3).with_columns(
        quoted_value=pl.lit(Decimal(1)).cast(pl.Decimal(28, 8))
    )
    found = merge([trades([1]), one, other], TRADES)
    assert found.conflicts == ()
    assert found.frame.equals(trades([1], recv=3))


@pytest.mark.parametrize(
    ("stamps", "kept", "conflict"),
    [
        ([1_000, 1_000], 1_000, False),
        ([1_000, 1_999], 1_999, False),
        ([1_999, 1_000], 1_999, False),
        ([1_000, 2_000], 2_000, True),
        ([1_500, 1_501], 1_501, True),
        ([1_000, 1_500, 1_500], 1_500, False),
        ([1_000, 1_500, 1_501], 1_501, True),
        ([1_999, 2_000], 2_000, True),
    ],
)
def test_stamps_are_compared_at_the_coarser_resolution_and_the_finest_is_kept(
    stamps: list[int],
    kept: int,
    conflict: bool,  # noqa: FBT001
) -> None:
    found = merge([trades([1], us=[us]) for us in stamps], TRADES)
    assert found.frame.equals(trades([1], us=[kept]))
    assert found.conflicts == ((1,) if conflict else ())


def test_quotes_seen_at_other_times_agree() -> None:
    found = merge([quotes([1], late=500), quotes([1, 2])], QUOTES)
    assert found.conflicts == ()
    assert found.frame["update_id"].to_list() == [1, 2]
    assert found.frame["ts_recv"].to_list() == quotes([1, 2])["ts_recv"].to_list()
    other = quotes([1]).with_columns(bid=pl.lit(Decimal("1.1")).cast(pl.Decimal(18, 8)))
    assert merge([quotes([1]), other], QUOTES).conflicts == (1,)


def test_frames_with_some_of_the_columns_merge_by_those() -> None:
    some = ["trade_id", "price"]
    found = merge([trades([1, 2]).select(some), trades([2, 3]).select(some)], TRADES)
    assert found.frame.equals(trades([1, 2, 3]).select(some))
    assert merge([trades([1]).select("trade_id")] * 2, TRADES).duplicates == 1


def test_rows_repeated_within_one_frame_are_dropped_too() -> None:
    found = merge([trades([3, 1, 1, 2])], TRADES)
    assert found.frame.equals(trades([1, 2, 3]))
    assert found.duplicates == 1


def test_no_rows_merge_to_none() -> None:
    assert merge([trades([]), trades([])], TRADES).frame.equals(TRADES.schema.to_frame())


def named(*found: tuple[int, str]) -> pl.DataFrame:
    """Trades of these ids and names."""
    names = pl.Series("match_id", [name for _, name in found], dtype=pl.String)
    return trades([id_ for id_, _ in found]).with_columns(names)


def test_two_trades_of_one_id_are_both_kept_by_their_names() -> None:
    found = merge([named((1, "b"), (2, "a")), named((1, "a"), (1, "b"))], TRADES)
    assert found.frame.equals(named((1, "a"), (1, "b"), (2, "a")))
    assert (found.duplicates, found.conflicts) == (1, ())


def test_rows_ascend_by_their_names_within_an_id() -> None:
    assert ascends(named((1, "a"), (1, "b"), (2, "a")), TRADES)
    for rows in ([(1, "b"), (1, "a")], [(1, "a"), (1, "a")], [(2, "a"), (1, "b")]):
        assert not ascends(named(*rows), TRADES)
    assert not ascends(trades([1, 1]), TRADES)
    assert not ascends(trades([1, 1]).drop("match_id"), TRADES)
