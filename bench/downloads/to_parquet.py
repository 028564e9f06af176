"""A file of trades to Parquet with pandas, as those do it who have downloaded one."""

from __future__ import annotations

from pathlib import Path

import pandas as pd  # type: ignore[import-untyped, import-not-found, unused-ignore]
from order import COLUMNS, DIRECTORY  # type: ignore[import-not-found, unused-ignore]


def to_parquet(path: Path) -> None:
    """Read a whole CSV, or the zip of one, and write it with every default."""
    target = DIRECTORY / "parquet"
    target.mkdir(exist_ok=True)
    rows = pd.read_csv(path, header=None, names=list(COLUMNS))
    rows.to_parquet(target / f"{path.stem}.parquet")
