"""Every id the exchange issued is in the lake once, whatever went wrong while it was recorded."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from crypto_assets.lake.lake import Lake
from crypto_assets_tests.trials.proof import repeatable
from crypto_assets_tests.trials.soak import keep, show, soak


def test_every_id_issued_under_load_and_faults_is_in_the_lake_once(
    tmp_path: Path,
    minutes: float,
    seed: int,
) -> None:
    console = Console()
    with repeatable(seed):
        outcome = soak(minutes, Lake(tmp_path / "lake"), console, seed)
        show(outcome, console)
        console.print(f"written to {keep(outcome)}", highlight=False, soft_wrap=True)
        assert outcome.faults == []
