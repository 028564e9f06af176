"""Measure decoding: a million recorded messages, and two million archive rows out of a zip.

Run ``python bench/capture.py``; the input is generated, seeded, in a temporary directory.
"""

from __future__ import annotations

import random
import resource
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

from crypto_assets.lake.blocks import Block, blocks
from crypto_assets.venues import venue

MESSAGES = 1_000_000
ROWS = 2_000_000
RUNS = 5
BINANCE = venue("binance")


def matches(count: int) -> Iterator[tuple[int, int, int, int, bool]]:
    """Generate trades: id, time in us, price in 0.01, quantity in 1e-5, is buyer maker."""
    chance = random.Random(1)
    at, price = 1_723_161_255_342_000, 6_183_763
    for k in range(count):
        at += chance.choice((0, 0, 0, 1, 20, 300, 5000))
        price += chance.choice((-1, 0, 0, 1))
        quantity = int(chance.lognormvariate(0, 2) * 1000) + 1
        yield 3_735_683_259 + k, at, price, quantity, chance.random() < 0.5


def write_capture(path: Path) -> None:
    """Write a capture of trades."""
    with path.open("wb") as file:
        for trade_id, at, price, quantity, maker in matches(MESSAGES):
            ms = at // 1000
            file.write(
                b'%d {"stream":"btcusdt@trade","data":{"e":"trade","E":%d,"s":"BTCUSDT","t":%d,'
                b'"p":"%d.%02d000000","q":"%d.%05d000","T":%d,"m":%s,"M":true}}\n'
                % (
                    at * 1000,
                    ms + 1,
                    trade_id,
                    *divmod(price, 100),
                    *divmod(quantity, 100_000),
                    ms,
                    b"true" if maker else b"false",
                ),
            )


def write_archive(path: Path) -> None:
    """Write an archive of trades as the exchange does."""
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open(f"{path.stem}.csv", "w") as file,
    ):
        for trade_id, at, price, quantity, maker in matches(ROWS):
            # 0.01 x 1e-5 is 1e-7, so ten of the last place each.
            value = divmod(price * quantity * 10, 10**8)
            file.write(
                b"%d,%d.%02d000000,%d.%05d000,%d.%08d,%d,%s,True\n"
                % (
                    trade_id,
                    *divmod(price, 100),
                    *divmod(quantity, 100_000),
                    *value,
                    at // 1000,
                    b"True" if maker else b"False",
                ),
            )


def trades_of_capture(block: Block) -> int:
    """Decode a block of a capture."""
    return BINANCE.decode_frames(block.data, block.first_line, last=True).trades.height


def trades_of_archive(block: Block) -> int:
    """Decode a block of an archive."""
    return BINANCE.decode_trades(block.data, block.first_line).frame.height


def main() -> None:
    """Print the best of some runs, file to frame, and the peak of memory so far."""
    with tempfile.TemporaryDirectory() as directory:
        capture = Path(directory, "capture.jsonl")
        archive = Path(directory, "BTCUSDT-trades-2024-08-09.zip")
        write_capture(capture)
        write_archive(archive)
        for path, decode in ((capture, trades_of_capture), (archive, trades_of_archive)):
            best, rows = float("inf"), 0
            for _ in range(RUNS):
                started = time.perf_counter()
                rows = sum(decode(block) for block in blocks(path) if isinstance(block, Block))
                best = min(best, time.perf_counter() - started)
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
            print(f"{path.name}: {rows} rows, {rows / best / 1e6:.2f} M/s, peak {peak} MB")


if __name__ == "__main__":
    main()
