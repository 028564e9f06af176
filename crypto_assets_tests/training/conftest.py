"""A lake of a few joined days, in files of several row groups."""

from __future__ import annotations

import pytest

from crypto_assets.lake.lake import Lake
from crypto_assets.model.span import Span
from crypto_assets.training import Plan, plan
from crypto_assets_tests.joined import SECOND, THIRD, stored

GROUP_ROWS = 90
"""500 rows a day: five row groups and a shorter one."""


@pytest.fixture(scope="session")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    return stored(tmp_path_factory.mktemp("training") / "lake", GROUP_ROWS)


@pytest.fixture(scope="session")
def both() -> Span:
    """The two days that are proven."""
    return Span(SECOND.start_us, THIRD.end_us)


@pytest.fixture(scope="session")
def planned(lake: Lake, both: Span) -> Plan:
    return plan(lake, "trades", [SECOND.instrument], both)
