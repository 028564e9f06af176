"""How days meet."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from crypto_assets.checks.day import Edge
from crypto_assets.checks.edges import Join, edges_of

if TYPE_CHECKING:
    from crypto_assets_tests.checks.conftest import Make


@pytest.mark.parametrize(
    ("last_before", "join", "ids"),
    [
        (99, Join.JOINED, None),
        (98, Join.HOLE, (99, 99)),
        (100, Join.OVERLAP, (100, 100)),
        (None, Join.UNPROVEN, None),
    ],
)
def test_the_left_edge(
    make: Make,
    last_before: int | None,
    join: Join,
    ids: tuple[int, int] | None,
) -> None:
    edge = None if last_before is None else Edge(first_id=1, last_id=last_before)
    edges = edges_of(replace(make.day(make.trades()), previous=edge))
    assert (edges.left.join, edges.left.ids) == (join, ids)
    assert edges.right.join is Join.JOINED
    assert edges.are_joined == (join is Join.JOINED)
