"""What Dagster loads."""

from __future__ import annotations

import warnings

import dagster as dg

from crypto_assets.checks import catalogue, listing_checks, price_checks
from crypto_assets.definitions import defs
from crypto_assets.model.assets import ASSETS


def test_the_definitions_load_and_validate() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)
        dg.Definitions.validate_loadable(defs)


def test_every_check_of_the_catalogue_is_an_asset_check() -> None:
    keys = defs.resolve_asset_graph().asset_check_keys
    found = {(key.asset_key.to_user_string(), key.name) for key in keys}
    expected = {(asset, name) for name, check in catalogue().items() for asset in check.assets}
    expected |= {("exchange_info", name) for name in listing_checks()}
    expected |= {("price_snapshots", name) for name in price_checks()}
    assert found == expected | {("trade_stream", "stream_equals_lake")}


def test_every_asset_shows_its_column_schema() -> None:
    graph = defs.resolve_asset_graph()
    for asset, kind in ASSETS.items():
        schema = graph.get(dg.AssetKey(asset)).metadata["dagster/column_schema"]
        assert isinstance(schema, dg.TableSchema)
        assert [column.name for column in schema.columns] == list(kind.table.schema)
    trades = graph.get(dg.AssetKey("daily_trades")).metadata["dagster/column_schema"]
    price = next(column for column in trades.columns if column.name == "price")
    assert price.type == "decimal(18, 8)"
    assert price.constraints.other == ["greater than 0"]
    assert not price.constraints.nullable
