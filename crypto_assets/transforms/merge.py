"""Make one frame of several that overlap: each key once, ascending, disagreements counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from crypto_assets.model.tables import Table

_RANK = "_rank"
_MILLISECOND = 1_000
LATEST = ("ts_event",)
EARLIEST = ("ts_recv", "ts_as_of")
"""Of rows with one key the latest and the earliest of these are kept, of other columns those of the
most trusted row."""


@dataclass(frozen=True, slots=True)
class Merged:
    """Rows with each key once, and what was found on the way."""

    frame: pl.DataFrame
    """Each key once, ascending."""
    duplicates: int
    """Rows dropped because a row with their key was kept."""
    conflicts: tuple[int, ...]
    """Keys whose rows disagree, ascending."""


def merge(frames: Sequence[pl.DataFrame], table: Table) -> Merged:
    """Keep each key once, from the earliest frame that has it.

    ``frames`` come in order of precedence. Where rows of one key agree, the finest event time
    (a millisecond stamp is the microsecond one cut short) and the earliest times of being seen are
    kept: so what several recordings hold does not depend on how they are grouped.
    Rows disagree when any hashed column differs, event times compared at the coarser resolution.
    Frames may lack columns of the table, all the same ones.
    """
    if len(frames) == 1 and ascends(frames[0], table):
        return Merged(frames[0], 0, ())
    ranked = pl.concat(
        [
            frame.with_columns(pl.lit(rank, dtype=pl.UInt32).alias(_RANK))
            for rank, frame in enumerate(frames)
        ],
    )
    keys = [table.key[0], *_filled(ranked, table.key[1:])]
    ranked = ranked.sort(*keys, _RANK, maintain_order=True)
    same = ranked.select(
        pl.all_horizontal(pl.col(key).eq_missing(pl.col(key).shift()) for key in keys).alias(
            "same"
        ),
    )["same"]
    again = same | same.shift(-1, fill_value=False)
    repeated = ranked.filter(again)
    if repeated.is_empty():
        return Merged(ranked.drop(_RANK), 0, ())
    best = repeated.group_by(keys, maintain_order=True).agg(
        _chosen(name) for name in repeated.columns if name not in (*keys, _RANK)
    )
    single = ranked.filter(~again).drop(_RANK)
    frame = pl.concat([single, best.select(single.columns)]).sort(keys)
    return Merged(frame, ranked.height - frame.height, _conflicts(repeated, table, keys))


def ascends(frame: pl.DataFrame, table: Table) -> bool:
    """Whether rows ascend by the table's key, each key once.

    The frame may lack all columns of the key but the first.
    """
    steps = frame[table.key[0]].diff().slice(1)
    if bool((steps > 0).all()):
        return True
    further = _filled(frame, table.key[1:])
    if not further or bool((steps < 0).any()):
        return False
    (second,) = further
    rises = frame.select((pl.col(second) > pl.col(second).shift()).fill_null(value=False))
    return bool(((steps > 0) | rises.to_series().slice(1)).all())


def _filled(frame: pl.DataFrame, names: Sequence[str]) -> list[str]:
    """Name the columns that hold a value: a key's second one is null at venues that number."""
    return [
        name for name in names if name in frame.columns and frame[name].null_count() < frame.height
    ]


def _chosen(name: str) -> pl.Expr:
    if name in LATEST:
        return pl.col(name).max()
    if name in EARLIEST:
        return pl.col(name).min()
    return pl.col(name).first()


def _conflicts(repeated: pl.DataFrame, table: Table, keys: Sequence[str]) -> tuple[int, ...]:
    compared = [name for name in table.hashed if name in repeated.columns and name not in keys]
    differs = [
        _times_differ(name) if name == "ts_event" else pl.col(name).n_unique() > 1
        for name in compared
        # When a quote was seen is ours to say and differs from recorder to recorder.
        if name != "ts_as_of"
    ]
    if not differs:
        return ()
    found = repeated.group_by(keys).agg(pl.any_horizontal(differs).alias("differs"))
    return tuple(found.filter("differs")[keys[0]].unique().sort().to_list())


def _times_differ(name: str) -> pl.Expr:
    time = pl.col(name).to_physical()
    fine = time.filter(time % _MILLISECOND != 0)
    return ((time // _MILLISECOND).n_unique() > 1) | (fine.n_unique() > 1)
