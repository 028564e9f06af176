"""One file per exchange, its bytes made into frames; a module that defines ``VENUE`` is a venue."""

from __future__ import annotations

import functools
import importlib
import pkgutil

from crypto_assets.errors import InvalidName
from crypto_assets.venues.venue import Venue


@functools.cache
def catalogue() -> dict[str, Venue]:
    """Find every venue by its module's name, in order of name."""
    found: dict[str, Venue] = {}
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda entry: entry.name):
        plug_in = getattr(importlib.import_module(f"{__name__}.{module.name}"), "VENUE", None)
        if plug_in is not None:
            found[module.name] = plug_in
    return found


def venue(name: str) -> Venue:
    """Find a venue by name.

    Raises:
        InvalidName: no module of that name defines a venue.

    """
    try:
        return catalogue()[name]
    except KeyError:
        raise InvalidName(
            f"venue {name!r}: expected one of {', '.join(catalogue())}",
        ) from None
