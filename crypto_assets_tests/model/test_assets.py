"""The assets form a graph that has an order."""

from __future__ import annotations

import pytest

from crypto_assets.model.assets import ASSETS, downstream_of, upstream_of


@pytest.mark.parametrize("name", ASSETS)
def test_no_asset_comes_before_itself(name: str) -> None:
    assert name not in upstream_of(name)
    assert name not in downstream_of(name)


def test_the_declared_order_has_each_asset_after_what_it_needs() -> None:
    seen: set[str] = set()
    for name, asset in ASSETS.items():
        assert set(asset.upstream + asset.after) <= seen
        seen.add(name)


def test_downstream_is_upstream_seen_from_the_other_end() -> None:
    for name in ASSETS:
        for other in ASSETS:
            assert (other in downstream_of(name)) == (name in upstream_of(other))


def test_everything_but_the_raw_data_descends_from_it() -> None:
    assert {name for name in ASSETS if not upstream_of(name)} == {
        "raw_trades",
        "raw_quotes",
        "klines",
    }
    assert upstream_of("daily_bars") >= {"bars_1s", "daily_trades", "raw_trades", "raw_quotes"}
    assert upstream_of("verdicts") == set(ASSETS) - {"verdicts", "gaps", "revisions"}
    assert "klines" not in upstream_of("daily_trades")


def test_a_sealed_asset_has_one_asset_to_seal_of_the_same_table() -> None:
    for asset in ASSETS.values():
        if asset.is_sealed:
            (hot,) = asset.upstream
            assert ASSETS[hot].table is asset.table
