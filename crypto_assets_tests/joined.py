"""Days of NEXOUSDT whose ids join: two proven and sealed, one that lacks ids, one that is hot."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from crypto_assets.lake.lake import Lake
from crypto_assets.model.interval import DAY_US
from crypto_assets.model.partition import Partition
from crypto_assets.pipeline.build import build
from crypto_assets.pipeline.ingest import take

PER_DAY = 500
DAYS = ("2024-07-23", "2024-07-24", "2024-07-25", "2024-07-26")
FIRST, SECOND, THIRD, FOURTH = (Partition.of("binance", "NEXOUSDT", day) for day in DAYS)


def csv(directory: Path, day: Partition, ids: range, name: str | None = None) -> Path:
    """Write trades as the exchange does, evenly over the day, ids running on from day to day."""
    number = (day.date - FIRST.date).days
    apart_ms = DAY_US // 1_000 // PER_DAY
    lines = []
    for id_ in ids:
        at = day.start_us // 1_000 + (id_ - number * PER_DAY) * apart_ms
        price, quantity = Decimal(10 + id_ % 7) / 10, Decimal(1 + id_ % 5) / 10
        turnover = price * quantity
        lines.append(f"{id_},{price},{quantity},{turnover},{at},{id_ % 2 == 1},True\n")
    path = directory / (name or f"{day.instrument.symbol}-trades-{day.date}.csv")
    path.write_text("".join(lines))
    return path


def ids_of(day: Partition) -> range:
    number = (day.date - FIRST.date).days
    return range(number * PER_DAY, (number + 1) * PER_DAY)


def stored(root: Path, group_rows: int = 1_000_000) -> Lake:
    """Four days whose ids join, the second and third proven and sealed; the first lacks an id.

    The fourth is hot, in two parts that overlap.
    """
    lake, files = Lake(root), root.parent
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("crypto_assets.lake.parquet.ROW_GROUP_ROWS", group_rows)
        _take(lake, files)
    build(lake, [FIRST, SECOND, THIRD])
    return lake


def _take(lake: Lake, files: Path) -> None:
    holed = csv(files, FIRST, ids_of(FIRST))
    lines = holed.read_text().splitlines(keepends=True)
    holed.write_text("".join(lines[:100] + lines[110:]))
    take(lake, holed)
    for day in (SECOND, THIRD):
        take(lake, csv(files, day, ids_of(day)))
    ids = ids_of(FOURTH)
    take(lake, csv(files, FOURTH, ids[:300]))
    take(lake, csv(files, FOURTH, ids[200:400], "NEXOUSDT-trades-2024-07.csv"))
