"""A warehouse is read while refreshes of it are killed; the trials do so for longer."""

from __future__ import annotations

import random
from pathlib import Path

from crypto_assets.pipeline.warehouse import default_path
from crypto_assets_tests.trials import victims
from crypto_assets_tests.trials.refreshing import race


def test_a_reader_never_sees_an_error_nor_half_a_day(tmp_path: Path) -> None:
    lake, seen = race(tmp_path, victims.Kills(2, random.Random(1)), 1)
    assert seen.wrong == []
    assert seen.answers > 0
    assert default_path(lake).exists()
