"""What two versions of a day's trades differ in, by number and by name."""

from __future__ import annotations

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from crypto_assets.model.coverage import Coverage
from crypto_assets.model.tables import TRADES
from crypto_assets.transforms.difference import difference
from crypto_assets_tests.streamed import rows

_IDS = st.sets(st.integers(0, 20))


def trades(found: pl.DataFrame) -> pl.DataFrame:
    return found.select(*TRADES.schema)


@given(_IDS, _IDS)
def test_ids_of_one_side_only_are_told(old: set[int], new: set[int]) -> None:
    found = difference(trades(rows(sorted(old))), trades(rows(sorted(new))), TRADES)
    assert found.added == Coverage.of((one, one) for one in new - old)
    assert found.removed == Coverage.of((one, one) for one in old - new)
    assert len(found.changed) == 0
    assert found.is_none == (old == new)


def test_other_values_of_the_same_id_are_told_but_not_when_it_was_received() -> None:
    old = trades(rows([1, 2, 3]))
    dearer = old.with_columns(price=pl.when(pl.col("trade_id") == 2).then(9).otherwise("price"))
    found = difference(old, dearer.cast(dict(TRADES.schema)), TRADES)
    assert found.changed == Coverage.of([(2, 2)])
    assert difference(old, old.with_columns(ts_recv="ts_event"), TRADES).is_none


def test_trades_that_share_an_id_are_told_apart_by_their_names() -> None:
    one, other = (trades(rows([5], name=name)) for name in "ab")
    assert difference(pl.concat([one, other]), pl.concat([other, one]), TRADES).is_none
    found = difference(one, pl.concat([one, other]), TRADES)
    assert (found.added, len(found.changed)) == (Coverage.of([(5, 5)]), 0)
