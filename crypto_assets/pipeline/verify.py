"""Hash every sealed file again and hold it against its sidecar and its manifest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from crypto_assets.errors import CryptoAssetsError
from crypto_assets.lake.blocks import sha256_of
from crypto_assets.lake.draft import hash_of
from crypto_assets.lake.lake import Lake, read_sidecar
from crypto_assets.lake.layout import partition_of
from crypto_assets.lake.parquet import read_footer
from crypto_assets.model.assets import ASSETS


@dataclass(frozen=True, slots=True)
class Checked:
    """One sealed file, hashed again."""

    path: str
    """Below the lake's root."""
    fault: str | None
    """What is wrong with it, None when nothing is."""


def verify(lake: Lake) -> Iterator[Checked]:
    """Check every sealed file of the lake, and every checksum whose file is gone."""
    for asset in (asset for asset in ASSETS.values() if asset.is_sealed):
        for partition in lake.layout.partitions(asset.name):
            for path in lake.layout.files(asset.name, partition):
                yield Checked(lake.layout.relative(path), _fault(path, asset.name))
        for sidecar in sorted((lake.layout.root / asset.name).rglob("*.sha256")):
            path = sidecar.with_name(sidecar.name.removesuffix(".sha256"))
            if not path.exists():
                yield Checked(lake.layout.relative(path), "its checksum is there, the file is gone")


def _fault(path: Path, asset: str) -> str | None:
    sidecar = read_sidecar(path)
    if sidecar is None:
        return "it has no .sha256 beside it"
    found = sha256_of(path)
    if found != sidecar:
        said = " ".join(sidecar.split())
        return f"its sidecar says sha256 {said}, its bytes have {found}"
    try:
        manifest = read_footer(path).manifest
        logical = hash_of(path, ASSETS[asset].table)
    except CryptoAssetsError as error:
        return str(error)
    named = (manifest.table, manifest.venue, manifest.symbol, manifest.date)
    at = partition_of(path)
    lies = (ASSETS[asset].table.name, at.instrument.venue, at.instrument.symbol, f"{at.date}")
    if named != lies:
        return f"its manifest says it is {' '.join(named)}, it lies at {' '.join(lies)}"
    if logical != manifest.logical_hash:
        return f"its manifest says logical hash {manifest.logical_hash}, its values have {logical}"
    return None
