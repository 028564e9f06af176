"""Builders of small frames, and what a directory holds."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from crypto_assets.lake.lake import Lake
from crypto_assets.model.partition import Partition
from crypto_assets.model.tables import QUOTES, TRADES

DAY = dt.datetime(2024, 7, 24, tzinfo=dt.UTC)

Frame = Callable[..., pl.DataFrame]
Tree = dict[str, tuple[int, int, str]]


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


@pytest.fixture
def day() -> Partition:
    return Partition.of("binance", "NEXOUSDT", "2024-07-24")


@pytest.fixture(scope="session")
def trades() -> Frame:
    """Build trades, one every 10 s from midnight; every value follows from the id unless given."""

    def make(
        ids: Sequence[int],
        us: Sequence[int] | None = None,
        price: str | None = None,
        recv: int | None = None,
        start: dt.datetime = DAY,
    ) -> pl.DataFrame:
        times = [id_ * 10_000_000 for id_ in ids] if us is None else us
        return pl.DataFrame(
            {
                "trade_id": list(ids),
                "ts_event": [start + dt.timedelta(microseconds=at) for at in times],
                "price": [Decimal(price or f"{1 + id_ % 7}.5") for id_ in ids],
                "quantity": [Decimal(f"0.{1 + id_ % 5}") for id_ in ids],
                "is_buyer_maker": [id_ % 2 == 1 for id_ in ids],
                "ts_recv": [
                    None if recv is None else start + dt.timedelta(microseconds=at + recv)
                    for at in times
                ],
                "quoted_value": [None] * len(ids),
                "match_id": [None] * len(ids),
            },
            schema=TRADES.schema,
        )

    return make


@pytest.fixture(scope="session")
def quotes() -> Frame:
    """Build quotes, one a second from midnight by update id."""

    def make(ids: Sequence[int], late: int = 0) -> pl.DataFrame:
        times = [DAY + dt.timedelta(seconds=id_, microseconds=late) for id_ in ids]
        return pl.DataFrame(
            {
                "update_id": list(ids),
                "ts_as_of": times,
                "ts_recv": times,
                "bid": [Decimal("1.2") for _ in ids],
                "bid_quantity": [Decimal(id_ + 1) for id_ in ids],
                "ask": [Decimal("1.3") for _ in ids],
                "ask_quantity": [Decimal(2) for _ in ids],
            },
            schema=QUOTES.schema,
        )

    return make
