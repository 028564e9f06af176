"""V2: bins are equally wide and apart, one is the busiest, and 70 % lies around it."""

from __future__ import annotations

import polars as pl

from crypto_assets.checks.check import Blocks, Check, Finding, Measured
from crypto_assets.checks.day import Day
from crypto_assets.model.indicator import VALUE_AREA

_FROM, _TO = pl.col("price_from").to_physical(), pl.col("price_to").to_physical()
_VOLUME = pl.col("volume").to_physical()


def _judge(day: Day, measured: Measured) -> Finding:  # noqa: ARG001 - every judge takes the same
    faults: list[str] = []
    widths: list[int] = measured["widths"]
    if len(widths) > 1 or any(width <= 0 for width in widths):
        faults.append("bins are not equally wide")
    elif widths and measured["grid"]:
        faults.append("bins do not begin at multiples of their width")
    if measured["unordered"]:
        faults.append(f"{measured['unordered']} bins do not follow the one before")
    if widths and (measured["controls"] != 1 or measured["control"] != measured["most"]):
        faults.append("the point of control is not the one bin of the largest volume")
    if measured["area"] * 100 < measured["volume"] * VALUE_AREA:
        faults.append(f"the value area holds less than {VALUE_AREA} %")
    if faults:
        return Finding.fails("; ".join(faults), {"faults": faults})
    return Finding.passes(f"{measured['bins']} bins of one width, and what lies around the busiest")


CHECK = Check(
    code="V2",
    assets=("volume_profile",),
    says="Bins are equally wide and apart, one is the busiest, and 70 % lies around it.",
    judge=_judge,
    blocks=Blocks.NOTHING,
    measures={
        "bins": pl.len(),
        "widths": (_TO - _FROM).unique().implode(),
        "grid": (_FROM % (_TO - _FROM)).max().fill_null(0),
        "unordered": (_FROM.diff() <= 0).sum(),
        "controls": pl.col("is_point_of_control").sum(),
        "control": _VOLUME.filter(pl.col("is_point_of_control")).max(),
        "most": _VOLUME.max(),
        "volume": _VOLUME.sum(),
        "area": _VOLUME.filter(pl.col("is_value_area")).sum(),
    },
)
