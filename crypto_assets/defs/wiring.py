"""Which resources the assets are given."""

from pathlib import Path
from typing import Any

from crypto_assets.defs.io_managers import LakeIOManager
from crypto_assets.defs.resources import LakeResource, LakeSQL, WarehouseSQL


def resources_of(root: Path, *, asks_archive: bool = True) -> dict[str, Any]:
    """Give every resource of one lake, by the names the assets know them by."""
    return {
        "lake": LakeResource(root=str(root), asks_archive=asks_archive),
        "lake_io": LakeIOManager(root=str(root)),
        "sql": LakeSQL(database=":memory:", root=str(root)),
        "warehouse_sql": WarehouseSQL(database=":memory:", root=str(root)),
    }
