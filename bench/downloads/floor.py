"""The least there is to do: curl to a file, unzip to nowhere, one file after the other."""

from __future__ import annotations

import subprocess

from order import DIRECTORY, ORDER, keys  # type: ignore[import-not-found, unused-ignore]

if __name__ == "__main__":
    for key in keys():
        path = DIRECTORY / key.rpartition("/")[2]
        address = f"{ORDER['base_url']}/{key}"
        subprocess.run(["curl", "--silent", "--fail", "--output", str(path), address], check=True)
        subprocess.run(["unzip", "-p", str(path)], stdout=subprocess.DEVNULL, check=True)
