"""Which files an entry of a switch means, and what is then wrong with them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_assets.exchange.faults import Faults
from crypto_assets.exchange.flaws import FLAWLESS, flaws, is_meant, means

DAY = ("BTCUSDT", "trades", "2024-08-09")
MONTH = ("BTCUSDT", "1s", "2024-08")


@pytest.mark.parametrize(
    ("entry", "day", "month"),
    [
        ("BTCUSDT", True, True),
        ("BTCUSDT-2024-08-09", True, False),
        ("BTCUSDT-2024-08", False, True),
        ("BTCUSDT-trades-2024-08-09", True, False),
        ("BTCUSDT-1s-2024-08", False, True),
        ("BTCUSDT-trades", False, False),
        ("BTCUSDT-1s-2024-08-09", False, False),
        ("BTCUSD", False, False),
        ("BTCUSDT-trades-2024-08-09.zip", False, False),
        ("", False, False),
    ],
)
def test_an_entry_is_a_symbol_a_symbol_and_date_or_a_name(
    entry: str,
    day: bool,  # noqa: FBT001 - a parameter
    month: bool,  # noqa: FBT001 - a parameter
) -> None:
    assert means(entry, *DAY) is day
    assert means(entry, *MONTH) is month
    assert is_meant(["ETHUSDT", entry], *DAY) is day


@given(
    st.lists(st.sampled_from(["BTCUSDT", "BTCUSDT-2024-08-09", "ETHUSDT", "BTCUSDT-1s-2024-08"])),
)
def test_entries_add_up(entries: list[str]) -> None:
    faults = Faults(archive_missing={entry: [(k, k)] for k, entry in enumerate(entries)})
    found = flaws(faults, *DAY).missing
    expected = {
        e: (k, k) for k, e in enumerate(entries) if e.startswith("BTCUSDT") and "1s" not in e
    }
    assert sorted(found) == sorted(expected.values())


def test_ids_are_of_files_of_trades_and_what_is_missing_of_aggregates_too() -> None:
    faults = Faults(
        archive_missing={"BTCUSDT": [(1, 2)]},
        archive_altered={"BTCUSDT": [(3, 4)]},
        archive_added={"BTCUSDT": [(5, 7)]},
        archive_truncated=("BTCUSDT-2024-08-09",),
        wrong_checksums=("BTCUSDT-trades-2024-08-09",),
    )
    found = flaws(faults, *DAY)
    assert (found.missing, found.altered, found.added) == (((1, 2),), ((3, 4),), (5, 6, 7))
    assert found.is_truncated
    assert found.has_wrong_checksum
    aggregates = flaws(faults, "BTCUSDT", "aggTrades", "2024-08-09")
    assert (aggregates.missing, aggregates.altered, aggregates.added) == (((1, 2),), (), ())
    assert aggregates.is_truncated
    assert not aggregates.has_wrong_checksum
    assert flaws(faults, *MONTH) == FLAWLESS
