"""A reader of a warehouse that knows nothing of this package: ``python -I reading.py FILE STOP``.

Reads again and again until STOP is there, each time through a connection of its own and in turns
through one it keeps. Prints a line an answer: whose rows, how many, how many ids, the lowest, the
highest; or ``error`` and why.
"""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb

COUNTED = "count(*), count(DISTINCT trade_id), min(trade_id), max(trade_id)"
SOURCES = (
    "trades",
    "trades_nexousdt",
    "flagged_trades('NEXOUSDT', '2024-07-24', '2024-07-24')",
)


def answers(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, tuple[int, ...]]]:
    return [
        (
            source.partition("(")[0],
            connection.execute(f"SELECT {COUNTED} FROM {source}").fetchall()[0],
        )
        for source in SOURCES
    ]


def tell(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def read(path: str, stop: Path) -> None:
    while not stop.exists():
        try:
            with duckdb.connect(path, read_only=True) as connection:
                for _ in range(3):
                    found = answers(connection)
                    if len({numbers for _, numbers in found}) > 1:
                        tell("error the view, the table and the flagged rows differ", found)
                    tell("whole", *found[0][1])
        except duckdb.Error as error:
            tell("error", str(error).replace("\n", " "))


if __name__ == "__main__":
    read(sys.argv[1], Path(sys.argv[2]))
