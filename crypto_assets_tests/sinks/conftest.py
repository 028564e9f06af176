"""A loopback BigQuery with Google's real client on it, and sealed files of a few trades."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from crypto_assets import settings
from crypto_assets.doors.warehouses import bigquery_of
from crypto_assets.lake.draft import Draft
from crypto_assets.lake.lake import Lake, read_sidecar
from crypto_assets.model.partition import Partition
from crypto_assets.model.tables import TRADES
from crypto_assets.sinks.bigquery import Warehouse
from crypto_assets.sinks.sealed import Sealed
from crypto_assets_tests.bigquery import PROJECT, Service, serving

DAY = Partition.of("binance", "NEXOUSDT", "2024-07-24")
MIDNIGHT = dt.datetime(2024, 7, 24, tzinfo=dt.UTC)

Seal = Callable[..., Sealed]
Connect = Callable[..., Warehouse]


def trades(ids: Sequence[int], price: str = "1.5") -> pl.DataFrame:
    """One trade a second, by its id."""
    return pl.DataFrame(
        {
            "trade_id": list(ids),
            "ts_event": [MIDNIGHT + dt.timedelta(seconds=id_) for id_ in ids],
            "price": [Decimal(price)] * len(ids),
            "quantity": [Decimal("0.25")] * len(ids),
            "is_buyer_maker": [id_ % 2 == 0 for id_ in ids],
            "ts_recv": [None] * len(ids),
            "quoted_value": [None] * len(ids),
            "match_id": [None] * len(ids),
        },
        schema=TRADES.schema,
    )


@pytest.fixture
def seal(tmp_path: Path) -> Seal:
    """Seal a day of trades in a lake of the test; sealing it again takes its place."""
    lake = Lake(tmp_path / "lake")

    def make(ids: Sequence[int], price: str = "1.5", version: int = 1) -> Sealed:
        draft = Draft(rows=[trades(ids, price)], version=version)
        committed = lake.commit("daily_trades", DAY, draft)
        sha256 = read_sidecar(committed.path) or ""
        return Sealed(
            "daily_trades",
            DAY,
            committed.path,
            committed.manifest,
            sha256,
            "complete",
        )

    return make


@pytest.fixture
def service() -> Iterator[Service]:
    with serving() as found:
        yield found


@pytest.fixture
def connect(service: Service) -> Connect:
    """Connect to it anew, as another process would."""
    pytest.importorskip("google.cloud.bigquery", reason="the extra gcp is not installed")

    def make(**given: object) -> Warehouse:
        found = settings.BigQuery(project=PROJECT, endpoint=service.url, **given)  # type: ignore[arg-type]
        return bigquery_of(found, "binance")

    return make
