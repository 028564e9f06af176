"""Packages that come with an extra and may not be there."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from crypto_assets.errors import NotInstalled


@contextlib.contextmanager
def installed(extra: str) -> Iterator[None]:
    """Say which extra to install where a package is missing, or one that it needs.

    Raises:
        NotInstalled: naming the package and the extra.
    """
    try:
        yield
    except ImportError as error:
        raise NotInstalled(
            f"{error.name or error}: is not installed; pip install 'crypto-assets[{extra}]'",
        ) from error
