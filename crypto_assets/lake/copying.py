"""A file's bytes under another name."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

_AT_ONCE = 1 << 30


def copy(source: Path, target: Path) -> None:
    """Copy a file over another within the kernel.

    XFS, Btrfs and ZFS share the blocks, in milliseconds whatever the size; ext4 copies every byte.
    """
    if not hasattr(os, "copy_file_range"):
        shutil.copyfile(source, target)
        return
    with source.open("rb") as reading, target.open("wb") as writing:
        left = os.fstat(reading.fileno()).st_size
        while left > 0:
            left -= os.copy_file_range(reading.fileno(), writing.fileno(), min(left, _AT_ONCE))
