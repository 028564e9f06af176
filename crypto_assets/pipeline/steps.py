"""How each asset of a partition is made: read, one pure transform, a draft for the lake."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import msgspec
import polars as pl

from crypto_assets.checks.measures import proven_spans
from crypto_assets.errors import CommitFailed, NothingStored
from crypto_assets.lake.draft import Draft, hash_of, readable
from crypto_assets.lake.lake import Committed, Lake, Link, read_sidecar
from crypto_assets.lake.parts import digest_of
from crypto_assets.model.assets import ASSETS
from crypto_assets.model.coverage import Range
from crypto_assets.model.manifest import Manifest
from crypto_assets.model.numbering import Numbering
from crypto_assets.model.partition import Partition
from crypto_assets.pipeline.edges import Edges, edges_of
from crypto_assets.pipeline.listings import why_nothing
from crypto_assets.transforms import bars

Made = Draft | Link | Committed
"""Something :meth:`Lake.store` makes final."""


class Step(Protocol):
    """Make one partition of an asset from the frames of the assets upstream of it.

    A frame is missing where nothing of that asset is stored. Nothing is returned where there is
    nothing to make. Raises a ``CryptoAssetsError`` where it cannot be made.
    """

    def __call__(
        self,
        lake: Lake,
        partition: Partition,
        upstream: Mapping[str, pl.LazyFrame],
    ) -> list[Made]:
        """Make the partition."""
        ...


def stored_parts(asset: str) -> Step:
    """Hand on what ingesting has stored of an asset without upstream."""

    def step(
        lake: Lake,
        partition: Partition,
        upstream: Mapping[str, pl.LazyFrame],  # noqa: ARG001 - every step takes the same
    ) -> list[Made]:
        return list(lake.stored(asset, partition))

    return step


def raw_trades(
    lake: Lake,
    partition: Partition,
    upstream: Mapping[str, pl.LazyFrame],  # noqa: ARG001 - every step takes the same
) -> list[Made]:
    """Hand on the parts of trades.

    Raises:
        NothingStored: no input holds a trade of that day.
    """
    parts = lake.stored("raw_trades", partition)
    if not parts:
        raise NothingStored(f"raw_trades of {partition}: {why_nothing(lake, partition)}")
    return list(parts)


def bars_1s(
    lake: Lake,
    partition: Partition,
    upstream: Mapping[str, pl.LazyFrame],
) -> list[Made]:
    """Compute the day's 1 s bars from its trades and quotes.

    Raises:
        NothingStored: no trade of that day is stored.
    """
    trades = _trades(lake, partition)
    measured = _measured(lake, partition, trades, upstream["raw_trades"])
    edges = msgspec.structs.replace(edges_of(lake, partition, trades), measured=measured)
    return [_bars(lake, partition, upstream, trades, edges)]


def bars_again(
    lake: Lake,
    partition: Partition,
    upstream: Mapping[str, pl.LazyFrame],
    made: Manifest,
) -> Draft:
    """Compute bars a second time, with what was known around the day when they were made.

    The day before may have come since, or the day after: the bars do not know yet, and are no
    other ones for it.

    Raises:
        NothingStored: no trade of that day is stored.
        UnreadableInput: the manifest does not say what the bars were made with.
    """
    edges = Edges.parse(made.parents.get("edges", ""))
    return _bars(lake, partition, upstream, _trades(lake, partition), edges)


def _trades(lake: Lake, partition: Partition) -> Manifest:
    trades = lake.summary("raw_trades", partition)
    if trades is None:
        raise NothingStored(f"bars_1s of {partition}: no trade of that day is stored")
    return trades


def _bars(
    lake: Lake,
    partition: Partition,
    upstream: Mapping[str, pl.LazyFrame],
    trades: Manifest,
    edges: Edges,
) -> Draft:
    quotes = lake.summary("raw_quotes", partition)
    rows = bars.from_trades(
        upstream["raw_trades"],
        upstream.get("raw_quotes"),
        partition,
        missing=trades.missing,
        previous_close=edges.previous_close,
        left_edge_proven=edges.left_proven,
        right_edge_proven=edges.right_proven,
        recorded=quotes.recorded if quotes else (),
        in_time_order=trades.inversions == 0,
        numbering=trades.numbering,
        measured=edges.measured,
    )
    parents = {"raw_trades": trades.logical_hash, "edges": str(edges)}
    if quotes is not None:
        parents["raw_quotes"] = quotes.logical_hash
    return Draft(rows=rows, parents=parents)


def _measured(
    lake: Lake,
    partition: Partition,
    trades: Manifest,
    rows: pl.LazyFrame,
) -> tuple[Range, ...]:
    """Find out where klines prove a day complete whose ids do not."""
    is_opaque = trades.numbering is Numbering.OPAQUE
    if not (is_opaque and lake.layout.files("klines", partition)):
        return ()
    with readable(f"klines and trades of {partition}"):
        return proven_spans(rows, lake.scan("klines", partition))


def sealed(asset: str) -> Step:
    """Seal the one asset upstream: link a single part, merge several, keep what is the same.

    A day whose values have not changed keeps its file, whatever its parts look like by now; new
    values make the next version. A file whose bytes are not what its checksum says, as a kill
    between writing the two leaves them, is made again, and so is one of another schema.
    """
    (hot,) = ASSETS[asset].upstream

    def step(
        lake: Lake,
        partition: Partition,
        upstream: Mapping[str, pl.LazyFrame],
    ) -> list[Made]:
        parts = lake.parts(hot, partition)
        if not parts:
            return []
        if asset == "daily_bars":
            _hold_against_sealed_trades(lake, partition, parts[0].manifest)
        digest = digest_of(parts)
        old = lake.manifest(asset, partition)
        version = 1
        if old is not None:
            is_same = has_values(old, upstream[hot], digest, asset)
            stored = lake.stored(asset, partition)
            is_current = old.schema_version == ASSETS[asset].table.version
            is_whole = all(read_sidecar(one.path) == one.sha256 for one in stored)
            if is_same and is_current and is_whole:
                return list(stored)
            version = old.version if is_same else old.version + 1
        if version == 1 and len(parts) == 1:
            return [Link(parts[0].path)]
        summary = lake.summary(hot, partition)
        assert summary is not None  # noqa: S101 - there are parts
        return [
            Draft(
                rows=upstream[hot],
                version=version,
                inputs=summary.inputs,
                parents={**summary.parents, hot: digest},
                duplicates=summary.duplicates,
                conflicts=summary.conflicts,
                disordered=summary.disordered,
                unreadable=summary.unreadable,
                recorded=summary.recorded,
                numbering=summary.numbering,
            ),
        ]

    return step


def has_values(sealed: Manifest, rows: pl.LazyFrame, digest: str, asset: str) -> bool:
    """Whether a sealed file has the values of what it is made of, as that is stored now.

    Args:
        sealed: the file's manifest.
        rows: what lies upstream of it, merged; looked at only where the manifest does not tell.
        digest: the parts of that, by :func:`crypto_assets.lake.parts.digest_of`.
        asset: which sealed asset it is.

    """
    (hot,) = ASSETS[asset].upstream
    if digest in (sealed.parents.get(hot), sealed.logical_hash):
        return True
    return hash_of(rows, ASSETS[asset].table) == sealed.logical_hash


def _hold_against_sealed_trades(lake: Lake, partition: Partition, made: Manifest) -> None:
    trades = lake.summary("raw_trades", partition)
    if trades is not None and made.parents.get("raw_trades") != trades.logical_hash:
        raise CommitFailed(
            f"daily_bars of {partition}: bars_1s were computed from other trades than are stored "
            "now; materialize bars_1s first",
        )


STEPS: dict[str, Step] = {
    "raw_trades": raw_trades,
    "raw_quotes": stored_parts("raw_quotes"),
    "klines": stored_parts("klines"),
    "agg_trades": stored_parts("agg_trades"),
    "bars_1s": bars_1s,
    "daily_trades": sealed("daily_trades"),
    "daily_quotes": sealed("daily_quotes"),
    "daily_bars": sealed("daily_bars"),
}
"""How every asset but verdicts and gaps is made, in an order that has each after what it needs."""
