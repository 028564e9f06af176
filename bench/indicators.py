"""What indicators and a volume profile of a day cost: ``python -m bench.indicators``.

CPU seconds of this process, the median of some runs, on generated days: the day itself of
``--trades`` trades, and the nine days that warm it up of a hundredth of them each.
"""

from __future__ import annotations

import argparse
import datetime as dt
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench import market
from bench.given import DAY, SEED
from crypto_assets.lake.lake import Lake
from crypto_assets.model.indicator import WARM_UP_DAYS
from crypto_assets.model.partition import Partition
from crypto_assets.pipeline.build import build_asset
from crypto_assets.pipeline.indicators import DERIVED, build, judge
from crypto_assets.pipeline.ingest import take

MOST_CPU_S = 0.3


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.indicators", description=__doc__)
    parser.add_argument("--trades", type=int, default=5_000_000, help="trades of the day")
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-") as temporary:
        lake = Lake(Path(temporary) / "lake")
        _give(lake, Path(temporary), options.trades)
        for asset in DERIVED:
            directory = lake.layout.directory(asset, DAY)

            def make(asset: str = asset, directory: Path = directory) -> None:
                shutil.rmtree(directory, ignore_errors=True)
                build(lake, asset, DAY)

            made = _median(make, options.runs)
            judged = _median(lambda asset=asset: judge(lake, asset, DAY), options.runs)  # type: ignore[misc]
            verdict = "" if made <= MOST_CPU_S else f"  more than {MOST_CPU_S}"
            print(f"{asset:15} make and commit {made:6.3f}  judge {judged:6.3f} CPU s{verdict}")


def _give(lake: Lake, directory: Path, trades: int) -> None:
    for back in range(WARM_UP_DAYS, -1, -1):
        day = Partition(DAY.instrument, DAY.date - dt.timedelta(days=back))
        count = max(trades // 100, 1_000) if back else trades
        path = directory / f"BTCUSDT-trades-{day.date}.csv"
        market.archive_csv(market.day(count, SEED, day), path)
        take(lake, path)
        build_asset(lake, "bars_1s", day)


def _median(call: Callable[[], object], runs: int) -> float:
    found = []
    for _ in range(runs):
        begun = time.process_time()
        call()
        found.append(time.process_time() - begun)
    return statistics.median(found)


if __name__ == "__main__":
    main()
