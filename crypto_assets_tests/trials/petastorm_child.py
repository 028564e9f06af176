"""What Petastorm sees of files, column by column, as JSON: run by its own interpreter."""

from __future__ import annotations

import json
import sys
import warnings
from decimal import Decimal

import numpy as np

warnings.simplefilter("ignore")

from petastorm import make_batch_reader  # noqa: E402 - it warns as it is imported


def plain(value: object) -> str | None:
    """Write a value as text, in one way for every type; None and "None" where there is none."""
    if value is None or value != value or value is np.ma.masked:  # noqa: PLR0124 - NaN and NaT
        return None
    if isinstance(value, np.datetime64):
        return str(int(value.astype("datetime64[us]").astype(np.int64)))
    if isinstance(value, (float, np.floating)):
        return str(int(value))
    if isinstance(value, (bool, np.bool_)):
        return str(int(value))
    return str(value)


def seen(path: str) -> dict[str, dict[str, object]]:
    """Read a file and give each column's rows, values, sum, first and last value."""
    columns: dict[str, list[str | None]] = {}
    with make_batch_reader(
        f"file://{path}", num_epochs=1, shuffle_row_groups=False, workers_count=1
    ) as reader:
        for batch in reader:
            for name, column in batch._asdict().items():
                columns.setdefault(name, []).extend(plain(value) for value in column)
    return {name: described(values) for name, values in columns.items()}


def described(values: list[str | None]) -> dict[str, object]:
    there = [value for value in values if value not in (None, "None")]
    try:
        total = str(sum(map(Decimal, there)))
    except ArithmeticError:
        total = "".join(sorted(there))
    return {
        "rows": len(values),
        "values": len(there),
        "sum": total,
        "first": there[0] if there else None,
        "last": there[-1] if there else None,
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps({path: seen(path) for path in sys.argv[1:]}) + "\n")
