"""The example runs on the demo's day, end to end, and says the same each time."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

from crypto_assets.demo import recorded
from crypto_assets.lake.lake import Lake
from crypto_assets.pipeline.build import build
from crypto_assets.pipeline.ingest import take

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "forecast_volatility.py"


@pytest.mark.skipif(
    not importlib.util.find_spec("torch"), reason="torch is not installed: make training does"
)
def test_the_example_trains_and_tells_its_losses(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    for name in recorded.NEXO_CAPTURES:
        take(lake, recorded.path(name))
    build(lake, recorded.NEXO)
    said = [
        subprocess.run(
            [sys.executable, EXAMPLE, "--lake", lake.layout.root],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for _ in range(2)
    ]
    sys.stdout.write(said[0])
    assert said[0] == said[1]
    losses = re.findall(
        r"^  (network|last half hour|EWMA|mean of training) +(\d+\.\d+)$", said[0], re.MULTILINE
    )
    assert len(losses) == 4
    trained = [float(found) for found in re.findall(r"epoch \d+: loss (\d+\.\d+)", said[0])]
    assert trained[-1] < trained[0]
