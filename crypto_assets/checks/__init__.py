"""Propositions about a partition, one a file; a module that defines ``CHECK`` is a check."""

from __future__ import annotations

import functools
import importlib
import pkgutil

from crypto_assets.checks.check import Check


@functools.cache
def catalogue() -> dict[str, Check]:
    """Find every check by its module's name, in order of name."""
    found: dict[str, Check] = {}
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda entry: entry.name):
        check = getattr(importlib.import_module(f"{__name__}.{module.name}"), "CHECK", None)
        if isinstance(check, Check):
            found[module.name] = check
    return found


def checks_of(asset: str) -> dict[str, Check]:
    """The checks that judge one asset, by name."""
    return {name: check for name, check in catalogue().items() if asset in check.assets}
