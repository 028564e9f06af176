"""The steps of binance-public-data's download-trade.py, then pandas.

Its way with a file: none where there is one of the name; urlopen, blocks of a hundredth of the
length read until one is empty, each written and a bar of progress drawn. With ``-c 1`` it fetches
the checksum beside it, and leaves comparing the two to its user, as its README says how.
"""

from __future__ import annotations

import sys
import urllib.request
from pathlib import Path

from order import DIRECTORY, ORDER, keys  # type: ignore[import-not-found, unused-ignore]
from to_parquet import to_parquet  # type: ignore[import-not-found, unused-ignore]


def download(key: str) -> Path:
    """Download one file."""
    path = DIRECTORY / key
    if path.exists():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    answer = urllib.request.urlopen(f"{ORDER['base_url']}/{key}")
    length = int(answer.getheader("content-length"))
    block = max(4_096, length // 100)
    done = 0
    with path.open("wb") as out:
        while data := answer.read(block):
            out.write(data)
            done += len(data)
            share = 50 * done // length
            sys.stdout.write(f"\r[{'#' * share}{'.' * (50 - share)}]")
            sys.stdout.flush()
    return path


if __name__ == "__main__":
    for key in keys():
        path = download(key)
        download(f"{key}.CHECKSUM")
        to_parquet(path)
