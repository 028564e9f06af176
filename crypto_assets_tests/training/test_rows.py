"""Every row comes once an epoch, in an order that can be taken up again at any batch."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto_assets.errors import InvalidName
from crypto_assets.lake.lake import Lake
from crypto_assets.training import Consumer, Plan, Rows
from crypto_assets.training.rows import Batch
from crypto_assets_tests.joined import PER_DAY, SECOND, ids_of

FIRST_ID = ids_of(SECOND)[0]
ALL = list(range(FIRST_ID, FIRST_ID + 2 * PER_DAY))


def rows(planned: Plan, **changed: object) -> Rows:
    made = Rows(plan=planned, columns=("trade_id", "price"), batch_rows=64, shuffle_rows=200)
    return replace(made, **changed)


def ids(batches: list[Batch]) -> list[int]:
    return [number for batch in batches for number in batch["trade_id"].tolist()]


def same(one: list[Batch], other: list[Batch]) -> bool:
    return len(one) == len(other) and all(
        left.keys() == right.keys() and all(np.array_equal(left[k], right[k]) for k in left)
        for left, right in zip(one, other, strict=True)
    )


def test_unshuffled_rows_come_as_they_lie(planned: Plan, lake: Lake) -> None:
    found = list(rows(planned, shuffle_rows=0).batches(Consumer(), 0))
    assert ids(found) == ALL
    assert [len(batch["price"]) for batch in found] == [64] * 15 + [40]
    prices = lake.scan("daily_trades", SECOND).select("price").collect()["price"].to_list()
    assert np.concatenate([batch["price"] for batch in found])[:PER_DAY].tolist() == [
        float(price) for price in prices
    ]


def test_a_shuffled_epoch_has_every_row_once_in_an_order_of_its_own(planned: Plan) -> None:
    source = rows(planned)
    first, again, second = (list(source.batches(Consumer(), epoch)) for epoch in (0, 0, 1))
    assert sorted(ids(first)) == sorted(ids(second)) == ALL
    assert same(first, again)
    assert ids(first) != ids(second)
    assert ids(list(replace(source, seed=1).batches(Consumer(), 0))) != ids(first)
    # A batch mixes both days, and is far from any order.
    days = {number // PER_DAY for number in ids(first[:1])}
    assert len(days) == 2
    assert abs(np.corrcoef(ids(first[:3]), range(192))[0, 1]) < 0.3


@settings(max_examples=10)
@given(
    st.integers(1, 300),
    st.sampled_from([0, 10, 200, 5_000]),
    st.integers(1, 5),
    st.tuples(st.integers(1, 3), st.integers(1, 2)),
    st.booleans(),
)
def test_all_readers_together_get_every_row_once_whatever_the_sizes(
    planned: Plan,
    batch_rows: int,
    shuffle_rows: int,
    side_by_side: int,
    many: tuple[int, int],
    drop_last: bool,  # noqa: FBT001 - drawn
) -> None:
    source = rows(
        planned,
        batch_rows=batch_rows,
        shuffle_rows=shuffle_rows,
        side_by_side=side_by_side,
        drop_last=drop_last,
    )
    ranks, workers = many
    consumers = [Consumer(r, ranks, w, workers) for r in range(ranks) for w in range(workers)]
    found = [list(source.batches(consumer, 3)) for consumer in consumers]
    assert [len(batches) for batches in found] == [source.count(one) for one in consumers]
    got = [number for batches in found for number in ids(batches)]
    assert len(set(got)) == len(got)
    if drop_last:
        assert len({len(batches) for batches in found}) == 1
        assert all(len(b["price"]) == batch_rows for batches in found for b in batches)
    else:
        assert sorted(got) == ALL


@settings(max_examples=5)
@given(st.data())
def test_reading_goes_on_exactly_from_every_batch(planned: Plan, data: st.DataObject) -> None:
    source = rows(
        planned,
        batch_rows=data.draw(st.integers(20, 120)),
        shuffle_rows=data.draw(st.sampled_from([0, 150, 400])),
        drop_last=data.draw(st.booleans()),
    )
    consumer = data.draw(st.sampled_from([Consumer(), Consumer(1, 2), Consumer(0, 1, 1, 2)]))
    epoch = data.draw(st.integers(0, 3))
    whole = list(source.batches(consumer, epoch))
    for position in range(len(whole) + 2):
        assert same(list(source.batches(consumer, epoch, position)), whole[position:])


def test_batches_may_be_written_to_and_left_early(planned: Plan) -> None:
    for shuffle_rows in (0, 200):
        reading = rows(planned, shuffle_rows=shuffle_rows).batches(Consumer(), 0)
        batch = next(reading)
        batch["price"] += 1
        batch["trade_id"][0] = 0
        reading.close()


def test_exact_ticks_flags_times_and_instruments_can_be_had(planned: Plan) -> None:
    columns = ("ts_event", "price", "quantity", "is_buyer_maker", "instrument")
    source = rows(planned, columns=columns, numbers="ticks", shuffle_rows=0)
    batch = next(source.batches(Consumer(), 0))
    assert {name: str(column.dtype) for name, column in batch.items()} == {
        "ts_event": "int64",
        "price": "int64",
        "quantity": "int64",
        "is_buyer_maker": "bool",
        "instrument": "int64",
    }
    assert batch["ts_event"][0] == SECOND.start_us
    assert batch["price"][0] == (10 + FIRST_ID % 7) * 10**7
    floats = next(rows(planned, columns=columns, numbers="float32").batches(Consumer(), 0))
    assert floats["price"].dtype == np.float32


@pytest.mark.parametrize(
    "wrong",
    [
        {"columns": ("match_id",)},
        {"batch_rows": 0},
        {"side_by_side": 0},
        {"shuffle_rows": -1},
        {"seed": -1},
        {"numbers": "decimal"},
    ],
)
def test_settings_that_are_none_are_refused(planned: Plan, wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidName):
        rows(planned, **wrong)


def test_whatever_changes_the_batches_changes_the_contents(planned: Plan) -> None:
    changes: list[dict[str, object]] = [
        {},
        {"columns": ("price", "trade_id")},
        {"batch_rows": 65},
        {"shuffle_rows": 0},
        {"side_by_side": 3},
        {"seed": 1},
        {"numbers": "ticks"},
        {"drop_last": True},
    ]
    assert len({rows(planned, **changed).contents for changed in changes}) == len(changes)
