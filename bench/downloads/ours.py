"""What ``crypto-assets download`` or ``build`` does; exit status 3 where a day is at fault."""

from __future__ import annotations

import sys

from order import DIRECTORY, ORDER  # type: ignore[import-not-found, unused-ignore]

from crypto_assets import settings
from crypto_assets.doors.exchanges import archive_of
from crypto_assets.lake.lake import Lake
from crypto_assets.model.partition import Partition
from crypto_assets.pipeline.build import build
from crypto_assets.pipeline.published import Found, take_published
from crypto_assets.pipeline.status import status_of


def main() -> int:
    """Take the trades, or prove the days."""
    lake = Lake(DIRECTORY / "lake")
    files = settings.Archive().at(ORDER["base_url"])
    archive = archive_of(lake, files, settings.Healing(http_url=ORDER["base_url"]))
    assert archive is not None
    days = [
        Partition.of("binance", symbol, date)
        for symbol, dates in ORDER["days"].items()
        for date in dates
    ]
    if ORDER["sealed"]:
        build(lake, days, archive)
        told = [status_of(lake, day).condition for day in days]
    else:
        told = [one.found.value for one in take_published(lake, "raw_trades", days, archive)]
    print(", ".join(sorted(set(told))))
    good = {"confirmed", "complete", "provisional", Found.TAKEN.value, Found.HELD.value}
    return 0 if good.issuperset(told) else 3


if __name__ == "__main__":
    sys.exit(main())
