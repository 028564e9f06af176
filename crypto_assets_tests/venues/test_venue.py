"""Finding a venue by name."""

from __future__ import annotations

import pytest

from crypto_assets.errors import InvalidName
from crypto_assets.venues import catalogue, venue


def test_a_venue_is_found_by_its_name() -> None:
    assert venue("binance").name == "binance"
    assert all(found.name == name for name, found in catalogue().items())


@pytest.mark.parametrize("name", ["", "nowhere", "venue", "text", "binance_wire", "../binance"])
def test_an_unknown_venue_is_an_invalid_name(name: str) -> None:
    with pytest.raises(InvalidName, match=r"expected one of .*binance"):
        venue(name)
