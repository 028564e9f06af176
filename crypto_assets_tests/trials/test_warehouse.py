"""Whatever instant a refresh is killed at, who reads the warehouse sees a whole day."""

from __future__ import annotations

import random
from pathlib import Path

from rich.console import Console

from crypto_assets.pipeline.warehouse import default_path
from crypto_assets_tests.trials import victims
from crypto_assets_tests.trials.proof import repeatable
from crypto_assets_tests.trials.refreshing import STEP, race

_READERS = 3
_SHARE = 0.2


def test_readers_never_see_an_error_nor_half_a_day(tmp_path: Path, kills: int, seed: int) -> None:
    wanted = victims.Kills(max(round(kills * _SHARE), 1), random.Random(f"{seed} warehouse"))
    with repeatable(seed):
        lake, seen = race(tmp_path, wanted, _READERS)
        assert seen.wrong == []
        assert seen.answers > wanted.wanted
        assert len(seen.rows) > 1
    directory = default_path(lake).parent
    left = sorted(one.name for one in directory.iterdir())
    assert left == ["frozen", "warehouse.duckdb"]
    Console().print(
        f"\nwarehouse: {wanted.told()}; {_READERS} readers had {seen.answers:,} answers of "
        f"{len(seen.rows)} versions of a day, {STEP:,} to {max(seen.rows):,} trades",
    )
