"""The CSV that prices are appended to: each once, whatever was torn or came twice."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto_assets.errors import CommitFailed, SchemaMismatch
from crypto_assets.model.tables import PRICE_SNAPSHOTS
from crypto_assets.sinks.price_csv import append

AT = dt.datetime(2025, 1, 22, 21, 46, 19, tzinfo=dt.UTC)


def prices(*hours: int, coin: str = "bitcoin") -> pl.DataFrame:
    return pl.DataFrame(
        [
            {
                "coin": coin,
                "currency": "usd",
                "ts_snapshot": AT,
                "ts_updated": AT + dt.timedelta(hours=hour),
                "price": Decimal("0.000000000000000012") + hour,
                "market_cap": None,
                "volume_24h": Decimal(3),
                "change_24h": Decimal("-1.5"),
                "source": "simple_price",
            }
            for hour in hours
        ],
        schema=PRICE_SNAPSHOTS.schema,
    )


def read(path: Path) -> pl.DataFrame:
    texts = pl.read_csv(path, infer_schema=False)
    times = ("ts_snapshot", "ts_updated")
    return texts.with_columns(
        pl.col(times).str.to_datetime("%Y-%m-%dT%H:%M:%S%.6fZ").dt.replace_time_zone("UTC"),
    ).cast(PRICE_SNAPSHOTS.schema)


def test_what_is_appended_is_read_back_to_the_last_digit(tmp_path: Path) -> None:
    path = tmp_path / "below" / "prices.csv"
    assert append(prices(0, 1), path) == 2
    assert append(prices(2), path) == 1
    assert read(path).equals(prices(0, 1, 2))
    assert path.read_text().splitlines()[1] == (
        "bitcoin,usd,2025-01-22T21:46:19.000000Z,2025-01-22T21:46:19.000000Z,"
        "0.000000000000000012,,3.000000000000000000,-1.500000000000000000,simple_price"
    )


def test_appending_again_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "prices.csv"
    append(prices(0, 1), path)
    before = path.read_bytes()
    assert append(prices(0, 1), path) == 0
    assert append(prices(), path) == 0
    assert path.read_bytes() == before
    assert append(prices(0, coin="dai"), path) == 1, "another coin of the same time is another"


@given(st.data())
@settings(max_examples=20)
def test_a_file_torn_anywhere_is_mended_and_whole_again(
    tmp_path_factory: pytest.TempPathFactory,
    data: st.DataObject,
) -> None:
    path = tmp_path_factory.mktemp("torn") / "prices.csv"
    append(prices(0, 1, 2), path)
    whole = path.read_bytes()
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole)))])
    append(prices(0, 1, 2), path)
    assert path.read_bytes() == whole


def test_a_long_torn_line_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "prices.csv"
    append(prices(0), path)
    whole = path.read_bytes()
    path.write_bytes(whole + b"x" * 200_000)
    assert append(prices(1), path) == 1
    assert read(path).equals(prices(0, 1))


def test_a_file_of_other_columns_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "prices.csv"
    path.write_text("date,price\n2025-01-22,1\n")
    with pytest.raises(SchemaMismatch, match="expected the columns coin,currency"):
        append(prices(0), path)
    assert path.read_text() == "date,price\n2025-01-22,1\n"


def test_what_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CommitFailed, match="expected a file to append to"):
        append(prices(0), tmp_path / "file" / "prices.csv")
    with pytest.raises(CommitFailed):
        append(prices(0), tmp_path)


def test_writers_that_append_together_lose_and_repeat_nothing(tmp_path: Path) -> None:
    path = tmp_path / "prices.csv"

    def run(first: int) -> None:
        for hour in range(first, first + 20):
            append(prices(hour % 25), path)

    # Each opens the file for itself, and so is held back by the kernel as a process would be.
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(run, (0, 10)))
    assert read(path).sort("ts_updated").equals(prices(*range(25)))
